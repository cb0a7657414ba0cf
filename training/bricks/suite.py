"""Renders an evaluation suite: pictures of bases and accessories, and where each part is in the composite.

    python -m training.bricks.suite --ldraw A.zip --catalog a.csv --combos combos.csv -o DIR

Several --ldraw and --catalog are read as one library; `combinations` describes the table. What methods are given shows
each part alone, in its own upright frame, from a camera of its own: nothing of the composite leaks into it. One part in
one colour is one picture, whichever cases use it. Combinations that cannot be judged are left out and listed in
`dropped.json`.

`suite.json` lists per case: id, prompt, main, assets [{term, image}], truth {term: npz of `voxels` and `visible`},
unseen (terms whose part no training set holds) and views (true pictures of the composite, for oracles and for people;
yaw in degrees from the front, towards -x as `cast3d.splats.orbit` counts).
"""

from __future__ import annotations

import argparse
import io
import json
import re
import zipfile
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cast3d.errors import InputError
from training.bricks import assembly, bank, catalog, grids, splits
from training.bricks.assembly import FILLED, PAIR
from training.bricks.bank import Bank
from training.bricks.catalog import ACCESSORY_FAMILIES, Catalog
from training.bricks.combinations import COLUMNS, FURTHER, MAIN, SLOTS, Combination, Dropped, compose, read
from training.bricks.ldraw import Library
from training.bricks.objects import Objects, stack
from training.bricks.options import Options
from training.bricks.pictures import Camera, Studio, render

__all__ = ["COLUMNS", "FURTHER", "MAIN", "SLOTS", "Combination", "compose", "read", "truth", "write"]

SIZE = 512
VIEWS, VIEW_PITCH = (0.0, 45.0, -45.0), 18.0  # degrees, of the composite
_YAW, _PITCH = (-35.0, 35.0), (8.0, 25.0)  # degrees; each picture's view is fixed by its name
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Look:
    """How pictures are saved."""

    size: int = SIZE  # pixels, of the assets
    view_size: int = 192  # of the composites; 0 for none
    format: str = "png"  # or "webp", a tenth of the size
    quality: int = 88


@dataclass
class Writer:
    """A suite while it is written."""

    bank: Bank
    studio: Studio
    output: Path
    look: Look
    held: Set[str]  # ids of what is never trained
    drawn: dict[str, str] = field(default_factory=dict)  # what an asset is -> its picture

    def case(self, id: str, prompt: str, objects: Objects) -> dict:
        """Writes what one object needs; returns its entry of suite.json."""
        terms, name = objects.terms[0], _slug(id)
        files = {}
        for term, arrays in zip(terms, truth(self.bank, objects, 0)):
            files[term] = f"truth/{name}/{_slug(term)}.npz"
            save_arrays(self.output / files[term], arrays)
        return {
            "id": id,
            "prompt": prompt,
            "main": terms[0],
            "assets": [{"term": term, "image": self.asset(objects, role, term)} for role, term in enumerate(terms)],
            "truth": files,
            "unseen": [term for role, term in enumerate(terms) if self.unseen(objects, role)],
            "views": [self.view(objects, name, yaw) for yaw in VIEWS] if self.look.view_size else [],
        }

    def asset(self, objects: Objects, role: int, term: str) -> str:
        """The picture of one role alone; the same for every case with the same parts in the same colours."""
        vertices, rgb, what = alone(self.studio, objects, role)
        if what not in self.drawn:
            self.drawn[what] = f"assets/{_slug(term)}-{assembly.stable_hash(what) >> 40:06x}.{self.look.format}"
            camera = view(what).framing(vertices)
            self.save(render(vertices, rgb, camera, self.look.size), self.drawn[what])
        return self.drawn[what]

    def view(self, objects: Objects, name: str, yaw: float) -> dict:
        path = f"views/{name}{yaw:+.0f}.{self.look.format}"
        camera = Camera(-yaw, VIEW_PITCH)  # the training cameras count yaw the other way round
        self.save(self.studio.draw(objects, 0, camera, size=self.look.view_size), path)
        return {"image": path, "yaw": yaw, "pitch": VIEW_PITCH}

    def unseen(self, objects: Objects, role: int) -> bool:
        """Whether the role holds anything that is never trained."""
        rows = objects.placement[0][(objects.role[0] == role) & (objects.placement[0] >= 0)]
        return any(str(id) in self.held for id in self.bank.part[rows])

    def save(self, picture: Image.Image, path: str) -> None:
        target = self.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target, **({"quality": self.look.quality, "method": 6} if self.look.format == "webp" else {}))


