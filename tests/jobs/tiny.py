"""Workers with the tiny backbone, for processes that are spawned: what they start with is plain data."""

from __future__ import annotations

import itertools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from cast3d.jobs.job import Job, new_id
from cast3d.jobs.slots import Work
from cast3d.jobs.work import JobWork
from tests.tiny_backbone import PROMPT, pictures


@dataclass(frozen=True)
class Tiny:
    """Starts a worker. `die_at` = stage: it is killed there, as often as `times` says (counted by files in `marks`).

    `die_in` is the name of the only job's folder in which it is.
    """

    die_at: str = ""
    die_in: str = ""
    times: int = 0
    marks: str = ""
    slow: float = 0.0  # seconds per step
    slow_tasks: int = 1_000_000  # how many tasks of a worker are slow, from its first
    doubtful: bool = False  # no candidate of a part looks good, so that several are made

    def __call__(self) -> Work:
        import torch

        from cast3d.composer import Composer
        from tests.quick import small_pictures, unsynced
        from tests.tiny_backbone import tiny_backbone

        torch.set_num_threads(1)
        small_pictures()
        unsynced()
        if self.doubtful:
            from cast3d.stages import candidates

            candidates.GOOD, candidates.SURE = 2.0, 0.0
        work = JobWork(Composer(tiny_backbone()))

        begun = itertools.count()

        def do(task, tell):
            pause = self.slow if next(begun) < self.slow_tasks else 0.0

            def heard(event):
                tell(event)
                time.sleep(pause)
                there = self.die_in in ("", Path(task["folder"]).name)
                if there and event and event[0] == "progress" and event[1]["stage"] == self.die_at:
                    self._die()

            return work(task, heard)

        return do

    def _die(self) -> None:
        done = len(list(Path(self.marks).glob("death-*")))
        if done < self.times:
            Path(self.marks, f"death-{done}").touch()
            os.kill(os.getpid(), signal.SIGKILL)


def asked(folder: Path, prompt: str = PROMPT, **more) -> tuple[Job, dict[str, Path]]:
    """A job with the tiny pictures, and its files."""
    folder.mkdir(exist_ok=True)
    shown = {term: picture for term, picture in pictures().items() if term in prompt}
    files = {}
    for term, picture in shown.items():
        files[f"{term}.png"] = folder / f"{term}.png"
        if not files[f"{term}.png"].exists():
            picture.save(files[f"{term}.png"])
    job = Job(new_id(), "compose", prompt, "figure", prompt, {term: [f"{term}.png"] for term in shown}, **more)
    return job, files
