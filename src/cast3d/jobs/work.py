"""What a worker does with a job: reads `job.json`, composes into its folder, answers how it ended."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cast3dError, InputError, Paused
from .job import DONE, FAILED, WAITING, Job, read_job
from .narrator import PREVIEWS, Narrator
from .slots import ProcessSlot, Tell, Work

if TYPE_CHECKING:
    from torch import Tensor

    from ..composer import Composer
    from ..run.folder import RunFolder

LOCK_PATIENCE = 10.0  # seconds: the worker of a server that was killed leaves within them


@dataclass(frozen=True)
class Composing:
    """Starts a worker that composes. Plain data, so that processes and machines can be told."""

    backbone: str = "bricks"
    device: str = "cpu"
    loading: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 0  # of a CPU; 0: as torch likes

    def __call__(self) -> Work:
        import torch

        from .. import composer

        if self.threads:
            torch.set_num_threads(self.threads)
        return JobWork(composer.load(self.backbone, self.device, **self.loading))


def process_slot(backbone: str, device: str, loading: Mapping[str, Any], threads: int) -> ProcessSlot:
    """A worker process on one device; on a CPU it takes `threads` cores."""
    if device != "cpu":
        return ProcessSlot(Composing(backbone, device, loading), {})
    return ProcessSlot(Composing(backbone, device, loading, threads), {"OMP_NUM_THREADS": str(threads)})


class JobWork:
    """The work on jobs with one loaded composer. The task is {"folder": path of the job}."""

    def __init__(self, composer: Composer):
        self.composer = composer

    def __call__(self, task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        folder = Path(task["folder"])
        try:
            job = read_job(folder)
            shutil.rmtree(folder / PREVIEWS, ignore_errors=True)
            with _opened(folder) as run:
                return self._made(job, run, tell)
        except Cast3dError as error:
            return {"state": FAILED, "error": str(error), "kind": type(error).__name__}

    def _made(self, job: Job, run: RunFolder, tell: Tell) -> dict[str, Any]:
        narrator = Narrator(job, run, tell)
        outcome: dict[str, Any] = {"state": DONE}
        try:
            result = compose(self.composer, job, run, narrator)
            outcome |= {"warnings": list(result.warnings), "notes": list(result.notes)}
        except Paused as stop:
            outcome = {"state": WAITING, "waits_at": stop.point, "warnings": run.info.get("warnings", [])}
        except Cast3dError as error:
            outcome = {"state": FAILED, "error": str(error), "kind": type(error).__name__}
        return outcome | {"stages": narrator.stages}


def compose(composer: Composer, job: Job, run: RunFolder, narrator: Narrator) -> Any:
    """The job's result. Raises as the composer does."""
    common: dict[str, Any] = {
        "settings": job.settings,
        "out": run,
        "progress": narrator.progress,
        "preview": narrator.preview,
    }
    match job.kind:
        case "compose":
            return composer.compose(
                job.prompt, _paths(run.path, job.assets), job.main or None, job.seed,
                reseed=job.reseed, choose=job.choices, hints=painted(run.path, job), pause=job.points, **common,
            )  # fmt: skip
        case "lift":
            (term, pictures), *_ = _paths(run.path, job.assets).items()
            return composer.lift(pictures, term, job.seed, **common)
        case "imagine":
            return composer.imagine(job.prompt, job.seed, **common)
        case "edit":
            return _edited(composer, job, run, common)
    raise InputError(f"there is no kind of job {job.kind!r}")


def _edited(composer: Composer, job: Job, run: RunFolder, common: Mapping[str, Any]) -> Any:
    model = run.path / "given" / job.model
    if job.model.startswith("job:"):
        model = run.path.parent / job.model.removeprefix("job:")
    replaced = {part: _paths(run.path, given) for part, given in job.replace.items()}
    return composer.edit(
        model, job.prompt, replace=replaced, add=_paths(run.path, job.add), remove=job.remove,
        main=job.main or None, seed=job.seed, keep=job.keep or None, reseed=job.reseed, choose=job.choices, **common,
    )  # fmt: skip


def painted(folder: Path, job: Job) -> dict[str, Tensor]:
    """A person's hints by term."""
    import torch

    from .voxels import read_grid

    return {term: torch.from_numpy(read_grid(folder / "painted" / name)) for term, name in job.hints.items()}


def _paths(folder: Path, files: Mapping[str, list[str]]) -> dict[str, list[Path]]:
    return {term: [folder / "given" / Path(name).name for name in names] for term, names in files.items()}


def _opened(folder: Path) -> RunFolder:
    """The run's folder; waits a little for one that a killed process still holds."""
    from ..run.folder import RunFolder

    until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            return RunFolder(folder)
        except InputError as error:
            if "in use" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.2)


def cores() -> int:
    """Of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
