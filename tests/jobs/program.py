"""The program `cast3d` on the tiny backbone as a fork of the process that `warm` has, with streams of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cast3d import composer
from cast3d.composer import Composer
from tests.jobs.warm import PRELOADED
from tests.tiny_backbone import tiny_backbone


@dataclass(frozen=True)
class Done:
    """As `subprocess.CompletedProcess`."""

    returncode: int
    stdout: bytes
    stderr: bytes


def forked(*arguments: object, encoding: str = "utf-8", stderr: Path | None = None) -> Done:
    """Runs it to its end. `stderr` names a file that takes what is written there; it is not read."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder, "stdout"), stderr or Path(folder, "stderr")
        process = context.Process(target=_program, args=([str(one) for one in arguments], encoding, out, errors))
        process.start()
        process.join()
        assert process.exitcode is not None
        return Done(process.exitcode, out.read_bytes(), b"" if stderr else errors.read_bytes())


def _program(arguments: list[str], encoding: str, out: Path, errors: Path) -> None:
    for number, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout = os.fdopen(1, "w", encoding=encoding, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)
    sys.argv = ["cast3d", *arguments]
    composer.load = lambda *_, **__: Composer(tiny_backbone())  # type: ignore[assignment]
    from cast3d.cli import main

    main()
