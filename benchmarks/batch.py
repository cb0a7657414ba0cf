"""Scenes per hour against the number of workers, on this machine.

    python benchmarks/batch.py --workers 1,2 --scenes 4 [--device cuda:0 --device cuda:1]

Each number of workers composes the same scenes anew (examples, other seeds), in processes that share out the cores.
The first scene of each worker loads its networks, which is part of what is measured: give several scenes for each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from cast3d.cli.batch import workers_of
from cast3d.jobs.batch import Batch
from cast3d.jobs.scenes import Entry
from cast3d.scene import Scene
from cast3d.scene.files import read_any

EXAMPLES = Path(__file__).parents[1] / "examples"


def shown() -> list[Scene]:
    """The examples that compose; others edit a model."""
    found = [read_any(file) for file in sorted(EXAMPLES.glob("*/scene.yaml"))]
    return [scene for scene in found if isinstance(scene, Scene)]


def measured(workers: int, scenes: int, backbone: str, devices: list[str], folder: Path) -> dict:
    """Scenes per hour of one number of workers."""
    known = shown()
    entries = [Entry(f"scene-{i}", known[i % len(known)].with_seed(i // len(known))) for i in range(scenes)]
    batch = Batch(entries, folder, {}, backbone)
    slots, end = workers_of(None, backbone, devices, workers, None, {}, folder, scenes)
    began = time.monotonic()
    outcome = batch.run(slots)
    end()
    seconds = time.monotonic() - began
    return {
        "workers": workers, "scenes": scenes, "done": outcome.done, "failed": outcome.failed,
        "seconds": round(seconds, 1), "scenes_per_hour": round(3600 * outcome.done / seconds, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--backbone", default="bricks")
    parser.add_argument("--device", action="append")
    given = parser.parse_args()
    for workers in map(int, given.workers.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            facts = measured(workers, given.scenes, given.backbone, given.device or ["cpu"], Path(folder))
            print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
