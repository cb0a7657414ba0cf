"""Compositional generation, each part by itself: its geometry (p_i, Eq. 13) and its appearance (z_i)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from .. import flow
from ..backbones import Condition
from ..settings import Settings
from ..voxels import Similarity, canonical, drop_small, resample, to_coords
from .hints import Hints
from .kit import Kit
from .layout import MainGeometry, Slat
from .operators import Steer, d_slat, d_ss_stm, decoded, encoded, static, structure_guide, unguided

CANONICAL_BELOW = 20  # voxels of the longest side: a latent cell has 4


@dataclass(frozen=True)
class PartGeometry:
    """p_i in the composite frame."""

    term: str
    grid: Tensor  # [64, 64, 64] bool
    frame: str  # "composite" or "canonical", the frame it was generated in


@dataclass(frozen=True)
class PartPlan:
    """What one part is made of."""

    hint: Tensor  # [64, 64, 64] bool, h_i
    condition: Condition  # I_i
    frame: str
    noise: flow.Draws  # [1, C, r, r, r] by level


def part_geometries(kits: Sequence[Kit], terms: Sequence[str], hints: Sequence[Hints]) -> list[PartGeometry]:
    """p_i of several terms (Eq. 13), each from its hint h_i and its picture I_i; of each of two swords by itself."""
    plans = [[planned(kit, term, piece) for piece in one.pieces(term)] for kit, term, one in zip(kits, terms, hints)]
    grids = iter(remade(kits[0], [plan for own in plans for plan in own]))  # a group shares settings and networks
    whole = [torch.stack(list(islice(grids, len(own)))).any(0) for own in plans]
    return [PartGeometry(term, grid, own[0].frame) for term, grid, own in zip(terms, whole, plans)]


def planned(kit: Kit, term: str, hint: Tensor) -> PartPlan:
    """What Eq. 13 makes of a hint [64, 64, 64] bool and a term's picture."""
    frame = chosen_frame(hint, kit.settings)
    picture = kit.picture(term, "filled" if frame == "canonical" else "in_place")
    return PartPlan(hint, picture, frame, kit.structure_noise("parts", term, own=True))


def moved(kit: Kit, plan: PartPlan) -> Similarity | None:
    """From the composite frame to the one in which a part is generated; None where they are the same."""
    hint = _without_crumbs(plan.hint, kit.settings.minimum_hint)
    return canonical(hint) if plan.frame == "canonical" else None


def remade(kit: Kit, plans: Sequence[PartPlan], steer: Steer | None = None) -> list[Tensor]:
    """p_i of Eq. 13 as occupancies [64, 64, 64] in the composite frame; where nothing comes out the hint stays."""
    made = made_from(kit, plans, steer)
    grids = [resample(grid, move.inverse()) if move else grid for grid, move in made]
    least = kit.settings.minimum_hint
    return [grid if grid.any() else _without_crumbs(plan.hint, least) for grid, plan in zip(grids, plans)]


def made_from(
    kit: Kit, plans: Sequence[PartPlan], steer: Steer | None = None, start: int | None = None
) -> list[tuple[Tensor, Similarity | None]]:
    """D_ss^STM(G_stc(.; p̂_i); I_i, ∅), Eq. 13: hints carried from "no picture" to their pictures.

    p̂_i is the hint without crumbs, in the canonical frame moved and enlarged to fill the cube; n_max is `start`, by
    default the setting `part_start`. Returns occupancies [64, 64, 64], each in the frame of its plan, and the map to
    there from the composite frame (`moved`).
    """
    settings, start = kit.settings, kit.settings.part_start if start is None else start
    hints = [_without_crumbs(plan.hint, settings.minimum_hint) for plan in plans]
    moves = [moved(kit, plan) for plan in plans]
    latents = d_ss_stm(
        kit,
        encoded(kit, [resample(hint, move) if move else hint for hint, move in zip(hints, moves)]),
        [unguided(kit, plan.condition) for plan in plans],
        [structure_guide(kit, plan.condition, settings.image_guidance) for plan in plans],
        start,
        static(kit, [plan.noise for plan in plans], start),
        steer,
    )
    return list(zip(decoded(kit, latents), moves))


def _without_crumbs(hint: Tensor, minimum: int) -> Tensor:
    """The hint without pieces of fewer than `minimum` voxels, where anything else is left."""
    kept = drop_small(hint, minimum)
    return kept if kept.any() else hint


def chosen_frame(hint: Tensor, settings: Settings) -> str:
    """With `part_frame` auto, hints smaller than a few latent cells are generated enlarged."""
    if settings.part_frame != "auto":
        return settings.part_frame
    coords = to_coords(hint)
    longest = int((coords.amax(0) - coords.amin(0)).max()) + 1
    return "canonical" if longest < CANONICAL_BELOW else "composite"


def part_appearances(
    kits: Sequence[Kit], terms: Sequence[str], geometries: Sequence[PartGeometry | MainGeometry]
) -> list[Slat]:
    """z_i = D_slat(noise; I_i) on the voxels of p_i (of p_B for the base), from each part's own picture."""
    kit, coords = kits[0], [to_coords(geometry.grid) for geometry in geometries]
    shown = [own.picture(term) for own, term in zip(kits, terms)]
    noises = [own.slat_noise(at, "slat", term, own=True) for own, at, term in zip(kits, coords, terms)]
    feats = d_slat(kit, coords, shown, kit.settings.slat_image_guidance, noises)
    return [Slat(*pair) for pair in zip(coords, feats)]


def lifted_appearance(
    kit: Kit, geometry: MainGeometry | PartGeometry, term: str, frame: str, draw: str = "slat"
) -> Slat:
    """The same for a thing that stands alone; `draw` tells its noise from that of other stages."""
    coords = to_coords(geometry.grid)
    noise = kit.slat_noise(coords, draw, term, own=True)
    (feats,) = d_slat(kit, [coords], [kit.picture(term, frame)], kit.settings.slat_image_guidance, [noise])
    return Slat(coords, feats)


def imagined_appearance(kit: Kit, main: MainGeometry, text: str) -> Slat:
    """The same from words alone."""
    coords = to_coords(main.grid)
    noise = kit.slat_noise(coords, "slat", text)
    (feats,) = d_slat(kit, [coords], [kit.text(text)], kit.settings.slat_text_guidance, [noise])
    return Slat(coords, feats)
