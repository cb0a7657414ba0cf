"""Jobs and uploads as the API tells them: every file by its address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..jobs.job import WAITING, Job
from ..jobs.uploads import Upload

API = "/api/v1"


def file_url(job: Job, name: str) -> str:
    """Of a file in a job's folder."""
    return f"{API}/jobs/{job.id}/files/{quote(name)}"


def job_json(job: Job, folder: Path, position: int | None) -> dict[str, Any]:
    """A job as in the contract."""

    def there(*names: str) -> str | None:
        return next((file_url(job, name) for name in names if (folder / name).is_file()), None)

    stages = [{**stage, "pictures": [file_url(job, one) for one in stage["pictures"]]} for stage in job.stages]
    last = next((picture for stage in reversed(stages) for picture in stage["pictures"]), None)
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "prompt": job.prompt,
        "main": job.main,
        "assets": {term: _pictures(job, term, names, folder) for term, names in job.assets.items()},
        "seed": job.seed,
        "settings": job.settings,
        "reseed": job.reseed,
        "choices": job.choices,
        "painted": sorted(job.hints),
        "model": job.model or None,
        "replace": {
            part: {term: _pictures(job, term, names, folder) for term, names in given.items()}
            for part, given in job.replace.items()
        },
        "add": {term: _pictures(job, term, names, folder) for term, names in job.add.items()},
        "remove": job.remove,
        "before": _before(job, folder),
        "keep": job.keep or None,
        "state": job.state,
        "cancelling": job.cancelling,
        "position": position,
        "stage": job.waits_at if job.state == WAITING else job.stage,
        "fraction": job.fraction,
        "seconds_left": job.seconds_left,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "error": job.error,
        "warnings": job.warnings,
        "notes": job.notes,
        "pause": job.pause,
        "picture": there("turntable.webp") or last,
        "scene": there("scene.glb"),
        "splat": there("scene.ply"),
        "report": there("report.html"),
        "stages": stages,
        "duplicate_of": job.duplicate_of,
    }


def _before(job: Job, folder: Path) -> str | None:
    """The model that an edit began with, where it can be looked at."""
    if not job.model.startswith("job:"):
        return file_url(job, f"given/{job.model}") if job.model.endswith(".glb") else None
    source = job.model.removeprefix("job:")
    there = (folder.parent / source / "scene.glb").is_file()
    return f"{API}/jobs/{quote(source)}/files/scene.glb" if there else None


def _pictures(job: Job, term: str, names: list[str], folder: Path) -> list[dict[str, Any]]:
    ids = job.uploads.get(term, [])
    found = []
    for place, name in enumerate(names):
        cutout = f"given/{Path(name).stem}.cutout.png"
        found.append(
            {
                "url": file_url(job, f"given/{name}"),
                "cutout": file_url(job, cutout) if (folder / cutout).is_file() else None,
                "id": ids[place] if place < len(ids) else None,
            }
        )
    return found


def event_json(job: Job, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells, with addresses in place of files."""
    told = dict(data)
    if name == "stage":
        told["pictures"] = [file_url(job, one) for one in told["pictures"]]
    if "file" in told:
        told["url"] = file_url(job, told.pop("file"))
    return told


def upload_json(upload: Upload) -> dict[str, Any]:
    """An upload as in the contract."""
    base = f"{API}/uploads/{upload.id}"
    told: dict[str, Any] = {
        "id": upload.id,
        "kind": upload.kind,
        "name": upload.name,
        "bytes": upload.bytes,
        "url": f"{base}/file",
        "warnings": upload.warnings,
        "notes": upload.notes,
        "risk": upload.risk,
        "cutout": f"{base}/cutout" if upload.cutout else None,
        "corrected": upload.corrected,
    }
    if upload.kind == "picture":
        return {**told, "width": upload.width, "height": upload.height}
    return {**told, "nodes": upload.nodes, "triangles": upload.triangles, "prompt": upload.prompt}
