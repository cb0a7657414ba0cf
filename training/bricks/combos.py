"""Writes random combinations for an evaluation suite: figures of one split, as a table that `suite` renders.

python -m training.bricks.combos --bank bank.npz --catalog training/bricks/catalog.csv --split dev -n 40 -o combos.csv
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from training.bricks import catalog, splits
from training.bricks.assembly import STANDARD_TORSO
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog
from training.bricks.combinations import COLUMNS
from training.bricks.combinations import SLOTS as CELLS
from training.bricks.objects import Objects, sample
from training.bricks.options import SLOTS

_CELLS = {slot: column for column, slot in CELLS.items()} | {"torso": "torso", "head": "head", "lower": "lower"}
_OVERSAMPLE = 8  # figures drawn per row: many have visors, footwear or other torsos, which have no column


def rows(objects: Objects, parts: Catalog, prefix: str) -> Iterator[dict[str, str]]:
    """The objects that a combinations table can hold: standard torso, named terms, no further slots."""
    held_out = {id for id, split in splits.load().items() if split != splits.TRAIN}
    for i in range(len(objects)):
        cells: dict[str, tuple[str, int]] = {}
        for m in (objects.placement[i] >= 0).nonzero()[0]:
            part = parts[objects.part_class[i, m]]
            color = next(c for c in part.colors if parts.colors.rgb(c) == tuple(objects.main_rgb[i, m].tolist()))
            cells[SLOTS[objects.slot[i, m]]] = part.id, color
        named = all(objects.terms[i]) and objects.terms[i][0] == "figure"
        if not named or cells["torso"][0] != STANDARD_TORSO or not {"head", "lower"} <= set(cells) <= set(_CELLS):
            continue
        text = {_CELLS[slot]: f"{id}:{color}" for slot, (id, color) in cells.items()}
        yield {
            "combo_id": f"{prefix}-{i:04d}",
            "uses_held_out": str(int(any(id in held_out for id, _ in cells.values()))),
            "caption": objects.caption[i],
            "torso_color": str(cells["torso"][1]),
            "skin_color": str(cells["head"][1]),
            **{column: text.get(column, "") for column in COLUMNS[5:]},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--catalog", type=Path, action="append", required=True, help="repeat for several")
    parser.add_argument("--split", default=splits.DEV, choices=(splits.TRAIN, splits.DEV, splits.TEST, splits.COMBOS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", "--count", type=int, default=40)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    parts, b = catalog.load(*arguments.catalog), Bank.load(arguments.bank, index_only=True)
    drawn = sample(b, parts, _OVERSAMPLE * arguments.count, arguments.seed, arguments.split, {"figure": 1.0})
    found = list(rows(drawn, parts, arguments.split))[: arguments.count]
    with open(arguments.output, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(found)} combinations in {arguments.output}")


if __name__ == "__main__":
    main()
