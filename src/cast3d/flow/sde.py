"""The SDE view of a rectified flow (paper section 4.2, Eq. 2-3), for t = 0 clean and t = 1 noise.

    v      velocity E[ε - x_0 | x_t = x]
    x̂_0    x - t v                                     clean prediction  } exact for every data law
    ε̂      x + (1-t) v                                 noise prediction  }
    s      ∇ log p_t = -ε̂ / t                          score
    λ      λ_diff, `diffusion` in code
    g_t    √(2 λ t)                                    diffusion coefficient
    f_t    v - ½ g² s = v + λ ε̂ = (1 + λ(1-t)) v + λ x drift: ½ g² = λ t cancels the 1/t of the score

Eq. 2 is correct as printed. After Eq. 3, "z_t ~ N(0, I)" means ε_t.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import InputError
from .draws import Draws, draw
from .levels import Grid, OnStep, descend, levels
from .velocities import Velocity, evaluate, working


def clean_prediction(x: Tensor, v: Tensor, t: float) -> Tensor:
    """x̂_0 = x - t v."""
    return x - t * v


def noise_prediction(x: Tensor, v: Tensor, t: float) -> Tensor:
    """ε̂ = x + (1-t) v."""
    return x + (1 - t) * v


def score(x: Tensor, v: Tensor, t: float) -> Tensor:
    """∇ log p_t(x) = -ε̂ / t, for t > 0."""
    return -noise_prediction(x, v, t) / t


def drift(x: Tensor, v: Tensor, t: float, diffusion: float) -> Tensor:
    """f_t(x) of Eq. 3, finite on all of [0, 1]. It is linear in (x, v): the drift of a difference is the difference."""
    return (1 + diffusion * (1 - t)) * v + diffusion * x


def diffusion_coefficient(t: float, diffusion: float) -> float:
    """g_t = √(2 λ t), below Eq. 2."""
    return math.sqrt(2 * diffusion * t)


def sample_sde(
    velocity: Velocity,
    noise: Tensor,  # [...] the state at the last level of t
    t: Grid,  # [N + 1]
    diffusion: float,
    step_noise: Draws,  # level i -> [...], used on leaving level i
    *,
    on_step: OnStep | None = None,
) -> Tensor:
    """Euler-Maruyama on Eq. 3, x_{i-1} = x_i + f Δt + g √|Δt| ε_i; returns all states by level, [N + 1, ...].

    Every λ has the marginals of the ODE as the steps grow. The last step adds noise too, as Algorithm 1 needs it to.
    """
    grid, x, diffusion = levels(t), working(noise), check_diffusion(diffusion)
    states = [x]
    for i, time, dt in descend(grid, len(grid) - 1, on_step):
        f = drift(x, evaluate(velocity, x, time), time, diffusion)
        g = diffusion_coefficient(time, diffusion)
        x = x + f * dt + g * math.sqrt(-dt) * draw(step_noise, i, x)
        states.append(x)
    return torch.stack(states[::-1]).to(noise.dtype)


def check_diffusion(diffusion: float) -> float:
    """λ_diff as a finite number >= 0."""
    if not 0 <= diffusion < math.inf:
        raise InputError(f"diffusion={diffusion} must be a number >= 0 (the paper uses 0.6; 0 is the ODE)")
    return float(diffusion)
