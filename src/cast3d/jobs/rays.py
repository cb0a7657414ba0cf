"""Workers on a Ray cluster: an actor per GPU, or per so many cores, on any number of machines.

Where a worker's machine sees the output folder, it works in it. Elsewhere the job's folder travels there and back.
"""

from __future__ import annotations

import io
import secrets
import shutil
import tempfile
import threading
import time
import zipfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import INSTALL_RAY, Cancelled, Cast3dError, InputError
from ..files import atomic_write
from .slots import Start, Tell, WorkBroke, WorkerDied, plain
from .workspace import inside

LOOK = 0.3  # seconds between two looks at what a worker tells
PROBE = ".seen-"  # a file by which a worker knows that the folder is the same


class RaySlot:
    """A slot with an actor; one that dies is replaced with the next task."""

    def __init__(self, start: Start, resources: Mapping[str, float], probe: Path | None = None):
        self.start, self.resources, self.probe = start, dict(resources), probe
        self._actor: Any = None

    def run(self, task: Any, hear: Tell) -> Any:
        import ray

        if self._actor is None:
            # Threads: one works, the others answer. An actor that dies is replaced here, with its task.
            options = {"max_concurrency": 4, "max_restarts": 0, "max_task_retries": 0, **self.resources}
            self._actor = ray.remote(Worker).options(**options).remote(self.start)
        actor = self._actor
        try:
            away = self.probe is not None and not ray.get(actor.sees.remote(str(self.probe)))
            sent = {**task, "packed": packed(Path(task["folder"]))} if away else task
            work = actor.do.remote(sent)
            while not ray.wait([work], timeout=LOOK)[0]:
                for event in ray.get(actor.told.remote()):
                    hear(event)
            for event in ray.get(actor.told.remote()):
                hear(event)
            kind, content, back = ray.get(work)
        except ray.exceptions.RayActorError as error:
            self._actor = None
            raise WorkerDied(f"the worker is gone ({_first_line(error)})") from error
        except ray.exceptions.RayError as error:
            raise WorkBroke(_first_line(error), str(error)) from error
        if back is not None:
            unpack(back, Path(task["folder"]))
        if kind == "unable":
            raise content
        if kind == "broke":
            raise WorkBroke(*content)
        if kind == "cancelled":
            raise Cancelled
        return content

    def cancel(self) -> None:
        if self._actor is not None:
            self._actor.cancel.remote()

    def close(self) -> None:
        import ray

        if self._actor is not None:
            with suppress(Exception):
                ray.kill(self._actor)
            self._actor = None


class Worker:
    """What an actor is: works in one thread, while others ask it what there is to tell."""

    def __init__(self, start: Start):
        self._events: deque[Any] = deque(maxlen=10_000)
        self._cancelled = threading.Event()
        self._start: Start | None = start
        self._work: Callable[[Any, Tell], Any] | None = None

    def do(self, task: dict[str, Any]) -> tuple[str, Any, bytes | None]:
        """How it went, the result, and the folder if it was sent."""
        import traceback

        self._cancelled.clear()
        sent = task.pop("packed", None)
        away = Path(tempfile.mkdtemp(prefix="cast3d-")) if sent is not None else None
        back = None
        try:
            if self._work is None:
                assert self._start is not None
                self._work = self._start()
            if away is not None:
                unpack(sent, away / "job")
                task = {**task, "folder": str(away / "job")}
            kind, content = "done", self._work(task, self._tell)
        except Cancelled:
            kind, content = "cancelled", None
        except Cast3dError as error:
            kind, content = "unable", plain(error)
        except Exception as error:
            kind, content = "broke", (f"{type(error).__name__}: {error}", traceback.format_exc())
        if away is not None:
            back = packed(away / "job")
            shutil.rmtree(away, ignore_errors=True)
        return kind, content, back

    def told(self) -> list[Any]:
        """The events since the last look."""
        events = []
        with suppress(IndexError):
            while True:
                events.append(self._events.popleft())
        return events

    def sees(self, probe: str) -> bool:
        return Path(probe).is_file()

    def cancel(self) -> None:
        self._cancelled.set()

    def pid(self) -> int:
        import os

        return os.getpid()

    def _tell(self, event: Any) -> None:
        if event is not None:
            self._events.append(event)
        if self._cancelled.is_set():
            raise Cancelled


def packed(folder: Path) -> bytes:
    """A folder as an archive, without what is hidden or unfinished."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts):
                archive.write(path, name.as_posix())
    return file.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Inverse of `packed`: files appear whole, those that are there already are replaced; none leads out."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            atomic_write(inside(folder, name), archive.read(name))


def connect(address: str, cores: int) -> None:
    """To a cluster that runs ("auto", host:port, ray://host:port), or to one of this machine ("local")."""
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--ray needs an extra: {INSTALL_RAY}") from error
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "ignore_reinit_error": True}
    try:
        if address == "local":
            ray.init(num_cpus=cores, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:
        raise InputError(f"no Ray cluster at {address!r}: {_first_line(error)}") from error


def slots(
    start: Start, out: Path, on_gpu: bool, cores: int, most: int | None
) -> tuple[list[RaySlot], Callable[[], None]]:
    """As many as the cluster has room for, at most `most`; and what is to be done at the end."""
    import ray

    there = ray.cluster_resources()
    room = int(there.get("GPU", 0)) if on_gpu else int(there.get("CPU", 0)) // cores
    if not room:
        what = "no GPU" if on_gpu else f"{int(there.get('CPU', 0))} cores, {cores} are asked for each worker"
        raise InputError(f"the Ray cluster has {what}; give --cores N, or --device cpu")
    resources: dict[str, float] = {"num_gpus": 1, "num_cpus": 1} if on_gpu else {"num_cpus": cores}
    out.mkdir(parents=True, exist_ok=True)
    probe = out / f"{PROBE}{secrets.token_hex(8)}"
    probe.write_text(str(time.time()))

    def end() -> None:
        probe.unlink(missing_ok=True)

    return [RaySlot(start, resources, probe) for _ in range(min(room, most or room))], end


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
