"""Walking the time grid: checked levels, one loop down and one up, progress, and states by level."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import InputError

Grid = Tensor | Sequence[float]  # t by level, rising from 0 (clean)
OnStep = Callable[[int, int], None]  # progress: (steps done, steps in all), called after every step


def levels(t: Grid) -> list[float]:
    """The time grid as Python floats, checked: t[0] = 0 (clean), rising, at most 1 (noise)."""
    grid = torch.as_tensor(t, dtype=torch.float64)
    if grid.ndim != 1 or len(grid) < 2:
        raise InputError(f"a time grid is a list of at least two times, got shape {list(grid.shape)}; see flow.times()")
    values = grid.tolist()
    if values[0] != 0 or values[-1] > 1 or not all(low < high for low, high in pairwise(values)):
        raise InputError(
            f"a time grid rises from 0 (clean) to at most 1 (noise), got {values[0]:g} … {values[-1]:g}; "
            "flow.times(steps) makes one, and index 0 is the clean end"
        )
    return values


def check_start(start: int, t: list[float]) -> int:
    """The start level n: an index into the grid, so also the number of steps kept (the paper's n_max)."""
    try:
        level = operator.index(start)
    except TypeError:
        raise InputError(f"start is a level index (an integer), got {start!r}") from None
    if not 1 <= level < len(t):
        raise InputError(f"start={level} is outside 1 … {len(t) - 1}, the levels of a grid of {len(t) - 1} steps")
    return level


def descend(t: list[float], start: int, on_step: OnStep | None) -> Iterator[tuple[int, float, float]]:
    """(i, t_i, Δt = t_{i-1} - t_i < 0) for i = start … 1; reports each step once its body is done."""
    for i in range(start, 0, -1):
        yield i, t[i], t[i - 1] - t[i]
        if on_step is not None:
            on_step(start - i + 1, start)


def ascend(t: list[float], stop: int, on_step: OnStep | None) -> Iterator[tuple[int, float, float]]:
    """(i, t_i, Δt = t_{i+1} - t_i > 0) for i = 0 … stop-1, towards the noise; reports as `descend` does."""
    for i in range(stop):
        yield i, t[i], t[i + 1] - t[i]
        if on_step is not None:
            on_step(i + 1, stop)


def joint(on_step: OnStep | None, total: int) -> OnStep:
    """One progress report over several passes: counts every call, whatever pass it comes from."""
    done = 0

    def report(*_: int) -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(done, total)

    return report


def finish(states: Tensor, dtype: torch.dtype, trajectory: bool) -> Tensor | tuple[Tensor, Tensor]:
    """The clean end of `states` (by level, [n + 1, ...]), and with `trajectory` all of them."""
    states = states.to(dtype)
    return (states[0], states) if trajectory else states[0]
