"""Sets of cameras: rings around the object for voting and turntables, and the released TRELLIS sets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from .cameras import Camera, extrinsics_from_yaw_pitch, intrinsics_from_fov, orbit

PRIMES = (2, 3, 5, 7, 11, 13)


def rings(count: int = 8, pitches: Sequence[float] = (-20.0, 10.0, 40.0), **camera) -> list[Camera]:
    """`count` evenly spaced yaws, from the front on, at each pitch in degrees; `camera` goes to `orbit`."""
    return [orbit(360 * i / count, pitch, **camera) for pitch in pitches for i in range(count)]


def radical_inverse(base: int, index: int) -> float:
    """The digits of `index` in `base`, mirrored at the point: 6 = 110 in base 2 -> 0.011 = 3/8."""
    value, digit_weight = 0.0, 1 / base
    while index:
        index, digit = divmod(index, base)
        value += digit * digit_weight
        digit_weight /= base
    return value


def hammersley(index: int, count: int, dimensions: int = 3) -> list[float]:
    """Point `index` of `count` well-spread points in the unit cube."""
    return [index / count, *(radical_inverse(prime, index) for prime in PRIMES[: dimensions - 1])]


def sphere_hammersley(
    index: int, count: int, offset: tuple[float, float] = (0.0, 0.0), remap: bool = False
) -> tuple[float, float]:
    """TRELLIS yaw and pitch in radians of point `index` of `count` well-spread points on the sphere.

    `remap` puts three quarters of the points, instead of half, into the half that they reach last.
    """
    u, v = hammersley(index, count, 2)
    u, v = u + offset[0] / count, v + offset[1]
    if remap:
        u = 2 * u if u < 0.25 else 2 * u / 3 + 1 / 3
    return 2 * math.pi * v, math.acos(1 - 2 * u) - math.pi / 2


def multiview(count: int = 30, radius: float = 2.0, fov: float = 40.0) -> list[Camera]:
    """The released `render_multiview` cameras: all around the sphere (texture baking uses 100)."""
    return [_trellis(*sphere_hammersley(i, count), radius, fov) for i in range(count)]


def all_around(count: int, width: float) -> list[Camera]:
    """Orthographic views from everywhere, `width` world units across: what fits into a ball of that diameter."""
    angles = (sphere_hammersley(i, count) for i in range(count))
    return [orbit(math.degrees(yaw), math.degrees(pitch), fov=None, width=width) for yaw, pitch in angles]


def video(frames: int = 300, radius: float = 2.0, fov: float = 40.0) -> list[Camera]:
    """The released `render_video` cameras: one turn, swaying up and down; the first sees the back."""
    yaws = torch.linspace(0, 2 * 3.1415, frames)  # 3.1415, as released
    pitches = 0.25 + 0.5 * yaws.sin()
    return [_trellis(yaw, pitch, radius, fov) for yaw, pitch in zip(yaws.tolist(), pitches.tolist())]


def snapshot(radius: float = 10.0, fov: float = 8.0) -> list[Camera]:
    """The released `render_snapshot` cameras: four sides, 16 degrees aside and 20 degrees up."""
    yaws = [math.radians(quarter * 90 - 16) for quarter in range(4)]
    return [_trellis(yaw, math.radians(20), radius, fov) for yaw in yaws]


def _trellis(yaw: float, pitch: float, radius: float, fov: float) -> Camera:
    return Camera(extrinsics_from_yaw_pitch(yaw, pitch, radius), intrinsics_from_fov(fov))
