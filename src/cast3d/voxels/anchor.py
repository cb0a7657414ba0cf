"""Composition of geometries (Eq. 14): near attached parts the base follows the layout, elsewhere it stays itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .prune import Pruned, prune
from .smoothing import blur


@dataclass(frozen=True)
class Coarse:
    """The coarse geometry p̂_GC and how it came about."""

    geometry: Tensor  # [X, Y, Z] bool, the kept residual and all parts
    anchor: Tensor  # [X, Y, Z] bool, p̂_B
    pruned: Pruned


def expand(grid: Tensor, sigma: float = 1.5, threshold: float = 0.05) -> Tensor:
    """Expand(.) of Eq. 14: voxels whose blur exceeds `threshold`; the defaults reach 2 voxels beyond a flat surface."""
    return blur(grid, sigma) > threshold


def anchor(
    main_geometry: Tensor,  # [X, Y, Z] bool, p_B
    layout: Tensor,  # [X, Y, Z] bool, h_C
    parts: Tensor,  # [N, X, Y, Z] bool, p_i of every part but the base
    sigma: float = 1.5,
    threshold: float = 0.05,
) -> Tensor:
    """The composition anchor p̂_B.

    Eq. 14 in one choice: p_B xor ((p_B xor h_C) and near) is h_C near the other parts and p_B elsewhere.
    """
    return torch.where(expand(parts.any(0), sigma, threshold), layout, main_geometry)


def remove_halo(
    anchor: Tensor,  # [X, Y, Z] bool
    main_geometry: Tensor,  # [X, Y, Z] bool
    base_hint: Tensor,  # [X, Y, Z] bool, h_B
    hints: Tensor,  # [N, X, Y, Z] bool, h_i of every part but the base
) -> Tensor:
    """The anchor without voxels that only a part's hint brought in: a part can be smaller than its hint."""
    return anchor & ~(hints.any(0) & ~main_geometry & ~base_hint)


def coarse_geometry(
    main_geometry: Tensor,  # [X, Y, Z] bool, p_B
    base_hint: Tensor,  # [X, Y, Z] bool, h_B
    hints: Tensor,  # [N, X, Y, Z] bool, h_i of every part but the base
    parts: Tensor,  # [N, X, Y, Z] bool, p_i of every part but the base
    pruned: bool = True,
    halo: bool = False,
    connectivity: int = 6,
) -> Coarse:
    """Eq. 14 and the pruning after it: the anchor beside the parts, without scraps, and the parts themselves.

    Without `halo`, voxels that only a part's hint brought in are removed (ours). With `pruned` false, scraps stay.
    """
    base = anchor(main_geometry, base_hint | hints.any(0), parts)
    union = parts.any(0)
    residual = (base if halo else remove_halo(base, main_geometry, base_hint, hints)) & ~union
    absolute, relative = (100, 0.005) if pruned else (1, 0.0)  # one voxel is enough to stay
    found = prune(residual, main_geometry, absolute, relative, connectivity=connectivity)
    return Coarse(found.kept | union, base, found)
