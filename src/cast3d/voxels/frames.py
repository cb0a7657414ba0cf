"""Small parts in a frame of their own: scaled up to fill the cube, and put back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .grid import to_coords, to_grid, to_world


@dataclass(frozen=True)
class Similarity:
    """x -> scale x + translation, in world units."""

    scale: float = 1.0
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __call__(self, points: Tensor) -> Tensor:
        """[..., 3] -> [..., 3]."""
        return self.scale * points + points.new_tensor(self.translation)

    def inverse(self) -> Similarity:
        x, y, z = (-value / self.scale for value in self.translation)
        return Similarity(1 / self.scale, (x, y, z))


def canonical(grid: Tensor, extent: float = 0.9) -> Similarity:
    """The map that centres the occupied box and makes its longest side `extent`."""
    coords = to_coords(grid)
    if not len(coords):
        raise InputError("an empty grid has no canonical frame; drop the part or give it voxels first")
    low, high = coords.amin(0), coords.amax(0)
    scale = extent * grid.shape[0] / (high - low + 1).max().item()
    center = to_world((low + high).double() / 2, grid.shape[0])
    return Similarity(scale, tuple((-scale * center).tolist()))


def resample(grid: Tensor, similarity: Similarity) -> Tensor:
    """The mapped grid. Enlarging takes the nearest source voxel; shrinking keeps every voxel (max-pool).

    So enlarging and `similarity.inverse()` give back the grid, as long as nothing leaves the cube.
    """
    resolution = grid.shape[0]
    if similarity.scale < 1:
        mapped = _cells(similarity(to_world(to_coords(grid).double(), resolution)), resolution)
        return to_grid(mapped[_inside(mapped, resolution)], resolution)
    targets = to_coords(torch.ones_like(grid))
    sources = _cells(similarity.inverse()(to_world(targets.double(), resolution)), resolution)
    reachable = _inside(sources, resolution)
    mapped = torch.zeros_like(grid)
    mapped[tuple(targets[reachable].unbind(-1))] = grid[tuple(sources[reachable].unbind(-1))]
    return mapped


def _cells(points: Tensor, resolution: int) -> Tensor:
    # A hair towards +: voxel faces computed from either side then fall into the same cell.
    return ((points + 0.5) * resolution + 1e-9).floor().long()


def _inside(coords: Tensor, resolution: int) -> Tensor:
    return ((coords >= 0) & (coords < resolution)).all(-1)
