"""Server-sent events: those of one job from any number on, and the changes of all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..jobs.events import Event
from ..jobs.refusals import NotFound
from .describe import event_json
from .guard import Refused
from .service import STREAMS, Service, service_of

QUIET = 15.0  # seconds between comments that keep the connection
LOOK = 1.0  # seconds between looks whether somebody still listens


async def of_job(request: Request) -> Response:
    service = service_of(request)
    job = service.job(request)

    def since(last: int) -> list[Event]:
        return service.queue.events(job.id, last)

    def tell(event: Event) -> dict[str, Any]:
        return event_json(job, event.name, event.data)

    return _answer(request, service, job.id, since, tell, 0)


async def of_all(request: Request) -> Response:
    service = service_of(request)
    recent = service.queue.recent
    return _answer(request, service, None, recent.since, lambda event: event.data, recent.last)


def _answer(
    request: Request,
    service: Service,
    id: str | None,
    since: Callable[[int], list[Event]],
    tell: Callable[[Event], dict[str, Any]],
    first: int,
) -> Response:
    if service.streams >= STREAMS:
        raise Refused(429, "limit", f"{STREAMS} streams are open already")
    told = request.headers.get("last-event-id") or request.query_params.get("last") or ""
    last = int(told) if told.isdecimal() and len(told) < 16 else first
    body = _stream(request, service, id, since, tell, last)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


async def _stream(
    request: Request,
    service: Service,
    id: str | None,
    since: Callable[[int], list[Event]],
    tell: Callable[[Event], Any],
    last: int,
) -> AsyncIterator[str]:
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def heard(job: str) -> None:
        if id in (None, job):
            loop.call_soon_threadsafe(news.set)

    end = service.queue.listen(heard)
    service.streams += 1
    try:
        yield "retry: 1000\n\n"
        quiet = loop.time()
        while True:
            news.clear()
            try:
                events = await asyncio.to_thread(since, last)
            except NotFound:  # deleted
                return
            for event in events:
                yield f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(tell(event), ensure_ascii=False)}\n\n"
                last = event.id
            if events:
                quiet = loop.time()
                continue
            try:
                await asyncio.wait_for(news.wait(), LOOK)
            except TimeoutError:
                if await request.is_disconnected():
                    return
                if loop.time() - quiet >= QUIET:
                    quiet = loop.time()
                    yield ": still here\n\n"
    finally:
        service.streams -= 1
        end()
