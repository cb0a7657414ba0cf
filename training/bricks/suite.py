"""Renders an evaluation suite: pictures of bases and accessories, and where each part is in the composite.

    python -m training.bricks.suite --ldraw A.zip --catalog a.csv --combos combos.csv -o DIR

Several --ldraw and --catalog are read as one library. A combination is a bare figure (the main asset, term "figure")
and one asset per further cell. Combinations that cannot be judged are left out and listed in `dropped.json`.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cast3d.errors import InputError
from training.bricks import assembly, bank, catalog, grids
from training.bricks.assembly import FIGURE, RAISED, STANDARD_LEGS, STANDARD_TORSO, pose_name, wanted_pose
from training.bricks.bank import Bank
from training.bricks.captions import Caption
from training.bricks.catalog import Catalog, Part
from training.bricks.ldraw import Library
from training.bricks.objects import Objects, stack
from training.bricks.options import Draft, Option, Options
from training.bricks.pictures import Camera, Studio
from training.bricks.placement import HANGING

MAIN = "figure"
SLOTS = {  # column -> slot
    "headwear": "headwear",
    "neckwear": "neckwear",
    "hand_right": "right",
    "hand_left": "left",
    "hipwear": "hipwear",
}
COLUMNS = ("combo_id", "uses_held_out", "caption", "torso_color", "skin_color", "head", "lower", *SLOTS)
SIZE = 512
_YAW, _PITCH = (-35.0, 35.0), (8.0, 25.0)  # degrees; each picture's view is fixed by its name


@dataclass(frozen=True)
class Combination:
    """One row: cells are (part id, colour code)."""

    id: str
    caption: str
    torso_color: int
    skin_color: int
    head: tuple[str, int]
    lower: tuple[str, int]
    worn: Mapping[str, tuple[str, int]]  # column -> cell, empty cells left out

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part that the combination needs."""
        return (STANDARD_TORSO, self.head[0], self.lower[0], *(id for id, _ in self.worn.values()))


class Dropped(Exception):
    """Why a combination is left out."""


def read(path: Path) -> Iterator[Combination]:
    """The rows of a combinations file."""
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            missing = set(COLUMNS) - set(row) - {"uses_held_out"}
            if missing:
                raise InputError(f"{path} lacks the columns {', '.join(sorted(missing))}; it has {', '.join(row)}")
            skin = int(row["skin_color"])
            yield Combination(
                id=row["combo_id"],
                caption=row["caption"],
                torso_color=int(row["torso_color"]),
                skin_color=skin,
                head=_cell(row["head"], skin),
                lower=_cell(row["lower"] or STANDARD_LEGS, int(row["torso_color"])),
                worn={column: _cell(row[column], 0) for column in SLOTS if row[column]},
            )


def _cell(text: str, default: int) -> tuple[str, int]:
    id, _, color = text.partition(":")
    return id, int(color) if color else default


def compose(combination: Combination, parts: Catalog, options: Options) -> Draft:
    """The combination as an object; roles follow the order of its cells."""
    draft = Draft("figure", parts.colors.rgb(combination.skin_color))
    held = {c: parts.part(id) for c, (id, _) in combination.worn.items() if SLOTS[c] in ("right", "left")}
    right = wanted_pose(held["hand_right"]) if "hand_right" in held else RAISED
    left = wanted_pose(held["hand_left"]) if "hand_left" in held else HANGING
    torso = _option(options, parts.part(STANDARD_TORSO), "torso", pose_name(right, left))
    draft.add(torso, parts.colors.rgb(combination.torso_color))
    for slot, (id, color) in (("head", combination.head), ("lower", combination.lower)):
        draft.add(_option(options, parts.part(id), slot), parts.colors.rgb(color))
    terms = [MAIN]
    for role, (column, (id, color)) in enumerate(combination.worn.items(), start=1):
        part, slot = parts.part(id), SLOTS[column]
        pose = wanted_pose(part) if column in held else None
        variant = f"{pose.pitch}.{pose.wrist}" if pose else ""
        draft.add(_option(options, part, slot, variant), parts.colors.rgb(color), role)
        terms.append(_term(part, combination.caption))
    if len(set(terms)) < len(terms):
        raise Dropped(f"two parts share a term: {', '.join(terms)}")
    draft.caption = Caption(combination.caption, tuple(terms))
    return draft


