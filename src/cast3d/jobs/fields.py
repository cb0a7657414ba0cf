"""The fields of a request, read and checked one by one: text, numbers, settings, pictures that are uploads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..scene.scene import MAX_PROMPT, plain_text
from ..scene.terms import find_terms, match_key
from ..settings import Settings
from .refusals import NotFound
from .uploads import Upload, Uploads

VIEWS = 8  # most pictures of one thing
Files = dict[str, Path]  # by the names that a job has for them


class FieldError(InputError):
    """Something is wrong with one field of a request."""

    def __init__(self, field: str, message: str):
        self.field = field
        super().__init__(message)


def require_said(prompt: str, terms: list[str]) -> None:
    """What an edit brings in stands in its sentence."""
    if terms:
        checked("prompt", lambda: find_terms(prompt, terms))


def pictures(
    body: Mapping[str, Any], field: str, uploads: Uploads, files: Files, of: Mapping[str, Any] | None = None
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Names of files by term, and the uploads that they are of; `files` gets the files."""
    return _listed(mapping(body, field), field, uploads, files, of)


def replacements(
    body: Mapping[str, Any], uploads: Uploads, files: Files
) -> tuple[dict[str, dict[str, list[str]]], dict[str, list[str]]]:
    """{part: {new term: names of files}} of {part: pictures}, which keeps the part's word, or {part: {new term:
    pictures}}; and the uploads by new term."""
    made: dict[str, dict[str, list[str]]] = {}
    ids: dict[str, list[str]] = {}
    for part, given in mapping(body, "replace").items():
        asked = given if isinstance(given, dict) else {part: given}
        if len(asked) != 1:
            raise FieldError("replace", f"{part!r} is replaced by one new thing, {{term: [ids]}}, not by {len(asked)}")
        made[part], new = _listed(asked, "replace", uploads, files)
        ids |= new
    return made, ids


def _listed(
    asked: Mapping[str, Any], field: str, uploads: Uploads, files: Files, of: Mapping[str, Any] | None = None
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """As `pictures`, of {term: ids}."""
    made: dict[str, list[str]] = {}
    ids: dict[str, list[str]] = {}
    for name, given in asked.items():
        listed = given if isinstance(given, list) else [given]
        if not 1 <= len(listed) <= VIEWS or not all(isinstance(id, str) for id in listed):
            raise FieldError(field, f"the pictures of {name!r} are a list of 1 to {VIEWS} ids of uploads")
        term = name
        if of is not None:
            term = next((one for one in of if match_key(one) == match_key(name)), "")
            if not term:
                raise FieldError(field, f"{name!r} is no term of the job; its terms are {', '.join(map(repr, of))}")
        made[term], ids[term] = [], list(listed)
        for id in listed:
            upload = checked(field, lambda id=id: uploads.get(id))  # type: ignore[misc]
            if upload.kind != "picture":
                raise FieldError(field, f"{upload.name!r} is a model; {name!r} takes pictures")
            made[term].append(_named(upload, files, uploads))
    return made, ids


def _named(upload: Upload, files: Files, uploads: Uploads) -> str:
    """The picture's name in the job's folder; its cut-out lies beside it, to be shown."""
    suffix = ".png" if upload.corrected else upload.suffix
    mark = "-hand" if upload.corrected else ""
    name = f"{upload.id}{mark}{suffix}"
    files[name] = uploads.used(upload)
    if upload.cutout:
        files[f"{upload.id}{mark}.cutout.png"] = uploads.cutout(upload)
    return name


def require_keys(body: Any, known: set[str], what: str) -> None:
    if not isinstance(body, dict):
        raise InputError(f"{what} is a JSON object")
    for key in body:
        if key not in known:
            raise FieldError(key, f"{what} has no field {key!r}{nearest(key, known)}")


def prompt(body: Mapping[str, Any], kind: str) -> str:
    if kind == "lift" and not body.get("prompt"):
        return ""
    return checked("prompt", lambda: plain_text(body.get("prompt"), "the prompt", MAX_PROMPT))


def text(body: Mapping[str, Any], field: str) -> str:
    if body.get(field) in (None, ""):
        return ""
    return checked(field, lambda: plain_text(body[field], field, MAX_PROMPT))


def mapping(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = body.get(field) or {}
    if not isinstance(value, dict):
        raise FieldError(field, f"{field} is an object, with terms for keys")
    return value


def seed(body: Mapping[str, Any]) -> int:
    return whole(body.get("seed") or 0, "seed")


def whole(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise FieldError(field, f"a seed is a whole number from 0 to 2^63 - 1, not {value!r}")
    return value


def settings(body: Mapping[str, Any]) -> dict[str, Any]:
    given = mapping(body, "settings")
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool | list):
            raise FieldError("settings", f"the setting {name} cannot be {value!r}")
    checked("settings", lambda: _one_by_one(given))
    return given


def _one_by_one(given: Mapping[str, Any]) -> None:
    """Every value is of its kind; whether levels fit the number of steps shows with the backbone's own settings."""
    bounded = {"layout_starts", "part_start", "refine_start", "structure_steps"}
    Settings().changed({name: value for name, value in given.items() if name not in bounded})
    Settings(structure_steps=1000).changed(
        {name: value for name, value in given.items() if name in bounded - {"structure_steps"}}
    )
    if "structure_steps" in given:
        Settings(layout_starts=(1,), part_start=1, refine_start=1).changed(
            {"structure_steps": given["structure_steps"]}
        )


def checked(field: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except FieldError:
        raise
    except (InputError, NotFound) as error:
        raise FieldError(field, str(error)) from error
