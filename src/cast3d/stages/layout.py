"""3D layout hinting: the main geometry (p_B), the layout (p_C, Eq. 10) and its appearance (z_C, Eq. 11)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .. import flow
from ..backbones import Condition
from ..errors import TermNotFound
from ..voxels import to_coords
from .kit import Kit
from .operators import d_slat, d_ss, d_ss_stm, decoded, static, structure_guide
from .reading import Reading


@dataclass(frozen=True)
class MainGeometry:
    """p_B: what the main asset's picture shows."""

    latent: Tensor  # [1, C, r, r, r]
    states: Tensor  # [steps + 1, 1, C, r, r, r] its trajectory {x_t^B} by level
    grid: Tensor  # [64, 64, 64] bool


@dataclass(frozen=True)
class Layout:
    """p_C: the main geometry carried over to the whole prompt."""

    latent: Tensor  # [1, C, r, r, r]
    grid: Tensor  # [64, 64, 64] bool


@dataclass(frozen=True)
class Slat:
    """Normalised structured latents on voxels."""

    coords: Tensor  # [N, 3]
    feats: Tensor  # [N, C]


def main_geometry(kit: Kit, term: str, frame: str = "in_place") -> MainGeometry:
    """p_B = D_ss(noise; I_B), the first line of Eq. 10. Raises TermNotFound where no voxel comes out."""
    return sampled(kit, kit.picture(term, frame), kit.settings.image_guidance, kit.structure_noise("main", term), term)


def imagined_geometry(kit: Kit, text: str) -> MainGeometry:
    """The same from words alone. Raises TermNotFound where no voxel comes out."""
    return sampled(kit, kit.text(text), kit.settings.text_guidance, kit.structure_noise("main", text), text)


def sampled(kit: Kit, condition: Condition, guidance: float, noise: flow.Draws, term: str = "it") -> MainGeometry:
    """D_ss(noise; condition), its states kept."""
    states = d_ss(kit, [condition], guidance, [noise])
    (grid,) = decoded(kit, states[0])
    if not grid.any():
        raise TermNotFound(f"nothing came out for {term!r}; try another seed or picture")
    return MainGeometry(states[0], states, grid)


def propose_layout(kit: Kit, main: MainGeometry, reading: Reading, noise: flow.Draws | None = None) -> Layout:
    """p_C = D_ss^STM(G(.; p_B, {x_t^B}); c, o_B), the second line of Eq. 10, on latents of the structure VAE."""
    source, target, settings = kit.text(reading.main), kit.text(reading.prompt), kit.settings
    latent = d_ss_stm(
        kit,
        main.latent,
        [structure_guide(kit, source, _source_guidance(kit))],
        [structure_guide(kit, _against(kit, target, source), settings.text_guidance)],
        reading.start,
        _generator(kit, main, reading.start, noise),
    )
    (grid,) = decoded(kit, latent)
    return Layout(latent, grid)


def _generator(kit: Kit, main: MainGeometry, start: int, noise: flow.Draws | None) -> flow.TrajectoryGenerator:
    """G_trj (the paper's) or G_stc, with the layout's own noise unless another is given.

    A model that exists has no trajectory {x_t^B}: its only state is the clean one.
    """
    if kit.settings.layout_generator == "trajectory" and len(main.states) > 1:
        return flow.Trajectory(main.states)
    return static(kit, [noise or kit.structure_noise("layout")], start)


def _source_guidance(kit: Kit) -> float:
    own = kit.settings.source_guidance
    return own if own >= 0 else kit.settings.text_guidance


def _against(kit: Kit, target: Condition, source: Condition) -> Condition:
    """The target with the negative that `target_negative` names: the "joint use of c and o_B"."""
    match kit.settings.target_negative:
        case "null":
            return target
        case _:
            return Condition(target.kind, target.tokens, source.tokens[0])


def layout_appearance(kit: Kit, layout: Layout, prompt: str) -> Slat:
    """z_C = D_slat(noise; c) on the voxels of p_C (Eq. 11)."""
    coords = to_coords(layout.grid)
    noise = kit.slat_noise(coords, "layout_appearance")
    (feats,) = d_slat(kit, [coords], [kit.text(prompt)], kit.settings.slat_text_guidance, [noise])
    return Slat(coords, feats)
