"""The pictures of docs/method.md, from the previews of a finished run; or those of an example.

cast3d compose examples/01-cap-and-backpack/scene.yaml -o out && python docs/pictures.py out
cast3d compose examples/02-wizard/scene.yaml -o out && python docs/pictures.py out --example examples/02-wizard
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from PIL import Image, ImageChops

from cast3d.stage_store import StageStore

SHEETS = {  # picture: stages, their previews in order
    "main": ("main", ("geometry",)),
    "layout": ("layout", ("layout",)),
    "layout-appearance": ("layout_appearance", ("layout",)),
    "hints": ("hints", ("masks", "hints")),
    "parts": ("part-*", ("part",)),
    "geometry": ("geometry", ("coarse", "geometry")),
    "part-appearances": ("slat-*", ("part",)),
    "appearance": ("appearance", ("object",)),
}
HEIGHT, GAP = 200, 16  # pixels
TILE, TURNS = 256, (1 / 12, 5 / 12, 7 / 8)  # pixels, and shares of a turn that show an example's front, back and side


def sheets(run: Path) -> dict[str, Image.Image]:
    """Every picture by name. Raises ValueError for a stage that the run lacks."""
    store = StageStore(run / "stages")
    made = {}
    for name, (pattern, labels) in SHEETS.items():
        stages = [stage for stage in store.names if fnmatch(stage, pattern)]
        if not stages:
            raise ValueError(f"{run} has no stage {pattern}; pictures are made from a finished composition")
        made[name] = row(Image.open(store.previews(stage)[label]) for stage in stages for label in labels)
    return made


def row(images: Iterable[Image.Image]) -> Image.Image:
    """Side by side at one height, the white on both sides of each cut off."""
    cut = [narrowed(image.convert("RGB").resize((image.width * HEIGHT // image.height, HEIGHT))) for image in images]
    sheet = Image.new("RGB", (sum(one.width + GAP for one in cut) - GAP, HEIGHT), "white")
    left = 0
    for one in cut:
        sheet.paste(one, (left, 0))
        left += one.width + GAP
    return sheet


def example(run: Path) -> Image.Image:
    """The pictures that went in, the main asset's first, and the composition from three sides, in one row."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    terms = sorted(record["images"], key=lambda term: term != record["main"])
    tiles = [on_white(Image.open(run / one["file"])) for term in terms for one in record["images"][term]]
    with Image.open(run / "turntable.webp") as turntable:
        for share in TURNS:
            turntable.seek(int(share * turntable.n_frames))
            tiles.append(on_white(turntable))
    sheet = Image.new("RGB", (TILE * len(tiles), TILE), "white")
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (TILE * i + (TILE - tile.width) // 2, (TILE - tile.height) // 2))
    return sheet.quantize(256, dither=Image.Dither.NONE)


def on_white(image: Image.Image) -> Image.Image:
    """Without transparency, no side longer than a tile."""
    cut = image.convert("RGBA")
    white = Image.new("RGBA", cut.size, "white")
    white.alpha_composite(cut)
    white.thumbnail((TILE, TILE))
    return white.convert("RGB")


def narrowed(image: Image.Image) -> Image.Image:
    """Without its white columns at the left and the right."""
    box = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    return image.crop((box[0], 0, box[2], image.height)) if box else image


def write(pictures: Mapping[str, Image.Image], folder: Path) -> int:
    """As WebP; returns their bytes altogether."""
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.webp", quality=80, method=6)
    return sum((folder / f"{name}.webp").stat().st_size for name in pictures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a finished composition")
    parser.add_argument("--example", type=Path, help="folder of an example: writes its result.png instead")
    arguments = parser.parse_args()
    if arguments.example:
        example(arguments.run).save(arguments.example / "result.png", optimize=True)
    else:
        size = write(sheets(arguments.run), Path(__file__).parent / "pictures")
        print(f"{len(SHEETS)} pictures, {size / 1000:.0f} kB")
