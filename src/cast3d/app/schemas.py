"""Shapes of what the API takes and answers (JSON Schema)."""

from __future__ import annotations

from typing import Any

from ..jobs.job import KINDS, STATES
from ..scene.change import KEEPS
from ..stages.pauses import PAUSES

TEXT, NUMBER, WHOLE, YES = ({"type": kind} for kind in ("string", "number", "integer", "boolean"))
BITS = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "32768 bytes: bits of [64, 64, 64] voxels, x slowest, the first voxel in the highest bit",
}
URL = {"type": "string", "format": "uri-reference"}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def by_term(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema}


def shape(needed: str = "", **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": needed.split()} if needed else {})}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


STAGE = shape(
    name=TEXT, term=maybe(TEXT), title=TEXT, caption=TEXT, half=TEXT, seconds=NUMBER, reused=YES, pictures=many(URL)
)
PICTURES = by_term(many(shape(url=URL, cutout=maybe(URL), id=maybe(TEXT))))
IDS = by_term(many(TEXT))
REPLACED = {
    **by_term({"anyOf": [many(TEXT), IDS]}),
    "description": "by part of the model: ids of pictures, or {new term: ids} where the new thing is called otherwise",
}

SCHEMAS: dict[str, Any] = {
    "Any": {},
    "Error": shape(
        "error",
        error=shape(
            "kind message",
            kind={"enum": ["input", "not_found", "conflict", "limit", "auth", "internal"]},
            message=TEXT,
            field=TEXT,
        ),
    ),
    "State": {"enum": list(STATES)},
    "Health": shape(
        status=TEXT, version=TEXT, backbone=TEXT, devices=many(TEXT),
        queue=shape(queued=WHOLE, running=WHOLE, limit=WHOLE), disk=shape(used=WHOLE, limit=WHOLE),
    ),
    "Settings": many(
        shape(name=TEXT, symbol=TEXT, title=TEXT, help=TEXT, default={}, minimum=maybe(NUMBER), maximum=maybe(NUMBER),
              choices=many(TEXT), group=TEXT)
    ),
    "Examples": many(
        shape(id=TEXT, title=TEXT, kind=TEXT, prompt=TEXT, main=TEXT, seed=WHOLE, assets=by_term(many(URL)),
              picture=maybe(URL))
    ),
    "Sentence": shape("prompt", prompt=TEXT, terms=many(TEXT), main=TEXT),
    "Reading": shape(
        nouns=many(shape(text=TEXT, start=WHOLE, end=WHOLE)), terms=by_term(shape(start=WHOLE, end=WHOLE)),
        base=maybe(TEXT), warnings=many(TEXT),
    ),
    "Upload": shape(
        "id kind name bytes", id=TEXT, kind={"enum": ["picture", "model"]}, name=TEXT, bytes=WHOLE, url=URL,
        width=WHOLE, height=WHOLE, warnings=many(TEXT), notes=many(TEXT), risk=maybe(NUMBER), cutout=maybe(URL),
        corrected=YES, nodes=many(TEXT), triangles=maybe(WHOLE), prompt=TEXT,
    ),
    "Ask": shape(
        "kind", kind={"enum": list(KINDS)}, prompt=TEXT, main=TEXT, assets=IDS, seed=WHOLE, settings=by_term({}),
        pause=many({"enum": list(PAUSES)}), title=TEXT, duplicate_of=TEXT, model=TEXT, replace=REPLACED, add=IDS,
        remove=many(TEXT), keep={"enum": list(KEEPS)},
    ),
    "Change": shape(
        accept=YES, ask_again=YES, prompt=TEXT, main=TEXT, seed=WHOLE, title=TEXT, settings=by_term({}),
        reseed=by_term(WHOLE), pictures=IDS, choose=by_term(WHOLE),
        hints=by_term(maybe({"anyOf": [shape("bits", bits=BITS), shape("box", box=many(many(NUMBER)))]})),
    ),
    "Job": shape(
        "id kind title prompt state", id=TEXT, kind={"enum": list(KINDS)}, title=TEXT, prompt=TEXT, main=TEXT,
        assets=PICTURES, seed=WHOLE, settings=by_term({}), reseed=by_term(WHOLE), choices=by_term(WHOLE),
        painted=many(TEXT), model=maybe(TEXT), replace=by_term(PICTURES), add=PICTURES, remove=many(TEXT),
        keep=maybe(TEXT), before=maybe(URL), state=ref("State"),
        cancelling=YES, position=maybe(WHOLE), stage=maybe(TEXT), fraction=NUMBER, seconds_left=maybe(NUMBER),
        created=NUMBER, started=maybe(NUMBER), finished=maybe(NUMBER), error=maybe(TEXT), warnings=many(TEXT),
        notes=many(TEXT), pause=many(TEXT), picture=maybe(URL), scene=maybe(URL), splat=maybe(URL), report=maybe(URL),
        stages=many(STAGE), duplicate_of=maybe(TEXT),
    ),
    "Jobs": shape("jobs", jobs=many(ref("Job"))),
    "Hints": shape(
        terms=many(shape(term=TEXT, color=TEXT, bits=BITS, painted=YES)), layout=shape(bits=BITS), base=TEXT
    ),
    "Parts": shape(
        terms=many(
            shape(term=TEXT, slug=TEXT, base=YES, color=TEXT, url_glb=URL, triangles=WHOLE, size=maybe(many(NUMBER)),
                  solid=YES, candidates=many(shape(index=WHOLE, label=TEXT, score=NUMBER, url=URL, chosen=YES)))
        )
    ),
}  # fmt: skip
