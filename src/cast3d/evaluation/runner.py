"""Runs methods over a suite in several processes. What is finished stays: a killed evaluation goes on where it was.

A task is one case with one seed and all methods: what they share (p_B, layout, hints, lifted assets) is made once and
kept in `stages/`, which may be deleted at any time.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..backbones.folder import backbone_defaults
from ..errors import Cast3dError, InputError
from ..run.locks import FolderLock
from . import cells
from .bench import Bench
from .cache import StageCache
from .cells import Cell
from .methods import find
from .suite import Case, load_suite

Note = Callable[[Cell | str], None]


@dataclass(frozen=True)
class Plan:
    """What is to be run; plain data, so that processes can be told."""

    suite: Path
    methods: tuple[str, ...]
    out: Path
    seeds: tuple[int, ...] = (0,)
    cases: tuple[str, ...] = ()  # empty: all
    backbone: str = "bricks"
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def tasks(self) -> list[tuple[str, int]]:
        """(case, seed), every case once before the next seed: an interrupted run covers the suite evenly."""
        return [(case.id, seed) for seed in self.seeds for case in load_suite(self.suite, self.cases)]


@dataclass
class Worker:
    """A loaded backbone and suite; one per process."""

    plan: Plan
    backbone: Any
    suite: list[Case]

    @classmethod
    def start(cls, plan: Plan) -> Worker:
        from ..backbones import load_backbone

        return cls(plan, load_backbone(plan.backbone, plan.device), load_suite(plan.suite))

    def bench(self, case: str, seed: int) -> Bench:
        (mine,) = (one for one in self.suite if one.id == case)
        others = tuple(one for one in self.suite if one is not mine)
        cache = StageCache(self.plan.out / "stages" / case / str(seed))
        return Bench(self.backbone, mine, seed, cache, others, dict(self.plan.settings))

    def run(self, case: str, seed: int) -> Iterator[Cell | str]:
        """All methods on one case: the cells, found or made; for one that broke, the traceback as text."""
        bench = self.bench(case, seed)
        for name in self.plan.methods:
            method = find(name)
            folder = cells.folder_of(self.plan.out, name, case, seed)
            try:
                yield cells.load(folder, cells.fingerprint(method, bench)) or cells.make(method, bench, folder)
            except Exception:
                yield f"{name} on {case} with seed {seed}:\n{traceback.format_exc()}"


def evaluate(plan: Plan, workers: int, note: Note = lambda _: None) -> tuple[list[Cell], list[str]]:
    """All cells, in the order of methods, cases and seeds, and what broke. `note` hears of each as it is there.

    Raises InputError before any work for unknown methods, cases and settings, settings that cannot be, and where
    another process is at it.
    """
    load_suite(plan.suite, plan.cases)
    defaults = backbone_defaults(plan.backbone).changed(plan.settings)
    for method in map(find, plan.methods):
        method.check()
        defaults.changed(method.settings)
    plan.out.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(plan.out)
    try:
        made = _alone(plan, note) if workers == 1 else _together(plan, workers, note)
    finally:
        lock.release()
    found = [item for item in made if isinstance(item, Cell)]
    tasks = plan.tasks()
    order = {key: i for i, key in enumerate((m, *task) for m in plan.methods for task in tasks)}
    found.sort(key=lambda cell: order[cell.method, cell.case, cell.seed])
    return found, [item for item in made if isinstance(item, str)]


def _alone(plan: Plan, note: Note) -> list[Cell | str]:
    worker, made = Worker.start(plan), []
    for case, seed in plan.tasks():
        for item in worker.run(case, seed):
            made.append(item)
            note(item)
    return made


_worker: Worker | Cast3dError  # what a process began as, or why it could not
_notes: Any  # a queue to the first process


def _begin(plan: Plan, notes: Any) -> None:
    global _worker, _notes
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        _worker, _notes = Worker.start(plan), notes
    except Cast3dError as error:  # raised here it would only say that a process died
        _worker = error


def _leave_with_parent() -> None:
    """Ends this process once the first one is gone, however it went: it would wait for work for ever."""
    first = multiprocessing.parent_process()
    assert first is not None  # only workers come here
    first.join()
    os._exit(1)


def _task(case: str, seed: int) -> int:
    """Sends each cell as soon as it is there; returns how many."""
    if isinstance(_worker, Cast3dError):
        raise _worker
    items = 0
    for item in _worker.run(case, seed):
        _notes.put(item)
        items += 1
    return items


def _together(plan: Plan, workers: int, note: Note) -> list[Cell | str]:
    made: list[Cell | str] = []
    context = multiprocessing.get_context("spawn")  # threads and CUDA do not survive a fork
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the children, which read it when torch is imported
    notes = context.Queue()

    def hear(seconds: float) -> None:
        item = notes.get(timeout=seconds)
        made.append(item)
        note(item)

    with ProcessPoolExecutor(workers, context, _begin, (plan, notes)) as pool:
        waiting = {pool.submit(_task, *task) for task in plan.tasks()}
        sent = 0
        try:
            while waiting or len(made) < sent:
                done, waiting = wait(waiting, timeout=0, return_when=FIRST_COMPLETED)
                sent += sum(future.result() for future in done)
                with suppress(queue.Empty):
                    hear(0.2)
        except BrokenProcessPool as error:
            raise InputError(
                f"a process of the evaluation died, perhaps for want of memory; {len(made)} runs are kept: run the same"
                " command again, with fewer --workers"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return made
