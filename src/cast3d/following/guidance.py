"""Guidance by outlines while sampling: what a structure flow predicts is pulled until its outline is the picture's.

At a level, x̂_0 = x - t v is decoded, seen softly along the picture's camera and compared with its mask; a few steps of
gradient descent give x̂_0', and v' = (x - x̂_0') / t replaces v. Nothing is trained, and the networks do not know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..flow import Velocity
from ..splats import Camera
from .seen import Shown

RAYS = 40  # per side of the picture
SAMPLES = 56  # along each ray
AROUND = 1.15  # width seen over the picture's: what lies beyond its edge is wrong, too
LOW, HIGH = 0.05, 0.76  # times between which predictions are changed; earlier changes do not last
STEPS, RATE = 4, 0.2  # of Adam at a level; in units of the latent's standard deviation
TURN = 1.5  # degrees a step
FLOOR = 0.03  # of the largest slope, below which a cell moves less than the others
_BETA, _GAMMA = 0.9, 0.99
Decode = Callable[[Tensor], Tensor]  # structure latents [1, C, r, r, r] -> occupancy logits [1, 1, R, R, R]


@dataclass(frozen=True)
class Outline:
    """What a picture says of its thing's shape."""

    places: Tensor  # [D, S, S, 3] samples of the rays, world, as `grid_sample` reads a grid [x, y, z]
    mask: Tensor  # [S, S] share of the thing at every ray
    weight: float = 1.0  # trust, 0 to 1

    @staticmethod
    def of(picture: Image.Image, camera: Camera, weight: float = 1.0, rays: int = RAYS) -> Outline:
        """Of a cut-out picture whose square crop `camera` sees."""
        inner = round(rays / AROUND / 2) * 2
        border = (rays - inner) // 2
        mask = F.pad(torch.from_numpy(Shown.of(picture, inner).alpha), [border] * 4)
        return Outline(_places(camera, len(mask), len(mask) / inner), mask, weight)

    def to(self, device: torch.device | str) -> Outline:
        return Outline(self.places.to(device), self.mask.to(device), self.weight)


def soft_silhouette(
    logits: Tensor,  # [R, R, R] of occupancy, [x, y, z]
    places: Tensor,  # [D, S, S, 3]
) -> Tensor:  # [S, S]
    """The chance that a ray meets anything: 1 - prod(1 - p) over its samples, p = sigmoid(trilinear logit)."""
    grid = logits[None, None]
    # Beyond the grid nothing is occupied; reading the border there would smear its voxels to infinity.
    read = F.grid_sample(grid, places[None], align_corners=False, padding_mode="border")[0, 0]
    inside = (places.abs() <= 1).all(-1)
    empty = F.logsigmoid(-read) * inside  # log(1 - p)
    return -torch.expm1(empty.sum(0))


def guided_by_outlines(
    velocity: Velocity,
    decode: Decode,
    outlines: Sequence[Sequence[Outline]],
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    rate: float = RATE,
    turn: float = TURN,
) -> Velocity:
    """`velocity` over latents [K, C, r, r, r] of which latent k follows `outlines[k]` (none: it is left alone).

    Between times `low` and `high` (ends excluded) `steps` steps of Adam change the prediction by about `rate` each. The
    cameras move along, by up to `turn` degrees a step: the pose comes from a thing whose shape is not yet right. What
    they have moved stays for the next level, so one such velocity serves one sampling.
    """
    moves = [[torch.zeros(5, device=outline.places.device) for outline in own] for own in outlines]

    def guided(x: Tensor, t: float) -> Tensor:
        v = velocity(x, t)
        if not low < t < high:
            return v
        rows = []
        for k, own in enumerate(outlines):
            mine = v[k : k + 1]
            if any(outline.weight > 0 for outline in own):
                clean = (x[k : k + 1] - t * mine).float()
                wanted, moves[k] = descended(clean, moves[k], decode, own, steps, rate, turn)
                # (x - wanted) / t, written so that no change leaves v as it was, bit for bit.
                mine = (mine + (clean - wanted) / t).to(v)
            rows.append(mine)
        return torch.cat(rows)

    return guided


def restart(t: Sequence[float] | Tensor, high: float = HIGH) -> int:
    """The level of the grid `t` from which a plain sampling's states are gone through again under guidance."""
    return max(level for level, time in enumerate(t) if float(time) < high)


