"""Grids, coordinate lists and moves between neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

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
    found = grid > 0
    for _ in range(radius):
        grown = found.clone()
        for axis in range(3):
            source = grown.clone() if connectivity == 26 else found
            count = grid.shape[axis] - 1
            grown.narrow(axis, 1, count).logical_or_(source.narrow(axis, 0, count))
            grown.narrow(axis, 0, count).logical_or_(source.narrow(axis, 1, count))
        found = grown
    return found


def require_connectivity(connectivity: int) -> None:
    if connectivity not in (6, 26):
        raise InputError(f"connectivity {connectivity} is not known; 6 joins voxels that share a face, 26 also corners")
