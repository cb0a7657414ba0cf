"""Boxes of voxels."""

import torch


def box(*ranges: tuple[int, int]) -> torch.Tensor:
    """[64, 64, 64] bool: a range of voxels along x, y and z."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[tuple(slice(a, b) for a, b in ranges)] = True
    return grid
