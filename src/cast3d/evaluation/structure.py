"""Metrics of the composite as a structure: overlap, loose pieces, contact, drift of the base, roughness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from ..voxels import components, dilate, iou, outer_shell, solid, to_coords
from .alignment import Alignment
from .components import Points, distances

SCRAP = 0.01  # share of all voxels below which a separate piece counts as loose
EXCUSED = 2.0  # voxels: loose pieces of the truth excuse those near them
PATCH = 2  # voxels of tolerance between contact patches
ZONE = 3  # voxels around parts in which the base may change


def interpenetration(grids: Mapping[str, Tensor]) -> dict[tuple[str, str], float]:
    """Of every two parts, the shared share of the smaller solid. Real parts overlap too: a head is inside its hat."""
    solids = {term: solid(grid) for term, grid in grids.items()}
    return {(a, b): _overlap(solids[a], solids[b]) for a, b in combinations(solids, 2)}


def _overlap(a: Tensor, b: Tensor) -> float:
    smaller = min(int(a.sum()), int(b.sum()))
    return float((a & b).sum()) / smaller if smaller else 0.0


def loose_pieces(whole: Tensor) -> list[Points]:
    """Voxel coordinates of every separate piece (26-connected) with less than 1% of the voxels."""
    labels, sizes = components(whole, 26)
    limit = SCRAP * float(sizes.sum())
    return [to_coords(labels == i + 1).numpy().astype(float) for i, size in enumerate(sizes.tolist()) if size < limit]


def floating(whole: Tensor, truth: Tensor, to_truth: Alignment) -> tuple[int, float]:
    """How many loose pieces there are that the truth has not, and their share of all voxels."""
    real = loose_pieces(truth)
    known = np.concatenate(real) if real else np.zeros((0, 3))
    extra = [piece for piece in loose_pieces(whole) if (distances(to_truth(piece), known) > EXCUSED).mean() > 0.5]
    return len(extra), sum(map(len, extra)) / max(int(whole.sum()), 1)


def contact_patch(part: Tensor, others: Iterable[Tensor]) -> Tensor:
    """[64, 64, 64] the voxels of a part within one voxel of another part."""
    rest = torch.stack(list(others)).any(0)
    return part & dilate(rest)


def contact(visible: Mapping[str, Tensor], truth: Mapping[str, Tensor], term: str, to_truth: Alignment):
    """(share of the part's visible voxels that touch other parts, the true share, IoU of the two patches).

    Against all other parts, not the base alone: a rider's hat touches the rider. Patches agree within two voxels: where
    a hand ends and its tool begins is a matter of a voxel or two.
    """
    mine, wanted = (
        contact_patch(grids[term], [grid for other, grid in grids.items() if other != term])
        for grids in (visible, truth)
    )
    shares = [float(p.sum()) / max(int(g[term].sum()), 1) for p, g in ((mine, visible), (wanted, truth))]
    at, target = to_truth(to_coords(mine).numpy().astype(float)), to_coords(wanted).numpy().astype(float)
    if not len(at) or not len(target):
        return *shares, float(len(at) == len(target))
    near, found = distances(at, target) <= PATCH, distances(target, at) <= PATCH
    return *shares, float(found.sum() / (found.sum() + (~found).sum() + (~near).sum()))


def drift(whole: Tensor, accessories: Iterable[Tensor], main_geometry: Tensor) -> float:
    """IoU of the object with p_B outside the zone around its parts: 1 = the base stayed as it was."""
    away = ~dilate(torch.stack([*accessories, torch.zeros_like(whole)]).any(0), ZONE)
    return iou(whole & away, main_geometry & away)


def roughness(whole: Tensor) -> float:
    """Pinholes and pits in the surface of the solid, and spikes that opening it by a 3^3 block takes off, per voxel of
    its surface. True thin parts and corners count as well, so only a comparison with the truth says anything.
    """
    body = solid(whole)
    surface = outer_shell(body)
    spikes = body & ~dilate(~dilate(~body))
    return float((surface & ~whole).sum() + spikes.sum()) / max(int(surface.sum()), 1)
