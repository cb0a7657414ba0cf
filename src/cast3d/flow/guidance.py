"""Guidance: functions from velocities to a velocity. They nest, and nothing below needs to know of them.

Trap: TRELLIS counts guidance from the conditional prediction, (1+w) c - w n, so its "7.5" is 8.5 in the usual form
n + w (c - n). The score is linear in the velocity: using the guided velocity everywhere also guides the score by w.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from torch import Tensor

from ..errors import InputError
from .levels import Grid, levels
from .velocities import Velocity, evaluate


def combine(positive: Tensor, negative: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance in the TRELLIS form, (1+w) c - w n."""
    return (1 + scale) * positive - scale * negative


def guided(
    positive: Velocity, negative: Velocity, scale: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Velocity:
    """`positive` guided away from `negative` while t is in `interval` (ends included), `positive` alone elsewhere.

    Outside the interval, and for scale 0, the negative network is not called.
    """
    low, high = interval
    if not 0 <= low <= high <= 1:
        raise InputError(f"guidance interval {interval} must satisfy 0 <= low <= high <= 1 (times: 0 clean, 1 noise)")
    if not math.isfinite(scale):
        raise InputError(f"guidance scale {scale} must be finite; 0 switches guidance off")

    def velocity(x: Tensor, t: float) -> Tensor:
        v = evaluate(positive, x, t)
        if scale != 0 and low <= t <= high:
            v = combine(v, evaluate(negative, x, t), scale)
        return v.to(x.dtype)

    return velocity


def mean_of(velocities: Sequence[Velocity]) -> Velocity:
    """The mean prediction over several views at every step (TRELLIS's multi-image mode "multidiffusion")."""
    velocities = _some(velocities)

    def velocity(x: Tensor, t: float) -> Tensor:
        total = cast(Tensor, sum(evaluate(v, x, t) for v in velocities))  # of one at least
        return (total / len(velocities)).to(x.dtype)

    return velocity


def cycled(velocities: Sequence[Velocity], t: Grid) -> Velocity:
    """One view per step, in turn from the noisy end of the grid `t` (TRELLIS's multi-image mode "stochastic").

    The view is looked up by time, not counted by calls: extra evaluations of a step see the same view.
    """
    velocities, grid = _some(velocities), levels(t)

    def velocity(x: Tensor, time: float) -> Tensor:
        return evaluate(velocities[turn(len(velocities), grid, time)], x, time).to(x.dtype)

    return velocity


def turn(views: int, t: Sequence[float], time: float) -> int:
    """Which of `views` views it is at `time` on the grid `t`: the first one at the noisy end, then in turn."""
    level = min(range(len(t)), key=lambda i: abs(t[i] - time))
    return (len(t) - 1 - level) % views


def _some(velocities: Sequence[Velocity]) -> list[Velocity]:
    if not velocities:
        raise InputError("several views were announced, but the list of velocities is empty")
    return list(velocities)