def _option(options: Options, part: Part, slot: str, variant: str = "") -> Option:
    option = options.find(part.id, FIGURE, slot, variant)
    if option is None:
        raise Dropped(f"{part.id} ({part.phrase}) has no place as {slot}, or lies more than 5% outside the frame")
    return option


def _term(part: Part, caption: str) -> str:
    """The part's name as it stands in the caption, the longest one if several do."""
    found = [name for name in part.names if re.search(rf"\b{re.escape(name)}\b", caption)]
    if not found:
        raise Dropped(f"the caption does not name {part.id} ({', '.join(part.names)})")
    return max(found, key=len)


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


def view(name: str) -> Camera:
    """A front view fixed by a name: within 35 degrees of the front, 8 to 25 degrees up."""
    share = [assembly.stable_hash(f"{axis} {name}") / 2**64 for axis in ("yaw", "pitch")]
    yaw, pitch = (low + s * (high - low) for s, (low, high) in zip(share, (_YAW, _PITCH)))
    return Camera(yaw, pitch)


def write(
    combinations: list[Combination], library: Library, parts: Catalog, output: Path, workers: int | None = None
) -> tuple[int, int]:
    """Writes the suite; returns how many combinations are in it and how many were dropped."""
    needed = {id for combination in combinations for id in combination.parts}
    parts = Catalog([part for part in parts if part.id in needed], parts.colors)
    b = bank.build(library, parts, workers)
    options, studio = Options(b, parts, split=None), Studio(library, parts, b)
    cases, dropped = [], []
    for combination in combinations:
        try:
            objects = stack([compose(combination, parts, options)])
        except (Dropped, InputError) as reason:
            dropped.append({"id": combination.id, "reason": str(reason)})
            continue
        cases.append(_write_case(combination, objects, b, studio, output))
    output.mkdir(parents=True, exist_ok=True)
    (output / "dropped.json").write_text(json.dumps(dropped, indent=1))
    (output / "suite.json").write_text(json.dumps(cases, indent=1))
    return len(cases), len(dropped)


def _write_case(combination: Combination, objects: Objects, b: Bank, studio: Studio, output: Path) -> dict:
    folder = Path(_slug(combination.id))
    (output / folder).mkdir(parents=True, exist_ok=True)
    assets, files = [], {}
    for role, (term, arrays) in enumerate(zip(objects.terms[0], truth(b, objects, 0))):
        picture, grid = folder / f"{_slug(term)}.png", folder / f"{_slug(term)}.npz"
        studio.draw(objects, 0, view(f"{combination.id} {term}"), role=role, size=SIZE).save(output / picture)
        np.savez_compressed(output / grid, **arrays)
        assets.append({"term": term, "image": picture.as_posix()})
        files[term] = grid.as_posix()
    return {"id": combination.id, "prompt": combination.caption, "main": MAIN, "assets": assets, "truth": files}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", type=Path, action="append", required=True, help="zip or folder; repeat for several")
    parser.add_argument("--catalog", type=Path, action="append", required=True, help="repeat for several")
    parser.add_argument("--colors", type=Path, help="colour table; default: colors.csv beside the first catalogue")
    parser.add_argument("--combos", type=Path, required=True)
    parser.add_argument("--workers", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    parts = catalog.load(*arguments.catalog, colors=arguments.colors)
    combinations = list(read(arguments.combos))
    kept, dropped = write(combinations, Library(*arguments.ldraw), parts, arguments.output, arguments.workers)
    print(f"{kept} cases in {arguments.output / 'suite.json'}, {dropped} dropped (see dropped.json)")


if __name__ == "__main__":
    main()
