"""From what a client asks for, in plain data, to a job; from what it changes, to a changed job. All is checked here.

Raises InputError with the `field` that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..scene import Scene, imagined
from ..scene.change import KEEPS
from ..scene.scene import MAX_PROMPT, plain_text
from ..scene.terms import find_terms, match_key
from ..settings import Settings
from ..stages.pauses import PAUSES
from .job import KINDS, WAITING, Job, new_id
from .queue import NotFound
from .uploads import Upload, Uploads
from .voxels import from_bits, into_box

ASKED = {
    "kind", "prompt", "main", "assets", "seed", "settings", "pause", "title", "model", "replace", "add", "remove",
    "keep", "duplicate_of",
}  # fmt: skip
CHANGES = {
    "accept", "hints", "ask_again", "reseed", "choose", "pictures", "settings", "prompt", "main", "seed", "title",
}  # fmt: skip
VIEWS = 8  # most pictures of one thing


class FieldError(InputError):
    """Something is wrong with one field of a request."""

    def __init__(self, field: str, message: str):
        self.field = field
        super().__init__(message)


Files = dict[str, Path]


def job_of(body: Any, uploads: Uploads) -> tuple[Job, Files]:
    """A new job, and its files by the names that it has for them."""
    _require_keys(body, ASKED, "a job")
    kind = body.get("kind", "compose")
    if kind not in KINDS:
        raise FieldError("kind", f"there is no kind {kind!r}{nearest(str(kind), KINDS)}; kinds: {', '.join(KINDS)}")
    files: Files = {}
    job = Job(new_id(), kind, _prompt(body, kind))
    job.seed, job.settings, job.pause = _seed(body), _settings(body), _pause(body, kind)
    job.main = _text(body, "main")
    job.assets, job.uploads = _pictures(body, "assets", uploads, files)
    if kind == "edit":
        _edit(job, body, uploads, files)
    elif kind == "imagine":
        if job.assets:
            raise FieldError("assets", "imagine takes words alone; take compose or lift for pictures")
        job.prompt = _checked("prompt", lambda: imagined(job.prompt))
    else:
        job.main = _checked("assets", lambda: _scene(job)).main
    if kind == "lift":
        job.prompt = job.main
    job.title = _text(body, "title") or job.prompt
    job.duplicate_of = _text(body, "duplicate_of") or None
    return job, files


def _scene(job: Job) -> Scene:
    """What the words and terms make; the pictures were looked at as uploads."""
    if job.kind == "lift":
        if len(job.assets) != 1:
            raise InputError("lift takes the pictures of one thing")
        return Scene.make(next(iter(job.assets)), {term: names for term, names in job.assets.items()})
    if not job.assets:
        raise InputError("there are no pictures; give one for each thing that is to be a part")
    return Scene.make(job.prompt, {term: names for term, names in job.assets.items()}, main=job.main or None)


def _edit(job: Job, body: Mapping[str, Any], uploads: Uploads, files: Files) -> None:
    model = _text(body, "model")
    if not model:
        raise FieldError("model", "an edit takes a model: the id of an upload or of a job")
    try:
        upload = uploads.get(model)
    except Exception:
        job.model = f"job:{model}"
    else:
        job.model = f"model{upload.suffix}"
        files[job.model] = uploads.file(upload)
    job.replace, replaced = _replacements(body, uploads, files)
    job.add, added = _pictures(body, "add", uploads, files)
    job.uploads |= {**replaced, **added}
    remove = body.get("remove") or []
    if not isinstance(remove, list) or not all(isinstance(term, str) for term in remove):
        raise FieldError("remove", "remove is a list of terms")
    job.remove, job.keep = remove, _text(body, "keep")
    if job.keep not in ("", *KEEPS):
        raise FieldError("keep", f"keep is {' or '.join(KEEPS)}, not {job.keep!r}")
    if not (job.replace or job.add or job.remove):
        raise FieldError("replace", "an edit replaces, adds or removes something")
    _require_said(job.prompt, [*(term for given in job.replace.values() for term in given), *job.add])


def _require_said(prompt: str, terms: list[str]) -> None:
    """What an edit brings in stands in its sentence."""
    if terms:
        _checked("prompt", lambda: find_terms(prompt, terms))


def change_of(job: Job, body: Any, uploads: Uploads, folder: Path) -> tuple[Callable[[Job], bool], Files]:
    """What a PATCH does to a job, and further pictures. The function returns whether the job goes on.

    A job that waits stays so until `accept`, or until it is to ask again. Raises FieldError.
    """
    _require_keys(body, CHANGES, "a change")
    files: Files = {}
    prompt = _prompt(body, job.kind) if "prompt" in body else job.prompt
    pictures, ids = _pictures(body, "pictures", uploads, files, of=job.pictures)
    settings, reseed, choices = _settings(body), _reseed(body, job), _choices(body, job, folder)
    painted = _hints(body, job, folder)
    assets = {term: pictures.get(term, names) for term, names in job.assets.items()}
    main = _text(body, "main") or job.main
    seed = _seed(body) if "seed" in body else job.seed
    if job.kind == "compose":
        main = _checked("prompt", lambda: Scene.make(prompt, dict(assets), main=main or None)).main
    else:
        _require_said(prompt, list(job.pictures) if job.kind == "edit" else [])
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
            job.title = _text(body, "title") or job.title
        if body.get("accept") and job.waits_at:
            job.accepted = [*job.accepted, job.waits_at]
        return bool(job.state != WAITING or body.get("accept") or body.get("ask_again") or anew)

    return change, files


def _hints(body: Mapping[str, Any], job: Job, folder: Path) -> dict[str, str]:
    """Painted hints by term as files that are written here, under names that no earlier one has; "" takes one back."""
    from .voxels import write_grid

    given = _mapping(body, "hints")
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
        grid = _checked("hints", lambda value=value, term=term: _grid(value, job, term, folder))  # type: ignore[misc]
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
    from .facts import hints_of

    found = hints_of(folder)
    present = dict(zip(found.terms, found.grids)).get(term) if found else None
    return into_box(present if present is not None else np.zeros((64, 64, 64), bool), value["box"])


def _next_starts(job: Job, body: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """ "Ask again" begins at the next start level of the layout: the one that was used goes to the end."""
    if not body.get("ask_again"):
        return {}
    if job.kind != "compose":
        raise FieldError("ask_again", "only compositions have hints")
    from .facts import start_of

    starts, used = start_of(folder)
    if len(starts) < 2 or used not in starts:
        return {}
    place = starts.index(used) + 1
    return {"layout_starts": starts[place:] + starts[:place]}


def _reseed(body: Mapping[str, Any], job: Job) -> dict[str, int]:
    given = _mapping(body, "reseed")
    if given and job.kind not in ("compose", "edit"):
        raise FieldError("reseed", "only parts of a composition or an edit are given another seed")
    return {_term(job, term, "reseed"): _whole(seed, "reseed") for term, seed in given.items()}


def _choices(body: Mapping[str, Any], job: Job, folder: Path) -> dict[str, int]:
    from ..scene import unique_slugs
    from .facts import candidates_of

    given = {_term(job, term, "choose"): _whole(one, "choose") for term, one in _mapping(body, "choose").items()}
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


def _pictures(
    body: Mapping[str, Any], field: str, uploads: Uploads, files: Files, of: Mapping[str, Any] | None = None
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Names of files by term, and the uploads that they are of; `files` gets the files."""
    return _listed(_mapping(body, field), field, uploads, files, of)


