"""The fast rasteriser: 16-pixel tiles compiled for the CPU, forward only, float32; the same rules as `reference`.

Gaussians on another device are drawn on the CPU and the result goes back. numba loads, and compiles once per machine,
at the first call.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from .cameras import Camera
from .gaussians import Gaussians
from .project import SCREEN_FILTER, Footprints
from .rendering import Rendering, finish


@torch.no_grad()
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


def _footprints(
    gaussians: Gaussians, camera: Camera, size: tuple[int, int], screen_filter: float
) -> tuple[Gaussians, Footprints]:
    """The Gaussians on the CPU, and `project.project` of them, compiled."""
    gaussians = gaussians.to("cpu")
    names = ("positions", "scales", "rotations", "opacities")
    values = [getattr(gaussians, name).detach().float().contiguous().numpy() for name in names]
    extrinsics, intrinsics = (
        matrix.detach().cpu().double().numpy() for matrix in (camera.extrinsics, camera.intrinsics)
    )
    height, width = size
    focal = (intrinsics[0, 0] * width, intrinsics[1, 1] * height)
    center = (intrinsics[0, 2] * width - 0.5, intrinsics[1, 2] * height - 0.5)
    lens = (*focal, *center, float(camera.near), float(camera.orthographic))
    *columns, visible = _kernels().project(*values, extrinsics, lens, height, width, float(screen_filter))
    index = visible.nonzero()[0]
    index = index[np.argsort(columns[3][index], kind="stable")]
    return gaussians, Footprints(*(torch.from_numpy(column) for column in (index, *(c[index] for c in columns))))


def _kernels() -> ModuleType:
    return importlib.import_module("._kernels", __package__)


def _composite(footprints: Footprints, features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Features [K, C] and masks [H, W, N] -> blended [H, W, C + 1] and sums [K, N + 1]."""
    kernels = _kernels()
    values = (footprints.means, footprints.conics, footprints.opacities, footprints.extents, features)
    means, conics, opacities, extents, rows = (value.float().contiguous().numpy() for value in values)
    height, width, count = masks.shape
    starts, ids = kernels.bin_footprints(means, extents, height, width)
    blended = np.zeros((height, width, rows.shape[1] + 1), np.float32)
    shares = np.zeros((len(ids), count + 1), np.float32)
    arrays = (starts, ids, means, conics, opacities, extents, rows, masks.contiguous().numpy(), blended, shares)
    _each(lambda row: kernels.composite_row(row, *arrays), -(-height // kernels.TILE))
    return torch.from_numpy(blended), torch.from_numpy(kernels.add_shares(ids, shares, len(means)))


def _each(task: Callable[[int], None], count: int) -> None:
    """Runs task(0) ... task(count - 1) on as many threads as torch uses.

    numba's own loops would spin while they wait: on a machine whose cores are busy, sixty times slower than this.
    """
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        for i in range(count):
            task(i)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(task, range(count)))
