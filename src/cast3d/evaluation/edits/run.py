"""Runs methods over a suite of edits in several processes; what is finished stays, and is found again.

A task is one case with one seed and all methods. What they share is made once and kept in `stages/`, which may be
deleted at any time.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from ...backbones.folder import backbone_defaults
from ...files import atomic_file, atomic_write
from ...run.locks import FolderLock
from ...run.plain_data import pretty
from ...version import __version__
from ..cache import StageCache
from ..cells import folder_of
from ..results import FILE, FORMAT
from ..runner import Plan, spread
from . import cells
from .bench import FORMS, EditBench, source
from .cells import EditCell
from .methods import find
from .suite import EditCase, load_edits
from .table import document, rows

Note = Callable[[EditCell | str], None]


@dataclass
class Worker:
    """A loaded backbone and suite; one per process."""

    plan: Plan
    backbone: Any
    suite: dict[str, EditCase]

    @classmethod
    def start(cls, plan: Plan) -> Worker:
        from ...backbones import load_backbone

        suite = {case.id: case for case in load_edits(plan.suite)}
        return cls(plan, load_backbone(plan.backbone, plan.device), suite)

    def bench(self, case: str, seed: int, form: str) -> EditBench:
        cache = StageCache(self.plan.out / "stages" / case / str(seed))
        sources = self.plan.out / "sources"
        return EditBench(self.backbone, self.suite[case], seed, cache, sources, form, dict(self.plan.settings))

    def run(self, case: str, seed: int) -> Iterator[EditCell | str]:
        """All methods on one case: the cells, found or made; for one that broke, the traceback as text."""
        benches: dict[str, EditBench] = {}
        for name in self.plan.methods:
            method = find(name)
            bench = benches.setdefault(method.form, self.bench(case, seed, method.form))
            folder = folder_of(self.plan.out, name, case, seed)
            try:
                yield cells.load(folder, cells.fingerprint(method, bench)) or cells.make(method, bench, self.plan.out)
            except Exception:
                yield f"{name} on {case} with seed {seed}:\n{traceback.format_exc()}"


def evaluate_edits(plan: Plan, workers: int, note: Note = lambda _: None) -> tuple[list[EditCell], list[str]]:
    """All cells, in the order of methods, cases and seeds, and what broke. `note` hears of each as it is there.

    Raises InputError before any work for unknown methods, cases and settings, and where another process is at it.
    """
    suite = load_edits(plan.suite, plan.cases)
    defaults = backbone_defaults(plan.backbone).changed(plan.settings)
    methods = [find(name) for name in plan.methods]
    for method in methods:
        defaults.changed(method.settings)
    plan.out.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(plan.out)
    try:
        for form in dict.fromkeys(["named", *(method.form for method in methods)]):
            for case in suite:  # before several processes ask for them at once
                source(case, plan.out / "sources", form)
        made = spread(tasks(plan), partial(Worker.start, plan), workers, note)
    finally:
        lock.release()
    found = [item for item in made if isinstance(item, EditCell)]
    order = {key: i for i, key in enumerate((m, *task) for m in plan.methods for task in tasks(plan))}
    found.sort(key=lambda cell: order[cell.method, cell.case, cell.seed])
    return found, [item for item in made if isinstance(item, str)]


def tasks(plan: Plan) -> list[tuple[str, int]]:
    """(case, seed), every case once before the next seed."""
    return [(case.id, seed) for seed in plan.seeds for case in load_edits(plan.suite, plan.cases)]


def write(plan: Plan, made: Sequence[EditCell]) -> dict[str, Any]:
    """Writes results.json, tables.md, runs.csv and a sheet of pictures per case; returns what results.json holds."""
    methods, suite = [find(name) for name in plan.methods], load_edits(plan.suite, plan.cases)
    content = {
        "format": FORMAT,
        "version": __version__,
        "suite": plan.suite.name,
        "edits": True,
        "seeds": list(plan.seeds),
        "backbone": plan.backbone,
        "settings": dict(plan.settings),
        "forms": FORMS,
        "methods": [
            {"name": m.name, "about": m.about, "form": m.form, "oracle": m.oracle, "exact": m.exact} for m in methods
        ],
        "cases": [
            {"id": c.id, "prompt": c.prompt, "kind": c.kind, "part": c.part, "term": c.term, "unseen": c.unseen}
            for c in suite
        ],
        "runs": [_row(plan.out, cell) for cell in made],
    }
    atomic_write(plan.out / FILE, pretty(content))
    atomic_write(plan.out / "tables.md", document(content))
    atomic_write(plan.out / "runs.csv", rows(content))
    for case, seed in tasks(plan):
        with atomic_file(plan.out / "sheets" / f"{case}-{seed}.webp") as path:
            sheet(plan, case, seed).save(path, format="webp", quality=80)
    return content


def _row(out: Path, cell: EditCell) -> dict[str, Any]:
    row = {name: value for name, value in vars(cell).items() if name != "fingerprint"}
    return row | {"folder": folder_of(out, cell.method, cell.case, cell.seed).relative_to(out).as_posix()}


def sheet(plan: Plan, case: str, seed: int) -> Image.Image:
    """What the methods made of a case, below each other: before and after, from two sides."""
    high, label = 256, 18
    whole = Image.new("RGB", (4 * high, (high + label) * len(plan.methods)), "white")
    for place, name in enumerate(plan.methods):
        top = place * (high + label)
        views = folder_of(plan.out, name, case, seed) / "views.webp"
        told = name if views.is_file() else f"{name}: nothing came out"
        ImageDraw.Draw(whole).text((4, top + 3), told, fill="black")
        if views.is_file():
            whole.paste(Image.open(views), (0, top + label))
    return whole
