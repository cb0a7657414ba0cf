"""How large things are and which of them carry others, by their nouns: the table that places things by rule.

    python -m training.world.sizes HOME3D -o src/cast3d/stages/sizes.csv

Medians over the training models of a home3d folder: the longest side in cm, and whether most of them have a surface
that others may stand on. Names count with their last word and with their last two.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from cast3d.stages.sizes import noun_of
from training.bricks import splits

from .home3d import Thing, catalog


def names(thing: Thing) -> Iterator[str]:
    """What a thing may be looked up by, each once: nouns, and nouns with the word before."""
    found = {}
    for name in (thing.phrase, *thing.synonyms):
        words = noun_of(name)
        found |= {words[-1]: None} | ({" ".join(words[-2:]): None} if len(words) > 1 else {})
    yield from found


def table(things: list[Thing]) -> list[tuple[str, int, int]]:
    """Rows of noun, longest side in cm, 1 where most carry others."""
    sizes, carry = defaultdict(list), defaultdict(list)
    for thing in things:
        if thing.split == splits.TRAIN:
            for name in names(thing):
                sizes[name].append(max(thing.size))
                carry[name].append(bool(thing.carries))
    rows = []
    for name in sorted(sizes):
        row = round(median(sizes[name])), int(2 * sum(carry[name]) > len(carry[name]))
        last = name.split()[-1]
        if name == last or row != next(((cm, c) for n, cm, c in rows if n == last), None):
            rows.append((name, *row))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home3d", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("src/cast3d/stages/sizes.csv"))
    args = parser.parse_args()
    with open(args.output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("noun", "cm", "carries"))
        writer.writerows(table(catalog(args.home3d)))


if __name__ == "__main__":
    main()
