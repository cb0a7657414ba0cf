"""Many scenes, each a job in a folder of its own: prepared, worked off, summed up. Finished ones are skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..files import atomic_write, printable
from ..pictures.opening import open_picture
from ..run.plain_data import canonical, digest
from ..scene import Scene, unique_slugs
from . import gallery
from .crew import work_off
from .job import DONE, FAILED, FILE, RUNNING, Job, read_job, write_job
from .scenes import Entry
from .slots import Slot, WorkBroke, WorkerDied

Note = Callable[[Job, str, Mapping[str, Any]], None]  # of a job, what happened, and facts; see `Batch.run`


@dataclass(frozen=True)
class Outcome:
    """Of a whole batch."""

    done: int
    skipped: int
    failed: int


class Batch:
    """The scenes of `entries` in folders of `out`. Preparing raises InputError before anything is written."""

    def __init__(self, entries: Sequence[Entry], out: Path, settings: Mapping[str, Any], backbone: str):
        self.out, self.settings, self.backbone = out, dict(settings), backbone
        self.entries = {entry.id: entry for entry in entries}
        self.jobs: list[Job] = []
        self.skipped: list[Job] = []
        for entry in entries:
            job, finished = self._prepared(entry)
            (self.skipped if finished else self.jobs).append(job)

    def run(self, slots: Sequence[Slot], note: Note = lambda job, what, facts: None) -> Outcome:
        """Works all off. `note` hears "begun", "event" (with name and data) and "ended" of each job."""
        for job in self.jobs:
            self._write(job)
        tasks = [{"folder": str(self.out / job.id)} for job in self.jobs]

        def begun(place: int) -> None:
            job = self.jobs[place]
            job.state, job.started = RUNNING, job.started or time.time()
            write_job(self.out / job.id, job)
            note(job, "begun", {})

        def hear(place: int, event: tuple[str, Mapping[str, Any]]) -> None:
            note(self.jobs[place], "event", {"name": event[0], **event[1]})

        def ended(place: int, result: Any) -> None:
            job = self.jobs[place]
            self._apply(job, result)
            note(job, "ended", {})

        work_off(tasks, slots, ended, hear, begun)
        self.sum_up()
        failed = sum(job.state != DONE for job in self.jobs)
        return Outcome(len(self.jobs) - failed, len(self.skipped), failed)

    def sum_up(self) -> None:
        """summary.json, summary.csv and index.html of all that `out` holds, other slices' scenes, too."""
        rows = gallery.rows_of(self.out)
        atomic_write(self.out / "summary.json", gallery.summary_json(rows))
        atomic_write(self.out / "summary.csv", gallery.summary_csv(rows))
        atomic_write(self.out / "index.html", gallery.page(rows))

    def _prepared(self, entry: Entry) -> tuple[Job, bool]:
        """The job of a scene, and whether the folder holds its result already."""
        folder, scene = self.out / entry.id, entry.scene
        files, hashes = _pictures(scene)
        settings = {**self.settings, **scene.settings}
        asked = [scene.prompt, scene.main, scene.seed, settings, self.backbone, hashes]
        job = Job(
            entry.id, "compose", scene.prompt, scene.main, scene.prompt,
            {term: list(names) for term, names in files.items()}, seed=scene.seed, settings=settings,
            created=time.time(), digest=digest(canonical(asked)),
        )  # fmt: skip
        if (folder / FILE).is_file():
            before = read_job(folder)
            if before.digest == job.digest and before.state == DONE and (folder / "scene.glb").is_file():
                return before, True
        elif folder.is_dir() and any(folder.iterdir()) and not (folder / "run.json").is_file():
            raise InputError(f"{printable(folder)} holds other files; choose another output folder")
        return job, False

    def _write(self, job: Job) -> None:
        folder = self.out / job.id
        scene = self.entries[job.id].scene
        files, _ = _pictures(scene)
        for term, views in files.items():
            for name, data in views.items():
                atomic_write(folder / "given" / name, data)
            assert term in job.assets
        write_job(folder, job)

    def _apply(self, job: Job, result: Any) -> None:
        if isinstance(result, Exception):
            told = str(result)
            if isinstance(result, WorkerDied):
                told += ", and so was the one that went on with the scene"
            elif isinstance(result, WorkBroke):
                told = f"an error of cast3d: {told}"
                atomic_write(self.out / job.id / "error.txt", result.trace)
            result = {"state": FAILED, "error": told}
        job.state, job.error, job.finished = result["state"], result.get("error"), time.time()
        job.stages, job.warnings = list(result.get("stages", [])), list(result.get("warnings", []))
        job.notes = list(result.get("notes", []))
        job.fraction = 1.0 if job.state == DONE else job.fraction
        write_job(self.out / job.id, job)


def _pictures(scene: Scene) -> tuple[dict[str, dict[str, bytes]], dict[str, list[str]]]:
    """Files by term and name, as they are, and their hashes; raises InputError for what is no picture."""
    slugs = unique_slugs(scene.terms)
    files: dict[str, dict[str, bytes]] = {}
    hashes: dict[str, list[str]] = {}
    for asset in scene.assets:
        opened = [
            open_picture(image if isinstance(image, bytes | Image.Image) else Path(image)) for image in asset.images
        ]
        names = [f"{slugs[asset.term]}{f'_{view}' if view else ''}{one.suffix}" for view, one in enumerate(opened)]
        files[asset.term] = {name: one.data for name, one in zip(names, opened)}
        hashes[asset.term] = [one.sha256 for one in opened]
    return files, hashes
