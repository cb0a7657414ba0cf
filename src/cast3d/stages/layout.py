"""3D layout hinting: the main geometry (p_B), the layout (p_C, Eq. 10) and its appearance (z_C, Eq. 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .. import flow
from ..backbones import Backbone, Condition
from ..errors import TermNotFound
from ..settings import Settings
from .guide import slat_guide, structure_guide

# Settings that every sampling reads.
SAMPLING = ("structure_steps", "rescale", "guidance_interval", "multi_image")


def sampling_depends(backbone: Backbone, settings: Settings, *names: str, **more: Any) -> dict[str, Any]:
    """Plain data that the result of a sampling depends on: settings by name, the weights, the device, and `more`."""
    plain = settings.plain()
    return {
        **{name: plain[name] for name in (*SAMPLING, *names)},
        **more,
        "models": backbone.hashes,
        "device": backbone.device.type,
    }


@dataclass(frozen=True)
class MainGeometry:
    """p_B: what the main asset's picture shows."""

    latent: Tensor  # [1, C, r, r, r]
    states: Tensor  # [steps + 1, 1, C, r, r, r] its trajectory {x_t^B} by level
    grid: Tensor  # [64, 64, 64] bool

    def require(self, term: str) -> MainGeometry:
        """Itself; raises TermNotFound where no voxel came out."""
        if not self.grid.any():
            raise TermNotFound(f"nothing came out for {term!r}; try another seed or picture")
        return self


@dataclass(frozen=True)
class Layout:
    """p_C: the main geometry carried over to the whole prompt."""

    latent: Tensor  # [1, C, r, r, r]
    grid: Tensor  # [64, 64, 64] bool


def generate_structure(
    backbone: Backbone,
    condition: Condition,
    guidance: float,
    settings: Settings,
    noise: flow.Draws,
    on_step: flow.OnStep | None = None,
) -> MainGeometry:
    """D_ss(noise; condition): the structure flow from pure noise, its states kept (first line of Eq. 10)."""
    t = flow.times(settings.structure_steps, settings.rescale)
    velocity = backbone.structure_velocities([structure_guide(condition, guidance, settings)])
    states = flow.sample(velocity, noise(settings.structure_steps).to(backbone.device), t, on_step=on_step)
    return MainGeometry(states[0], states, backbone.decode_structure(states[0]))


def propose_layout(
    backbone: Backbone,
    main: MainGeometry,
    source: Condition,  # o_B
    target: Condition,  # c
    start: int,  # n_max
    settings: Settings,
    noise: flow.Draws,
    on_step: flow.OnStep | None = None,
) -> Layout:
    """D_ss^STM(G(.; p_B, {x_t^B}); c, o_B): second line of Eq. 10, on latents of the structure VAE."""
    w = settings.text_guidance
    w_source = settings.source_guidance if settings.source_guidance >= 0 else w
    if settings.layout_generator == "trajectory":
        generator = flow.Trajectory(main.states)
    else:
        generator = flow.Static(flow.drawn(noise, start, backbone.device))
    left = structure_guide(source, w_source, settings)
    followed = structure_guide(_against(target, source, settings), w, settings)
    latent = flow.stm(
        main.latent,
        None,
        None,
        flow.times(settings.structure_steps, settings.rescale),
        start,
        generator,
        settings.diffusion,
        pair=flow.pair_of(backbone.structure_velocities([left, followed])),
        on_step=on_step,
    )
    return Layout(latent, backbone.decode_structure(latent))


def _against(target: Condition, source: Condition, settings: Settings) -> Condition:
    """The target with the negative that `target_negative` names: the "joint use of c and o_B"."""
    weight = {"null": 0.0, "source": 1.0, "mix": settings.target_negative_weight}[settings.target_negative]
    negative = (1 - weight) * target.negative + weight * source.tokens[0]
    return Condition(target.kind, target.tokens, negative)


def generate_slat(
    backbone: Backbone,
    coords: Tensor,  # [N, 3]
    condition: Condition,
    guidance: float,
    settings: Settings,
    noise: flow.Draws,
    on_step: flow.OnStep | None = None,
) -> Tensor:
    """D_slat(noise; condition) on given voxels: normalised features [N, C] (Eq. 11)."""
    return generate_slats(backbone, [coords], [condition], guidance, settings, [noise], on_step)[0]


def generate_slats(
    backbone: Backbone,
    coords: Sequence[Tensor],  # each [N_k, 3]
    conditions: Sequence[Condition],
    guidance: float,
    settings: Settings,
    noises: Sequence[flow.Draws],
    on_step: flow.OnStep | None = None,
) -> list[Tensor]:
    """`generate_slat` of several objects side by side (the parts' appearance)."""
    steps = settings.slat_steps
    guides = [slat_guide(condition, guidance, settings) for condition in conditions]
    start = flow.side_by_side(noises)(steps).to(backbone.device)
    t = flow.times(steps, settings.rescale)
    feats = flow.sample(backbone.slat_velocities(guides, coords), start, t, on_step=on_step)[0]
    return list(feats.split([len(one) for one in coords]))
