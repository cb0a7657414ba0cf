"""Stochastic trajectory manipulation, STM (paper Algorithm 1, Eq. 4-9), in difference form.

    x_src, x_tgt   states of the source and the target trajectory at level i
    d              x_tgt - x_src, all that Algorithm 1 has to carry
    G              trajectory generator, x_src at any level from the clean x_0: `Static` Eq. 7, `Trajectory` Eq. 8
    F              noise mapper, ε_src -> ε_tgt: `identity` Eq. 9, `flowedit_mapper` Eq. 5, `flowalign_mapper` Eq. 6
    f_t, g_t, λ    drift, diffusion coefficient and λ_diff of `flow.sde`
    n              start level (n_max)

One step of Algorithm 1 extracts ε_src from the source trajectory, maps it, and drives the target with it:

    ε_src  = (x_src' - x_src - f_src Δt) / (g √|Δt|)
    x_tgt' = x_tgt + f_tgt Δt + g √|Δt| F(ε_src)

Subtract x_src' = x_src + f_src Δt + g √|Δt| ε_src:

    d' = d + (f_tgt - f_src) Δt + g √|Δt| (F(ε_src) - ε_src)

With the identity the last term is zero, and no division is left: equal conditions return x_0 bit for bit, and
λ = 0 needs no limit (it is FlowEdit). The printed form amplifies its own rounding: on a rough field in float32 it does
not find x_0 back.

Where the printed paper is wrong:
    Alg. 1, last line   "+ f_tgt" lacks Δt; the level set must contain t_0 = 0.
    Eq. 6               both ζ terms must be divided by g √|Δt|; 1/(1-t) is infinite at t = 1 (see `flowalign_mapper`).
    Eq. 8               "t+1" is the next noisier level, and its time is the divisor (see `Trajectory`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .draws import Draws, draw
from .levels import Grid, OnStep, check_start, descend, finish, levels
from .sde import check_diffusion, clean_prediction, diffusion_coefficient, drift, score
from .times import noised
from .velocities import Pair, Velocity, paired, working

TrajectoryGenerator = Callable[[Tensor, list[float], int], Tensor]  # G: (x_0, t, i) -> x_src at level i


@dataclass(frozen=True)
class Static:
    """G_stc of Eq. 7 (and Eq. 4): x_i = (1-t_i) x_0 + t_i ε_i, with independent noise at every level."""

    noise: Draws  # level i -> [...], or [N + 1, ...]

    def __call__(self, x0: Tensor, t: list[float], i: int) -> Tensor:
        return noised(x0, draw(self.noise, i, x0), t[i])


@dataclass(frozen=True)
class Trajectory:
    """G_trj of Eq. 8: one Euler step from the stored state of the next noisier level straight towards x_0.

    x_i = x_0 + (t_i / t_{i+1}) (x_pre_{i+1} - x_0), and x_N = x_pre_N at the top. Nothing random; G(0) = x_0 exactly.
    """

    states: Tensor  # [N + 1, ...] by level, as `sample` returns them

    def __call__(self, x0: Tensor, t: list[float], i: int) -> Tensor:
        if self.states.shape != (len(t), *x0.shape):
            raise InputError(
                f"Trajectory states have shape {list(self.states.shape)}, expected {[len(t), *x0.shape]}: "
                "one state per level of t; sample the stored trajectory on the same grid"
            )
        if i == len(t) - 1:
            return self.states[i].to(x0)
        return x0 + (t[i] / t[i + 1]) * (self.states[i + 1].to(x0) - x0)


@dataclass(frozen=True)
class Step:
    """What a noise mapper may look at: one step of Algorithm 1 from level i to i-1."""

    t: float
    dt: float  # negative
    diffusion: float
    x_src: Tensor
    x_tgt: Tensor
    v_src: Tensor
    v_tgt: Tensor

    @property
    def noise_scale(self) -> float:
        """g_t √|Δt|."""
        return diffusion_coefficient(self.t, self.diffusion) * math.sqrt(-self.dt)

    @property
    def score_change(self) -> Tensor:
        """s_tgt - s_src."""
        return score(self.x_tgt, self.v_tgt, self.t) - score(self.x_src, self.v_src, self.t)

    @property
    def clean_change(self) -> Tensor:
        """x̂_0 of the target minus x̂_0 of the source."""
        return clean_prediction(self.x_tgt, self.v_tgt, self.t) - clean_prediction(self.x_src, self.v_src, self.t)


Mapper = Callable[[Tensor, Step], Tensor]  # F: (ε_src, step) -> ε_tgt


def identity(eps: Tensor, step: Step) -> Tensor:
    """F of Eq. 9: the target sees the source's own noise."""
    return eps


def flowedit_mapper(eps: Tensor, step: Step) -> Tensor:
    """F_FE of Eq. 5, which turns STM into FlowEdit for every λ > 0: ε + g Δt / (2 √|Δt|) (s_tgt - s_src)."""
    g = diffusion_coefficient(step.t, step.diffusion)
    return eps + g * step.dt / (2 * math.sqrt(-step.dt)) * step.score_change


def flowalign_mapper(zeta: float) -> Mapper:
    """F_FA of Eq. 6, corrected, which turns STM into FlowAlign: F_FE(ε) - ζ (x̂_0 tgt - x̂_0 src) / (g √|Δt|).

    As printed, Eq. 6 lacks the 1 / (g √|Δt|) (at λ = 0.6 that leaves 0.12 to 0.18 of the stated ζ), and it spells the
    clean difference (x_tgt - x_src + t² (s_tgt - s_src)) / (1-t), which is 0 · ∞ at t = 1.
    """

    def mapper(eps: Tensor, step: Step) -> Tensor:
        return flowedit_mapper(eps, step) - zeta / step.noise_scale * step.clean_change

    return mapper


def stm(
    x0: Tensor,  # [...] the clean source
    source: Velocity | None,
    target: Velocity | None,
    t: Grid,  # [N + 1]
    start: int,
    generator: TrajectoryGenerator,
    diffusion: float = 0.6,
    mapper: Mapper = identity,
    *,
    pair: Pair | None = None,
    trajectory: bool = False,
    on_step: OnStep | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Algorithm 1: the target's version of `x0`, and with `trajectory` also x_tgt by level, [start + 1, ...].

    Velocities are guided outside (`flow.guided`). `pair(x_src, x_tgt, t)` replaces both, to evaluate them in one batch.
    """
    grid, diffusion = levels(t), check_diffusion(diffusion)
    start = check_start(start, grid)
    if diffusion == 0 and mapper is not identity:
        raise InputError(
            "diffusion=0 leaves no noise to map: use flow.identity (which is then FlowEdit) or diffusion > 0"
        )
    velocities = paired(source, target, pair)

    clean = working(x0)
    x_src = generator(clean, grid, start)
    d = x_src.new_zeros(x_src.shape)
    states = [x_src]
    for i, time, dt in descend(grid, start, on_step):
        v_src, v_tgt = velocities(x_src, x_src + d, time)
        x_next = generator(clean, grid, i - 1) if i > 1 else clean
        change = drift(d, v_tgt - v_src, time, diffusion) * dt
        if mapper is not identity:
            step = Step(time, dt, diffusion, x_src, x_src + d, v_src, v_tgt)
            eps = (x_next - x_src - drift(x_src, v_src, time, diffusion) * dt) / step.noise_scale
            change = change + step.noise_scale * (mapper(eps, step) - eps)
        x_src, d = x_next, d + change
        states.append(x_src + d)
    return finish(torch.stack(states[::-1]), x0.dtype, trajectory)
