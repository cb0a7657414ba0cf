"""What judges and people say, as tables: the paper's Table 1 and Table 2, with intervals.

An opinion is a row {method, case, seed, faithfulness, rationality, aesthetic (judges only), rater (people only)}.
Both cases and raters are samples of what could have been asked, so both are drawn again: the intervals are those of the
bootstrap that draws cases and raters independently (Owen 2007, "The pigeonhole bootstrap"). With one rater, a model, it
is the bootstrap over cases of `statistics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import atomic_write
from ..run.plain_data import pretty
from . import results
from .scores import NAMES
from .statistics import DRAWS, LEVEL, Estimate
from .table import SCORES, Entries, Entry, rich_table

Row = Mapping[str, Any]
PEOPLE = "people"  # their name among the judges of results.json


def keep(out: Path, judge: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Puts rows into results.json, in place of the same judge's earlier ones; returns its content."""
    content = results.read(out)
    content["judges"] = {**content.get("judges", {}), judge: list(rows)}
    atomic_write(out / results.FILE, pretty(content))
    return content


def table(content: Mapping[str, Any], judge: str, title: str):
    """For a terminal; columns without a score are left out."""
    return rich_table(content, title, SCORES, _source(judge))


def _source(judge: str) -> Entries:
    return lambda content, metric: entries(content["judges"][judge], names(content), metric)


def names(content: Mapping[str, Any]) -> list[str]:
    return [method["name"] for method in content["methods"]]


def entries(rows: Sequence[Row], methods: Sequence[str], metric: str) -> dict[str, Entry]:
    """Mean, interval and, from the second method on, difference from the first, per method."""
    raters = sorted({row.get("rater", "") for row in rows})
    cases = sorted({row["case"] for row in rows})
    if not rows:
        return {method: Entry(None) for method in methods}
    draws = _draws(len(raters), len(cases))
    grids = {method: _grid(rows, method, metric, raters, cases) for method in methods}
    first = grids[methods[0]]
    return {
        method: Entry(_estimate(grid, draws), _estimate(grid - first, draws) if i else None)
        for i, (method, grid) in enumerate(grids.items())
    }


def _grid(
    rows: Sequence[Row], method: str, metric: str, raters: Sequence[str], cases: Sequence[str]
) -> NDArray[np.float64]:
    """[raters, cases] scores, means over seeds; NaN where nobody was asked.

    Samples of a seed are averaged first: a run that made nothing has one row, and others as many as were read.
    """
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in rows:
        if row["method"] == method and (value := score(row, metric)) is not None:
            seeds = found.setdefault((row.get("rater", ""), row["case"]), {})
            seeds.setdefault(row["seed"], []).append(value)
    grid = np.full((len(raters), len(cases)), np.nan)
    for (rater, case), seeds in found.items():
        grid[raters.index(rater), cases.index(case)] = mean(map(mean, seeds.values()))
    return grid


def score(row: Row, metric: str) -> float | None:
    """One score of a row, or the average of those it has."""
    if metric != "average":
        return row.get(metric)
    return mean(row[name] for name in NAMES if name in row)


def _draws(raters: int, cases: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each draw has each rater [draws, R] and each case [draws, C]; the same for every method."""
    rng = np.random.default_rng(0)
    of_raters, of_cases = (rng.multinomial(count, np.full(count, 1 / count), DRAWS) for count in (raters, cases))
    return of_raters, of_cases


def _estimate(
    grid: NDArray[np.float64],  # [raters, cases]
    draws: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Estimate | None:
    there = np.isfinite(grid)
    if not there.any():
        return None
    by_rater, by_case = draws
    total = ((by_rater @ np.where(there, grid, 0)) * by_case).sum(1)
    count = ((by_rater @ there.astype(float)) * by_case).sum(1)
    means = total[count > 0] / count[count > 0]  # a draw can miss every answer where there are few
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Estimate(float(grid[there].mean()), float(low), float(high), int(there.any(0).sum()))
