"""Sampling under guidance by the pictures' outlines, ours: the networks and the equations are as they are.

The camera of a picture is found on what came out without guidance; the same noise then goes through the later levels
again, with a velocity that is pulled towards the picture's outline (`following.guidance`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from .. import flow
from ..following import Outline, Points, better, find_poses, guided_by_outlines, restart
from ..following.guidance import RATE
from .kit import Kit
from .layout import MainGeometry, main_geometry
from .operators import Steer, decoded, structure_guide, times

FOV = 40.0  # degrees, the lens of TRELLIS's renders
ALL_AROUND = (-180.0, 180.0)


def looking(kit: Kit) -> dict[str, Any]:
    """Where to look for cameras of upright things, for `find_poses`: pictures for bricks show fronts."""
    return {} if kit.backbone.orthographic else {"fov": FOV, "yaws": ALL_AROUND}


def outlines(kit: Kit, grid: Tensor, term: str, **search: Any) -> list[Outline]:
    """What the pictures of a term say of the shape [R, R, R] bool, each from the camera that fits it best."""
    if not grid.any():
        return []
    shown = kit.shown(term)
    poses = find_poses(Points.of_grid(grid), shown, **search)
    return [Outline.of(image, pose.camera, pose.confidence).to(kit.device) for image, pose in zip(shown, poses)]


def steering(kit: Kit, told: Sequence[Sequence[Outline]]) -> Steer | None:
    """Velocities over several latents, each pulled towards its own outlines; None where nothing would be."""
    strength = kit.settings.outline
    if not strength or not any(outline.weight > 0 for own in told for outline in own):
        return None
    decode = kit.backbone.structure_logits
    return partial(guided_by_outlines, decode=decode, outlines=told, rate=RATE * strength)


def lifted_geometry(kit: Kit, term: str, frame: str = "in_place") -> MainGeometry:
    """One thing from its pictures: D_ss(noise; I), the later levels again under guidance where that is better."""
    plain = main_geometry(kit, term, frame)
    steer = steering(kit, [outlines(kit, plain.grid, term, **looking(kit))])
    if steer is None:
        return plain
    t = times(kit.settings.structure_steps)
    level = restart(t)
    guide = structure_guide(kit, kit.picture(term, frame), kit.settings.image_guidance)
    velocity = steer(kit.backbone.structure_velocities([guide]))
    again = flow.sample(velocity, plain.states[level], t[: level + 1])
    (grid,) = decoded(kit, again[0])
    if not better(grid, plain.grid, kit.shown(term), **looking(kit)):
        return plain
    states = plain.states.clone()
    states[: level + 1] = again
    return MainGeometry(states[0], states, grid)
