"""Worker processes: each loads what it needs once, then does one task after the other; one that dies is replaced.

A worker is told in plain data what to do and answers so. What it does is a function `work(task, tell)`, which
`start()` returns in the worker: it calls `tell(event)` at every step, and `tell` raises Cancelled where the task is
not wanted any more.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Protocol

from ..errors import Cancelled, Cast3dError, CheckpointError, InputError

Tell = Callable[[Any], None]
Work = Callable[[Any, Tell], Any]
Start = Callable[[], Work]  # can be pickled

# Threads that wait by spinning starve each other where other programs run: measured ten times slower and more with one
# busy core of two.
ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
PATIENCE = 60.0  # seconds that a worker has to come to its next step once a task is cancelled


class WorkerDied(Exception):
    """The worker is gone, and with it what it was at. Says why as far as that is known."""


class WorkBroke(Exception):
    """The work raised an error that nobody planned; the worker lives. `trace` is its traceback."""

    def __init__(self, message: str, trace: str = ""):
        self.trace = trace
        super().__init__(message)


class Slot(Protocol):
    """A place at which tasks are done, one at a time; whichever worker sits there."""

    def run(self, task: Any, hear: Tell) -> Any:
        """The result of a task. Raises WorkerDied, WorkBroke, Cancelled, or what kept a worker from starting."""
        ...

    def cancel(self) -> None:
        """Ends the task under way at its next step; may be called from any thread."""
        ...

    def close(self) -> None:
        """Ends the worker at once."""
        ...


class ProcessSlot:
    """A slot with a process of this machine. It starts with the first task."""

    method = "spawn"  # threads and CUDA do not survive a fork

    def __init__(self, start: Start, variables: Mapping[str, str] | None = None, patience: float = PATIENCE):
        self.start, self.variables, self.patience = start, dict(variables or {}), patience
        self._process: Any = None
        self._pipe: Connection | None = None
        self._number = 0  # of the task
        self._at_work = False
        self._lock = threading.Lock()  # of what is sent
        self._timer: threading.Timer | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the worker, None before there is one."""
        return self._process.pid if self._process else None

    def run(self, task: Any, hear: Tell) -> Any:
        self._require_worker()
        pipe = self._pipe
        assert pipe is not None
        try:
            with self._lock:
                self._number, self._at_work = self._number + 1, True
                pipe.send(("task", self._number, task))
            while True:
                kind, content = pipe.recv()
                if kind == "event":
                    self._hear(hear, content)
                elif kind == "done":
                    return content
                elif kind == "cancelled":
                    raise Cancelled
                elif kind == "unable":
                    self._end()
                    raise content
                elif kind == "broke":
                    raise WorkBroke(*content)
        except (EOFError, OSError, TypeError) as error:  # TypeError: another thread closed the pipe
            raise WorkerDied(self._bury()) from error
        finally:
            with self._lock:
                self._at_work = False
            if self._timer:
                self._timer.cancel()

    def _hear(self, hear: Tell, event: Any) -> None:
        try:
            hear(event)
        except BaseException:  # nobody would take what the worker goes on to tell
            self._end()
            raise

    def cancel(self) -> None:
        with self._lock:
            if not self._at_work or self._pipe is None:
                return
            with suppress(OSError):  # it is dead, and `run` will hear so
                self._pipe.send(("cancel", self._number, None))
            number, process = self._number, self._process

        def kill() -> None:
            if self._at_work and self._number == number:
                process.kill()

        self._timer = threading.Timer(self.patience, kill)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        self._closed = True
        self._end()

    def _require_worker(self) -> None:
        if self._closed:
            raise WorkerDied("the workers were ended")
        if self._process is not None and self._process.is_alive():
            return
        context: Any = multiprocessing.get_context(self.method)
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.start), daemon=True)
        with _starts, _environment({**_asleep(), **self.variables}), _plain_main():
            self._process.start()
        theirs.close()

    def _bury(self) -> str:
        """What the worker died of."""
        process = self._process
        if process is None:  # by `close`
            return "the worker was ended"
        process.join(5)
        code = process.exitcode
        self._end()
        if code is None:
            return "the worker stopped answering"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            more = ", as happens when the memory is full" if -code == signal.SIGKILL else ""
            return f"the worker was ended by {name}{more}"
        return f"the worker ended with code {code}"

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join(5)
        if self._pipe is not None:
            with suppress(OSError):
                self._pipe.close()


_starts = threading.Lock()  # one process at a time: each has an environment of its own


def _asleep() -> dict[str, str]:
    """The variables of ASLEEP that nobody has set."""
    return {name: value for name, value in ASLEEP.items() if name not in os.environ}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """What a new process finds in its environment; later would be too late, libraries read it as they are loaded."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _plain_main:
    """Starts a process without running the main module of this one again, which may be a console script or a test."""

    def __enter__(self) -> None:
        main = sys.modules["__main__"]
        kept: dict[str, Any] = {name: main.__dict__[name] for name in ("__file__", "__spec__") if name in main.__dict__}
        self.kept = kept
        if "__file__" in self.kept:
            del main.__file__
        main.__spec__ = None

    def __exit__(self, *_: object) -> None:
        sys.modules["__main__"].__dict__.update(self.kept)


def _serve(pipe: Connection, start: Start) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one decides
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        work = start()
    except Cast3dError as error:
        pipe.recv()
        pipe.send(("unable", plain(error)))
        return
    while True:
        try:
            kind, number, task = pipe.recv()
        except EOFError:
            return
        if kind == "task":  # else a cancel that came too late
            pipe.send(_done(work, task, _Telling(pipe, number)))


def _done(work: Work, task: Any, tell: Tell) -> tuple[str, Any]:
    try:
        return "done", work(task, tell)
    except Cancelled:
        return "cancelled", None
    except Exception as error:
        return "broke", (f"{type(error).__name__}: {error}", traceback.format_exc())


def plain(error: Cast3dError) -> Cast3dError:
    """An error that can be sent to another process: its kind as far as that is simple, and its words."""
    kind = type(error) if type(error) in (InputError, CheckpointError) else InputError
    return kind(str(error))


class _Telling:
    """Sends events of a task; raises Cancelled once the other side has had enough."""

    def __init__(self, pipe: Connection, number: int):
        self.pipe, self.number = pipe, number

    def __call__(self, event: Any) -> None:
        if event is not None:
            self.pipe.send(("event", event))
        while self.pipe.poll():
            kind, number, _ = self.pipe.recv()
            if kind == "cancel" and number == self.number:
                raise Cancelled


def _leave_with_parent() -> None:
    """Ends this process once the first one is gone, however it went: it would wait for work for ever."""
    first = multiprocessing.parent_process()
    assert first is not None  # only workers come here
    first.join()
    os._exit(1)
