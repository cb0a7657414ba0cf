"""A small suite of edits whose answers are known: a pole that wears a slab, and a box that hangs behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cast3d.evaluation.edits.suite import STEPS
from cast3d.meshes.mesh import Mesh
from cast3d.voxels import outer_shell
from tests.evaluation.scenes import cuboid, filled
from tests.tiny_backbone import picture

BOXES = {  # term -> low and high corner, in voxels, and colour
    "figure": ((28, 28, 4), (36, 36, 50), (200, 160, 40)),
    "cap": ((24, 24, 50), (40, 40, 54), (200, 20, 40)),
    "backpack": ((28, 36, 28), (36, 40, 40), (20, 20, 120)),
    "red cap": ((26, 26, 50), (38, 38, 58), (220, 20, 20)),
}
CASES = {  # id -> kind, part, term, terms before, terms after, prompt
    "swap": ("replace", "cap", "red cap", "a figure wearing a red cap and a backpack"),
    "pack": ("add", "", "backpack", "a figure wearing a cap and a backpack"),
    "bare": ("remove", "cap", "", "a figure and a backpack"),
}


def terms(kind: str, part: str, term: str) -> tuple[list[str], list[str]]:
    """Before and after."""
    before = ["figure", *([part] if part else ["cap"]), *([] if kind == "add" else ["backpack"])]
    after = [one for one in before if one != part] + ([term] if term else [])
    return before, after


def mesh_of(term: str) -> Mesh:
    low, high, color = BOXES[term]
    corners = ([(c + d) / 64 - 0.5 for c in corner] for corner, d in ((low, 0.5), (high, -0.5)))
    return cuboid(*corners, tuple(c / 255 for c in color))


def write_edits(folder: Path, cases: tuple[str, ...] = tuple(CASES)) -> Path:
    """The suite on disk."""
    for name in ("assets", "truth", "sources"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for term, color in (("red cap", "red"), ("backpack", "navy")):
        picture(color, "rectangle").save(folder / "assets" / f"{term}.png")
    rows = []
    for name in cases:
        kind, part, term, prompt = CASES[name]
        before, after = terms(kind, part, term)
        _save_source(folder / "sources" / f"{name}.npz", before)
        grids = [grid for listed in (before, after) for one in listed for grid in _truth(one, listed)]
        np.savez(folder / "truth" / f"{name}.npz", grids=np.stack([np.packbits(grid.numpy()) for grid in grids]))
        rows.append({
            "id": name, "kind": kind, "prompt": prompt, "main": "figure", "part": part, "term": term,
            "image": f"assets/{term}.png" if term else "", "unseen": name == "pack",
            "source": f"sources/{name}.npz", "truth": f"truth/{name}.npz", "terms": {"before": before, "after": after},
        })  # fmt: skip
    (folder / "suite.json").write_text(json.dumps(rows))
    return folder


def _truth(term: str, listed: list[str]) -> tuple[Tensor, Tensor]:
    """`voxels` and `visible`."""
    solids = {one: filled(*BOXES[one][:2]) for one in listed}
    own = outer_shell(solids[term])
    return own, own & outer_shell(torch.stack(list(solids.values())).any(0))


def _save_source(path: Path, listed: list[str]) -> None:
    arrays = {"palette": np.array([BOXES[term][2] for term in listed], np.uint8)}
    for role, term in enumerate(listed):
        mesh = mesh_of(term)
        steps = np.round((mesh.vertices.numpy() + 0.5) * STEPS).astype(np.int64)
        arrays[f"vertices {role}"] = np.diff(steps, axis=0, prepend=0).astype(np.int16)
        flat = mesh.faces.numpy().reshape(-1)
        arrays[f"faces {role}"] = np.diff(flat, prepend=0).astype(np.int32).reshape(-1, 3)
        arrays[f"colors {role}"] = np.full(len(mesh.faces), role, np.uint8)
    np.savez(path, **arrays)
