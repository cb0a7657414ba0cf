"""The pictures of docs/method.md, from the previews of a finished run; or those of an example; or of an evaluation.

cast3d compose examples/01-cap-and-backpack/scene.yaml -o out && python docs/pictures.py out
cast3d compose examples/02-wizard/scene.yaml -o out && python docs/pictures.py out --example examples/02-wizard
cast3d evaluate suites/bricks-27 -m cast3d,utc,ctg -o out && python docs/pictures.py out \\
    --suite suites/bricks-27 --methods cast3d,utc,ctg --cases hero,pirate --name results-good
cast3d evaluate suites/edits-24 -m cast3d -o out && python docs/pictures.py out \\
    --edits cook-wizard,fairy-no-wings --name results-edits
python docs/pictures.py --followed suites/bricks-27/assets/figure-*.webp   # lifted, pictures not followed and followed
python docs/pictures.py --since 054fb5a   # every example, as it was at that commit and as it is
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.existing.views import meshes_of
from cast3d.meshes.glb import read_glb
from cast3d.meshes.texture import Textured
from cast3d.pictures.cutout import open_cut_out
from cast3d.result.pictures import Studio, alike, portrait
from cast3d.run.folder import RunFolder
from cast3d.run.store import StageStore

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
CELL, TITLE, SIDE = 144, 20, 45.0  # pixels of a comparison's tiles and titles; yaw of the true view
EDIT_YAWS = (30.0, 150.0)
SMALL, ASIDE = 96, (0.0, 45.0)
TILE, YAWS = 256, (30.0, 150.0, 315.0)  # pixels, and degrees from the front that show an example's front, back and side


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
    parts, _ = read_glb(run / "scene.glb")
    meshes = [part.mesh if isinstance(part, Textured) else part for part in parts.values()]
    studio = Studio(meshes)
    tiles += [Image.fromarray(studio.picture(portrait(meshes, yaw), TILE)) for yaw in YAWS]
    return tiled(tiles)


def edit(run: Path) -> Image.Image:
    """The pictures that came in, then the model before and after from two sides, all in one frame."""
    with RunFolder(run, must_exist=True) as folder:
        scene, record = folder.scene(), folder.info
    tiles = [on_white(Image.open(run / one["file"])) for views in record["images"].values() for one in views]
    before, after = open_model(scene.model), open_model(run / "scene.glb")
    frame = frame_of(before, scene.up, scene.front)
    meshes = [list(meshes_of(Existing(model, frame)).values()) for model in (before, after)]
    for pictures in alike(meshes, EDIT_YAWS, TILE):
        tiles += [Image.fromarray(picture) for picture in pictures]
    return tiled(tiles)


def tiled(tiles: Sequence[Image.Image]) -> Image.Image:
    """Tiles side by side, in few colours."""
    sheet = Image.new("RGB", (TILE * len(tiles), TILE), "white")
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (TILE * i + (TILE - tile.width) // 2, (TILE - tile.height) // 2))
    return sheet.quantize(256, dither=Image.Dither.NONE)


def comparison(out: Path, suite: Path, cases: Sequence[str], methods: Sequence[str]) -> Image.Image:
    """A row per case of an evaluation: the pictures that went in, the truth, and what each method made (first seed)."""
    known = {case["id"]: case for case in json.loads((suite / "suite.json").read_text(encoding="utf-8"))}
    given = max(len(known[name]["assets"]) for name in cases)
    columns = [*[""] * given, "truth", *methods]
    sheet = Image.new("RGB", (CELL * len(columns), CELL * len(cases) + TITLE), "white")
    draw = ImageDraw.Draw(sheet)
    for x, title in enumerate(columns):
        draw.text((CELL * x + CELL // 2, TITLE // 2), title, "black", anchor="mm")
    for y, name in enumerate(cases):
        case = known[name]
        tiles = [Image.open(suite / asset["image"]) for asset in case["assets"]]
        tiles += [Image.new("RGB", (1, 1), "white")] * (given - len(tiles))
        tiles.append(Image.open(suite / next(view["image"] for view in case["views"] if view["yaw"] == SIDE)))
        for method in methods:
            seed = min((out / "cells" / method / name).iterdir())
            made = seed / "views.webp"
            tiles.append(_second(Image.open(made)) if made.is_file() else _nothing())
        for x, tile in enumerate(on_white(tile, CELL) for tile in tiles):
            place = CELL * x + (CELL - tile.width) // 2, TITLE + CELL * y + (CELL - tile.height) // 2
            sheet.paste(tile, place)
    return sheet


def edited(out: Path, cases: Sequence[str], columns: int = 3) -> Image.Image:
    """Cases of an evaluation of edits, before and after from the front (first method and seed)."""
    rows = -(-len(cases) // columns)
    sheet = Image.new("RGB", (columns * 2 * CELL + (columns - 1) * GAP, rows * CELL), "white")
    for number, name in enumerate(cases):
        shown = Image.open(min((out / "sheets").glob(f"{name}-*.webp"))).convert("RGB")
        side = shown.width // 4  # before: front, back; after: front, back
        for tile, column in enumerate((0, 2)):
            front = shown.crop((column * side, shown.height - side, (column + 1) * side, shown.height))
            x = number % columns * (2 * CELL + GAP) + tile * CELL
            sheet.paste(front.resize((CELL, CELL), Image.Resampling.LANCZOS), (x, number // columns * CELL))
    return sheet


def then_and_now(examples: Path, commit: str) -> Image.Image:
    """A row per example: the pictures that go in, the composition at a commit, and today's (an edit: its whole row)."""
    rows = [(one.parent.name, Image.open(one), _then(one, commit)) for one in sorted(examples.glob("*/result.webp"))]
    given = max(now.width // TILE - len(YAWS) for _, now, then in rows if then)
    small, left = TILE * 5 // 8, TITLE * 8
    width = left + (given + 2 * len(YAWS)) * small
    sheet = Image.new("RGB", (width, TITLE + small * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for x, title in ((0, "in"), (given, f"then ({commit})"), (given + len(YAWS), "now")):
        draw.text((left + x * small, TITLE // 2), title, "black", anchor="lm")
    for y, (name, now, then) in enumerate(rows):
        top = TITLE + small * y
        draw.text((4, top + small // 2), name, "black", anchor="lm")
        tiles = now.width // TILE - len(YAWS) if now.height == TILE else 0  # edits have rows of their own shape
        for part, x in ((_tiles(now, 0, tiles), 0), (then and _tiles(then, -len(YAWS)), given)):
            if part and tiles:
                sheet.paste(part.resize((part.width * small // TILE, small)), (left + x * small, top))
        made = _tiles(now, -len(YAWS)) if tiles else now.convert("RGB")
        made = made.resize((made.width * small // made.height, small))
        sheet.paste(made, (left + (given + len(YAWS)) * small if tiles else width - made.width, top))
    return sheet


def followed(pictures: Sequence[Path]) -> Image.Image:
    """Of each picture a row: itself, the thing lifted from it without its colours and detail, and with them.

    Each from the front and from 45 degrees aside.
    """
    from cast3d import load

    composer, rows = load("bricks"), []
    for picture in pictures:
        tiles = [on_white(open_cut_out(picture).rgba, SMALL)]
        for change in ({"recolor": 0.0, "refit": 0.0}, {}):
            part = next(iter(composer.lift(picture, frame="in_place", settings=change).parts.values()))
            tiles += [
                Image.fromarray(drawn).resize((SMALL, SMALL)) for drawn in alike([[part.mesh]], ASIDE, 2 * SMALL)[0]
            ]
        rows.append(tiles)
    sheet = Image.new("RGB", (SMALL * len(rows[0]), SMALL * len(rows)), "white")
    for y, tiles in enumerate(rows):
        for x, tile in enumerate(tiles):
            sheet.paste(tile, (SMALL * x, SMALL * y))
    return sheet


def _tiles(row: Image.Image, first: int, end: int | None = None) -> Image.Image:
    """Square tiles of a row, counted as in a slice."""
    start, stop, _ = slice(first, end).indices(row.width // TILE)
    return row.convert("RGB").crop((start * TILE, 0, stop * TILE, TILE))


def _then(file: Path, commit: str) -> Image.Image | None:
    """A picture as it was at a commit, where it may have been a PNG; None where there was none."""
    for name in (file.name, file.with_suffix(".png").name):
        given = ["git", "show", f"{commit}:./{name}"]
        shown = subprocess.run(given, cwd=file.parent, capture_output=True, check=False)
        if shown.returncode == 0:
            return Image.open(io.BytesIO(shown.stdout))
    return None


def _second(row: Image.Image) -> Image.Image:
    """Of four square views in a row, the one from the viewer's right."""
    return row.crop((row.height, 0, 2 * row.height, row.height))


def _nothing() -> Image.Image:
    """In place of a run that gave up."""
    tile = Image.new("RGB", (CELL, CELL), "white")
    ImageDraw.Draw(tile).text((CELL // 2, CELL // 2), "gave up", "gray", anchor="mm")
    return tile


def on_white(image: Image.Image, side: int = TILE) -> Image.Image:
    """Without transparency, no side longer than `side`."""
    cut = image.convert("RGBA")
    white = Image.new("RGBA", cut.size, "white")
    white.alpha_composite(cut)
    white.thumbnail((side, side))
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
    parser.add_argument("run", type=Path, nargs="?", help="the folder of a finished composition")
    parser.add_argument("--since", help="a commit: writes docs/examples.webp, the examples then and now, instead")
    parser.add_argument("--example", type=Path, help="folder of an example: writes its result.webp instead")
    parser.add_argument("--suite", type=Path, help="of an evaluation: writes NAME.webp of some cases instead")
    parser.add_argument("--edits", help="cases of an evaluation of edits: writes NAME.webp of them instead")
    parser.add_argument(
        "--followed", nargs="+", type=Path, metavar="PICTURE", help="writes results-followed.webp of them instead"
    )
    parser.add_argument("--cases", default="")
    parser.add_argument("--methods", default="cast3d,utc,ctg")
    parser.add_argument("--name", default="results")
    arguments = parser.parse_args()
    if arguments.since:
        rows = then_and_now(Path(__file__).parent.parent / "examples", arguments.since)
        print(f"{write({'examples': rows}, Path(__file__).parent) / 1000:.0f} kB")
    elif arguments.followed:
        write({"results-followed": followed(arguments.followed)}, Path(__file__).parent / "pictures")
    elif arguments.run is None:
        parser.error("name the folder of a run, a commit with --since, or pictures with --followed")
    elif arguments.edits:
        write({arguments.name: edited(arguments.run, arguments.edits.split(","))}, Path(__file__).parent / "pictures")
    elif arguments.suite:
        chosen = comparison(arguments.run, arguments.suite, arguments.cases.split(","), arguments.methods.split(","))
        write({arguments.name: chosen}, Path(__file__).parent / "pictures")
    elif arguments.example:
        task = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))["task"]
        made = edit if task == "edit" else example
        made(arguments.run).save(arguments.example / "result.webp", quality=85, method=6)
    else:
        size = write(sheets(arguments.run), Path(__file__).parent / "pictures")
        print(f"{len(SHEETS)} pictures, {size / 1000:.0f} kB")
