"""A small suite whose answers are known: a block figure with a slab for a cap and a box for a backpack."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cast3d.evaluation.outcome import Outcome
from cast3d.evaluation.suite import Truth
from cast3d.meshes.mesh import Mesh
from cast3d.voxels import outer_shell
from tests.tiny_backbone import PROMPT, pictures

BOXES = {  # term -> low and high corner, in voxels
    "figure": ((20, 24, 4), (44, 40, 44)),
    "cap": ((18, 20, 44), (46, 44, 50)),
    "backpack": ((24, 40, 16), (40, 50, 34)),
}


def box(low: tuple[int, int, int], high: tuple[int, int, int]) -> Tensor:
    """[64, 64, 64] the shell of a box of voxels."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return outer_shell(grid)


def truths() -> dict[str, Truth]:
    """The composite's surface shows everything but where boxes touch."""
    solids = {term: filled(*corners) for term, corners in BOXES.items()}
    surface = outer_shell(torch.stack(list(solids.values())).any(0))
    return {term: Truth(outer_shell(solid), outer_shell(solid) & surface) for term, solid in solids.items()}


def filled(low: tuple[int, int, int], high: tuple[int, int, int]) -> Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return grid


def cuboid(low, high, color: tuple[float, float, float] = (0.5, 0.5, 0.5)) -> Mesh:
    """A closed box in world units, counter-clockwise from outside."""
    corners = torch.tensor([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = torch.tensor([triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))])
    return Mesh(corners.float(), faces, torch.tensor(color).expand(8, 3).clone())


def mesh_of(term: str, color: tuple[float, float, float] = (0.5, 0.5, 0.5)) -> Mesh:
    """Through the middles of the outermost voxels."""
    low, high = ([(c + d) / 64 - 0.5 for c in corner] for corner, d in zip(BOXES[term], (0.5, -0.5)))
    return cuboid(low, high, color)


def perfect(**changes) -> Outcome:
    """The truth itself as an outcome."""
    grids = {term: truth.voxels for term, truth in truths().items()}
    return Outcome(**{"grids": grids, "meshes": {term: mesh_of(term) for term in BOXES}, "main": "figure", **changes})


def write_suite(folder: Path, cases: tuple[str, ...] = ("one",)) -> Path:
    """The suite on disk: every case the same object."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for term, picture in pictures().items():
        picture.save(folder / f"{term}.png")
    for term, truth in truths().items():
        np.savez_compressed(folder / f"{term}.npz", voxels=truth.voxels.numpy(), visible=truth.visible.numpy())
    for case in cases:
        rows.append(
            {
                "id": case,
                "prompt": PROMPT,
                "main": "figure",
                "assets": [{"term": term, "image": f"{term}.png"} for term in BOXES],
                "truth": {term: f"{term}.npz" for term in BOXES},
                "unseen": ["cap"],
                "views": [{"image": "figure.png", "yaw": yaw, "pitch": 10} for yaw in (0, 45)],
            }
        )
    (folder / "suite.json").write_text(json.dumps(rows))
    return folder
