"""The editors STM is compared with, each from its own paper and released behaviour, not through STM.

    x_0        clean source          v_src, v_tgt   source and target velocity at their own states
    q          source state at t_i: (1-t_i) x_0 + t_i ε_i with fresh noise
    z          the edit so far, clean-looking at every level; p = q + (z - x_0) is the target state
    n          start level; Δt < 0 going down

Each returns the edited x_0, and with `trajectory=True` also its states by level (row 0 the result).
Numbers in brackets are those of the CAST3D paper's references.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .draws import Draws, draw
from .levels import Grid, OnStep, ascend, check_start, descend, finish, joint, levels
from .sampling import sample
from .sde import clean_prediction, sample_sde
from .times import noised
from .velocities import Pair, Velocity, evaluate, paired, working

Edited = Tensor | tuple[Tensor, Tensor]


def flowedit(
    x0: Tensor,  # [...]
    source: Velocity | None,
    target: Velocity | None,
    t: Grid,
    start: int,
    noise: Draws,  # level i -> [...], or [average, ...] when average > 1
    average: int = 1,
    *,
    pair: Pair | None = None,
    trajectory: bool = False,
    on_step: OnStep | None = None,
) -> Edited:
    """FlowEdit (Kulikov et al. 2025, [19]), n_min = 0, n_avg = `average`: z += Δt mean_k (v_tgt(p_k) - v_src(q_k))."""
    grid = levels(t)
    start = check_start(start, grid)
    if average < 1:
        raise InputError(f"average={average} must be at least 1, the number of noise draws per step")
    lead = () if average == 1 else (average,)
    velocities = paired(source, target, pair)
    clean = z = working(x0)
    states = [z]
    for i, time, dt in descend(grid, start, on_step):
        change: Tensor | int = 0
        for eps in draw(noise, i, clean, *lead).reshape(average, *clean.shape):
            q = noised(clean, eps, time)
            v_src, v_tgt = velocities(q, q + (z - clean), time)
            change = change + (v_tgt - v_src)
        z = z + dt * change / average
        states.append(z)
    return finish(torch.stack(states[::-1]), x0.dtype, trajectory)


def flowalign(
    x0: Tensor,  # [...]
    source: Velocity,
    target: Velocity,
    t: Grid,
    start: int,
    noise: Draws,
    zeta: float = 0.01,
    scale: float = 13.5,
    *,
    trajectory: bool = False,
    on_step: OnStep | None = None,
) -> Edited:
    """FlowAlign (Kim et al. 2025, [17]): FlowEdit plus, at each step, ζ times the gap between the clean predictions.

    Give unguided velocities: the target is guided here, by the *source* prompt, v_src(p) + scale (v_tgt(p) - v_src(p)),
    in the usual form (scale 1 is no guidance). The released code always starts at the top level and uses 13.5.
    """
    grid = levels(t)
    start = check_start(start, grid)
    clean = z = working(x0)
    states = [z]
    for i, time, dt in descend(grid, start, on_step):
        q = noised(clean, draw(noise, i, clean), time)
        p = q + (z - clean)
        v_q, v_p = evaluate(source, q, time), evaluate(source, p, time)
        v_p = v_p + scale * (evaluate(target, p, time) - v_p)
        z = z + dt * (v_p - v_q) + zeta * (clean_prediction(q, v_q, time) - clean_prediction(p, v_p, time))
        states.append(z)
    return finish(torch.stack(states[::-1]), x0.dtype, trajectory)


def sdedit(
    x0: Tensor,  # [...]
    target: Velocity,
    t: Grid,
    start: int,
    noise: Draws,
    diffusion: float = 0.0,
    step_noise: Draws | None = None,
    *,
    trajectory: bool = False,
    on_step: OnStep | None = None,
) -> Edited:
    """SDEdit (Meng et al. 2022, [31]): noise x_0 up to level n, sample down with the target (by the SDE if λ > 0)."""
    grid = levels(t)
    start = check_start(start, grid)
    clean = working(x0)
    x = noised(clean, draw(noise, start, clean), grid[start])
    if diffusion == 0:
        states = sample(target, x, grid[: start + 1], on_step=on_step)
    elif step_noise is None:
        raise InputError(f"sdedit with diffusion={diffusion} samples an SDE: give step_noise, one draw per level")
    else:
        states = sample_sde(target, x, grid[: start + 1], diffusion, step_noise, on_step=on_step)
    return finish(states, x0.dtype, trajectory)


def invert(velocity: Velocity, x0: Tensor, t: Grid, start: int, *, on_step: OnStep | None = None) -> Tensor:
    """Euler's method up the ODE, the velocity taken at each step's lower level; states by level, [start + 1, ...]."""
    grid = levels(t)
    start = check_start(start, grid)
    x = working(x0)
    states = [x]
    for _, time, dt in ascend(grid, start, on_step):
        x = x + evaluate(velocity, x, time) * dt
        states.append(x)
    return torch.stack(states).to(x0.dtype)


def ode_inversion(
    x0: Tensor,  # [...]
    source: Velocity,
    target: Velocity,
    t: Grid,
    start: int,
    *,
    trajectory: bool = False,
    on_step: OnStep | None = None,
) -> Edited:
    """Invert x_0 up to level n with the source (`invert`), then sample down with the target."""
    grid = levels(t)
    start = check_start(start, grid)
    report = joint(on_step, 2 * start)
    up = invert(source, working(x0), grid, start, on_step=report)
    down = sample(target, up[start], grid[: start + 1], on_step=report)
    return finish(down, x0.dtype, trajectory)


def rf_invert(
    null: Velocity,
    x0: Tensor,  # [...]
    t: Grid,
    noise: Tensor,  # [...] y_1, the end point aimed at
    gamma: float = 0.5,
    *,
    on_step: OnStep | None = None,
) -> Tensor:
    """RF-Inversion's controlled forward ODE, y += Δt (u + γ ((y_1 - y) / (1-t) - u)); states by level, [N + 1, ...]."""
    grid, y = levels(t), working(x0)
    if noise.shape != x0.shape:
        raise InputError(f"noise has shape {list(noise.shape)}, expected that of x0, {list(x0.shape)}")
    end = noise.to(y)
    states = [y]
    for _, time, dt in ascend(grid, len(grid) - 1, on_step):
        u = evaluate(null, y, time)
        y = y + dt * (u + gamma * ((end - y) / (1 - time) - u))
        states.append(y)
    return torch.stack(states).to(x0.dtype)


