"""A finished evaluation without any composing: two cases, two methods that made something and one that never does."""

from __future__ import annotations

import json
from pathlib import Path

from cast3d.evaluation.results import FILE
from cast3d.evaluation.suite import Case, load_suite
from cast3d.meshes.glb import write_glb
from tests.evaluation.scenes import cuboid
from tests.tiny_backbone import PROMPT, pictures

METHODS = ("cast3d", "utc", "lazy")
CASES = ("alpha", "beta")
COLORS = {"cast3d": (0.9, 0.2, 0.1), "utc": (0.1, 0.3, 0.9)}


def write_suite(folder: Path) -> list[Case]:
    """Two cases with the pictures of the tiny scene; their truth is never read."""
    folder.mkdir(parents=True)
    for term, picture in pictures().items():
        picture.save(folder / f"{term}.png")
    assets = [{"term": term, "image": f"{term}.png"} for term in pictures()]
    truth = {term: "none.npz" for term in pictures()}
    rows = [{"id": case, "prompt": PROMPT, "main": "figure", "assets": assets, "truth": truth} for case in CASES]
    (folder / "suite.json").write_text(json.dumps(rows))
    return load_suite(folder)


def write_results(out: Path) -> dict:
    """results.json of one seed, and the models in cells/; "lazy" made nothing."""
    runs = []
    for method in METHODS:
        for i, case in enumerate(CASES):
            folder = Path("cells", method, case, "0")
            runs.append({"method": method, "case": case, "seed": 0, "object": {}, "folder": folder.as_posix()})
            if method in COLORS:
                corner = (0.2, 0.2, 0.2 + 0.2 * i)  # each case has its shape, each method its colour
                mesh = cuboid([-c for c in corner], corner, COLORS[method])
                write_glb(out / folder / "model.glb", {"figure": mesh}, {})
    content = {
        "format": 1, "suite": "tiny", "seeds": [0], "methods": [{"name": name, "about": ""} for name in METHODS],
        "cases": [{"id": case} for case in CASES], "runs": runs, "judges": {"someone": []},
    }  # fmt: skip
    (out / FILE).write_text(json.dumps(content))
    return content
