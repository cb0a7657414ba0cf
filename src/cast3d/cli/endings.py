"""How the program ends: signals, consoles that cannot show a letter, pipes and disks that take no more."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

TERMINATED = 128 + signal.SIGTERM  # exit code, as shells count
INTERRUPTED = 128 + signal.SIGINT


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does: what is unfinished is removed, what is finished is kept."""


def on_sigterm() -> None:
    """From here on SIGTERM raises `Terminated`, unless whoever started this process wants it ignored.

    Ctrl-C also reaches the processes that this one has started. SIGTERM does not: it is passed on to them, or this one
    would wait for them.
    """

    def end(*_: object) -> NoReturn:
        if "multiprocessing" in sys.modules:
            for child in sys.modules["multiprocessing"].active_children():
                child.terminate()
        raise Terminated

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)


def careful_streams() -> None:
    """Letters that a console lacks are shown as escapes; a stream that takes nothing more causes no traceback.

    Messages that cannot be written are lost. Results that cannot be are an error.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # started with a closed stream
            continue
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Careful(stream, ends=name == "stdout"))


class Careful:
    """A stream whose failures to write end the program with code 1, or (`ends` False) are passed over."""

    def __init__(self, stream: Any, ends: bool):
        self._stream, self._ends = stream, ends

    def write(self, text: Any) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _failed(self, error: OSError) -> None:
        with suppress(OSError, ValueError):  # what is still held back goes nowhere: Python would write it at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        if not self._ends:
            return
        if error.errno != errno.EPIPE and sys.stderr is not None:  # whoever read the pipe has had enough
            print(f"error: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(1)
