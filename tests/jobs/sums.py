"""Workers that need no networks: they add numbers, and break, die or wait as their task says."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from cast3d.errors import InputError
from cast3d.jobs.slots import Work


@dataclass(frozen=True)
class Adding:
    unable: str = ""

    def __call__(self) -> Work:
        if self.unable:
            raise InputError(self.unable)
        return add


class Telling:
    """Starts a worker that tells variables of its environment."""

    def __call__(self) -> Work:
        return lambda task, tell: {name: os.environ.get(name) for name in task}


def add(task: dict, tell) -> int:
    """Adds `numbers`; tells each sum on the way. `die` is a file: without it the worker makes it, and is killed."""
    total = 0
    for number in task["numbers"]:
        total += number
        tell(total)
        time.sleep(task.get("slow", 0))
    if task.get("break"):
        raise ZeroDivisionError("no")
    if (mark := task.get("die")) and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if task.get("always"):
        os.kill(os.getpid(), signal.SIGKILL)
    return total
