"""Connectivity-based pruning of the composition anchor's residual (text after Eq. 14)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .topology import components


@dataclass(frozen=True)
class Region:
    """A connected piece of the residual and why it was kept."""

    size: int  # voxels
    center: tuple[float, float, float]  # voxel coordinates
    unchanged: float  # the largest fraction of a piece of the main geometry that is still in it
    rule: str | None  # "largest", "large", "unchanged"; None = dropped

    def __str__(self) -> str:
        place = ", ".join(f"{value:.0f}" for value in self.center)
        what = f"{self.size} voxels around ({place}), {self.unchanged:.0%} of an original piece"
        return f"kept {what}: {self.rule}" if self.rule else f"dropped {what}"


@dataclass(frozen=True)
class Pruned:
    """The kept voxels, and every region with its verdict, largest first."""

    kept: Tensor  # [X, Y, Z] bool
    regions: tuple[Region, ...]

    @property
    def dropped(self) -> tuple[Region, ...]:
        return tuple(region for region in self.regions if region.rule is None)


def prune(
    residual: Tensor,  # [X, Y, Z] bool, the anchor without the other parts
    main_geometry: Tensor,  # [X, Y, Z] bool, p_B
    absolute: int = 100,
    relative: float = 0.005,
    unchanged: float = 0.95,
    connectivity: int = 6,  # or 26: slanted shells one voxel thin hang together by corners only
) -> Pruned:
    """Keeps a connected region of the residual if any of three rules holds:

    - largest: no region is larger;
    - large: it has at least max(`absolute`, `relative` x largest) voxels;
    - unchanged: it still holds `unchanged` of the piece of the main geometry that most of it belongs to, so a part that
      was separate or thin from the start is not taken for a scrap that the composition cut off.
    """
    labels, sizes = components(residual, connectivity)
    pieces, piece_sizes = components(main_geometry, connectivity)
    # overlap[k, p] = voxels of region k in piece p (row and column 0: empty)
    flat = labels.flatten() * (len(piece_sizes) + 1) + pieces.flatten()
    overlap = torch.bincount(flat, minlength=(len(sizes) + 1) * (len(piece_sizes) + 1))
    overlap = overlap.view(len(sizes) + 1, len(piece_sizes) + 1)[1:, 1:]
    rows = zip(sizes.tolist(), _centers(labels, sizes), _remaining(overlap, piece_sizes))
    large = max(absolute, relative * sizes[0].item()) if len(sizes) else absolute
    regions = tuple(
        Region(size, center, share, _rule(k, size, share, large, unchanged))
        for k, (size, center, share) in enumerate(rows)
    )
    keep = torch.tensor([False, *(region.rule is not None for region in regions)], device=residual.device)
    return Pruned(keep[labels], regions)


def _rule(rank: int, size: int, share: float, large: float, unchanged: float) -> str | None:
    if rank == 0:
        return "largest"
    if size >= large:
        return "large"
    return "unchanged" if share >= unchanged else None


def _remaining(overlap: Tensor, piece_sizes: Tensor) -> list[float]:
    """Per region, the fraction of the piece it mostly belongs to that it still holds (0 if it belongs to none)."""
    if not overlap.numel():
        return [0.0] * len(overlap)
    most, piece = overlap.max(dim=1)
    return (most.double() / piece_sizes[piece]).tolist()  # in float32 19 of 20 would be less than .95


def _centers(labels: Tensor, sizes: Tensor) -> list[tuple[float, float, float]]:
    coords = labels.nonzero()
    sums = torch.zeros(len(sizes) + 1, 3, dtype=torch.float64, device=labels.device)
    sums.index_add_(0, labels[tuple(coords.unbind(-1))], coords.double())
    return [tuple(center) for center in (sums[1:] / sizes[:, None]).tolist()]


def drop_crumbs(
    grid: Tensor,  # [X, Y, Z] bool
    own: Tensor,  # [N, X, Y, Z] bool, the parts
    share: float,
) -> tuple[Tensor, int]:
    """The grid without floating pieces (26-connected) of less than `share` of its voxels, and how many were dropped.

    A piece stays, however small, if it holds most of the largest piece of one of `own`: no part vanishes altogether.
    """
    labels, sizes = components(grid, 26)
    keep = sizes >= share * int(sizes.sum())
    for part in own:
        pieces, piece_sizes = components(part, 26)
        if not len(piece_sizes):
            continue
        inside = torch.bincount(labels[pieces == 1], minlength=len(sizes) + 1)[1:]
        keep |= 2 * inside > piece_sizes[0]
    small = torch.cat([keep.new_ones(1), keep])
    return grid & small[labels], int((~keep).sum())