def _replacements(
    body: Mapping[str, Any], uploads: Uploads, files: Files
) -> tuple[dict[str, dict[str, list[str]]], dict[str, list[str]]]:
    """{part: {new term: names of files}} of {part: pictures}, which keeps the part's word, or {part: {new term:
    pictures}}; and the uploads by new term."""
    made: dict[str, dict[str, list[str]]] = {}
    ids: dict[str, list[str]] = {}
    for part, given in _mapping(body, "replace").items():
        asked = given if isinstance(given, dict) else {part: given}
        if len(asked) != 1:
            raise FieldError("replace", f"{part!r} is replaced by one new thing, {{term: [ids]}}, not by {len(asked)}")
        made[part], new = _listed(asked, "replace", uploads, files)
        ids |= new
    return made, ids


def _listed(
    asked: Mapping[str, Any], field: str, uploads: Uploads, files: Files, of: Mapping[str, Any] | None = None
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """As `_pictures`, of {term: ids}."""
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
            upload = _checked(field, lambda id=id: uploads.get(id))  # type: ignore[misc]
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


# --- plain values -----------------------------------------------------------------------------------------------------


def _require_keys(body: Any, known: set[str], what: str) -> None:
    if not isinstance(body, dict):
        raise InputError(f"{what} is a JSON object")
    for key in body:
        if key not in known:
            raise FieldError(key, f"{what} has no field {key!r}{nearest(key, known)}")


def _prompt(body: Mapping[str, Any], kind: str) -> str:
    if kind == "lift" and not body.get("prompt"):
        return ""
    return _checked("prompt", lambda: plain_text(body.get("prompt"), "the prompt", MAX_PROMPT))


def _text(body: Mapping[str, Any], field: str) -> str:
    if body.get(field) in (None, ""):
        return ""
    return _checked(field, lambda: plain_text(body[field], field, MAX_PROMPT))


def _mapping(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = body.get(field) or {}
    if not isinstance(value, dict):
        raise FieldError(field, f"{field} is an object, with terms for keys")
    return value


def _seed(body: Mapping[str, Any]) -> int:
    return _whole(body.get("seed") or 0, "seed")


def _whole(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise FieldError(field, f"a seed is a whole number from 0 to 2^63 - 1, not {value!r}")
    return value


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    given = _mapping(body, "settings")
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool | list):
            raise FieldError("settings", f"the setting {name} cannot be {value!r}")
    _checked("settings", lambda: _one_by_one(given))
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


def _pause(body: Mapping[str, Any], kind: str) -> list[str]:
    given = body.get("pause") or []
    if not isinstance(given, list) or not all(point in PAUSES for point in given):
        raise FieldError("pause", f"pause is a list of {', '.join(PAUSES)}, not {given!r}")
    if given and kind != "compose":
        raise FieldError("pause", "only compositions pause")
    return [point for point in PAUSES if point in given]


def _checked(field: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except FieldError:
        raise
    except (InputError, NotFound) as error:
        raise FieldError(field, str(error)) from error
