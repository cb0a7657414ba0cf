"""Routes of uploads: pictures and models, looked at before they are kept; cut-outs, as found or as a person drew."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..jobs.uploads import LARGEST, kind_of
from .bodies import streamed, whole_body
from .describe import upload_json
from .files import sent
from .guard import Refused
from .service import service_of


async def add(request: Request) -> Response:
    service = service_of(request)
    name = request.query_params.get("name", "")
    if service.senders.locked():
        raise Refused(429, "limit", "too many files are on their way; send it again in a moment")
    async with service.senders:
        await asyncio.to_thread(service.uploads.require_room)
        async with streamed(request, service.uploads.folder, LARGEST[kind_of(name)], service.silence) as file:
            if not file.stat().st_size:
                raise Refused(400, "input", "the body is empty; send the bytes of the file")
            async with service.looker:
                upload = await asyncio.to_thread(service.uploads.add, file, name)
    told = upload_json(upload)
    return JSONResponse(told, 201, {"location": told["url"].removesuffix("/file")})


async def one(request: Request) -> Response:
    return JSONResponse(upload_json(service_of(request).uploads.get(request.path_params["id"])))


async def cutout(request: Request) -> Response:
    uploads = service_of(request).uploads
    return sent(request, uploads.cutout(uploads.get(request.path_params["id"])))


async def correct(request: Request) -> Response:
    service = service_of(request)
    upload = service.uploads.get(request.path_params["id"])
    async with service.senders:
        png = await whole_body(request, LARGEST["picture"])
        async with service.looker:
            corrected = await asyncio.to_thread(service.uploads.correct, upload, png)
    return JSONResponse(upload_json(corrected))


async def delete(request: Request) -> Response:
    await asyncio.to_thread(service_of(request).uploads.delete, request.path_params["id"])
    return Response(status_code=204)


async def file(request: Request) -> Response:
    uploads = service_of(request).uploads
    upload = uploads.get(request.path_params["id"])
    return sent(request, uploads.file(upload))
