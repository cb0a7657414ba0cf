"""Renders an evaluation suite of edits: a model, a part of it that goes or comes, and the truth before and after.

    python -m training.bricks.suite_edits --ldraw A.zip --catalog a.csv --combos combos.csv --edits edits.csv -o DIR

A row of the table of edits: `kind` replace, add or remove; the combination (`combo_id`) and the column of it that
changes; of replace the `new` cell; of replace and remove the caption afterwards. An added part is one that the
combination has and the model lacks.

`suite.json` lists per case: id, kind, prompt, main, part (the model's term that goes), term and image (of what comes),
unseen (whether no training set holds that), source (the model's triangles by term, see `save_source`), truth (see
`save_truth`), and the terms before and after.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cast3d.errors import InputError
from cast3d.meshes.raster import on_screen, rasterise
from cast3d.splats.views import all_around
from training.bricks import bank, catalog
from training.bricks.combinations import SLOTS, Combination, compose, read
from training.bricks.ldraw import Library
from training.bricks.objects import Objects, stack
from training.bricks.options import Options
from training.bricks.pictures import Studio
from training.bricks.suite import Look, _slug, _Writer, save_arrays, truth

KINDS = ("replace", "add", "remove")
SIGHTS, PIXELS = 60, 720  # views, and pixels a side, that tell which triangles can be seen
STEPS = 2047  # of a coordinate in a source: a thirtieth of a voxel


def edits(path: Path, combos: Path) -> Iterator[tuple[dict[str, str], Combination, Combination]]:
    """The rows of a table with what they edit, before and after."""
    known = {one.id: one for one in read(combos)}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["kind"] not in KINDS or row["combo_id"] not in known:
                raise InputError(f"{path}: row {row['edit_id']!r} is of no known kind or combination")
            yield row, *_pair(row, known[row["combo_id"]])


def _pair(row: dict[str, str], combo: Combination) -> tuple[Combination, Combination]:
    column = row["column"]
    without = _with(combo, column, None)
    match row["kind"]:
        case "replace":
            part, _, color = row["new"].partition(":")
            return combo, replace(_with(combo, column, (part, int(color))), caption=row["caption"])
        case "add":
            return without, combo
        case _:
            return combo, replace(without, caption=row["caption"])


def _with(combo: Combination, column: str, cell: tuple[str, int] | None) -> Combination:
    """The combination with another cell in a column, at its place, or without it."""
    name = "worn" if column in SLOTS else "more"
    cells = {key: value for key, value in getattr(combo, name).items() if key != column or cell is not None}
    return replace(combo, **{name: {**cells, **({column: cell} if cell else {})}})


def save_source(path: Path, studio: Studio, objects: Objects) -> None:
    """An npz of the model's triangles, a fifth of the size that `savez_compressed` makes; equal input, equal bytes.

    Triangles that cannot be seen from outside their own part are left out. Per term i: `vertices i` int16 [V, 3] in
    steps of the cube, each less the one before; `faces i` int32 [F, 3], each number less the one before it;
    `colors i` uint8 [F] rows of `palette` [K, 3] sRGB. In our axes: z up, front -y.
    """
    arrays: dict[str, NDArray] = {}
    palette: dict[tuple[int, ...], int] = {}
    for role in range(len(objects.terms[0])):
        corners, rgb = studio.triangles(objects, 0, lambda r, role=role: r == role)
        seen = in_sight(corners)
        corners, rgb = corners[seen], rgb[seen]
        steps = np.round((corners.reshape(-1, 3).astype(np.float64) + 0.5).clip(0, 1) * STEPS).astype(np.uint16)
        vertices, index = _in_order(steps)
        faces = index.reshape(-1, 3).astype(np.int32)
        sound = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
        rows = [palette.setdefault(tuple(color), len(palette)) for color in rgb[sound].tolist()]
        flat = faces[sound].reshape(-1)
        arrays |= {
            f"vertices {role}": np.diff(vertices, axis=0, prepend=0).astype(np.int16),
            f"faces {role}": np.diff(flat, prepend=0).astype(np.int32).reshape(-1, 3),
            f"colors {role}": np.uint8(rows),
        }
    arrays["palette"] = np.array(list(palette), np.uint8)
    save_arrays(path, arrays)


def in_sight(corners: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[T] the triangles [T, 3, 3] that any of `SIGHTS` views from all around shows; tubes inside of hats are not."""
    found = np.zeros(len(corners), bool)
    faces = np.arange(3 * len(corners)).reshape(-1, 3)
    for camera in all_around(SIGHTS, width=1.8):
        seen = rasterise(on_screen(corners.reshape(-1, 3), camera, PIXELS), faces, PIXELS, PIXELS).index
        found[np.unique(seen[seen >= 0])] = True
    return found


def _in_order(steps: NDArray[np.uint16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Different rows in the order of their first use, and which of them each row is."""
    known, first, inverse = np.unique(steps, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return known[order].astype(np.int64), rank[inverse.reshape(-1)]


def save_truth(path: Path, before: list[dict], after: list[dict]) -> None:
    """An npz of `before` and `after` as one array, np.packbits of bool [terms, voxels or visible, 64, 64, 64] each."""
    grids = [one[name] for one in (*before, *after) for name in ("voxels", "visible")]
    save_arrays(path, {"grids": np.stack([np.packbits(grid) for grid in grids])})


def case(writer: _Writer, row: dict[str, str], before: Objects, after: Objects) -> dict:
    """One entry of suite.json, its files written."""
    name, (old, new) = _slug(row["edit_id"]), (before.terms[0], after.terms[0])
    grids = [truth(writer.bank, objects, 0) for objects in (before, after)]
    save_truth(writer.output / f"truth/{name}.npz", *grids)
    save_source(writer.output / f"sources/{name}.npz", writer.studio, before)
    (gone,), (come,) = ([t for t in a if t not in b] or [""] for a, b in ((old, new), (new, old)))
    role = new.index(come) if come else 0
    return {
        "id": row["edit_id"],
        "kind": row["kind"],
        "prompt": after.caption[0],
        "main": new[0],
        "part": gone,
        "term": come,
        "image": writer.asset(after, role, come) if come else "",
        "unseen": bool(come) and writer.unseen(after, role),
        "source": f"sources/{name}.npz",
        "truth": f"truth/{name}.npz",
        "terms": {"before": list(old), "after": list(new)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", type=Path, action="append", required=True, help="zip or folder; repeat for several")
    parser.add_argument("--catalog", type=Path, action="append", required=True, help="repeat for several")
    parser.add_argument("--combos", type=Path, required=True)
    parser.add_argument("--edits", type=Path, required=True)
    parser.add_argument("--size", type=int, default=256, help="side of the pictures of new parts")
    parser.add_argument("--workers", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    rows = list(edits(arguments.edits, arguments.combos))
    library, parts = Library(*arguments.ldraw), catalog.load(*arguments.catalog)
    needed = {id for _, before, after in rows for one in (before, after) for id in one.parts}
    parts = catalog.Catalog([part for part in parts if part.id in needed], parts.colors)
    built = bank.build(library, parts, arguments.workers)
    options = Options(built, parts, split=None)
    writer = _Writer(parts, built, Studio(library, parts, built), arguments.output, Look(arguments.size, 0, "webp"))
    cases = [
        case(writer, row, *(stack([compose(one, parts, options)]) for one in (before, after)))
        for row, before, after in rows
    ]
    (arguments.output / "suite.json").write_text(json.dumps(cases, indent=1) + "\n")
    print(f"{len(cases)} cases in {arguments.output / 'suite.json'}")


if __name__ == "__main__":
    main()
