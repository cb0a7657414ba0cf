"""A render as a matrix of compositing weights alpha T: it turns colours into a picture, and masks into votes."""

from __future__ import annotations

import importlib

import torch
from scipy.sparse import csr_array

from .cameras import Camera
from .fast import _footprints
from .gaussians import Gaussians
from .project import SCREEN_FILTER


@torch.no_grad()
def compositing_matrix(
    gaussians: Gaussians, camera: Camera, size: int | tuple[int, int], screen_filter: float = SCREEN_FILTER
) -> csr_array:
    """[H * W, J] alpha T of each Gaussian at each pixel, row-major, float32; by the rules of `Rasterizer.render`.

    A @ colors is the picture on black, A.T @ masks the sums of Eq. 12. Compiled for the CPU, as `fast` is.
    """
    height, width = (size, size) if isinstance(size, int) else size
    kernels = importlib.import_module("._kernels", __package__)
    gaussians, footprints = _footprints(gaussians, camera, (height, width), screen_filter)
    values = (footprints.means, footprints.conics, footprints.opacities, footprints.extents)
    means, conics, opacities, extents = (value.float().contiguous().numpy() for value in values)
    starts, ids = kernels.bin_footprints(means, extents, height, width)
    pixels, owners, weights = kernels.weights_of(starts, ids, means, conics, opacities, extents, height, width)
    index = footprints.index.numpy()[owners]
    return csr_array((weights, (pixels, index)), shape=(height * width, len(gaussians)))