def descended(
    clean: Tensor,  # [1, C, r, r, r]
    moves: Sequence[Tensor],  # [5] of each outline's camera, see `moved`
    decode: Decode,
    outlines: Sequence[Outline],
    steps: int,
    rate: float,
    turn: float,
) -> tuple[Tensor, list[Tensor]]:
    """The latent and the cameras' moves after `steps` steps of Adam down the cross entropy of the outlines."""
    trust = sum(outline.weight for outline in outlines) / len(outlines)
    # A degree turns the rim of a thing by about 0.009 world units; zoom and shift move it by as much.
    swing = math.radians(turn) * clean.new_tensor([1.0, 1.0, 0.5, 0.5, 0.5])
    values = [clean, *moves]
    rates: list[Tensor | float] = [rate * trust, *[swing] * len(moves)]
    mean, square = [torch.zeros_like(v) for v in values], [torch.zeros_like(v) for v in values]
    for step in range(1, steps + 1):
        gradients = _gradients(values, decode, outlines)
        for i, gradient in enumerate(gradients):
            mean[i] = _BETA * mean[i] + (1 - _BETA) * gradient
            square[i] = _GAMMA * square[i] + (1 - _GAMMA) * gradient**2
            size = (square[i] / (1 - _GAMMA**step)).sqrt()
            # Plain Adam would move cells that have nothing to do with the outline as far as any other.
            size = size.clamp_min(FLOOR * float(size.max()) if i == 0 else 0.0) + 1e-12
            values[i] = values[i] - rates[i] * (mean[i] / (1 - _BETA**step)) / size
    return values[0], values[1:]


@torch.enable_grad()
def _gradients(values: Sequence[Tensor], decode: Decode, outlines: Sequence[Outline]) -> Sequence[Tensor]:
    clean, *moves = (value.detach().requires_grad_() for value in values)
    logits = decode(clean)[0, 0].float()
    loss = sum(
        outline.weight * disagreement(soft_silhouette(logits, moved(outline, move)), outline.mask)
        for outline, move in zip(outlines, moves)
    )
    return torch.autograd.grad(cast(Tensor, loss), [clean, *moves])


def moved(outline: Outline, move: Tensor) -> Tensor:
    """[D, S, S, 3] the samples of a camera that has moved: `move` = turn about x and z in radians, zoom, shift x, z."""
    about_x, about_z, zoom, x, z = move.unbind()
    one, zero = torch.ones_like(zoom), torch.zeros_like(zoom)
    # Rows act on (z, y, x), the order in which the samples are kept.
    tilt = torch.stack([one, about_x, zero, -about_x, one, zero, zero, zero, one]).view(3, 3)
    swing = torch.stack([one, zero, zero, zero, one, -about_z, zero, about_z, one]).view(3, 3)
    return (1 + zoom) * outline.places @ tilt @ swing + torch.stack([z, zero, x])


def disagreement(seen: Tensor, mask: Tensor) -> Tensor:
    """Mean cross entropy of a soft silhouette [S, S] and a mask [S, S]."""
    return F.binary_cross_entropy(seen.clamp(1e-4, 1 - 1e-4), mask)


def _places(camera: Camera, rays: int, around: float) -> Tensor:
    """[D, S, S, 3] samples along the rays of a picture `around` times as wide as the camera's, in [-1, 1] of the cube.

    The last axis is (z, y, x), as `grid_sample` wants it for a grid [x, y, z].
    """
    at = ((torch.arange(rays) + 0.5) / rays - 0.5) * around + 0.5
    v, u = torch.meshgrid(at, at, indexing="ij")
    focal, center = camera.intrinsics.diagonal()[:2], camera.intrinsics[:2, 2]
    plane = ((torch.stack([u, v], -1) - center) / focal).float()
    rotation, translation = camera.extrinsics[:3, :3].float(), camera.extrinsics[:3, 3].float()
    reach = 0.87  # half the cube's diagonal
    depth = translation[2] + reach * ((torch.arange(SAMPLES) + 0.5) / SAMPLES * 2 - 1)
    depth = depth[:, None, None, None].expand(-1, rays, rays, 1)
    flat = plane.expand(SAMPLES, -1, -1, -1)
    local = torch.cat([flat if camera.orthographic else flat * depth, depth], -1)
    return ((local - translation) @ rotation * 2).flip(-1)
