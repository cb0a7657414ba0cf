"""Compositional generation, geometry of one part: its hint remade to follow its picture (p_i, Eq. 13)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .. import flow
from ..backbones import Backbone, Condition
from ..settings import Settings
from ..voxels import canonical, drop_small, resample, to_coords


@dataclass(frozen=True)
class PartGeometry:
    """p_i in the composite frame."""

    grid: Tensor  # [64, 64, 64] bool
    frame: str  # "composite" or "canonical", the frame it was generated in


def chosen_frame(hint: Tensor, settings: Settings) -> str:
    """With `part_frame` auto, hints smaller than a few latent cells are generated enlarged."""
    if settings.part_frame != "auto":
        return settings.part_frame
    coords = to_coords(hint)
    longest = int((coords.amax(0) - coords.amin(0)).max()) + 1
    return "canonical" if longest < settings.canonical_below else "composite"


def generate_part(
    backbone: Backbone,
    hint: Tensor,  # [64, 64, 64] bool, h_i
    condition: Condition,  # I_i
    frame: str,
    settings: Settings,
    noise: flow.Draws,
    on_step: flow.OnStep | None = None,
) -> PartGeometry:
    """D_ss^STM(G_stc(.; p̂_i); I_i, ∅): STM from "no picture" to the part's picture, starting at its hint."""
    hint = drop_small(hint, settings.minimum_hint)
    similarity = canonical(hint) if frame == "canonical" else None
    start_grid = resample(hint, similarity) if similarity else hint
    latent = flow.stm(
        backbone.encode_structure(start_grid),
        backbone.structure_velocity(condition.unconditional, 0.0),  # null guided by null is null itself
        backbone.structure_velocity(condition, settings.image_guidance),
        flow.times(settings.structure_steps, settings.rescale),
        settings.part_start,
        flow.Static(noise),
        settings.diffusion,
        on_step=on_step,
    )
    grid = backbone.decode_structure(latent)
    grid = resample(grid, similarity.inverse()) if similarity else grid
    return PartGeometry(grid if grid.any() else hint, frame)
