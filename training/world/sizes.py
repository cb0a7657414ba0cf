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

SURE = 3  # things of a name from which it is trusted
NO_THING = {"control", "down", "go", "lying", "out", "pair", "set", "sitting", "standing", "top"}  # last words of names


def names(thing: Thing) -> Iterator[str]:
    """What a thing may be looked up by, each once: nouns, and nouns with the word before."""
    found = {}
    for name in (thing.phrase, *thing.synonyms):
        words = noun_of(name)
        found |= {words[-1]: None} | ({" ".join(words[-2:]): None} if len(words) > 1 else {})
    yield from found


def table(things: list[Thing]) -> list[tuple[str, int, int]]:
    """Rows of noun, longest side in cm, 1 where most carry others.

    A last word alone says something where it is a name by itself or one of several things: a trash can is no can.
    Two words have a row where it differs from that of the last, and carry what that does but for `SURE` things or more.
    """
    sizes, carry, whole = defaultdict(list), defaultdict(list), set()
    for thing in things:
        if thing.split == splits.TRAIN:
            whole |= {" ".join(noun_of(name)) for name in (thing.phrase, *thing.synonyms)}
            for name in names(thing):
                sizes[name].append(max(thing.size))
                carry[name].append(bool(thing.carries))
    found = {}
    for name in sorted(sizes, key=lambda name: (len(name.split()), name)):
        last = name.split()[-1]
        if NO_THING & {*name.split()} or len(name.split()[0]) < 2:
            continue
        if name == last and name not in whole and len(sizes[name]) < SURE:
            continue
        carries = int(2 * sum(carry[name]) > len(carry[name]))
        if name != last and last in found and len(sizes[name]) < SURE:
            carries = max(carries, found[last][1])
        row = round(median(sizes[name])), carries
        if name == last or row != found.get(last):
            found[name] = row
    return [(name, *found[name]) for name in sorted(found)]


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
