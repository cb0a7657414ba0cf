"""Sampling the probability-flow ODE (paper Eq. 1): dx = v(x, t) dt from noise down to data, by Euler's method."""

from __future__ import annotations

import torch
from torch import Tensor

from .levels import Grid, OnStep, descend, levels
from .velocities import Velocity, evaluate, working


def sample(
    velocity: Velocity,
    noise: Tensor,  # [...] the state at the last level of t
    t: Grid,  # [N + 1], level 0 clean
    *,
    on_step: OnStep | None = None,
) -> Tensor:
    """Euler steps x_{i-1} = x_i + v(x_i, t_i) Δt; returns all states by level, [N + 1, ...]: row 0 is the result.

    To restart from a state at level n, pass the grid up to there: `sample(velocity, x_n, t[: n + 1])`.
    """
    grid, x = levels(t), working(noise)
    states = [x]
    for _, time, dt in descend(grid, len(grid) - 1, on_step):
        x = x + evaluate(velocity, x, time) * dt
        states.append(x)
    return torch.stack(states[::-1]).to(noise.dtype)
