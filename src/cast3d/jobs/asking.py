"""From what a client asks for, in plain data, to a job. All is checked here.

Raises InputError with the `field` that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError, nearest
from ..scene import Scene, imagined
from ..scene.change import KEEPS
from ..stages.pauses import PAUSES
from . import fields
from .fields import FieldError, Files
from .job import KINDS, Job, new_id
from .uploads import Uploads

ASKED = {
    "kind", "prompt", "main", "assets", "seed", "settings", "pause", "title", "model", "replace", "add", "remove",
    "keep", "duplicate_of",
}  # fmt: skip


def job_of(body: Any, uploads: Uploads) -> tuple[Job, Files]:
    """A new job, and its files by the names that it has for them."""
    fields.require_keys(body, ASKED, "a job")
    kind = body.get("kind", "compose")
    if kind not in KINDS:
        raise FieldError("kind", f"there is no kind {kind!r}{nearest(str(kind), KINDS)}; kinds: {', '.join(KINDS)}")
    files: Files = {}
    job = Job(new_id(), kind, fields.prompt(body, kind))
    job.seed, job.settings, job.pause = fields.seed(body), fields.settings(body), _pause(body, kind)
    job.main = fields.text(body, "main")
    job.assets, job.uploads = fields.pictures(body, "assets", uploads, files)
    if kind == "edit":
        _edit(job, body, uploads, files)
    elif kind == "imagine":
        if job.assets:
            raise FieldError("assets", "imagine takes words alone; take compose or lift for pictures")
        job.prompt = fields.checked("prompt", lambda: imagined(job.prompt))
    else:
        job.main = fields.checked("assets", lambda: _scene(job)).main
    if kind == "lift":
        job.prompt = job.main
    job.title = fields.text(body, "title") or job.prompt
    job.duplicate_of = fields.text(body, "duplicate_of") or None
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
    model = fields.text(body, "model")
    if not model:
        raise FieldError("model", "an edit takes a model: the id of an upload or of a job")
    try:
        upload = uploads.get(model)
    except Exception:
        job.model = f"job:{model}"
    else:
        job.model = f"model{upload.suffix}"
        files[job.model] = uploads.file(upload)
    job.replace, replaced = fields.replacements(body, uploads, files)
    job.add, added = fields.pictures(body, "add", uploads, files)
    job.uploads |= {**replaced, **added}
    remove = body.get("remove") or []
    if not isinstance(remove, list) or not all(isinstance(term, str) for term in remove):
        raise FieldError("remove", "remove is a list of terms")
    job.remove, job.keep = remove, fields.text(body, "keep")
    if job.keep not in ("", *KEEPS):
        raise FieldError("keep", f"keep is {' or '.join(KEEPS)}, not {job.keep!r}")
    if not (job.replace or job.add or job.remove):
        raise FieldError("replace", "an edit replaces, adds or removes something")
    fields.require_said(job.prompt, [*(term for given in job.replace.values() for term in given), *job.add])


def _pause(body: Mapping[str, Any], kind: str) -> list[str]:
    given = body.get("pause") or []
    if not isinstance(given, list) or not all(point in PAUSES for point in given):
        raise FieldError("pause", f"pause is a list of {', '.join(PAUSES)}, not {given!r}")
    if given and kind != "compose":
        raise FieldError("pause", "only compositions pause")
    return [point for point in PAUSES if point in given]
