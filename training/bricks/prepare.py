"""Step 0: from LDraw archives and catalogues to one data folder.

    python -m training.bricks.prepare --ldraw complete.zip --catalog training/bricks/catalog.csv \\
        --colors training/bricks/colors.csv

Writes bank.npz (samples and grids of every part), words.json (the vocabulary), unread.json (those of its words that
only held-out parts have, so that no training caption holds them) and copies of the catalogues; with --people and
--home3d, world.json too. Takes about 20 s on two cores for parts alone. Nothing here is random: the same input gives
the same folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cast3d.backbones.bricks.words import split
from training.world import home3d, people
from training.world.index import FILE, Index
from training.world.recipes import recipes

from . import bank, captions, catalog, ldraw, splits
from .catalog import Catalog


def vocabulary(parts: Catalog, further: Iterable[str] = ()) -> list[str]:
    """Sorted words, as the shipped encoder will split them: those of parts, of `further` objects, of later captions.

    So a network that knows the parts' words keeps their numbers when others are added.
    """
    found: dict[str, None] = {}
    for texts in (captions.vocabulary(parts), further, [captions.LATER_WORDS] if further else ()):
        found |= dict.fromkeys(sorted({word for text in texts for word in split(text)} - found.keys()))
    return list(found)


def unread(parts: Catalog, further: Iterable[str] = ()) -> list[str]:
    """Words of the vocabulary that name nothing trained."""
    known = splits.load()
    trained = Catalog([part for part in parts if known.get(part.id, splits.TRAIN) == splits.TRAIN], parts.colors)
    return sorted(set(vocabulary(parts)) - set(vocabulary(trained, further)))


def further_recipes(data: Path, built: bank.Bank, parts: Catalog):
    """Recipes of people and things for `objects.sample`, where the folder has any."""
    index = Index.load(data)
    return recipes(index, built, parts) if index else None


def mix(data: Path, parts: Mapping[str, float], world: Mapping[str, float]) -> Mapping[str, float]:
    """Shares of the families: those of parts alone, or those where a folder has people and things, too."""
    return world if (data / FILE).exists() else parts


def classes(data: Path) -> int:
    """How many different things a picture can be asked about: parts, things and bodies."""
    return len(load_catalog(data)) + len(Index.load(data) or ())


def load_catalog(data: Path) -> Catalog:
    """The catalogue copied into a data folder by `prepare`."""
    paths = sorted(data.glob("catalog-*.csv"))
    if not paths:
        raise SystemExit(f"{data} holds no catalogue; run python -m training.bricks.prepare first")
    return catalog.load(*paths, colors=data / "colors.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ldraw", nargs="+", required=True, help="zip files or unzipped library folders")
    parser.add_argument("--catalog", nargs="+", required=True)
    parser.add_argument("--colors", required=True)
    parser.add_argument("--people", nargs="+", type=Path, help="folders with bodies.csv, anchors.json and pack.xz")
    parser.add_argument("--home3d", type=Path, help="folder with catalog.csv, on_top.csv and pack.xz")
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--workers", type=int)
    args = parser.parse_args()

    begin = time.time()
    args.data.mkdir(parents=True, exist_ok=True)
    for i, path in enumerate(args.catalog):
        shutil.copyfile(path, args.data / f"catalog-{i}.csv")
    shutil.copyfile(args.colors, args.data / "colors.csv")
    parts = load_catalog(args.data)
    library = ldraw.Library(*args.ldraw)
    built = bank.build(library, parts, args.workers)
    index = Index([], [], [])
    if args.home3d:
        more, things, tops = home3d.build(args.home3d, args.workers, len(parts))
        built, index = built.join(more), replace(index, things=things, tops=tops)
    if args.people:
        more, bodies = people.build(args.people, parts, library, args.workers, len(parts) + len(index.things))
        built, index = built.join(more), replace(index, bodies=bodies)
    words = index.vocabulary() if len(index) else ()
    (args.data / "words.json").write_text(json.dumps(vocabulary(parts, words)))
    (args.data / "unread.json").write_text(json.dumps(unread(parts, words)))
    if len(index):
        index.save(args.data)
    built.save(args.data / "bank.npz")
    print(
        f"{len(parts)} parts, {len(built.shape_key)} shapes, {len(built.grid)} placements, "
        f"{len(built.points):,} samples in {time.time() - begin:.1f} s -> {args.data}"
    )


if __name__ == "__main__":
    main()
