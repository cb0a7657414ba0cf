"""The page: files that were built and compressed beforehand, sent as they are."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..errors import InputError
from ..jobs.refusals import NotFound
from ..jobs.workspace import inside
from .service import service_of

MISSING = """<!doctype html><meta charset="utf-8"><title>cast3d</title>
<h1>cast3d</h1><p>The server runs; this copy of cast3d has no page built in.
The API is under <a href="/api/v1/health">/api/v1</a> (<a href="/api/v1/openapi.json">description</a>).</p>
"""


async def index(request: Request) -> Response:
    folder = service_of(request).page
    if folder is None or not (folder / "index.html.gz").is_file():
        return HTMLResponse(MISSING)
    return _packed(request, folder, "index.html", "no-cache")


async def asset(request: Request) -> Response:
    folder, name = service_of(request).page, request.path_params["name"]
    kept = "public, max-age=31536000, immutable"  # names hold a hash of the content
    return _packed(request, folder, f"assets/{name}", kept)


async def other(request: Request) -> Response:
    """What lies beside index.html: licences, an icon."""
    return _packed(request, service_of(request).page, request.path_params["name"], "no-cache")


def _packed(request: Request, folder: Path | None, name: str, kept: str) -> Response:
    try:
        path = inside(folder, f"{name}.gz") if folder else None
    except InputError:
        path = None
    if path is None or not path.is_file():
        raise NotFound(f"there is no {name[:100]!r}")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/javascript" if name.endswith((".js", ".mjs")) else kind
    etag = f'"{path.stat().st_mtime_ns:x}-{path.stat().st_size:x}"'
    headers = {"content-encoding": "gzip", "vary": "accept-encoding", "cache-control": kept, "etag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(path.read_bytes(), media_type=kind, headers=headers)
