"""Tells of a run as events: progress with the time that is left, stages as they end, glimpses of what is sampled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled
from .job import Job

if TYPE_CHECKING:
    from torch import Tensor

    from ..run.folder import RunFolder

# Shares of the time that stages take, measured once with bricks on a CPU; they only have to be about right.
SHARES = {
    "main": 2.5, "layout": 2.4, "layout_appearance": 0.5, "hints": 1.5, "part": 1.4, "part_candidates": 3.0,
    "part_choice": 0.1, "geometry": 1.5, "slat": 0.5, "appearance": 0.8, "refit": 4.0, "meshes": 1.0, "export": 3.1,
}  # fmt: skip
AFTERWARDS = {"meshes": "Meshes", "export": "Files"}  # what follows the stages
EVERY = 0.2  # seconds between two events of progress
PREVIEWS = "previews"  # in the job's folder; the last run's only
MOST_PREVIEWS = 400


class Narrator:
    """The callbacks of a run. `tell(event)` is called at every step, with None where there is nothing to say."""

    def __init__(self, job: Job, run: RunFolder, tell: Callable[[Any], None]):
        self.run, self.tell = run, tell
        self.terms, self.alone = _terms_by_slug(job), job.kind in ("lift", "imagine")
        self.shares = _plan(job, self.terms)
        self.started: dict[str, float] = {}
        self.ended: dict[str, dict[str, Any]] = {}  # facts of stages, in the order in which they ended first
        self.began, self._told, self._seen = time.monotonic(), 0.0, 0
        self._worked = 0.0  # share of the plan that was computed here, and not found

    @property
    def stages(self) -> list[dict[str, Any]]:
        return list(self.ended.values())

    def progress(self, name: str, done: int, total: int) -> None:
        """What a run calls: see `run.staging`."""
        if name == "retry":
            self._send("warning", message=_retry(done, total))
        elif done == 0 and name not in self.started:
            self.started[name] = time.monotonic()
            self._progress(name, 0, total, always=True)
        elif name in self.started and (done, total) == (1, 1):
            seconds = time.monotonic() - self.started.pop(name)
            self._worked += self.shares.get(name, 0.0)
            self._end(name, round(seconds, 3), reused=False)
        elif name in self.started:
            self._progress(name, done, total)
        elif name not in self.ended:
            self._end(name, 0.0, reused=True)
        self.tell(None)  # also where nothing is sent: this is where a cancel is heard of

    def preview(self, stage: str, step: int, voxels: Tensor) -> None:
        """What is sampled, as a picture in the job's folder."""
        from ..result.previews import of_voxels

        if self._seen >= MOST_PREVIEWS:
            return
        self._seen += 1
        name = f"{PREVIEWS}/{self._seen:04d}-{stage}-{step}.png"
        with self.run.file(name) as path:
            of_voxels(voxels).save(path)
        self._send("preview", stage=stage, step=step, file=name)

    def _end(self, name: str, seconds: float, reused: bool) -> None:
        facts = {
            **_told(name, self.terms, self.alone),
            "seconds": seconds,
            "reused": reused,
            "pictures": self._pictures(name),
        }
        self.ended[name] = facts
        for passed in list(self.shares)[: list(self.shares).index(name)] if name in self.shares else ():
            if passed not in self.ended and passed not in self.started:  # this run does without it
                del self.shares[passed]
        self._send("stage", **facts)
        self._progress(name, 1, 1, always=True)

    def _pictures(self, name: str) -> list[str]:
        return [str(path.relative_to(self.run.path)) for path in self.run.stages.previews(name).values()]

    def _progress(self, name: str, done: int, total: int, always: bool = False) -> None:
        now = time.monotonic()
        if not always and now - self._told < EVERY:
            return
        self._told = now
        whole = sum(self.shares.values()) or 1.0
        current = self.shares.get(name, 0.0) * done / max(total, 1) if name in self.started else 0.0
        share = sum(self.shares.get(one, 0.0) for one in self.ended if one not in self.started) + current
        worked, spent = self._worked + current, now - self.began
        left = round(spent / worked * (whole - share), 1) if worked > 0.05 * whole else None
        self._send(
            "progress", stage=name, **_titles(name, self.terms, self.alone), done=done, total=total,
            fraction=round(min(share / whole, 1.0), 4), seconds_left=left,
        )  # fmt: skip

    def _send(self, event: str, **data: Any) -> None:
        self.tell((event, data))


def _terms_by_slug(job: Job) -> dict[str, str]:
    from ..scene import Scene

    if job.kind not in ("compose", "edit") or not (pictures := job.pictures):
        return {}
    try:
        return {slug: term for term, slug in Scene.make(job.prompt, pictures).slugs.items()}
    except Exception as error:  # an edit's words need not make a scene
        if isinstance(error, Cancelled):
            raise
        return {}


def _plan(job: Job, terms: Mapping[str, str]) -> dict[str, float]:
    """The stages to come and their shares."""
    from ..stages.table import stages_of

    plan: dict[str, float] = {}
    for stage in stages_of(job.kind, new=bool(job.add or job.replace)):
        if not stage.per_term:
            plan[stage.name] = SHARES.get(stage.name, 1.0)
        else:
            wanted = [slug for slug, term in terms.items() if stage.name == "slat" or term != job.main]
            plan |= {f"{stage.name}-{slug}": SHARES.get(stage.name, 1.0) for slug in wanted}
    return plan | {name: SHARES[name] for name in AFTERWARDS}


def _titles(name: str, terms: Mapping[str, str], alone: bool) -> dict[str, Any]:
    told = _told(name, terms, alone)
    return {"title": told["title"], "term": told["term"]}


def _told(name: str, terms: Mapping[str, str], alone: bool) -> dict[str, Any]:
    """What a stage is called, and where it stands in Fig. 3 or in making one thing `alone`."""
    from ..stages.table import stage_of

    found = stage_of(name, alone)
    if found is None:
        return {"name": name, "term": None, "title": AFTERWARDS.get(name, name), "caption": "", "half": ""}
    stage, slug = found
    term = terms.get(slug, slug) or None
    return {"name": name, "term": term, "title": stage.title, "caption": stage.caption, "half": stage.half}


def _retry(done: int, total: int) -> str:
    if not done:
        return f"not every term was found in {total} layouts; other names are tried for what is missing"
    return f"not every term was found in layout {done} of {total}" + ("; the next is tried" if done < total else "")
