"""Routes of files: those of a run by range, exports, hints and parts."""

from __future__ import annotations

import asyncio
import mimetypes
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from ..errors import InputError
from ..jobs.facts import colors_of, hints_of, parts_of
from ..jobs.fields import FieldError
from ..jobs.job import DONE, Job
from ..jobs.refusals import Conflict, NotFound
from ..jobs.voxels import to_bits
from ..jobs.workspace import inside
from ..scene.scene import slug
from .describe import file_url
from .jobs import number
from .service import service_of

TYPES = {
    ".glb": "model/gltf-binary", ".ply": "application/octet-stream", ".spz": "application/octet-stream",
    ".stl": "model/stl", ".3mf": "model/3mf", ".obj": "model/obj", ".webp": "image/webp", ".jsonl": "text/plain",
    ".safetensors": "application/octet-stream", ".bits": "application/octet-stream", ".yaml": "text/plain",
}  # fmt: skip
# A report has its script in it; in a box of its own it can reach nothing of this server.
BOXED = "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; connect-src data: blob:; worker-src blob: data:; media-src data:"  # noqa: E501
FORMATS = ("stl", "3mf", "obj", "glb", "ply", "spz", "report")


async def run_file(request: Request) -> Response:
    service = service_of(request)
    job = service.job(request)
    try:
        path = inside(service.queue.folder(job.id), request.path_params["path"])
    except InputError as error:
        raise NotFound(str(error)) from error
    return sent(request, path)


def sent(request: Request, path: Path, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """A file, or that nothing has changed. Hidden files are not there for anybody."""
    if any(part.startswith(".") for part in path.parts[-3:]) or not path.is_file():
        raise NotFound(f"there is no file {path.name[:100]!r}")
    status = path.stat()
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    kept = {"cache-control": "no-cache", "etag": etag, **(headers or {})}
    if path.suffix in (".html", ".svg", ".xml"):
        kept["content-security-policy"] = BOXED
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=kept)
    kind = TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, headers=kept, media_type=kind, stat_result=status, **more)


async def export(request: Request) -> Response:
    service, asked = service_of(request), request.query_params
    job = service.job(request)
    folder, kind = service.queue.folder(job.id), asked.get("to", "")
    if kind not in FORMATS:
        raise FieldError("to", f"to is one of {', '.join(FORMATS)}, not {kind[:40]!r}")
    _require_done(job, folder)
    name = slug(job.title)
    if kind in ("ply", "report"):
        file = folder / {"ply": "scene.ply", "report": "report.html"}[kind]
        return sent(request, file, filename=f"{name}{file.suffix}")
    if kind == "spz" and (folder / "scene.spz").is_file():
        return sent(request, folder / "scene.spz", filename=f"{name}.spz")
    wish: dict[str, Any] = {"run": str(folder), "to": kind, "part": asked.get("part") or None}
    if asked.get("faces"):
        wish["faces"] = int(number(asked["faces"], "faces"))
    if asked.get("height_mm"):
        wish["height_mm"] = number(asked["height_mm"], "height_mm")
    out = Path(tempfile.mkdtemp(prefix="export-", dir=service.queue.workspace.exports))
    try:
        made = Path(await service.errand("export", out=str(out), **wish))
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    part = f"-{slug(wish['part'])}" if wish["part"] else ""
    end = BackgroundTask(shutil.rmtree, out, ignore_errors=True)
    return sent(request, made, filename=f"{name}{part}{made.suffix}", background=end)


def _require_done(job: Job, folder: Path) -> None:
    if job.state != DONE and not (folder / "report.html").is_file():
        raise Conflict(f"the job is {job.state}; there is nothing to export yet")


async def hints(request: Request) -> Response:
    service = service_of(request)
    job = service.job(request)
    found = await asyncio.to_thread(hints_of, service.queue.folder(job.id))
    if found is None:
        raise NotFound("the run has no hints yet")
    base = job.main or found.terms[0]  # an edit's first term is the rest of the model
    colors = colors_of(found.terms, base)
    terms = [
        {"term": term, "color": colors[term], "bits": to_bits(grid), "painted": term in job.hints}
        for term, grid in zip(found.terms, found.grids)
    ]
    return JSONResponse({"terms": terms, "layout": {"bits": to_bits(np.any(found.grids, axis=0))}, "base": base})


async def parts(request: Request) -> Response:
    service = service_of(request)
    job = service.job(request)
    folder = service.queue.folder(job.id)
    _require_done(job, folder)
    found = await asyncio.to_thread(parts_of, folder)
    for part in found:
        part["url_glb"] = file_url(job, part.pop("file"))
        part["candidates"] = [{"url": file_url(job, one.pop("file")), **one} for one in part["candidates"]]
    return JSONResponse({"terms": found})
