"""Routes that tell what is here: health, settings, examples, a sentence read, the API's own description."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import InputError
from ..jobs.refusals import NotFound
from ..jobs.workspace import inside
from ..scene import read_scene
from ..scene.grammar import carrier, confusable, things
from ..scene.scene import MAX_ASSETS, MAX_PROMPT, plain_text
from ..scene.terms import Span, find_terms
from ..version import __version__
from .bodies import json_body
from .describe import API
from .files import sent
from .openapi import document
from .service import service_of


async def health(request: Request) -> Response:
    service = service_of(request)
    queue = service.queue
    return JSONResponse(
        {
            "status": "ok",
            "version": __version__,
            "backbone": service.backbone,
            "devices": list(service.devices),
            "queue": queue.counts(),
            "disk": {"used": queue.used, "limit": queue.limits.disk},
        }
    )


async def settings(request: Request) -> Response:
    return JSONResponse(await service_of(request).errand("settings"))


async def openapi(request: Request) -> Response:
    return JSONResponse(document(request.app.routes))


async def examples(request: Request) -> Response:
    folder = service_of(request).examples
    return JSONResponse(await asyncio.to_thread(_examples, folder) if folder else [])


def _examples(folder: Path) -> list[dict[str, Any]]:
    found = []
    for file in sorted(folder.glob("*/scene.yaml")):
        try:
            scene, id = read_scene(file), file.parent.name
        except InputError:  # of another kind than a composition
            continue
        base = f"{API}/examples/{id}/files"
        found.append(
            {
                "id": id,
                "title": scene.prompt[:1].upper() + scene.prompt[1:],
                "kind": "compose",
                "prompt": scene.prompt,
                "main": scene.main,
                "seed": scene.seed,
                "assets": {
                    one.term: [f"{base}/{Path(str(image)).name}" for image in one.images] for one in scene.assets
                },
                "picture": f"{base}/result.webp" if (file.parent / "result.webp").is_file() else None,
            }
        )
    return found


async def example_file(request: Request) -> Response:
    folder = service_of(request).examples
    if folder is None:
        raise NotFound("there are no examples here")
    try:
        path = inside(folder, f"{request.path_params['id']}/{request.path_params['name']}")
    except InputError as error:
        raise NotFound(str(error)) from error
    return sent(request, path)


async def read(request: Request) -> Response:
    """What a sentence says, while it is being typed: nothing in it is an error."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InputError("a sentence comes as {prompt, terms?, main?}")
    prompt = plain_text(body.get("prompt"), "the prompt", MAX_PROMPT)
    terms = body.get("terms") or []
    if not isinstance(terms, list) or len(terms) > MAX_ASSETS or not all(isinstance(term, str) for term in terms):
        raise InputError(f"terms are a list of up to {MAX_ASSETS} texts")
    warnings: list[str] = []
    spans: dict[str, Span] = {}
    try:
        spans = find_terms(prompt, terms) if terms else {}
    except InputError as error:
        warnings.append(str(error))
    nouns = things(prompt)
    if not spans and not terms:
        spans = {prompt[span.start : span.end]: span for span in nouns}
    base = carrier(prompt, spans) if spans else None
    return JSONResponse(
        {
            "nouns": [{"text": prompt[span.start : span.end], "start": span.start, "end": span.end} for span in nouns],
            "terms": {term: {"start": span.start, "end": span.end} for term, span in spans.items()},
            "base": body.get("main") or base or next(iter(spans), None),
            "warnings": [*warnings, *(confusable(prompt, spans) if spans else [])],
        }
    )
