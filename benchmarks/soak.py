"""A server under random load for a while: no job may be lost, memory must stay flat.

    python benchmarks/soak.py --seconds 600            # with the shipped backbone: --backbone bricks

Without --backbone the workers are those of the tests (real classes at tiny sizes). Clients submit, watch, cancel,
resume, change, delete and upload at random, workers are killed now and then. Clients ask for more than two workers can
do, on purpose: the queue fills up to its limit, further jobs are refused (429), and what waits when the load ends is
worked off; `queue` tells how much that was and how long it took. At the end every job must have a state that its events
tell, no file may be left unfinished, the queue may never have been longer than its limit, and memory in the last third
may exceed that of the middle third by a few MB only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx

from cast3d.app import server
from cast3d.app.service import Service
from cast3d.jobs.queue import Limits, Queue
from cast3d.jobs.slots import ProcessSlot
from cast3d.jobs.uploads import Uploads
from cast3d.jobs.work import Composing
from cast3d.jobs.workspace import Workspace

CALLS = ("submit", "submit", "cancel", "resume", "delete", "look", "list", "upload", "watch", "reseed")


class Load:
    """Random requests of one client, until told to stop."""

    def __init__(self, base: str, seed: int):
        self.client = httpx.Client(base_url=base, timeout=60, trust_env=False)
        self.random, self.calls, self.wrong = random.Random(seed), 0, []

    def run(self, until: float) -> None:
        while time.monotonic() < until:
            what = self.random.choice(CALLS)
            try:
                answer = getattr(self, what)()
            except httpx.HTTPError as error:
                self.wrong.append(f"{what}: {error!r}")
                continue
            self.calls += 1
            if answer is not None and answer.status_code not in (200, 201, 204, 404, 409, 429):
                self.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")

    def any(self) -> str:
        jobs = self.client.get("/jobs", params={"limit": 30}).json()["jobs"]
        return self.random.choice(jobs)["id"] if jobs else "none"

    def submit(self):
        return self.client.post("/jobs", json={"kind": "imagine", "prompt": "a cap", "seed": self.random.randrange(99)})

    def cancel(self):
        return self.client.post(f"/jobs/{self.any()}/cancel")

    def resume(self):
        return self.client.post(f"/jobs/{self.any()}/resume")

    def delete(self):
        return self.client.delete(f"/jobs/{self.any()}")

    def look(self):
        return self.client.get(f"/jobs/{self.any()}")

    def list(self):
        return self.client.get("/jobs", params={"limit": 200})

    def reseed(self):
        return self.client.patch(f"/jobs/{self.any()}", json={"seed": self.random.randrange(99)})

    def upload(self):
        data = self.random.randbytes(self.random.randrange(1, 200_000))
        answer = self.client.post("/uploads", params={"name": "noise.png"}, content=data)
        return None if answer.status_code == 400 else answer  # it is no picture

    def watch(self):
        with self.client.stream("GET", f"/jobs/{self.any()}/events") as answer:
            lines = answer.iter_lines()
            for _ in range(self.random.randrange(10)):
                next(lines, None)


def memory() -> float:
    """Resident MB of this process, which is the server."""
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1]) / 1024


def thirds(sizes: list[float]) -> dict[str, float]:
    """Medians of the middle and the last third."""
    third = max(1, len(sizes) // 3)
    middle, last = (sorted(part)[len(part) // 2] for part in (sizes[third : 2 * third] or sizes, sizes[-third:]))
    return {"middle": round(middle, 1), "last": round(last, 1)}


def soak(seconds: float, start, folder: Path, clients: int = 4, deadly: float = 20.0, grace: float = 120.0) -> dict:
    """Facts of a run; `wrong` lists what must not be. `deadly`: seconds between two workers that are killed."""
    workspace = Workspace(folder)
    slots = [ProcessSlot(start, {"OMP_NUM_THREADS": "1"}) for _ in range(2)]
    limits = Limits(queued=50, jobs=300, drop_oldest=True)
    queue = Queue(workspace, slots, limits)
    sock = server.listening("127.0.0.1", 0)
    ends, ready = [], threading.Event()

    def started(end) -> None:
        ends.append(end)
        ready.set()

    app = server.application(Service(queue, Uploads(workspace.uploads, queue.require_disk, queue.grow)))
    serving = threading.Thread(target=server.serve, args=(app, sock, started), daemon=True)
    serving.start()
    ready.wait(60)
    base, until = f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1", time.monotonic() + seconds
    loads = [Load(base, seed) for seed in range(clients)]
    threads = [threading.Thread(target=load.run, args=(until,)) for load in loads]
    for thread in threads:
        thread.start()
    sizes, waiting = [], [0]
    kills, next_kill = 0, time.monotonic() + deadly
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        sizes.append(memory())
        waiting.append(queue.counts()["queued"])
        if time.monotonic() > next_kill and (pid := slots[kills % 2].pid):
            os.kill(pid, signal.SIGKILL)
            kills, next_kill = kills + 1, time.monotonic() + deadly
    wrong = [line for load in loads for line in load.wrong]
    backlog, ended = sum(list(queue.counts().values())[:2]), time.monotonic()
    left, until = backlog + 1, ended + grace
    while (now := queue.counts()["queued"] + queue.counts()["running"]) and time.monotonic() < until:
        if now < left:  # it goes on; only a standstill is wrong
            left, until = now, time.monotonic() + grace
        time.sleep(0.2)
    drained = time.monotonic() - ended
    if max(waiting) > limits.queued:
        wrong.append(f"{max(waiting)} jobs waited, the limit is {limits.queued}")
    jobs = queue.newest(10_000)
    for job in jobs:
        last = [event.data["state"] for event in queue.events(job.id) if event.name == "state"][-1]
        kept = json.loads((queue.folder(job.id) / "job.json").read_text())["state"]
        if not job.state == last == kept:
            wrong.append(f"job {job.id}: {job.state}, its events say {last}, its file {kept}")
        if job.state in ("queued", "running"):
            wrong.append(f"job {job.id} is still {job.state}")
        if job.state == "failed" and "and so was the one that went on" not in (job.error or ""):
            wrong.append(f"job {job.id} failed, though not for two killed workers: {job.error}")
        if job.state == "done" and not (queue.folder(job.id) / "scene.glb").is_file():
            wrong.append(f"job {job.id} is done and has no scene.glb")
    for end in ends:
        end()
    serving.join(20)
    queue.close()
    wrong += [f"left: {path}" for path in folder.rglob(".tmp-*")] + [
        f"left: {path}" for path in folder.rglob(".part-*")
    ]
    workspace.close()
    states = [job.state for job in jobs]
    return {
        "seconds": seconds, "calls": sum(load.calls for load in loads), "kills": kills,
        "jobs": {state: states.count(state) for state in sorted(set(states))},
        "queue": {"most": max(waiting), "left": backlog, "worked_off_in_s": round(drained, 1)},
        "memory_mb": thirds(sizes), "wrong": wrong,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--backbone")
    given = parser.parse_args()
    if given.backbone:
        start = Composing(given.backbone, threads=1)
    else:
        from tests.jobs.tiny import Tiny

        start = Tiny()
    with tempfile.TemporaryDirectory() as folder:
        facts = soak(given.seconds, start, Path(folder) / "workspace")
    print(json.dumps(facts, indent=1))
    grown = facts["memory_mb"]["last"] - facts["memory_mb"]["middle"]
    sys.exit(1 if facts["wrong"] or grown > 20 else 0)


if __name__ == "__main__":
    main()
