"""Runs methods over a suite of edits, one case after another, and keeps a row per case, seed and method."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...composer import Composer
from ...errors import Cast3dError
from ...files import atomic_write
from ..statistics import by_case, estimate
from .measure import measure
from .methods import EditMethod, sources
from .suite import EditCase, load_edits


def evaluate_edits(
    suite: Path, methods: Sequence[EditMethod], out: Path, composer: Composer, seeds: Sequence[int] = (0,),
    cases: Sequence[str] = (), note: Callable[[str], None] = print,
) -> list[dict[str, Any]]:  # fmt: skip
    """All cases, seeds and methods; results.json is written after each, and what it holds already is kept."""
    path = out / "results.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    known = {(row["case"], row["seed"], row["method"]) for row in rows}
    for seed in seeds:
        for case in load_edits(suite, cases):
            before = sources(case, out / "sources")["named"]
            for method in methods:
                if (case.id, seed, method.name) in known:
                    continue
                row = _row(case, method, composer, out, seed, before)
                rows.append(row)
                atomic_write(path, json.dumps(rows, indent=1) + "\n")
                note(f"{case.id} {seed} {method.name}: {row.get('error') or _short(row['numbers'])}")
    return rows


def _row(case: EditCase, method: EditMethod, composer: Composer, out: Path, seed: int, before: Path) -> dict[str, Any]:
    row = {"case": case.id, "kind": case.kind, "unseen": case.unseen, "seed": seed, "method": method.name}
    folder, start = out / "runs" / f"{case.id}-{seed}-{method.name}", time.monotonic()
    try:
        after, seen = method.run(composer, case, out / "sources", seed, folder)
    except Cast3dError as error:
        return row | {"error": str(error), "numbers": {}}
    seconds = time.monotonic() - start
    return row | {"numbers": {**measure(case, before, after, seen), "seconds": round(seconds, 1)}}


def _short(numbers: dict[str, float]) -> str:
    shown = ("inside_f1_2", "inside_likeness", "outside_chamfer", "untouched", "region_iou", "seconds")
    return " ".join(f"{name} {numbers[name]:.3f}" for name in shown if name in numbers)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line per method and measure: the mean over cases, with a bootstrap interval, and how many failed."""
    names = list(dict.fromkeys(name for row in rows for name in row["numbers"]))
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        failed = sum("error" in row for row in mine)
        lines.append(f"{method}: {len(mine)} edits, {failed} failed")
        for name in names:
            values = by_case((row["case"], row["numbers"][name]) for row in mine if name in row["numbers"])
            if found := estimate(values):
                lines.append(f"  {name:<18} {found.mean:8.4f}  [{found.low:.4f}, {found.high:.4f}]  n={len(values)}")
    return "\n".join(lines) + "\n"
