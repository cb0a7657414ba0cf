"""The API's description (OpenAPI 3.1): an entry per route and method, with the shapes of `schemas`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..version import __version__
from .describe import API
from .schemas import SCHEMAS

QUERIES: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "description": "the file's name; its suffix tells models from pictures"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    "before": {"type": "string", "description": "the last job of the page before"},
    "state": {"$ref": "#/components/schemas/State"},
    "last": {"type": "integer", "description": "number of the last event seen, as the header Last-Event-ID"},
    "to": {"enum": ["stl", "3mf", "obj", "glb", "ply", "spz", "report"]},
    "faces": {"type": "integer", "description": "about how many triangles the whole has"},
    "height_mm": {"type": "number", "default": 100},
    "part": {"type": "string", "description": "a term: that part alone"},
}

# method and path: summary, name of what is sent, name of what is answered ("*": bytes), status, queries
TOLD: dict[str, tuple[str, str | None, str | None, int, tuple[str, ...]]] = {
    "GET /health": ("Whether it runs, and how full it is", None, "Health", 200, ()),
    "GET /openapi.json": ("This description", None, "Any", 200, ()),
    "GET /settings": ("Every setting, with the backbone's default", None, "Settings", 200, ()),
    "GET /examples": ("Scenes to try", None, "Examples", 200, ()),
    "GET /examples/{id}/files/{name}": ("A picture of an example", None, "*", 200, ()),
    "POST /scene/read": ("What a sentence says: things that may be terms", "Sentence", "Reading", 200, ()),
    "POST /uploads": ("A picture or a model; the body is the file", "*", "Upload", 201, ("name",)),
    "GET /uploads/{id}": ("An upload", None, "Upload", 200, ()),
    "DELETE /uploads/{id}": ("Deletes an upload; jobs that have it keep it", None, None, 204, ()),
    "GET /uploads/{id}/cutout": ("A picture without its background, PNG", None, "*", 200, ()),
    "PUT /uploads/{id}/cutout": ("A person's cut-out: PNG, RGBA, of the same size", "*", "Upload", 200, ()),
    "GET /uploads/{id}/file": ("The file as it came", None, "*", 200, ()),
    "POST /jobs": ("Asks for a job", "Ask", "Job", 201, ()),
    "GET /jobs": ("Jobs, the newest first", None, "Jobs", 200, ("limit", "before", "state")),
    "GET /jobs/{id}": ("A job", None, "Job", 200, ()),
    "PATCH /jobs/{id}": (
        "A person's word; a finished job goes on from what changed",
        "Change",
        "Job",
        200,
        (),
    ),
    "DELETE /jobs/{id}": ("Deletes a job that is not running", None, None, 204, ()),
    "POST /jobs/{id}/cancel": ("Ends a job, within one sampling step", None, "Job", 200, ()),
    "POST /jobs/{id}/resume": ("Goes on with what failed, was cancelled or waits", None, "Job", 200, ()),
    "GET /jobs/{id}/events": ("Server-sent events of a job, from the first on", None, "*", 200, ("last",)),
    "GET /jobs/{id}/hints": ("The hints that the run works with", None, "Hints", 200, ()),
    "GET /jobs/{id}/parts": ("The parts of a finished run", None, "Parts", 200, ()),
    "GET /jobs/{id}/export": ("A file for other programs", None, "*", 200, ("to", "faces", "height_mm", "part")),
    "GET /jobs/{id}/files/{path}": ("A file of the run's folder, by range", None, "*", 200, ()),
    "GET /events": ("Server-sent changes of all jobs, from now on", None, "*", 200, ("last",)),
}
EVENTS = ("/jobs/{id}/events", "/events")


def document(routes: Iterable[Any]) -> dict[str, Any]:
    """Raises KeyError for a route that nobody described."""
    paths: dict[str, Any] = {}
    for route in routes:
        if route.path.startswith(API):
            path = route.path.removeprefix(API).replace(":path}", "}")
            for method in sorted(route.methods - {"HEAD"}):
                paths.setdefault(API + path, {})[method.lower()] = _operation(method, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cast3d",
            "version": __version__,
            "description": "Composes one 3D object with named parts from a sentence and one picture per named thing.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(method: str, path: str) -> dict[str, Any]:
    summary, sent, answered, status, queries = TOLD[f"{method} {path}"]
    named = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    told: dict[str, Any] = {
        "summary": summary,
        "operationId": f"{method.lower()}{''.join(part.strip('{}').title() for part in path.split('/'))}",
        "parameters": [
            *({"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in named),
            *({"name": one, "in": "query", "required": one == "to", "schema": QUERIES[one]} for one in queries),
        ],
        "responses": {
            str(status): {"description": summary, **({"content": _content(answered, path)} if answered else {})},
            "default": {"description": "what is wrong", "content": _content("Error", path)},
        },
    }
    if sent:
        told["requestBody"] = {"required": True, "content": _content(sent, path)}
    return told


def _content(name: str, path: str) -> dict[str, Any]:
    if name == "*":
        kind = "text/event-stream" if path in EVENTS else "application/octet-stream"
        return {kind: {"schema": {"type": "string"} if path in EVENTS else {}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
