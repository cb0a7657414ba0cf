"""Runs methods over a suite in several processes. What is finished stays: a killed evaluation goes on where it was.

A task is one case with one seed and all methods: what they share (p_B, layout, hints, lifted assets) is made once and
kept in `stages/`, which may be deleted at any time.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ..backbones.folder import backbone_defaults
from ..errors import Cast3dError
from ..jobs.crew import work_off
from ..jobs.slots import ProcessSlot, Tell, Work, WorkBroke, WorkerDied
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
        made = spread(plan.tasks(), partial(Worker.start, plan), workers, note)
    finally:
        lock.release()
    found = [item for item in made if isinstance(item, Cell)]
    tasks = plan.tasks()
    order = {key: i for i, key in enumerate((m, *task) for m in plan.methods for task in tasks)}
    found.sort(key=lambda cell: order[cell.method, cell.case, cell.seed])
    return found, [item for item in made if isinstance(item, str)]


class Runs(Protocol):
    """What a worker does with a task: it makes items one after the other."""

    def run(self, case: str, seed: int) -> Iterator[Any]: ...


def spread(
    tasks: Sequence[tuple[str, int]], start: Callable[[], Runs], workers: int, note: Callable[[Any], None]
) -> list[Any]:
    """The items of all tasks (case, seed), and what died as text; `note` hears of each as it is there.

    One worker runs in this process, several in processes of their own; so `start` can be pickled.
    """
    return _alone(tasks, start(), note) if workers == 1 else _together(tasks, start, workers, note)


def _alone(tasks: Sequence[tuple[str, int]], worker: Runs, note: Callable[[Any], None]) -> list[Any]:
    made = []
    for case, seed in tasks:
        for item in worker.run(case, seed):
            made.append(item)
            note(item)
    return made


@dataclass(frozen=True)
class Evaluating:
    """Starts a worker process; its tasks are (case, seed), and it tells each item as soon as it is there."""

    start: Callable[[], Runs]

    def __call__(self) -> Work:
        import torch

        torch.set_num_threads(1)
        worker = self.start()

        def work(task: tuple[str, int], tell: Tell) -> None:
            for item in worker.run(*task):
                tell(item)

        return work


def _together(
    tasks: Sequence[tuple[str, int]], start: Callable[[], Runs], workers: int, note: Callable[[Any], None]
) -> list[Any]:
    """Tasks on worker processes; one that dies is replaced, and its task goes on once from the cells that it made."""
    items: list[list[Any]] = [[] for _ in tasks]
    heard = [0] * len(tasks)  # of the present attempt
    died: list[str] = []

    def begun(place: int) -> None:
        heard[place] = 0

    def hear(place: int, item: Any) -> None:
        heard[place] += 1
        if heard[place] > len(items[place]):  # else it was told before its worker died
            items[place].append(item)
            note(item)

    def ended(place: int, result: Any) -> None:
        if isinstance(result, Cast3dError):
            raise result
        if isinstance(result, WorkerDied | WorkBroke):
            case, seed = tasks[place]
            died.append(f"{case} with seed {seed}: {result}; run the same command again, with fewer --workers")
            note(died[-1])

    slots = [ProcessSlot(Evaluating(start), {"OMP_NUM_THREADS": "1"}) for _ in range(min(workers, len(tasks)))]
    work_off(tasks, slots, ended, hear, begun)
    return [item for found in items for item in found] + died
