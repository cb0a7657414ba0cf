"""A job: what is asked, and how far it is. `job.json` in the run's folder is all that there is to know of it."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic_write, printable

QUEUED, RUNNING, WAITING, DONE, FAILED, CANCELLED = STATES = (
    "queued", "running", "waiting", "done", "failed", "cancelled",
)  # fmt: skip
ENDED = {DONE, FAILED, CANCELLED}
KINDS = ("compose", "edit", "lift", "imagine")
FILE, FORMAT = "job.json", 1
ATTEMPTS = 2  # a job whose worker died is resumed once

_ID = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


@dataclass
class Job:
    """What is asked for (above), what a person said of it on the way, and what became of it (below).

    Pictures are files in the job's folder, by their names in `given/`; hints files in `painted/`.
    """

    id: str
    kind: str
    prompt: str
    main: str = ""
    title: str = ""
    assets: dict[str, list[str]] = field(default_factory=dict)  # term -> files
    uploads: dict[str, list[str]] = field(default_factory=dict)  # what the files were uploaded as
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    pause: list[str] = field(default_factory=list)  # points at which it waits
    model: str = ""  # of an edit: a file in given/, or "job:ID"
    replace: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # part of the model -> {new term: files}
    add: dict[str, list[str]] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    keep: str = ""
    duplicate_of: str | None = None
    digest: str = ""  # of all that is asked, for batches to know what they have done

    reseed: dict[str, int] = field(default_factory=dict)
    choices: dict[str, int] = field(default_factory=dict)  # term -> number of the candidate
    hints: dict[str, str] = field(default_factory=dict)  # term -> file
    accepted: list[str] = field(default_factory=list)  # points that a person has passed

    state: str = QUEUED
    number: int = 0  # place in the queue: the smallest goes first
    created: float = 0.0  # seconds since 1970, as all times here
    started: float | None = None
    finished: float | None = None
    waits_at: str | None = None
    attempts: int = 0  # workers that died at it
    cancelling: bool = False
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    stage: str | None = None
    fraction: float = 0.0
    seconds_left: float | None = None

    @property
    def pictures(self) -> dict[str, list[str]]:
        """Files of every term that has some."""
        new = {term: names for given in self.replace.values() for term, names in given.items()}
        return {**self.assets, **new, **self.add}

    def repicture(self, pictures: Mapping[str, list[str]]) -> None:
        """Other files for terms that there are."""

        def fresh(given: Mapping[str, list[str]]) -> dict[str, list[str]]:
            return {term: pictures.get(term, names) for term, names in given.items()}

        self.assets, self.add = fresh(self.assets), fresh(self.add)
        self.replace = {part: fresh(given) for part, given in self.replace.items()}

    @property
    def points(self) -> list[str]:
        """Where it still waits."""
        return [point for point in self.pause if point not in self.accepted]

    def requeue(self) -> None:
        """Back in the queue, with nothing left of how it ended."""
        self.state, self.error, self.finished, self.waits_at, self.cancelling = QUEUED, None, None, None, False
        self.stage, self.fraction, self.seconds_left = None, 0.0, None


def new_id() -> str:
    """Sorts by time; nobody guesses it."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)


def require_id(text: str) -> str:
    """The id of a job or an upload; a name that could be a path is none."""
    if not _ID.fullmatch(text):
        raise InputError(f"{printable(text[:80])!r} is no id; ids are of a-z, 0-9, - and _")
    return text


def write_job(folder: Path, job: Job) -> None:
    """Whole or not at all."""
    try:
        atomic_write(folder / FILE, _text(job))
    except InputError:  # a worker that opens the folder removes unfinished files: perhaps this one
        atomic_write(folder / FILE, _text(job))


def _text(job: Job) -> str:
    """In the order of its fields: that of the terms means something."""
    return json.dumps({"format": FORMAT, **asdict(job)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_job(folder: Path) -> Job:
    """The job of a folder; raises InputError where it is damaged or of a later version."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return job_of(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{printable(folder / FILE)} is damaged ({error}); delete the folder or restore it") from error


def job_of(content: Mapping[str, Any]) -> Job:
    """From plain data; what this version does not know is left out."""
    if content["format"] > FORMAT:
        raise InputError(f"the job is of format {content['format']}, this version reads {FORMAT}")
    known = {f.name for f in fields(Job)}
    job = Job(**{key: value for key, value in content.items() if key in known})
    job.replace = {part: one if isinstance(one, dict) else {part: one} for part, one in job.replace.items()}
    return job
