"""Grids, coordinate lists and moves between neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError

RESOLUTION = 64


def to_grid(coords: Tensor, resolution: int = RESOLUTION) -> Tensor:
    """[N, 3] integer voxel coordinates -> bool [R, R, R]."""
    outside = ((coords < 0) | (coords >= resolution)).any(-1)
    if outside.any():
        bad = coords[outside][0].tolist()
        raise InputError(f"voxel {bad} is outside a grid of {resolution}^3; coordinates go from 0 to {resolution - 1}")
    grid = torch.zeros(resolution, resolution, resolution, dtype=torch.bool, device=coords.device)
    grid[tuple(coords.long().unbind(-1))] = True
    return grid


def to_coords(grid: Tensor) -> Tensor:
    """bool [X, Y, Z] -> [N, 3] int64 coordinates in lexicographic order."""
    return grid.nonzero()


def to_world(coords: Tensor, resolution: int = RESOLUTION) -> Tensor:
    """Voxel coordinates [..., 3] -> world positions of their centres in the cube [-0.5, 0.5]^3."""
    return (coords + 0.5) / resolution - 0.5


def cells_of(points: Tensor, resolution: int = RESOLUTION) -> Tensor:
    """World positions [..., 3] -> int64 coordinates of the voxels they lie in; outside the cube, the border's."""
    return ((points + 0.5) * resolution).floor().long().clamp(0, resolution - 1)


def shift(grid: Tensor, offset: tuple[int, int, int]) -> Tensor:
    """The grid moved by whole voxels; what leaves it is lost, what comes in is empty."""
    moved = torch.zeros_like(grid)
    if any(abs(step) >= length for step, length in zip(offset, grid.shape)):
        return moved
    source = tuple(slice(max(0, -step), length - max(0, step)) for step, length in zip(offset, grid.shape))
    target = tuple(slice(max(0, step), length - max(0, -step)) for step, length in zip(offset, grid.shape))
    moved[target] = grid[source]
    return moved


def dilate(grid: Tensor, radius: int = 1, connectivity: int = 26) -> Tensor:
    """Everything within `radius` steps, each to a face neighbour (6) or to any neighbour (26)."""
    require_connectivity(connectivity)
    values = grid.float()[None, None]
    for _ in range(radius):
        if connectivity == 26:
            values = F.max_pool3d(values, 3, stride=1, padding=1)
        else:
            axes = [[3 if i == axis else 1 for i in range(3)] for axis in range(3)]
            pools = [F.max_pool3d(values, size, stride=1, padding=[n // 2 for n in size]) for size in axes]
            values = torch.stack(pools).amax(0)
    return values[0, 0] > 0


def require_connectivity(connectivity: int) -> None:
    if connectivity not in (6, 26):
        raise InputError(f"connectivity {connectivity} is not known; 6 joins voxels that share a face, 26 also corners")
