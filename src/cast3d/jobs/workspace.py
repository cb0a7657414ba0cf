"""A folder of jobs and uploads, of one server at a time.

workspace/
  jobs/ID/      a run folder with job.json, events.jsonl, given/ (pictures), painted/ (hints), previews/
  uploads/ID/   see `cast3d.jobs.uploads`
  exports/      files that are being sent
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..files import TEMPORARY, atomic_folder, printable, remove_temporaries, write_error
from ..run.locks import FolderLock
from .job import FILE, Job, read_job, require_id, write_job

GIVEN, PAINTED = "given", "painted"


class Workspace:
    """Opened by one process; raises InputError where another one has it."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.jobs, self.uploads, self.exports = (self.path / name for name in ("jobs", "uploads", "exports"))
        try:
            for folder in (self.jobs, self.uploads, self.exports):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, self.path) from error
        self._lock = FolderLock(self.path)
        for folder in (self.jobs, self.uploads):
            remove_temporaries(folder)
        for stray in (*self.exports.iterdir(), *self.uploads.glob(".part-*")):  # of answers and senders that broke off
            shutil.rmtree(stray, ignore_errors=True)
            stray.unlink(missing_ok=True) if stray.is_file() else None

    def close(self) -> None:
        self._lock.release()

    def folder(self, id: str) -> Path:
        """Of a job, whether it is there or not; raises InputError for what is no id."""
        return self.jobs / require_id(id)

    def read(self) -> tuple[list[Job], list[str]]:
        """Every job in the folder, and what is to be said of those that cannot be read."""
        found, broken = [], []
        for folder in sorted(self.jobs.iterdir()):
            if (folder / FILE).is_file():
                try:
                    found.append(read_job(folder))
                except InputError as error:
                    broken.append(str(error))
        return found, broken

    def create(self, job: Job, files: Mapping[str, Path], grids: Mapping[str, Path] | None = None) -> None:
        """A folder for a job, whole or not at all; `files` and painted hints by the names they get in it."""
        with atomic_folder(self.folder(job.id)) as folder:
            for place, sources in ((GIVEN, files), (PAINTED, grids or {})):
                for name, source in sources.items():
                    (folder / place).mkdir(exist_ok=True)
                    link(source, folder / place / name)
            write_job(folder, job)

    def delete(self, id: str) -> None:
        """At once under its name; what is in it goes after."""
        folder = self.folder(id)
        gone = folder.with_name(f"{TEMPORARY}gone-{id}")
        with suppress(FileNotFoundError):
            os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def link(source: Path, target: Path) -> None:
    """The same file under another name, a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def size_of(folders: Iterable[Path]) -> int:
    """Bytes of all files in them."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(place, name)).st_size
    return total


def inside(folder: Path, name: str) -> Path:
    """A file in the folder by its relative name; raises InputError for any way out of it."""
    parts = name.split("/")
    if not name or "\\" in name or "\0" in name or any(part in ("", ".", "..") or ":" in part for part in parts):
        raise InputError(f"{printable(name[:80])!r} is not a file of {folder.name}")
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{printable(name[:80])!r} is not a file of {folder.name}")
    return path
