"""Intervals and paired comparisons."""

import numpy as np
import pytest

from cast3d.evaluation.statistics import by_case, difference, estimate


def test_seeds_are_averaged_before_cases_count():
    assert by_case([("a", 1.0), ("a", 3.0), ("b", 5.0)]) == {"a": 2.0, "b": 5.0}


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = estimate(dict(enumerate(values)))
    assert found.mean == pytest.approx(values.mean()) and found.cases == 400
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


def test_95_percent_of_intervals_hold_the_truth():
    rng = np.random.default_rng(2)
    held = [
        found.low <= 0 <= found.high for found in (estimate(dict(enumerate(rng.normal(size=27)))) for _ in range(300))
    ]
    assert 0.90 <= np.mean(held) <= 0.98  # percentile bootstraps of 27 cases are a little too narrow


def test_pairs_tell_apart_what_spreads_hide():
    hard = np.random.default_rng(3).normal(0, 10, 20)
    ours = {str(i): value + 0.5 for i, value in enumerate(hard)}
    theirs = {str(i): value for i, value in enumerate(hard)}
    assert difference(ours, theirs).sign == 1 and difference(theirs, ours).sign == -1
    assert estimate(ours).low < estimate(theirs).mean
    assert difference(ours, ours).sign == 0


def test_only_shared_cases_are_compared_and_few_say_nothing():
    assert difference({"a": 1.0, "b": 2.0}, {"b": 1.0}).cases == 1
    assert difference({"a": 1.0, "b": 2.0}, {"a": 0.0, "b": 1.0}).sign == 0  # two cases
    assert difference({"a": 1.0}, {"b": 1.0}) is None and estimate({}) is None
