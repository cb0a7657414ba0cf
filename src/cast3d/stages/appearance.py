"""Compositional generation, appearance: each part's latents held in place while the whole is painted (z_o, Eq. 15)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .. import flow
from ..voxels import blur, to_coords, to_grid
from .geometry import Geometry
from .kit import Kit
from .layout import Slat
from .operators import d_slat
from .reading import Reading

REACH = 1.8  # voxels within which a part's latents are a voxel's: a neighbour across a corner


@dataclass(frozen=True)
class Appearance:
    """z_o: normalised latents of the composition, and whose each voxel is."""

    coords: Tensor  # [N, 3]
    feats: Tensor  # [N, C]
    owner: Tensor  # [N] int64, index of the term
    free_steps: int = 0  # last steps without override
    soft: float = 0.0  # share of the voxels that are held in part only


@dataclass(frozen=True)
class Correspondence:
    """What each voxel of the composition takes from the parts."""

    clean: Tensor  # [N, C] x_0 to hold: the owner's latent
    hold: Tensor  # [N, 1] m in [0, 1]: 1 = held, 0 = free
    owner: Tensor  # [N] int64

    @property
    def soft(self) -> float:
        """Share of the voxels that are held in part only."""
        return float((self.hold < 1).float().mean()) if len(self.hold) else 0.0


def composed_appearance(kit: Kit, geometry: Geometry, slats: Mapping[str, Slat], reading: Reading) -> Appearance:
    """z_o = D_slat(noise; z_1:N, c), Eq. 15. The last `free_fraction` (tau_fine) of the steps has no override."""
    coords, settings = to_coords(geometry.grid), kit.settings
    parts = [(slats[term].coords, slats[term].feats) for term in reading.terms]
    match = correspond(coords, parts, reading.base, settings.boundary_sigma)
    free = free_steps(settings.slat_steps, settings.free_fraction)
    if free == 0 and bool((match.hold == 1).all()):  # the network would be asked for nothing
        return Appearance(coords, match.clean, match.owner, 0, 0.0)
    until = float(flow.times(settings.slat_steps, settings.rescale)[free]) if free else -1.0
    (feats,) = d_slat(
        kit,
        [coords],
        [kit.text(reading.prompt)],
        settings.slat_text_guidance,
        [kit.slat_noise(coords, "appearance")],
        steer=lambda velocity: held(velocity, match, until),
    )
    return Appearance(coords, feats, match.owner, free, match.soft)


def free_steps(steps: int, fraction: float) -> int:
    """tau_fine in steps, rounded up: a positive fraction leaves at least one step free."""
    return min(steps, math.ceil(steps * fraction - 1e-9))


def correspond(
    coords: Tensor,  # [N, 3] of p_GC
    parts: Sequence[tuple[Tensor, Tensor]],  # per term: coords [M, 3], normalised latents [M, C]
    base: int,
    sigma: float,  # voxels, of the soft boundaries between parts; 0: hard ones
    reach: float = REACH,
) -> Correspondence:
    """Whose each voxel is, and how firmly its owner's latent is held (the soft boundaries of Eq. 15).

    A part that has the very voxel owns it, an accessory before the base; else the nearest part in reach, else the
    nearest at all. `hold` is the owner's share of the occupied surroundings, by Gaussian weights: every owner's mask is
    blurred, so seams between parts are soft, the inside of a part is held fully, and what no part reaches is free.
    """
    clean, owner, distance = _owners(coords, parts, base, reach)
    matched = distance <= reach
    at = tuple(coords.long().unbind(-1))
    hold = matched.float()
    if sigma > 0:
        around = blur(to_grid(coords), sigma)[at]
        for index in range(len(parts)):
            mine = matched & (owner == index)
            if mine.any():
                share = blur(to_grid(coords[mine]), sigma)[at] / around
                hold = torch.where(mine, share.to(hold).clamp(0, 1), hold)
        hold = torch.where(hold > 1 - 1e-4, 1.0, hold)  # rounding of the blurs
    return Correspondence(clean, hold[:, None], owner)


def _owners(
    coords: Tensor, parts: Sequence[tuple[Tensor, Tensor]], base: int, reach: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Per voxel: the owner's latent [N, C], the owner [N], and the distance to its voxel [N]."""
    points = coords.cpu().numpy()
    order = [i for i in range(len(parts)) if i != base] + [base]  # of equals the first is taken: accessories
    owner = torch.full((len(coords),), base)
    nearest = torch.full((len(coords),), math.inf, dtype=torch.float64)
    clean = torch.zeros(len(coords), parts[base][1].shape[1], device=coords.device)
    for index in order:
        at, feats = parts[index]
        if not len(at):
            continue
        found, row = cKDTree(at.cpu().numpy()).query(points)
        distance, row = torch.from_numpy(found), torch.from_numpy(row)
        better = distance < nearest - 1e-9
        nearest = torch.where(better, distance, nearest)
        owner = torch.where(better, index, owner)
        clean = torch.where(better[:, None].to(clean.device), feats[row.to(feats.device)].to(clean), clean)
    return clean, owner.to(coords.device), nearest.to(coords.device)


def held(velocity: flow.Velocity, match: Correspondence, until: float) -> flow.Velocity:
    """v* = (x_t - x_0) / t where a part is known, the model's elsewhere, mixed in between; free from time `until` on.

    Euler steps with v* stay exactly on (1 - t) x_0 + t eps and end in x_0.
    """

    def mixed(x: Tensor, t: float) -> Tensor:
        v = velocity(x, t)
        return v if t <= until else match.hold * ((x - match.clean) / t) + (1 - match.hold) * v

    return mixed
