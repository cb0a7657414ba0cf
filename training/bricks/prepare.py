"""Step 0: from LDraw archives and catalogues to one data folder.

    python -m training.bricks.prepare --ldraw complete.zip --catalog training/bricks/catalog.csv \\
        --colors training/bricks/colors.csv

Writes bank.npz (samples and grids of every part), words.json (the vocabulary), unread.json (those of its words that
only held-out parts have, so that no training caption holds them) and copies of the catalogues. Takes about 20 s on two
cores. Nothing here is random: the same input gives the same folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from cast3d.backbones.bricks.words import split

from . import bank, captions, catalog, ldraw, splits
from .catalog import Catalog


def vocabulary(parts: Catalog) -> list[str]:
    """Sorted words, as the shipped encoder will split them."""
    return sorted({word for text in captions.vocabulary(parts) for word in split(text)})


def unread(parts: Catalog) -> list[str]:
    """Words of the vocabulary that name nothing trained."""
    split = splits.load()
    trained = Catalog([part for part in parts if split.get(part.id, splits.TRAIN) == splits.TRAIN], parts.colors)
    return sorted(set(vocabulary(parts)) - set(vocabulary(trained)))


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
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--workers", type=int)
    args = parser.parse_args()

    begin = time.time()
    args.data.mkdir(parents=True, exist_ok=True)
    for i, path in enumerate(args.catalog):
        shutil.copyfile(path, args.data / f"catalog-{i}.csv")
    shutil.copyfile(args.colors, args.data / "colors.csv")
    parts = load_catalog(args.data)
    (args.data / "words.json").write_text(json.dumps(vocabulary(parts)))
    (args.data / "unread.json").write_text(json.dumps(unread(parts)))
    built = bank.build(ldraw.Library(*args.ldraw), parts, args.workers)
    built.save(args.data / "bank.npz")
    print(
        f"{len(parts)} parts, {len(built.shape_key)} shapes, {len(built.grid)} placements, "
        f"{len(built.points):,} samples in {time.time() - begin:.1f} s -> {args.data}"
    )


if __name__ == "__main__":
    main()
