"""Which parts and which combinations are never trained.

`splits.csv` was made once by `python -m training.bricks.splits CATALOG -o splits.csv` and is fixed: 5% of the accessory
parts of each family are development parts, 5% test parts. Combinations of two or more accessories are held out by hash.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from training.bricks import catalog as catalogs
from training.bricks.assembly import stable_hash
from training.bricks.catalog import ACCESSORY_FAMILIES, Catalog

FILE = Path(__file__).with_name("splits.csv")
TRAIN, DEV, TEST, COMBOS = "train", "dev", "test", "combos"
SHARE = 0.05  # of each family's parts, for dev and for test
_COMBO_ONE_IN = 10


def load(path: Path = FILE) -> Mapping[str, str]:
    """Accessory part id -> train, dev or test."""
    with open(path, newline="", encoding="utf-8") as file:
        return {row["id"]: row["split"] for row in csv.DictReader(file)}


def assign(catalog: Catalog) -> dict[str, str]:
    """Per family, in the order of a hash of the id: the first 5% test, the next 5% dev (at least one of each)."""
    split = {}
    for family in ACCESSORY_FAMILIES:
        ids = sorted((part.id for part in catalog.family(family)), key=lambda id: stable_hash(f"split {id}"))
        count = max(1, round(SHARE * len(ids)))
        split |= {id: TEST if i < count else DEV if i < 2 * count else TRAIN for i, id in enumerate(ids)}
    return split


def held_out_combination(ids: Iterable[str]) -> bool:
    """Whether this set of two or more accessories is one of the 10% that are never trained."""
    ids = sorted(ids)
    return len(ids) > 1 and stable_hash("combination " + " ".join(ids)) % _COMBO_ONE_IN == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    arguments = parser.parse_args()
    split = assign(catalogs.load(arguments.catalog))
    with open(arguments.output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "split"))
        writer.writerows(sorted(split.items()))


if __name__ == "__main__":
    main()
