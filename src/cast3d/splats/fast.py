"""The fast rasteriser: 16-pixel tiles compiled for the CPU, forward only, float32; the same rules as `reference`.

Gaussians on another device are drawn on the CPU and the result goes back. numba loads, and compiles once per machine,
at the first call.
"""

from __future__ import annotations

import importlib
import threading

import torch
from torch import Tensor

from .cameras import Camera
from .gaussians import Gaussians
from .project import SCREEN_FILTER, Footprints, project
from .rendering import Rendering, finish

# numba's plain thread pool, its choice where OpenMP is missing, ends the process when two threads enter it.
_one_at_a_time = threading.Lock()


def render(
    gaussians: Gaussians,
    camera: Camera,
    size: int | tuple[int, int],
    background: Tensor | float = 0.0,
    screen_filter: float = SCREEN_FILTER,
) -> Rendering:
    """Colour, alpha and depth; see `Rasterizer.render`."""
    size = (size, size) if isinstance(size, int) else size
    device = gaussians.positions.device
    gaussians, footprints = _footprints(gaussians, camera, size, screen_filter)
    features = torch.cat([gaussians.colors[footprints.index], footprints.depths[:, None]], dim=1)
    blended, _ = _composite(footprints, features, torch.zeros(*size, 0, dtype=torch.bool))
    return finish(blended.to(device), background)


def accumulate(
    gaussians: Gaussians,
    camera: Camera,
    masks: Tensor,  # [N, H, W] bool
    screen_filter: float = SCREEN_FILTER,
) -> Tensor:
    """[J, N + 1] sums of alpha T per mask and over the picture; see `Rasterizer.accumulate`."""
    device = gaussians.positions.device
    gaussians, footprints = _footprints(gaussians, camera, (masks.shape[1], masks.shape[2]), screen_filter)
    pixel_major = masks.permute(1, 2, 0).to("cpu", torch.bool)
    _, visible = _composite(footprints, torch.zeros(len(footprints), 0), pixel_major)
    sums = torch.zeros(len(gaussians), len(masks) + 1)
    sums[footprints.index] = visible
    return sums.to(device)


@torch.no_grad()
def _footprints(
    gaussians: Gaussians, camera: Camera, size: tuple[int, int], screen_filter: float
) -> tuple[Gaussians, Footprints]:
    gaussians, camera = gaussians.to("cpu"), camera.to("cpu")
    return gaussians, project(gaussians, camera, size, screen_filter)


def _composite(footprints: Footprints, features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Features [K, C] and masks [H, W, N] -> [H, W, C + 1] and [K, N + 1]."""
    kernels = importlib.import_module("._kernels", __package__)
    values = (footprints.means, footprints.conics, footprints.opacities, footprints.extents, features)
    arrays = [value.float().contiguous().numpy() for value in values]
    with _one_at_a_time:
        blended, sums = kernels.composite(*arrays, masks.contiguous().numpy())
    return torch.from_numpy(blended), torch.from_numpy(sums)
