"""Compositional generation, appearance: each part's latents held in place while the whole is painted (z_o, Eq. 15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .. import flow
from ..backbones import Backbone, Condition
from ..settings import Settings
from ..voxels import blur, to_grid
from .guide import slat_guide


@dataclass(frozen=True)
class Slat:
    """Normalised structured latents on voxels."""

    coords: Tensor  # [N, 3]
    feats: Tensor  # [N, C]


@dataclass(frozen=True)
class Appearance:
    """z_o: normalised latents of the composition, and whose each voxel is."""

    coords: Tensor  # [N, 3]
    feats: Tensor  # [N, C]
    owner: Tensor  # [N] int64, index of the term


@dataclass(frozen=True)
class Correspondence:
    """What each voxel of the composition takes from the parts."""

    clean: Tensor  # [N, C] x_0 to hold: the nearest matching latent
    hold: Tensor  # [N, 1] m in [0, 1]: 1 = held, 0 = free
    owner: Tensor  # [N] int64


def correspond(
    coords: Tensor,  # [N, 3] of p_GC
    parts: Sequence[tuple[Tensor, Tensor]],  # per term: coords [M, 3], normalised latents [M, C]
    base: int,
    settings: Settings,
    reach: float = 1.8,  # voxels: a neighbour across a corner
) -> Correspondence:
    """Matches voxels to part latents: the same voxel, else the nearest within one. Accessories go before the base,
    the nearer accessory before the other.

    `hold` is the share of matched voxels around (Gaussian weights), stretched so that the inside of a matched region
    is held fully and only its seam is soft.
    """
    points = coords.cpu().numpy()
    order = [i for i in range(len(parts)) if i != base] + [base]
    best = torch.full((len(coords),), float("inf"), dtype=torch.float64)
    nearest = best.clone()
    owner = torch.full((len(coords),), base)
    clean = torch.zeros(len(coords), parts[base][1].shape[1], device=coords.device)
    for index in order:
        part_coords, feats = parts[index]
        if not len(part_coords):
            continue
        distance, row = cKDTree(part_coords.cpu().numpy()).query(points)
        distance, row = torch.from_numpy(distance), torch.from_numpy(row)
        # The nearest accessory in reach, else the base in reach, else the nearest part.
        score = torch.where(distance <= reach, (index == base) + distance / (2 * reach), distance + 2)
        better = score < best
        best = torch.where(better, score, best)
        nearest = torch.where(better, distance, nearest)
        owner = torch.where(better, index, owner)
        clean = torch.where(better[:, None].to(coords.device), feats[row.to(coords.device)], clean)
    matched = to_grid(coords[(nearest <= reach).to(coords.device)])
    at = tuple(coords.long().unbind(-1))
    share = blur(matched, settings.boundary_sigma)[at] / blur(to_grid(coords), settings.boundary_sigma)[at]
    hold = ((share - 0.5) / 0.4).clamp(0, 1) * matched[at]
    return Correspondence(clean, hold[:, None].float(), owner.to(coords.device))


def held(velocity: flow.Velocity, match: Correspondence, until: float) -> flow.Velocity:
    """v* = (x_t - x_0) / t where a part is known, the model's elsewhere, mixed in between; free below `until`.

    Euler steps with v* stay exactly on (1 - t) x_0 + t eps and end in x_0.
    """

    def mixed(x: Tensor, t: float) -> Tensor:
        v = velocity(x, t)
        return v if t <= until else match.hold * ((x - match.clean) / t) + (1 - match.hold) * v

    return mixed


def compose_appearance(
    backbone: Backbone,
    coords: Tensor,  # [N, 3] of p_GC
    parts: Sequence[tuple[Tensor, Tensor]],  # z_i per term: coords, normalised latents
    base: int,
    condition: Condition,  # c
    settings: Settings,
    noise: flow.Draws,
    on_step: flow.OnStep | None = None,
) -> Appearance:
    """D_slat(noise; z_1:N, c), Eq. 15. The last `free_fraction` of the steps has no override."""
    steps = settings.slat_steps
    t = flow.times(steps, settings.rescale)
    match = correspond(coords, parts, base, settings)
    free = int(steps * settings.free_fraction + 1e-9)  # step k = 0 ... is overridden while k / steps < 1 - tau_fine
    velocity = backbone.slat_velocities([slat_guide(condition, settings.slat_text_guidance, settings)], [coords])
    guarded = held(velocity, match, float(t[free]) if free else -1.0)
    feats = flow.sample(guarded, noise(steps).to(backbone.device), t, on_step=on_step)[0]
    return Appearance(coords, feats, match.owner)
