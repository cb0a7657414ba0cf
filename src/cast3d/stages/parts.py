"""Compositional generation, geometry of one part: its hint remade to follow its picture (p_i, Eq. 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import flow
from ..backbones import Backbone, Condition
from ..settings import Settings
from ..voxels import canonical, drop_small, resample, to_coords
from .guide import structure_guide


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


@dataclass(frozen=True)
class PartPlan:
    """What one part is made of."""

    hint: Tensor  # [64, 64, 64] bool, h_i
    condition: Condition  # I_i
    frame: str
    noise: flow.Draws  # [1, C, r, r, r] by level


def generate_part(
    backbone: Backbone, plan: PartPlan, settings: Settings, on_step: flow.OnStep | None = None
) -> PartGeometry:
    """`generate_parts` of one."""
    return generate_parts(backbone, [plan], settings, on_step)[0]


def generate_parts(
    backbone: Backbone, plans: Sequence[PartPlan], settings: Settings, on_step: flow.OnStep | None = None
) -> list[PartGeometry]:
    """D_ss^STM(G_stc(.; p̂_i); I_i, ∅): STM from "no picture" to the part's picture, starting at its hint."""
    hints = [drop_small(plan.hint, settings.minimum_hint) for plan in plans]
    moves = [canonical(hint) if plan.frame == "canonical" else None for plan, hint in zip(plans, hints)]
    starts = [resample(hint, move) if move else hint for hint, move in zip(hints, moves)]
    # Null guided by null is null itself, so the source is not guided.
    sources = [structure_guide(plan.condition.unconditional, 0.0, settings) for plan in plans]
    targets = [structure_guide(plan.condition, settings.image_guidance, settings) for plan in plans]
    noise = flow.side_by_side([plan.noise for plan in plans])
    latents = flow.stm(
        torch.cat([backbone.encode_structure(start) for start in starts]),
        None,
        None,
        flow.times(settings.structure_steps, settings.rescale),
        settings.part_start,
        flow.Static(flow.drawn(noise, settings.part_start, backbone.device)),
        settings.diffusion,
        pair=flow.pair_of(backbone.structure_velocities([*sources, *targets])),
        on_step=on_step,
    )
    grids = [backbone.decode_structure(latent) for latent in latents.split(1)]
    grids = [resample(grid, move.inverse()) if move else grid for grid, move in zip(grids, moves)]
    return [PartGeometry(grid if grid.any() else hint, plan.frame) for grid, hint, plan in zip(grids, hints, plans)]
