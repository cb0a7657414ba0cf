"""`python -m cast3d.evaluation.edits SUITE -m A,B -o OUT`: `cast3d evaluate` without the command line's packages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ...errors import Cast3dError
from ..runner import Plan
from .cells import EditCell
from .run import evaluate_edits, tasks, write
from .table import document


def main(argv: Sequence[str] | None = None) -> int:
    """Runs, writes and prints; 1 where something broke, 2 for what cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m cast3d.evaluation.edits", description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("-m", "--method", default="cast3d", help="A,B,...")
    parser.add_argument("-o", "--out", type=Path, required=True, help="what is there is kept")
    parser.add_argument("--seeds", default="0", help="0,1,2")
    parser.add_argument("--cases", default="", help="A,B,... (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes; each takes one core and 1.5 GB")
    parser.add_argument("-b", "--backbone", default="bricks")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(argv)
    cases = tuple(filter(None, given.cases.split(",")))
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    methods = tuple(given.method.split(","))
    plan = Plan(given.suite, methods, given.out, seeds, cases, given.backbone, given.device)
    total, done = len(tasks(plan)) * len(methods), 0

    def note(item: EditCell | str) -> None:
        nonlocal done
        done += 1
        print(f"{done}/{total} {line(item)}", flush=True)

    try:
        cells, broken = evaluate_edits(plan, given.workers, note)
    except Cast3dError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if cells:
        print(document(write(plan, cells)))
    for text in broken:
        print(text, file=sys.stderr)
    return 1 if broken else 0


def line(item: EditCell | str) -> str:
    """What is told of a cell as it is there."""
    if isinstance(item, str):
        return item.splitlines()[0]
    told = item.failure or f"F1@2 {item.object['inside_f1_2']:.2f}, outside {item.object['outside_chamfer']:.2f} voxels"
    return f"{item.case} {item.seed} {item.method}: {told}, {item.seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
