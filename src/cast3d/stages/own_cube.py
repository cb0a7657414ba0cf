"""Ours, of an edit that keeps the rest: a new part in a cube of its own, as fine as the backbone can make it.

A model that is edited fills the cube, so what comes new may be a dozen voxels of it. The rest stays as it is, whatever
its resolution, so nothing holds the new part to the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..voxels import Similarity, canonical, drop_small, to_coords
from .hints import Hints
from .kit import Kit
from .parts import PartGeometry, PartPlan, lifted_appearance, made_from
from .refit import refit_lifted

CRUMB = 12  # voxels of the smallest piece of a new part
FRAME = "filled"
WORTH = 1.25  # times finer than the model's cube
FREE = 5 / 6  # n_max as a share of the steps: p_i gives pose and proportions, its blocks enlarged give no shape


@dataclass(frozen=True)
class OwnCube:
    """A part that fills a cube of its own, and where that lies in the model's; without voxels where it has none."""

    coords: Tensor  # [N, 3] int32
    feats: Tensor  # [N, C] normalised
    colors: Tensor  # [J, 3] features_dc of its Gaussians, with the pictures' colours and detail
    place: Tensor  # [4] float64: scale and translation, from its own cube to the model's
    sure: float = 0.0  # the highest confidence with which a picture's camera was found

    @property
    def placed(self) -> Similarity:
        scale, x, y, z = self.place.tolist()
        return Similarity(scale, (x, y, z))


def own_cubes(
    kits: Sequence[Kit], terms: Sequence[str], parts: Sequence[PartGeometry], hints: Sequence[Hints]
) -> list[OwnCube]:
    """Eq. 13 once more in each part's own cube, from p_i enlarged, then D_slat and the pictures' colours."""
    return [
        own_cube(kit, term, part.grid, len(one.pieces(term))) for kit, term, part, one in zip(kits, terms, parts, hints)
    ]


def own_cube(kit: Kit, term: str, grid: Tensor, things: int = 1) -> OwnCube:
    """One part's, of p_i [64, 64, 64] bool; without voxels where it would be no finer, or is several things."""
    coarse = to_coords(grid)
    empty = torch.zeros(0, 3, device=kit.device)
    none = OwnCube(empty.int(), empty.new_zeros(0, kit.backbone.slat_channels), empty, torch.zeros(4))
    longest = int((coarse.amax(0) - coarse.amin(0)).max()) + 1 if len(coarse) else 0
    if things > 1 or not longest or longest * WORTH > 0.9 * grid.shape[0]:
        return none
    picture = kit.picture(term, FRAME)
    noise = kit.structure_noise("own_cube", term, own=True)
    start = round(FREE * kit.settings.structure_steps)
    ((fine, _),) = made_from(kit, [PartPlan(grid, picture, "canonical", noise)], start=start)
    fine = drop_small(fine, CRUMB, connectivity=26)
    if not fine.any():
        return none
    slat = lifted_appearance(kit, PartGeometry(term, fine, "canonical"), term, FRAME, "own_cube")
    detail = refit_lifted(kit, slat, term)
    sure = max(detail.confidence[0], default=0.0) if detail.confidence else 0.0
    return OwnCube(slat.coords, slat.feats, detail.colors, box_to_box(fine, grid), sure)


def box_to_box(source: Tensor, target: Tensor) -> Tensor:
    """[4] float64, scale and translation: boxes of two grids on each other, by their longest sides and middles."""
    inward, outward = canonical(source), canonical(target)
    moved = outward.inverse()(torch.tensor(inward.translation, dtype=torch.float64))
    return torch.cat([moved.new_tensor([inward.scale / outward.scale]), moved])
