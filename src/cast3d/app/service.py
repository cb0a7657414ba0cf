"""What the routes share: the queue, the uploads, a worker for small errands; and how errors become answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import Cast3dError, InputError
from ..jobs.errands import Errands
from ..jobs.fields import FieldError
from ..jobs.job import QUEUED, Job
from ..jobs.queue import Queue
from ..jobs.refusals import Conflict, LimitReached, NotFound
from ..jobs.slots import ProcessSlot, WorkBroke, WorkerDied
from ..jobs.uploads import Uploads
from .describe import job_json
from .guard import Refused, error_body

Handler = Callable[[Request], Awaitable[Response]]
STREAMS, SENDERS = 200, 8  # at once


@dataclass
class Service:
    """One per server."""

    queue: Queue
    uploads: Uploads
    backbone: str = "bricks"
    devices: tuple[str, ...] = ("cpu",)
    page: Path | None = None  # the built page's folder
    examples: Path | None = None
    silence: float = 20.0  # seconds that a sender may be silent
    senders: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SENDERS))
    looker: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))  # a large picture takes much memory
    streams: int = 0
    _errands: ProcessSlot | None = None
    _errand: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: dict[str, Any] = field(default_factory=dict)

    async def errand(self, do: str, **more: Any) -> Any:
        """What `cast3d.jobs.errands` answers; in a process of its own, one at a time. Raises InputError."""
        if not more and do in self._known:
            return self._known[do]
        async with self._errand:
            if self._errands is None:
                self._errands = ProcessSlot(Errands(self.backbone), {"OMP_NUM_THREADS": "1"})
            try:
                answer = await asyncio.to_thread(self._errands.run, {"do": do, "with": more}, lambda _: None)
            except (WorkerDied, WorkBroke) as error:
                raise InputError(f"that did not work: {error}") from error
        if "error" in answer:
            raise InputError(answer["error"])
        if not more:
            self._known[do] = answer["value"]
        return answer["value"]

    def close(self) -> None:
        if self._errands:
            self._errands.close()

    def job(self, request: Request) -> Job:
        """The one that the address names."""
        return self.queue.get(request.path_params["id"])

    def told(self, job: Job, positions: Mapping[str, int] | None = None) -> dict[str, Any]:
        """A job as JSON."""
        if positions is None:
            positions = self.queue.positions() if job.state == QUEUED else {}
        return job_json(job, self.queue.workspace.folder(job.id), positions.get(job.id))


def service_of(request: Request) -> Service:
    return request.app.state.service


async def refused(request: Request, error: Exception) -> Response:
    """Errors that were planned."""
    status, kind = next((answer for cls, answer in ANSWERS if isinstance(error, cls)), (500, "internal"))
    if isinstance(error, Refused):
        status, kind = error.status, error.kind
    body = error_body(kind, str(error), getattr(error, "field", None))
    return JSONResponse(body, status, {"connection": "close"} if status in (408, 413) else None)


ANSWERS: list[tuple[type[Exception], tuple[int, str]]] = [
    (NotFound, (404, "not_found")),
    (Conflict, (409, "conflict")),
    (LimitReached, (429, "limit")),
    (FieldError, (400, "input")),
    (Cast3dError, (400, "input")),
]