def rf_inversion(
    x0: Tensor,  # [...]
    null: Velocity,
    target: Velocity,
    t: Grid,
    noise: Tensor,  # [...]
    gamma: float = 0.5,
    eta: float = 0.9,
    start: int = 0,
    stop: int = 7,
    *,
    trajectory: bool = False,
    on_step: OnStep | None = None,
) -> Edited:
    """RF-Inversion (Rout et al. 2025, [42]): `rf_invert`, then x += Δt (v + η ((x - x_0) / t - v)) on the way down.

    Here `start` and `stop` count steps from the noise: η acts on steps start … stop-1. Both passes use the one grid `t`
    (a widespread port feeds the forward network uniform times while it steps on another schedule).
    """
    grid = levels(t)
    steps = len(grid) - 1
    if not 0 <= start <= stop <= steps:
        raise InputError(f"rf_inversion acts on steps start … stop-1: 0 <= {start} <= {stop} <= {steps} does not hold")
    report = joint(on_step, 2 * steps)
    clean = working(x0)
    x = rf_invert(null, clean, grid, noise, gamma, on_step=report)[steps]
    states = [x]
    for i, time, dt in descend(grid, steps, report):
        v = evaluate(target, x, time)
        if start <= steps - i < stop:
            v = v + eta * ((x - clean) / time - v)
        x = x + dt * v
        states.append(x)
    return finish(torch.stack(states[::-1]), x0.dtype, trajectory)
