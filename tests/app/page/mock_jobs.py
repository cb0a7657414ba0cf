"""Jobs of the mock server: they go through the stages of one recorded run, and stand still where the real ones do."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from typing import Any

import numpy as np

from tests.app.page.recorded import Recorded

API = "/api/v1"
ENDED = ("done", "failed", "cancelled")
STEPS = 6  # per stage


class Refusal(Exception):
    """An answer with an error."""

    def __init__(self, status: int, kind: str, message: str):
        self.status, self.kind, self.message = status, kind, message


class Jobs:
    """`pace` seconds pass at each step. `fail_at` names a stage at which jobs fail."""

    def __init__(self, recorded: Recorded, pace: float = 0.01):
        self.recorded, self.pace, self.fail_at = recorded, pace, ""
        self.all: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[tuple[str, Any]]] = {"": []}
        self.changed = threading.Condition()
        self.asked: list[dict[str, Any]] = []  # what was sent, for the tests to look at
        self.patched: list[dict[str, Any]] = []
        self._hints: dict[str, dict[str, np.ndarray]] = {}
        self._count = itertools.count(1)

    def submit(self, body: dict[str, Any], pictures: Any) -> dict[str, Any]:
        if not body.get("prompt"):
            raise Refusal(400, "input", "there is no sentence; write what it shall be")
        self.asked.append(body)
        key = f"job-{next(self._count):03d}"
        assets = {term: [pictures(one) for one in ids] for term, ids in (body.get("assets") or {}).items()}
        job = {
            "id": key, "kind": body["kind"], "title": body.get("title") or body["prompt"], "prompt": body["prompt"],
            "main": body.get("main"), "assets": assets,
            "seed": body.get("seed", 0), "settings": body.get("settings", {}), "state": "queued", "position": 1,
            "stage": None, "fraction": 0.0, "seconds_left": None, "created": time.time(), "started": None,
            "finished": None, "error": None, "warnings": [], "notes": [], "pause": body.get("pause", []),
            "picture": None, "scene": None, "splat": None, "report": None, "stages": [], "duplicate_of": None,
        }  # fmt: skip
        self._hints[key] = {term: grid.copy() for term, grid in self.recorded.hints.items()}
        with self.changed:
            self.all = {key: job, **self.all}
            self.events[key] = []
        self._start(key, 0)
        return job

    def get(self, key: str) -> dict[str, Any]:
        if key not in self.all:
            raise Refusal(404, "not_found", f"there is no job {key}")
        return self.all[key]

    def cancel(self, key: str) -> dict[str, Any]:
        if self.get(key)["state"] in ENDED:
            raise Refusal(409, "conflict", "the job has ended")
        self._set(key, state="cancelled", finished=time.time())
        return self.get(key)

    def resume(self, key: str) -> dict[str, Any]:
        self._start(key, len(self.get(key)["stages"]))
        return self.get(key)

    def delete(self, key: str) -> None:
        if self.get(key)["state"] == "running":
            raise Refusal(409, "conflict", "the job is running; cancel it first")
        with self.changed:
            self.all = {k: job for k, job in self.all.items() if k != key}

    def patch(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        self.patched.append(body)
        job = self.get(key)
        for term, hint in (body.get("hints") or {}).items():
            bits = np.frombuffer(base64.b64decode(hint["bits"]), np.uint8)
            self._hints[key][term] = np.unpackbits(bits).reshape(64, 64, 64).astype(bool)
        if job["state"] != "waiting" or body.get("accept") or body.get("ask_again"):
            stages = self.recorded.stages
            hints = next(i for i, stage in enumerate(stages) if stage["name"] == "hints")
            job["pause"] = job["pause"] if body.get("ask_again") else []
            self._start(key, 0 if body.get("ask_again") else hints + 1)
        return self.get(key)

    def hints(self, key: str) -> dict[str, Any]:
        if not any(stage["name"] == "hints" for stage in self.get(key)["stages"]):
            raise Refusal(404, "not_found", "there are no hints yet")
        made, grids = self.recorded, self._hints[key]
        terms = [{"term": term, "color": made.color(term), "bits": _bits(grid)} for term, grid in grids.items()]
        return {"terms": terms, "layout": {"bits": _bits(made.layout)}, "base": made.main}

    def parts(self, key: str) -> dict[str, Any]:
        if self.get(key)["state"] != "done":
            return {"terms": []}
        made = self.recorded
        return {
            "terms": [
                {
                    "term": term, "slug": facts["file"][6:-4], "base": term == made.main, "color": made.color(term),
                    "url_glb": f"{API}/jobs/{key}/files/{facts['file']}", "triangles": facts["triangles"],
                    "size": [0.3, 0.3, 0.3], "solid": facts["watertight"],
                }
                for term, facts in ((term, made.meshes[term]) for term in made.terms)
            ]
        }  # fmt: skip

    def tell(self, key: str, name: str, data: Any) -> None:
        with self.changed:
            self.events.setdefault(key, []).append((name, json.dumps(data)))
            if name == "state":
                self.events[""].append((name, json.dumps({"id": key, **data})))
            self.changed.notify_all()

    def _set(self, key: str, **values: Any) -> None:
        self.all[key].update(values)
        self.tell(key, "state", {"state": self.all[key]["state"], "position": self.all[key]["position"]})

    def _start(self, key: str, first: int) -> None:
        self._set(key, state="queued", position=1, finished=None, error=None)
        threading.Thread(target=self._run, args=(key, first), daemon=True).start()

    def _run(self, key: str, first: int) -> None:
        job, made = self.all[key], self.recorded
        url = f"{API}/jobs/{key}/files"
        time.sleep(self.pace)
        if job["state"] != "queued":
            return
        job["stages"] = job["stages"][:first]
        self._set(key, state="running", position=None, started=time.time())
        for index, stage in enumerate(made.stages[first:], first):
            for step in range(STEPS):
                if job["state"] != "running":
                    return
                fraction = (index + step / STEPS) / len(made.stages)
                left = (1 - fraction) * len(made.stages) * STEPS * self.pace
                job.update(stage=stage["name"], fraction=fraction, seconds_left=left)
                told = {"stage": stage["name"], "title": stage["title"], "term": stage["term"]}
                self.tell(
                    key, "progress", {**told, "done": step, "total": STEPS, "fraction": fraction, "seconds_left": left}
                )
                if step in (1, 3, 5):
                    self.tell(
                        key, "preview", {"stage": stage["name"], "step": step, "url": f"{url}/{stage['pictures'][-1]}"}
                    )
                time.sleep(self.pace)
            if stage["name"] == self.fail_at:
                return self._set(
                    key,
                    state="failed",
                    error="the layout does not show the cap; try another seed",
                    finished=time.time(),
                )
            done = {**stage, "pictures": [f"{url}/{name}" for name in stage["pictures"]]}
            job["stages"] = [*job["stages"], done]
            self.tell(key, "stage", done)
            if stage["name"] == "hints" and "hints" in job["pause"]:
                return self._set(key, state="waiting", stage="hints")
        job.update(scene=f"{url}/scene.glb", splat=f"{url}/scene.ply", report=f"{url}/report.html", fraction=1.0)
        job.update(picture=f"{url}/{made.stages[-1]['pictures'][-1]}")
        self._set(key, state="done", stage=None, seconds_left=None, finished=time.time())
        return None


def _bits(grid: np.ndarray) -> str:
    return base64.b64encode(np.packbits(grid.reshape(-1)).tobytes()).decode()