def alone(studio: Studio, objects: Objects, role: int) -> tuple[NDArray[np.float32], NDArray[np.uint8], str]:
    """World vertices [T, 3, 3] and sRGB [T, 3] of one role, and a text that says what it is.

    A single part is taken upright, from the frame that it fills alone; several pieces (a figure) and pairs (wings) as
    they stand.
    """
    b = studio.bank
    pieces = np.flatnonzero((objects.placement[0] >= 0) & (objects.role[0] == role))
    rows = objects.placement[0][pieces]
    what = [f"{b.shape_key[b.shape_index[row]]} {objects.main_rgb[0, m].tolist()}" for m, row in zip(pieces, rows)]
    what += [f"skin {objects.skin_rgb[0, pieces[0]].tolist()}"] if len(pieces) > 1 else []
    upright = np.flatnonzero((b.shape_index == b.shape_index[rows[0]]) & (b.frame == FILLED))
    if not len(upright) and b.variant[rows[0]] != PAIR:  # worn by a person, fitted to whom it is a shape of its own
        upright = np.flatnonzero((b.part == b.part[rows[0]]) & (b.frame == FILLED))
    placement = objects.placement.copy()
    if len(pieces) == 1 and len(upright):
        placement[0, pieces[0]] = upright[0]
    only = Objects(**{**vars(objects), "placement": placement})
    return *studio.triangles(only, 0, lambda r: r == role), "; ".join(what)


def truth(b: Bank, objects: Objects, index: int) -> list[dict[str, NDArray[np.bool_]]]:
    """Per role: `voxels`, the outer shell of the part alone, and `visible`, what of it the composite still shows."""
    used = objects.placement[index] >= 0
    grid = {
        role: np.bitwise_or.reduce(b.grid[objects.placement[index][used & (objects.role[index] == role)]])
        for role in range(len(objects.terms[index]))
    }
    surface = grids.shell(grids.unpack(np.bitwise_or.reduce(list(grid.values()))))
    shells = [grids.shell(grids.unpack(bits)) for bits in grid.values()]
    return [{"voxels": shell, "visible": shell & surface} for shell in shells]


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An npz that `numpy.load` reads, a third of the size that `savez_compressed` makes; equal arrays, equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), buffer.getvalue(), zipfile.ZIP_LZMA)


def view(name: str) -> Camera:
    """A front view fixed by a name: within 35 degrees of the front, 8 to 25 degrees up."""
    share = [assembly.stable_hash(f"{axis} {name}") / 2**64 for axis in ("yaw", "pitch")]
    yaw, pitch = (low + s * (high - low) for s, (low, high) in zip(share, (_YAW, _PITCH)))
    return Camera(yaw, pitch)


def write(
    combinations: list[Combination],
    library: Library,
    parts: Catalog,
    output: Path,
    workers: int | None = None,
    look: Look = Look(),
) -> tuple[int, int]:
    """Writes the suite; returns how many combinations are in it and how many were dropped."""
    needed = {id for combination in combinations for id in combination.parts}
    parts = Catalog([part for part in parts if part.id in needed], parts.colors)
    b = bank.build(library, parts, workers)
    options = Options(b, parts, split=None)
    known = splits.load()
    held = {p.id for p in parts if p.family in ACCESSORY_FAMILIES and known.get(p.id) != splits.TRAIN}
    writer = Writer(b, Studio(library, parts, b), output, look, held)
    output.mkdir(parents=True, exist_ok=True)
    cases, dropped = [], []
    for combination in combinations:
        try:
            objects = stack([compose(combination, parts, options)])
        except (Dropped, InputError) as reason:
            dropped.append({"id": combination.id, "reason": str(reason)})
            continue
        cases.append(writer.case(combination.id, combination.caption, objects))
    (output / "dropped.json").write_text(json.dumps(dropped, indent=1) + "\n")
    (output / "suite.json").write_text(json.dumps(cases, indent=1) + "\n")
    return len(cases), len(dropped)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", type=Path, action="append", required=True, help="zip or folder; repeat for several")
    parser.add_argument("--catalog", type=Path, action="append", required=True, help="repeat for several")
    parser.add_argument("--colors", type=Path, help="colour table; default: colors.csv beside the first catalogue")
    parser.add_argument("--combos", type=Path, required=True)
    parser.add_argument("--size", type=int, default=SIZE, help="side of the asset pictures")
    parser.add_argument("--view-size", type=int, default=Look.view_size, help="side of the true views; 0 for none")
    parser.add_argument("--format", choices=("png", "webp"), default="png")
    parser.add_argument("--workers", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    parts = catalog.load(*arguments.catalog, colors=arguments.colors)
    look = Look(arguments.size, arguments.view_size, arguments.format)
    rows = list(read(arguments.combos))
    kept, dropped = write(rows, Library(*arguments.ldraw), parts, arguments.output, arguments.workers, look)
    print(f"{kept} cases in {arguments.output / 'suite.json'}, {dropped} dropped (see dropped.json)")


if __name__ == "__main__":
    main()
