"""Pieces, insides and outsides."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from .grid import dilate, require_connectivity


def components(grid: Tensor, connectivity: int = 6) -> tuple[Tensor, Tensor]:
    """Connected pieces: labels int64 [X, Y, Z] (0 = empty, 1 = the largest piece, ...) and their sizes int64 [K].

    Equal sizes keep the order of their first voxels.
    """
    require_connectivity(connectivity)
    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    labels, count = ndimage.label(grid.cpu().numpy(), structure)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    rank = np.zeros(count + 1, np.int64)
    rank[order + 1] = np.arange(1, count + 1)
    return torch.from_numpy(rank[labels]).to(grid.device), torch.from_numpy(sizes[order]).to(grid.device)


def drop_small(grid: Tensor, minimum: int, connectivity: int = 6) -> Tensor:
    """The grid without pieces of fewer than `minimum` voxels."""
    labels, sizes = components(grid, connectivity)
    keep = torch.cat([sizes.new_zeros(1), sizes]) >= max(1, minimum)
    return keep[labels]


def outside(grid: Tensor) -> Tensor:
    """Empty voxels that can be reached from beyond the border through faces."""
    return _outside_with_border(grid)[1:-1, 1:-1, 1:-1]


def fill(grid: Tensor) -> Tensor:
    """The solid: everything that is not outside."""
    return ~outside(grid)


def outer_shell(grid: Tensor) -> Tensor:
    """Voxels that share a face with the outside; on the border, the outside begins at the border."""
    return grid & dilate(_outside_with_border(grid), connectivity=6)[1:-1, 1:-1, 1:-1]


def solid(grid: Tensor) -> Tensor:
    """The grid with what it encloses, holes up to two voxels wide taken as closed: generated shells have pinholes."""
    return ~dilate(~fill(dilate(grid))) | grid


MOST_LID = 0.25  # voxels of a lid per voxel that it encloses; openings took .003 to .13, rooms of another shape .36


def seal(grid: Tensor, guide: Tensor, share: float) -> Tensor:
    """The grid with its openings closed, if the inside of `guide` leaks out through them.

    `guide` encloses voxels that the grid does not enclose. A connected piece of these is a leak if it has at least
    `share` of `guide`'s inside. The grid gets patches of `guide`'s surface beside the leak, and what joins them to the
    grid. At first only patches more than three voxels away from the grid are taken, so that a wall that stands
    elsewhere is not doubled; if they win back less than half of the leak, patches more than two, then more than one
    voxel away. The grid stays as it is if nothing helps, or if a patch takes more than `MOST_LID` voxels for each voxel
    that it wins back: then `guide` has a room there, and the grid has none.
    """
    body = solid(guide)
    inside = body & ~guide
    leaked = drop_small(inside & ~solid(grid), max(1, round(share * int(inside.sum()))))
    if not leaked.any():
        return grid
    shell = outer_shell(body)
    for away in (3, 2, 1):
        openings, _ = components(shell & ~dilate(grid, away), 26)
        beside = openings[dilate(leaked)].unique()
        sealed = grid | (shell & dilate(torch.isin(openings, beside[beside > 0]), away))
        won = int((leaked & solid(sealed)).sum())
        if 2 * won >= leaked.sum():
            return sealed if int((sealed & ~grid).sum()) <= MOST_LID * won else grid
    return grid


def _outside_with_border(grid: Tensor) -> Tensor:
    """`outside` of the grid in a margin of one empty voxel, which is outside itself."""
    empty = F.pad(~grid, (1, 1, 1, 1, 1, 1), value=True)
    labels, _ = components(empty, 6)
    return labels == labels[0, 0, 0]
