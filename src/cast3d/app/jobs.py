"""Routes of jobs: ask, list, look, change, cancel, go on, delete."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..jobs.asking import job_of
from ..jobs.changing import change_of
from ..jobs.fields import FieldError
from ..jobs.job import RUNNING, STATES
from ..jobs.refusals import Conflict
from .bodies import json_body
from .service import service_of

PAGE = 200  # most jobs of one answer


async def submit(request: Request) -> Response:
    service, body = service_of(request), await json_body(request)
    job, files = await asyncio.to_thread(job_of, body, service.uploads)
    if job.model.startswith("job:"):
        await asyncio.to_thread(service.queue.get, job.model.removeprefix("job:"))
    made = await asyncio.to_thread(service.queue.submit, job, files)
    return JSONResponse(service.told(made), 201, {"location": str(request.url_for("job", id=made.id).path)})


async def listed(request: Request) -> Response:
    service, asked = service_of(request), request.query_params
    limit, state = asked.get("limit", "50"), asked.get("state") or None
    if not limit.isdecimal() or not 1 <= int(limit) <= PAGE:
        raise FieldError("limit", f"limit is a whole number from 1 to {PAGE}")
    if state is not None and state not in STATES:
        raise FieldError("state", f"a state is {', '.join(STATES)}, not {state[:40]!r}")

    def look() -> list[dict[str, Any]]:
        jobs = service.queue.newest(int(limit), asked.get("before") or None, state)
        positions = service.queue.positions()
        return [service.told(job, positions) for job in jobs]

    return JSONResponse({"jobs": await asyncio.to_thread(look)})


async def one(request: Request) -> Response:
    service = service_of(request)
    return JSONResponse(await asyncio.to_thread(lambda: service.told(service.job(request))))


async def change(request: Request) -> Response:
    service, body = service_of(request), await json_body(request)

    def apply() -> dict[str, Any]:
        job = service.job(request)
        if job.state == RUNNING:
            raise Conflict("the job is running; cancel it first, or wait")
        how, files = change_of(job, body, service.uploads, service.queue.folder(job.id))
        return service.told(service.queue.change(job.id, how, files))

    return JSONResponse(await asyncio.to_thread(apply))


async def cancel(request: Request) -> Response:
    service = service_of(request)
    return JSONResponse(await asyncio.to_thread(lambda: service.told(service.queue.cancel(request.path_params["id"]))))


async def resume(request: Request) -> Response:
    service = service_of(request)
    return JSONResponse(await asyncio.to_thread(lambda: service.told(service.queue.resume(request.path_params["id"]))))


async def delete(request: Request) -> Response:
    await asyncio.to_thread(service_of(request).queue.delete, request.path_params["id"])
    return Response(status_code=204)


def number(text: str, field: str) -> float:
    """A finite number of a query."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise FieldError(field, f"{field} is a number, not {text[:40]!r}")
    return value
