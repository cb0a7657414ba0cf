"""Means with intervals, and whether two methods differ: by bootstrap over cases, the unit that is sampled.

Seeds of one case are averaged first: they are repetitions, not independent objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean

import numpy as np
from numpy.typing import NDArray

DRAWS, LEVEL = 10_000, 0.95
FEWEST = 5  # cases from which on two methods may be told apart


@dataclass(frozen=True)
class Estimate:
    """A mean over cases with its 95% interval."""

    mean: float
    low: float
    high: float
    cases: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval leaves 0 out, and the cases are not too few to say; else 0."""
        if self.cases < FEWEST or self.low <= 0 <= self.high:
            return 0
        return 1 if self.low > 0 else -1


def by_case(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """(case, value) of all seeds -> mean per case."""
    found: dict[str, list[float]] = {}
    for case, value in values:
        found.setdefault(case, []).append(value)
    return {case: mean(group) for case, group in found.items()}


def estimate(values: Mapping[str, float]) -> Estimate | None:
    """Mean and percentile bootstrap interval over cases; None without any."""
    if not values:
        return None
    numbers = np.array(list(values.values()))
    low, high = _interval(_resampled(numbers))
    return Estimate(float(numbers.mean()), low, high, len(numbers))


def difference(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Estimate | None:
    """Paired bootstrap of the mean difference over the cases that both have."""
    shared = [case for case in ours if case in theirs]
    return estimate({case: ours[case] - theirs[case] for case in shared})


def _resampled(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """[draws] means of samples with replacement; always the same samples for the same count, so pairs stay pairs."""
    index = np.random.default_rng(0).integers(0, len(numbers), (DRAWS, len(numbers)))
    return numbers[index].mean(axis=1)


def _interval(means: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return float(low), float(high)
