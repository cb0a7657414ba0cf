"""Runs stages: each computed once, kept in the run folder if there is one, found again by its fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from PIL import Image
from torch import Tensor

from .folder import RunFolder, StageData, stage_fingerprint
from .plain_data import canonical, digest

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Job(Generic[T]):
    """A stage without its computation; see `Staging.stage`."""

    name: str
    index: int
    result: type[T]
    depends: Mapping[str, Any]
    after: tuple[str, ...] = ()
    previews: Callable[[T], Mapping[str, Image.Image]] = lambda _: {}


@dataclass
class Staging:
    """Where stage results go and what they depend on. Without a folder everything is just computed."""

    run: RunFolder | None = None
    progress: Progress | None = None
    device: torch.device | str = "cpu"  # where saved results are wanted
    previews: bool = True  # whether pictures of the stages are kept too
    contents: dict[str, str] = field(default_factory=dict)  # stage -> hash of its tensors
    reused: list[str] = field(default_factory=list)

    def stage(
        self,
        name: str,
        index: int,
        result: type[T],
        compute: Callable[[OnStep], T],
        depends: Mapping[str, Any],
        after: tuple[str, ...] = (),
        previews: Callable[[T], Mapping[str, Image.Image]] = lambda _: {},
    ) -> T:
        """The result of `compute(on_step)`, or the saved one if all it depends on is unchanged.

        `depends` is plain data (settings, seeds, hashes); `after` names earlier stages whose results it used.
        """
        job = Job(name, index, result, depends, after, previews)
        return self.stages([job], lambda _, on_step: [compute(on_step)])[0]

    def stages(
        self, jobs: Sequence[Job[T]], compute: Callable[[list[int], OnStep], list[T]], at_once: bool = False
    ) -> list[T]:
        """The results of stages that do not need each other.

        `compute(which, on_step)` makes those of the jobs `which`: one by one, or all that are not saved `at_once`.
        """
        values = [self._saved(job) for job in jobs]
        todo = [i for i, value in enumerate(values) if value is None]
        for group in [todo] if at_once and todo else [[i] for i in todo]:
            for i, value in zip(group, self._computed([jobs[i] for i in group], partial(compute, group))):
                values[i] = value
        return values

    def _saved(self, job: Job[T]) -> T | None:
        if not self.run or not (saved := self.run.load_stage(job.name, self._fingerprint(job))):
            return None
        self.reused.append(job.name)
        self._note(job.name, saved)
        self.tell(job.name, 1, 1)
        tensors = {key: tensor.to(self.device) for key, tensor in saved.tensors.items()}
        return unpack(job.result, tensors, saved.meta)

    def _computed(self, jobs: list[Job[T]], compute: Callable[[OnStep], list[T]]) -> list[T]:
        def tell(done: int, total: int) -> None:
            for job in jobs:
                self.tell(job.name, done, total)

        tell(0, 1)
        with self.run.timed(*(job.name for job in jobs)) if self.run else nullcontext(), torch.no_grad():
            values = compute(tell)
        for job, value in zip(jobs, values):
            self._keep(job, value)
        tell(1, 1)
        return values

    def _keep(self, job: Job[T], value: T) -> None:
        if not self.run:
            depends = {"inputs": self._inputs(job), "depends": job.depends}
            self.contents[job.name] = digest(canonical(depends))
            return
        tensors, meta = pack(value)
        with torch.no_grad():
            pictures = job.previews(value) if self.previews else {}
        saved = self.run.save_stage(job.name, job.index, tensors, meta, pictures, self._fingerprint(job))
        self._note(job.name, saved)

    def _inputs(self, job: Job[T]) -> dict[str, str]:
        return {earlier: self.contents[earlier] for earlier in job.after}

    def _fingerprint(self, job: Job[T]) -> str:
        return stage_fingerprint(job.name, job.depends, self._inputs(job))

    def _note(self, name: str, saved: StageData) -> None:
        self.contents[name] = saved.content

    def tell(self, name: str, done: int, total: int) -> None:
        """Calls back, if anyone wants to know."""
        if self.progress:
            self.progress(name, done, total)


def pack(value: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A dataclass of tensors and plain data as (tensors, rest)."""
    items = {f.name: getattr(value, f.name) for f in fields(value)}
    tensors = {name: item.detach().cpu().contiguous() for name, item in items.items() if isinstance(item, Tensor)}
    return tensors, {name: item for name, item in items.items() if name not in tensors}


def unpack(kind: type[T], tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> T:
    """Inverse of `pack`; lists come back as tuples."""
    rest = {name: tuple(item) if isinstance(item, list) else item for name, item in meta.items()}
    return kind(**tensors, **rest)
