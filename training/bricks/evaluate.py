"""The quality table of the shipped weights, on parts and combinations that were never trained.

    python -m training.bricks.evaluate --data data/bricks --count 24 -o quality.json --sheets sheets

Prints one line per row: mean and standard error over `--count` objects, and the goal. `--rows` picks some, `--sheets`
writes a contact sheet per row (given, truth, result). The same seed gives the same objects, views and noise.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import mean, stdev

import torch
from PIL import Image
from torch import Tensor

from cast3d.backbones import load_backbone
from cast3d.result import previews

from .bank import Bank
from .prepare import further_recipes, load_catalog
from .quality import ROWS as PART_ROWS
from .quality import WORLD_ROWS, Bench, Case, Row

TILE = 160  # pixels
ROWS = PART_ROWS | WORLD_ROWS


def summary(row: Row, cases: Sequence[Case]) -> dict:
    """Means and standard errors of the scores, and whether the row's goals are met."""
    scores = {key: [case.scores[key] for case in cases] for key in cases[0].scores}
    means = {key: mean(values) for key, values in scores.items()}
    return {
        "title": row.title,
        "count": len(cases),
        "mean": means,
        "standard_error": {k: stdev(v) / math.sqrt(len(v)) if len(v) > 1 else 0.0 for k, v in scores.items()},
        "goal": dict(row.goals),
        "met": row.met(means),
    }


def line(result: dict) -> str:
    """A line of the table, in Markdown."""
    shown = ", ".join(f"{k} {m:.3f} ± {result['standard_error'][k]:.3f}" for k, m in result["mean"].items())
    goals = ", ".join(f"{k} {'<=' if k.endswith('_error') else '>='} {goal:g}" for k, goal in result["goal"].items())
    met = "-" if not result["goal"] else "yes" if result["met"] else "no"
    return f"| {result['title']} | {result['count']} | {shown} | {goals or '-'} | {met} |"


def tile(shown: Tensor) -> Image.Image:
    """A grid as two views, a picture on white."""
    if shown.dtype == torch.bool:
        return previews.of_voxels(shown, size=TILE)
    white = shown[:3] + (1 - shown[3]) if len(shown) == 4 else shown
    pixels = (white.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels).resize((TILE, TILE))


def sheet(cases: Sequence[Case]) -> Image.Image:
    """One line of tiles per case."""
    lines = [[tile(shown) for shown in case.shown] for case in cases]
    width = max(sum(t.width for t in tiles) for tiles in lines)
    image = Image.new("RGB", (width, TILE * len(lines)), "white")
    for i, tiles in enumerate(lines):
        x = 0
        for t in tiles:
            image.paste(t, (x, i * TILE))
            x += t.width
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--backbone", default="bricks", help="the shipped weights, or a folder that `package` wrote")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=24, help="objects per row")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=list(ROWS),
        metavar="ROW",
        help=f"default: all that the data folder allows; {', '.join(ROWS)}",
    )
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the numbers")
    args = parser.parse_args()

    backbone = load_backbone(args.backbone, args.device)
    settings = backbone.defaults.changed(dict(change.split("=", 1) for change in args.set))
    bank, parts = Bank.load(args.data / "bank.npz"), load_catalog(args.data)
    further = further_recipes(args.data, bank, parts)
    bench = Bench(backbone, settings, bank, parts, args.count, args.seed, further)
    rows = args.rows or list(ROWS if further else PART_ROWS)
    results = {"seed": args.seed, "settings": settings.plain(), "models": backbone.hashes, "rows": {}}
    print("| what | objects | mean ± standard error | goal | met |\n|---|---|---|---|---|", flush=True)
    for name in rows:
        begin = time.time()
        with torch.no_grad():
            cases = list(islice(ROWS[name].measure(bench), args.count))
        results["rows"][name] = summary(ROWS[name], cases) | {"seconds": round(time.time() - begin, 1)}
        print(line(results["rows"][name]), flush=True)
        if args.output:
            args.output.write_text(json.dumps(results, indent=1) + "\n")
        if args.sheets:
            args.sheets.mkdir(parents=True, exist_ok=True)
            sheet(cases).save(args.sheets / f"{name}.png")


if __name__ == "__main__":
    main()
