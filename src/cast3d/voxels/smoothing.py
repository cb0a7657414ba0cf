"""Gaussian blur of grids."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_TRUNCATE = 4.0  # standard deviations


def blur(grid: Tensor, sigma: float) -> Tensor:
    """[X, Y, Z] bool or float -> float32, blurred by a Gaussian of `sigma` voxels; beyond the border it is empty."""
    radius = int(_TRUNCATE * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(grid.device, torch.float32)
    values = grid.float()[None, None]
    for axis in range(3):
        shape, padding = [1, 1, 1, 1, 1], [0, 0, 0]
        shape[2 + axis], padding[axis] = -1, radius
        values = F.conv3d(values, kernel.view(shape), padding=padding)
    return values[0, 0]
