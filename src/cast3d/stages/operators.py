"""The three ways in which the method asks the backbone, each once: D_ss, D_slat and D_ss^STM.

All take several objects side by side: on a GPU they share forward passes, on a CPU they are computed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from .. import flow
from ..backbones import Condition, Guided
from .glimpses import watched, watched_pair
from .kit import Kit

RESCALE = 3.0  # rescaling ratio r of the time grid (paper section 5.1)
Steer = Callable[[flow.Velocity], flow.Velocity]  # what else acts on a velocity, such as Eq. 15


def d_ss(
    kit: Kit,
    conditions: Sequence[Condition],
    scale: float,  # of guidance
    noises: Sequence[flow.Draws],
    steer: Steer | None = None,
) -> Tensor:
    """D_ss(noise; condition): the structure flow from pure noise to clean.

    Returns the whole trajectory [N + 1, K, C, r, r, r] by level, 0 clean.
    """
    steps = kit.settings.structure_steps
    velocity = kit.backbone.structure_velocities([structure_guide(kit, one, scale) for one in conditions])
    noise = flow.side_by_side(noises)(steps).to(kit.device)
    velocity = watched(steer(velocity) if steer else velocity, kit.saw)
    return flow.sample(velocity, noise, times(steps), on_step=kit.on_step)


def d_ss_stm(
    kit: Kit,
    clean: Tensor,  # [K, C, r, r, r] x_0 of the source
    sources: Sequence[Guided],
    targets: Sequence[Guided],
    start: int,  # n_max
    generator: flow.TrajectoryGenerator,  # G
    steer: Steer | None = None,  # acts on the target alone
) -> Tensor:
    """D_ss^STM(G(.; x_0); target, source): Algorithm 1 on structure latents, [K, C, r, r, r]."""
    pair = flow.pair_of(kit.backbone.structure_velocities([*sources, *targets]))
    if steer:
        pair = _steered(pair, steer)
    pair = watched_pair(pair, kit.saw)
    grid = times(kit.settings.structure_steps)
    diffusion = kit.settings.diffusion
    edited = flow.stm(clean, None, None, grid, start, generator, diffusion, pair=pair, on_step=kit.on_step)
    return cast(Tensor, edited)  # two only with `trajectory`


def d_slat(
    kit: Kit,
    coords: Sequence[Tensor],  # each [N_k, 3]
    conditions: Sequence[Condition],
    scale: float,  # of guidance
    noises: Sequence[flow.Draws],
    steer: Steer | None = None,
) -> list[Tensor]:
    """D_slat(noise; condition) on given voxels: normalised latents, each [N_k, C]."""
    steps = kit.settings.slat_steps
    velocity = kit.backbone.slat_velocities([slat_guide(kit, one, scale) for one in conditions], coords)
    noise = flow.side_by_side(noises)(steps).to(kit.device)
    feats = flow.sample(steer(velocity) if steer else velocity, noise, times(steps), on_step=kit.on_step)[0]
    return list(feats.split([len(one) for one in coords]))


def structure_guide(kit: Kit, condition: Condition, scale: float) -> Guided:
    """What a structure velocity follows: the condition at guidance `scale`."""
    return _guide(kit, condition, scale, kit.settings.structure_steps)


def slat_guide(kit: Kit, condition: Condition, scale: float) -> Guided:
    """What a velocity of structured latents follows."""
    return _guide(kit, condition, scale, kit.settings.slat_steps)


def unguided(kit: Kit, condition: Condition) -> Guided:
    """∅: no picture or no sentence. Null guided by null is null itself, so it is not guided."""
    return structure_guide(kit, condition.unconditional, 0.0)


def static(kit: Kit, noises: Sequence[flow.Draws], start: int) -> flow.Static:
    """G_stc (Eq. 7), its noise drawn before the loop."""
    return flow.Static(flow.drawn(flow.side_by_side(noises), start, kit.device))


def _guide(kit: Kit, condition: Condition, scale: float, steps: int) -> Guided:
    turns = None
    if len(condition.tokens) > 1 and kit.settings.multi_image == "stochastic":
        turns = times(steps).tolist()
    return Guided(condition, scale, turns=turns)


def times(steps: int) -> Tensor:
    """The time grid of both flows."""
    return flow.times(steps, RESCALE)


def _steered(pair: flow.Pair, steer: Steer) -> flow.Pair:
    """The pair of velocities with the target's steered, in the same forward passes."""

    def steered(x_src: Tensor, x_tgt: Tensor, t: float) -> tuple[Tensor, Tensor]:
        v_src, v_tgt = pair(x_src, x_tgt, t)
        return v_src, steer(lambda x, t: v_tgt)(x_tgt, t)

    return steered


def decoded(kit: Kit, latents: Tensor) -> list[Tensor]:
    """Occupancies [64, 64, 64] of structure latents [K, C, r, r, r]."""
    return [kit.backbone.decode_structure(latent) for latent in latents.split(1)]


def encoded(kit: Kit, grids: Sequence[Tensor]) -> Tensor:
    """Structure latents [K, C, r, r, r] of occupancies [64, 64, 64]."""
    return torch.cat([kit.backbone.encode_structure(grid) for grid in grids])
