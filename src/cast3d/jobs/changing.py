"""From what a client changes, in plain data, to a changed job. Raises InputError with the `field` that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..scene import Scene, unique_slugs
from ..scene.terms import match_key
from . import fields
from .facts import candidates_of, hints_of, start_of
from .fields import FieldError, Files
from .job import WAITING, Job, new_id
from .uploads import Uploads
from .voxels import from_bits, into_box, write_grid

CHANGES = {
    "accept", "hints", "ask_again", "reseed", "choose", "pictures", "settings", "prompt", "main", "seed", "title",
}  # fmt: skip


def change_of(job: Job, body: Any, uploads: Uploads, folder: Path) -> tuple[Callable[[Job], bool], Files]:
    """What a PATCH does to a job, and further pictures. The function returns whether the job goes on.

    A job that waits stays so until `accept`, or until it is to ask again. Raises FieldError.
    """
    fields.require_keys(body, CHANGES, "a change")
    files: Files = {}
    prompt = fields.prompt(body, job.kind) if "prompt" in body else job.prompt
    pictures, ids = fields.pictures(body, "pictures", uploads, files, of=job.pictures)
    settings, reseed, choices = fields.settings(body), _reseed(body, job), _choices(body, job, folder)
    painted = _hints(body, job, folder)
    assets = {term: pictures.get(term, names) for term, names in job.assets.items()}
    main = fields.text(body, "main") or job.main
    seed = fields.seed(body) if "seed" in body else job.seed
    if job.kind == "compose":
        main = fields.checked("prompt", lambda: Scene.make(prompt, dict(assets), main=main or None)).main
    else:
        fields.require_said(prompt, list(job.pictures) if job.kind == "edit" else [])
    starts = _next_starts(job, body, folder)

    def change(job: Job) -> bool:
        if body.get("ask_again"):
            job.accepted = [point for point in job.accepted if point != "hints"]
            job.hints = {}
            job.settings = {**job.settings, **starts}
        anew = (prompt, main, seed) != (job.prompt, job.main, job.seed)
        if anew:
            job.hints, job.accepted = {}, [point for point in job.accepted if point != "hints"]
        job.prompt, job.main, job.seed = prompt, main, seed
        job.repicture(pictures)
        job.uploads = {**job.uploads, **ids}
        job.settings, job.reseed = {**job.settings, **settings}, {**job.reseed, **reseed}
        # What is made anew has other candidates.
        job.choices = {term: one for term, one in job.choices.items() if term not in {**reseed, **pictures}} | choices
        for term, name in painted.items():
            if name:
                job.hints = {**job.hints, term: name}
            else:
                job.hints = {one: file for one, file in job.hints.items() if one != term}
        if "title" in body:
            job.title = fields.text(body, "title") or job.title
        if body.get("accept") and job.waits_at:
            job.accepted = [*job.accepted, job.waits_at]
        return bool(job.state != WAITING or body.get("accept") or body.get("ask_again") or anew)

    return change, files


def _hints(body: Mapping[str, Any], job: Job, folder: Path) -> dict[str, str]:
    """Painted hints by term as files that are written here, under names that no earlier one has; "" takes one back."""
    given = fields.mapping(body, "hints")
    if given and job.kind != "compose":
        raise FieldError("hints", "only compositions have hints")
    made: dict[str, str] = {}
    grids: dict[str, np.ndarray] = {}
    for name, value in given.items():
        term = _term(job, name, "hints")
        if value is None:
            made[term] = ""
            continue
        if isinstance(value, str):
            value = {"bits": value}
        if not isinstance(value, Mapping) or not value.keys() & {"bits", "box"}:
            raise FieldError("hints", f"the hint of {term!r} is {{bits: base64}} or {{box: [[x,y,z],[x,y,z]]}}")
        grid = fields.checked("hints", lambda value=value, term=term: _grid(value, job, term, folder))  # type: ignore[misc]
        if not grid.any() and term != job.main:
            raise FieldError("hints", f"the hint of {term!r} is empty; paint where it is to be")
        grids[term] = grid
    for term, grid in grids.items():
        made[term] = f"{new_id()}.bits"
        write_grid(folder / "painted" / made[term], grid)
    return made


def _grid(value: Mapping[str, Any], job: Job, term: str, folder: Path) -> np.ndarray:
    if "bits" in value:
        return from_bits(value["bits"])
    found = hints_of(folder)
    present = dict(zip(found.terms, found.grids)).get(term) if found else None
    return into_box(present if present is not None else np.zeros((64, 64, 64), bool), value["box"])


def _next_starts(job: Job, body: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """ "Ask again" begins at the next start level of the layout: the one that was used goes to the end."""
    if not body.get("ask_again"):
        return {}
    if job.kind != "compose":
        raise FieldError("ask_again", "only compositions have hints")
    starts, used = start_of(folder)
    if len(starts) < 2 or used not in starts:
        return {}
    place = starts.index(used) + 1
    return {"layout_starts": starts[place:] + starts[:place]}


def _reseed(body: Mapping[str, Any], job: Job) -> dict[str, int]:
    given = fields.mapping(body, "reseed")
    if given and job.kind not in ("compose", "edit"):
        raise FieldError("reseed", "only parts of a composition or an edit are given another seed")
    return {_term(job, term, "reseed"): fields.whole(seed, "reseed") for term, seed in given.items()}


def _choices(body: Mapping[str, Any], job: Job, folder: Path) -> dict[str, int]:
    given = {
        _term(job, term, "choose"): fields.whole(one, "choose") for term, one in fields.mapping(body, "choose").items()
    }
    slugs = unique_slugs(list(job.pictures))
    for term, number in given.items():
        there = candidates_of(folder, slugs[term], None)
        if number >= len(there):
            kinds = ", ".join(f"{one['index']} ({one['label']})" for one in there) or "none"
            raise FieldError("choose", f"there is no candidate {number} for {term!r}; there are {kinds}")
    return given


def _term(job: Job, name: str, field: str) -> str:
    terms = list(job.pictures)
    for term in terms:
        if match_key(term) == match_key(name):
            return term
    raise FieldError(field, f"{name!r} is no term of the job; its terms are {', '.join(map(repr, terms))}")
