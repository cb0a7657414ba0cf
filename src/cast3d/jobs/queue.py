"""The jobs of a workspace: submitted, queued, given to workers, watched, cancelled, changed, deleted.

Every change of a state is written to `job.json` before anybody hears of it, so a killed server goes on where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import Cancelled, Cast3dError
from .events import Event, EventLog, Recent
from .job import ATTEMPTS, CANCELLED, DONE, ENDED, FAILED, QUEUED, RUNNING, WAITING, Job, write_job
from .refusals import Conflict, LimitReached, NotFound
from .slots import Slot, WorkBroke, WorkerDied
from .workspace import GIVEN, Workspace, link, size_of

log = logging.getLogger("cast3d.jobs")
Listener = Callable[[str], None]  # hears the id of a job to which something happened


def _accept(job: Job) -> None:
    """Passes the point at which a job waits."""
    if job.waits_at:
        job.accepted = [*job.accepted, job.waits_at]


@dataclass(frozen=True)
class Limits:
    """What a workspace takes."""

    queued: int = 1000  # jobs that wait for a worker
    jobs: int = 20_000  # jobs that are kept
    disk: int = 50 << 30  # bytes of all jobs and uploads
    drop_oldest: bool = False  # finished jobs that were longest not used make room, where that was asked for


class Queue:
    """The jobs of an opened workspace and the slots that do them. Safe to use from many threads."""

    def __init__(self, workspace: Workspace, slots: Sequence[Slot], limits: Limits = Limits()):
        self.workspace, self.slots, self.limits = workspace, list(slots), limits
        self._changed = threading.Condition(threading.RLock())
        self._jobs: dict[str, Job] = {}
        self._logs: dict[str, EventLog] = {}  # of jobs under way
        self._at: dict[str, Slot] = {}  # who does a job
        self._sizes: dict[str, int] = {}
        self._besides = 0
        self._listeners: list[Listener] = []
        self._closed = False
        self.recent = Recent()
        with self._changed:
            self._read()
        self._threads = [threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in self.slots]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        jobs, broken = self.workspace.read()
        for line in broken:
            log.warning("%s", line)
        for job in jobs:
            self._jobs[job.id] = job
            self._sizes[job.id] = size_of([self.workspace.folder(job.id)])
            if job.state == RUNNING:  # the server was killed, or ended
                if job.cancelling:
                    self._put(job, CANCELLED)
                else:
                    job.requeue()
                    self._put(job, QUEUED)

    def close(self) -> None:
        """Ends the workers at once; what they were at goes on with the next server."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for slot in self.slots:
            slot.close()
        for thread in self._threads:
            thread.join(10)

    # --- asking -------------------------------------------------------------------------------------------------------

    def submit(self, job: Job, files: Mapping[str, Path], grids: Mapping[str, Path] | None = None) -> Job:
        """Puts a job at the end of the queue; `files` are the pictures by the names that the job has for them."""
        with self._changed:
            self.require_room()
            job.number = self._next_number()
            job.created = time.time()
            self.workspace.create(job, files, grids)
            self._jobs[job.id] = job
            self._tell_state(job)
            return replace(job)

    def require_room(self) -> None:
        """Raises LimitReached where no further job is taken."""
        with self._changed:
            if self._count(QUEUED) >= self.limits.queued:
                raise LimitReached(f"{self.limits.queued} jobs wait already; cancel some, or wait for them")
            while len(self._jobs) >= self.limits.jobs or self.used >= self.limits.disk:
                if not self._drop_one():
                    if len(self._jobs) >= self.limits.jobs:
                        raise LimitReached(f"{self.limits.jobs} jobs are kept already; delete some")
                    raise LimitReached(self._full())

    def require_disk(self) -> None:
        """Raises LimitReached where the workspace is full, for uploads."""
        with self._changed:
            while self.used >= self.limits.disk:
                if not self._drop_one():
                    raise LimitReached(self._full())

    def _full(self) -> str:
        return f"the workspace holds {self.used >> 20} MB of {self.limits.disk >> 20} MB; delete some jobs or uploads"

    def _drop_one(self) -> bool:
        ended = [job for job in self._jobs.values() if job.state in ENDED]
        if not (self.limits.drop_oldest and ended):
            return False
        self.delete(min(ended, key=lambda job: job.finished or job.created).id)
        return True

    def get(self, id: str) -> Job:
        """A copy of a job. Raises NotFound."""
        with self._changed:
            return replace(self._job(id))

    def newest(self, limit: int = 50, before: str | None = None, state: str | None = None) -> list[Job]:
        """The newest jobs first, from the one after `before`."""
        with self._changed:
            jobs = sorted(self._jobs.values(), key=lambda job: (-job.created, job.id))
            if before is not None:
                last = self._job(before)
                jobs = [job for job in jobs if (-job.created, job.id) > (-last.created, last.id)]
            return [replace(job) for job in jobs if state in (None, job.state)][:limit]

    def positions(self) -> dict[str, int]:
        """Of the queued jobs, 1 for the next one."""
        with self._changed:
            return {job.id: place for place, job in enumerate(self._queued(), 1)}

    def counts(self) -> dict[str, int]:
        with self._changed:
            return {"queued": self._count(QUEUED), "running": self._count(RUNNING), "limit": self.limits.queued}

    @property
    def used(self) -> int:
        """Bytes of all uploads, and of all jobs that are not under way."""
        return sum(self._sizes.values()) + self._besides

    def grow(self, count: int) -> None:
        """Tells of bytes beside the jobs: of uploads that come and go."""
        with self._changed:
            self._besides += count

    def folder(self, id: str) -> Path:
        """Of a job that is there."""
        self.get(id)
        return self.workspace.folder(id)

    # --- watching -----------------------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> Callable[[], None]:
        """`listener(id)` is called, from any thread, after each event; the returned function ends that."""
        with self._changed:
            self._listeners.append(listener)

        def end() -> None:
            with self._changed, suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def events(self, id: str, last: int = 0) -> list[Event]:
        """Those of a job after number `last`."""
        with self._changed:
            self._job(id)
            events = self._logs.get(id) or EventLog(self.workspace.folder(id))
        return list(events.since(last))

    def watch(self, id: str, last: int = 0) -> Iterator[Event]:
        """The events of a job as they come, until it ends or waits."""
        while True:
            with self._changed:
                over = self._job(id).state in ENDED | {WAITING}
                found = self.events(id, last)
                if not found and not over:
                    self._changed.wait(5)
            yield from found
            last = found[-1].id if found else last
            if over and not found:
                return

    # --- changing -----------------------------------------------------------------------------------------------------

    def cancel(self, id: str) -> Job:
        """Ends a job: at once where no worker is at it, else at its next step."""
        with self._changed:
            job = self._job(id)
            if job.state in ENDED:
                raise Conflict(f"the job has ended already: {job.state}")
            if job.state == RUNNING:
                job.cancelling = True
                write_job(self.workspace.folder(id), job)
                if slot := self._at.get(id):
                    slot.cancel()
            else:
                self._put(job, CANCELLED)
            return replace(job)

    def resume(self, id: str) -> Job:
        """Goes on with a job that failed, was cancelled or waits; a wait counts as accepted."""
        with self._changed:
            job = self._job(id)
            if job.state not in (FAILED, CANCELLED, WAITING):
                raise Conflict(f"the job is {job.state}; one that failed, was cancelled or waits can go on")
            return self.change(id, _accept)

    def change(self, id: str, how: Callable[[Job], bool | None], files: Mapping[str, Path] | None = None) -> Job:
        """Changes what is asked of a job that nobody is at, and puts it into the queue again.

        `how(job)` changes a copy; where it returns False the job stays as it is, waiting. `files` are further pictures.
        """
        with self._changed:
            job = self._job(id)
            if job.state == RUNNING:
                raise Conflict("the job is running; cancel it first, or wait")
            if job.state != QUEUED and self._count(QUEUED) >= self.limits.queued:
                raise LimitReached(f"{self.limits.queued} jobs wait already; cancel some, or wait for them")
            changed = replace(job)
            goes_on = how(changed) is not False
            for name, source in (files or {}).items():
                if not (target := self.workspace.folder(id) / GIVEN / name).exists():
                    target.parent.mkdir(exist_ok=True)
                    link(source, target)
            if not goes_on:
                self._jobs[id] = changed
                self._put(changed, job.state)
                return replace(changed)
            if job.state != QUEUED:
                changed.number = self._next_number()
            changed.requeue()
            changed.attempts = 0
            self._jobs[id] = changed
            self._put(changed, QUEUED)
            return replace(changed)

    def delete(self, id: str) -> None:
        with self._changed:
            job = self._job(id)
            if job.state == RUNNING:
                raise Conflict("the job is running; cancel it first")
            del self._jobs[id]
            self._sizes.pop(id, None)
            self._logs.pop(id, None)
            self.workspace.delete(id)
            self.recent.append("deleted", {"id": id})
            self._tell(id)

    # --- workers ------------------------------------------------------------------------------------------------------

    def _serve(self, slot: Slot) -> None:
        """The life of a slot: the next job, again and again."""
        while job := self._next(slot):
            outcome = self._attempt(slot, job)
            with self._changed:
                del self._at[job.id]
                if outcome is None:  # the server ends
                    return
                try:
                    self._apply(job, outcome)
                except Exception as error:  # the disk is full, say; the slot goes on with other jobs
                    self._lose(job, error)

    def _next(self, slot: Slot) -> Job | None:
        with self._changed:
            while True:
                while not self._closed and not self._count(QUEUED):
                    self._changed.wait()
                if self._closed:
                    return None
                job = self._queued()[0]
                job.started = time.time()
                try:
                    self._put(job, RUNNING)
                except Exception as error:
                    self._lose(job, error)
                    continue
                self._at[job.id] = slot
                return job

    def _lose(self, job: Job, error: Exception) -> None:
        """A job whose state cannot be kept: it has failed, as far as this server knows."""
        log.error("job %s: %s", job.id, error)
        job.state, job.error, job.finished = FAILED, f"its state could not be kept: {error}", time.time()
        self._changed.notify_all()

    def _attempt(self, slot: Slot, job: Job) -> dict[str, Any] | None:
        """How a job ended; None where the server is what ended."""
        try:
            return slot.run({"folder": str(self.workspace.folder(job.id))}, partial(self._hear, slot, job))
        except Cancelled:
            return {"state": CANCELLED}
        except WorkerDied as error:
            if self._closed:
                return None
            if job.cancelling:
                return {"state": CANCELLED}
            job.attempts += 1
            if job.attempts < ATTEMPTS:
                return {"state": QUEUED, "warn": f"{error}; the job goes on with another from what it kept"}
            return {"state": FAILED, "error": f"{error}, and so was the one that went on with the job"}
        except Cast3dError as error:
            return {"state": FAILED, "error": str(error)}
        except WorkBroke as error:
            log.error("job %s: %s", job.id, error.trace)
            return {"state": FAILED, "error": f"an error of cast3d: {error}"}
        except Exception as error:
            log.exception("job %s", job.id)
            return {"state": FAILED, "error": f"{type(error).__name__}: {error}"}

    def _hear(self, slot: Slot, job: Job, event: tuple[str, dict[str, Any]]) -> None:
        name, data = event
        with self._changed:
            if job.cancelling:
                slot.cancel()
            if name == "progress":
                job.stage, job.fraction = data["stage"], max(job.fraction, data["fraction"])
                job.seconds_left = data["seconds_left"]
                data = {**data, "fraction": job.fraction}
            elif name == "stage":
                job.stages = [one for one in job.stages if one["name"] != data["name"]] + [data]
            self._emit(job, name, data)

    def _apply(self, job: Job, outcome: Mapping[str, Any]) -> None:
        job.stages = list(outcome.get("stages", job.stages))
        job.warnings, job.notes = list(outcome.get("warnings", [])), list(outcome.get("notes", []))
        job.error, job.waits_at = outcome.get("error"), outcome.get("waits_at")
        job.seconds_left, job.cancelling = None, False
        if outcome["state"] == DONE:
            job.fraction, job.stage, job.attempts = 1.0, None, 0
        if warning := outcome.get("warn"):
            self._emit(job, "warning", {"message": warning})
        for warning in job.warnings:
            self._emit(job, "warning", {"message": warning})
        if job.error:
            self._emit(job, "error", {"message": job.error})
        self._sizes[job.id] = size_of([self.workspace.folder(job.id)])
        self._put(job, outcome["state"])

    # --- within the lock ----------------------------------------------------------------------------------------------

    def _put(self, job: Job, state: str) -> None:
        """Another state: kept, then told."""
        job.state = state
        if state in ENDED:
            job.finished = time.time()
        write_job(self.workspace.folder(job.id), job)
        self._tell_state(job)

    def _tell_state(self, job: Job) -> None:
        state = job.state
        position = {"position": self.positions()[job.id]} if state == QUEUED else {}
        waits = {"waits_at": job.waits_at} if state == WAITING else {}
        self._emit(job, "state", {"state": state, **position, **waits})
        self.recent.append("state", {"id": job.id, "state": state, "title": job.title, **position})
        if state in ENDED | {WAITING}:
            self._logs.pop(job.id, None)
        self._changed.notify_all()

    def _emit(self, job: Job, name: str, data: dict[str, Any]) -> None:
        if job.id not in self._logs:
            self._logs[job.id] = EventLog(self.workspace.folder(job.id))
        self._logs[job.id].append(name, data)
        self._tell(job.id)
        self._changed.notify_all()

    def _tell(self, id: str) -> None:
        for listener in list(self._listeners):
            listener(id)

    def _job(self, id: str) -> Job:
        if id not in self._jobs:
            raise NotFound(f"there is no job {id[:80]!r}")
        return self._jobs[id]

    def _queued(self) -> list[Job]:
        return sorted((job for job in self._jobs.values() if job.state == QUEUED), key=lambda job: job.number)

    def _count(self, state: str) -> int:
        return sum(job.state == state for job in self._jobs.values())

    def _next_number(self) -> int:
        return 1 + max((job.number for job in self._jobs.values()), default=0)
