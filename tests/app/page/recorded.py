"""A run as the mock server tells of it: from the folder of a real run, or small shapes in a moment."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cast3d.meshes.glb import write_glb
from cast3d.meshes.surface import from_sdf, simplify
from cast3d.result.previews import of_voxels
from cast3d.scene import unique_slugs
from cast3d.splats import Gaussians, write_ply
from cast3d.stages.table import stage_of
from tests.meshes.shapes import ball, grid

COLORS = ("#afafaf", "#e69f00", "#56b4e9", "#009e73")


@dataclass
class Recorded:
    """`folder` holds scene.glb, scene.ply, parts/, inputs/ and stages/*/previews/."""

    folder: Path
    prompt: str
    main: str
    terms: list[str]
    hints: dict[str, np.ndarray]  # [64, 64, 64] bool
    layout: np.ndarray
    meshes: dict[str, dict]  # triangles, watertight, file
    stages: list[dict] = field(default_factory=list)

    def color(self, term: str) -> str:
        others = [one for one in self.terms if one != self.main]
        return COLORS[0] if term == self.main else COLORS[1 + others.index(term) % 3]


def from_run(folder: Path) -> Recorded:
    """What a finished run left."""
    from safetensors.numpy import load_file

    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    hints = load_file(folder / "stages" / "04-hints" / "tensors.safetensors")["grids"]
    layout = load_file(folder / "stages" / "02-layout" / "tensors.safetensors")["grid"]
    grids = {term: hints[i].astype(bool) for i, term in enumerate(info["terms"])}
    made = Recorded(folder, info["prompt"], info["main"], info["terms"], grids, layout.astype(bool), info["meshes"])
    made.stages = _stages(made)
    return made


def small(folder: Path) -> Recorded:
    """A ball with a smaller one on top, called a figure and a cap."""
    terms, shapes = ["figure", "cap"], {"figure": (0.25, (0.0, 0.0, -0.15)), "cap": (0.14, (0.0, 0.0, 0.2))}
    colors = {"figure": (0.9, 0.7, 0.1), "cap": (0.8, 0.1, 0.1)}
    (folder / "parts").mkdir(parents=True)
    (folder / "inputs").mkdir()
    meshes, parts = {}, {}
    for term, (radius, center) in shapes.items():
        mesh = simplify(from_sdf(ball(32, radius, center)), 800)
        mesh = replace(mesh, colors=torch.tensor(colors[term]).expand(len(mesh.vertices), 3).clone())
        parts[term] = mesh
        write_glb(folder / "parts" / f"{term}.glb", {term: mesh}, {})
        meshes[term] = {"file": f"parts/{term}.glb", "triangles": len(mesh.faces), "watertight": True}
        picture(colors[term]).save(folder / "inputs" / f"{term}.png")
    write_glb(folder / "scene.glb", parts, {"prompt": "a figure wearing a cap"})
    grids = {
        term: ((grid(64) - torch.tensor(center)).norm(dim=-1) < radius) for term, (radius, center) in shapes.items()
    }
    grids["figure"] &= ~grids["cap"]
    write_ply(folder / "scene.ply", _splats(grids, colors))
    hints = {term: one.numpy() for term, one in grids.items()}
    made = Recorded(folder, "a figure wearing a cap", "figure", terms, hints, np.logical_or(*hints.values()), meshes)
    for name in ("01-main", "02-layout", "04-hints", "05-part-cap", "06-geometry", "08-appearance"):
        previews = folder / "stages" / name / "previews"
        previews.mkdir(parents=True)
        of_voxels(grids["figure"] | grids["cap"]).save(previews / "front.png")
    made.stages = _stages(made)
    return made


def picture(color: tuple[float, float, float], side: int = 96, transparent: bool = True) -> Image.Image:
    """A disc of one colour."""
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - side / 2) ** 2 + (columns - side / 2) ** 2 < (0.4 * side) ** 2
    rgba = np.full((side, side, 4), 255, np.uint8)
    rgba[inside, :3] = (255 * np.asarray(color)).astype(np.uint8)
    if transparent:
        rgba[~inside] = 0
    return Image.fromarray(rgba)


def _splats(grids: dict[str, torch.Tensor], colors: dict[str, tuple[float, float, float]]) -> Gaussians:
    places, tints, parts = [], [], []
    for index, (term, one) in enumerate(grids.items()):
        cells = one.nonzero()[::7]
        places.append((cells + 0.5) / 64 - 0.5)
        tints.append(((torch.tensor(colors[term]) - 0.5) / 0.28209479).expand(len(cells), 3))
        parts.append(torch.full((len(cells),), index))
    position = torch.cat(places).float()
    count = len(position)
    turn = torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(count, 4)
    return Gaussians(
        position,
        torch.cat(tints),
        torch.full((count, 3), 0.012),
        turn,
        torch.full((count,), 0.9),
        part=torch.cat(parts),
    )


def _stages(made: Recorded) -> list[dict]:
    """In the order of the run, with pictures as paths in the folder."""
    slugs = {slug: term for term, slug in unique_slugs(made.terms).items()}
    found = []
    for path in sorted((made.folder / "stages").iterdir()):
        name = path.name.split("-", 1)[1]
        pictures = [str(file.relative_to(made.folder)) for file in sorted(path.glob("previews/*.png"))]
        if not pictures or (known := stage_of(name)) is None:
            continue
        stage, slug = known
        found.append(
            {
                "name": name, "term": slugs.get(slug), "title": stage.title, "caption": stage.caption,
                "half": stage.half, "seconds": 1.2, "reused": False, "pictures": pictures,
            }
        )  # fmt: skip
    return found
