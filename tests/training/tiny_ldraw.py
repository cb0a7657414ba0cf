"""A hand-written LDraw library of boxes, and the real pack where it lies beside the checkout."""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from training.bricks import bank, catalog
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog
from training.bricks.ldraw import Library

BOX = """0 Unit box
4 16 -1 -1 -1 1 -1 -1 1 1 -1 -1 1 -1
4 16 -1 -1 1 1 -1 1 1 1 1 -1 1 1
4 16 -1 -1 -1 1 -1 -1 1 -1 1 -1 -1 1
4 16 -1 1 -1 1 1 -1 1 1 1 -1 1 1
4 16 -1 -1 -1 -1 1 -1 -1 1 1 -1 -1 1
4 16 1 -1 -1 1 1 -1 1 1 1 1 -1 1
"""
ARM = "0.985 -0.17 0 0.17 0.985 0 0 0 1", "0.985 0.17 0 -0.17 0.985 0 0 0 1"


def box(low: tuple[float, ...], high: tuple[float, ...], color: int = 16) -> str:
    """A type 1 line that draws an axis-aligned box."""
    (x, a), (y, b), (z, c) = [((l + h) / 2, (h - l) / 2) for l, h in zip(low, high)]
    return f"1 {color} {x} {y} {z} {a} 0 0 0 {b} 0 0 0 {c} box.dat\n"


FILES = {
    "p/box.dat": BOX,
    "parts/973.dat": box((-16, 0, -10), (16, 32, 10)),
    "parts/3818.dat": box((-8, -2, -4), (0, 20, 4)),
    "parts/3819.dat": box((0, -2, -4), (8, 20, 4)),
    "parts/3820.dat": box((-5, -5, -12), (5, 5, 0)),
    "parts/76382.dat": "1 16 0 0 0 1 0 0 0 1 0 0 0 1 973.dat\n"
    f"1 16 -15.552 9 0 {ARM[0]} 3818.dat\n1 16 15.552 9 0 {ARM[1]} 3819.dat\n"
    "1 16 -23.69 26.774 -9.898 0.985 -0.12 0.12 0.17 0.696 -0.696 0 0.707 0.707 3820.dat\n"
    "1 16 23.69 26.774 -9.898 0.985 0.12 -0.12 -0.17 0.696 -0.696 0 0.707 0.707 3820.dat\n",
    "parts/head.dat": box((-13, -4, -13), (13, 24, 13)) + "3 4 -4 8 -13.5 4 8 -13.5 0 12 -13.5\n",
    "parts/alien.dat": box((-14, -30, -14), (14, 0, 14)),
    "parts/73200b-f1.dat": box((-19, -11, -10), (19, 40, 10)),
    "parts/hat.dat": box((-20, -10, -20), (20, 2, 20)) + box((-12, -6, -12), (12, 0, 12), 1),
    "parts/helmet.dat": box((-18, -12, -18), (18, 20, 18)),
    "parts/visor.dat": box((-18, 0, -20), (18, 10, -18)),
    "parts/costume.dat": box((-20, -20, -20), (20, 70, 20)),
    "parts/pack.dat": box((-15, 0, 10), (15, 28, 25)),
    "parts/sword.dat": box((-2, -60, -2), (2, 8, 2)),
    "parts/case.dat": box((-16, 0, -4), (16, 20, 4)),
    "parts/pole.dat": box((-2, -150, -2), (2, 150, 2)),
    "parts/ski.dat": box((-6, -4, -20), (6, 3, 20)),
    "parts/4493c00.dat": box((-20, -40, -60), (20, 57, 86)) + box((-10, -89, -96), (10, -40, -60)),
    "parts/4491b.dat": box((-24, -43, -16), (24, 0, 24)),
    "parts/lamp.dat": box((0, 0, 0), (10, 30, 20)),
}
IDENTITY = "1 0 0 0 1 0 0 0 1"
NECK, CROWN, HIPS = (f"0 {y} 0 {IDENTITY}" for y in (0, -24, 32))
UPRIGHT = {"hand": "right", "grip": "0 0 0", "grip_rot": IDENTITY, "wrist": "0", "arm_pitch": "45"}
SIDEWAYS = {"hand": "right", "grip": "0 0 0", "grip_rot": "0 1 0 -1 0 0 0 0 1", "wrist": "90", "arm_pitch": "45"}
PARTS = [
    {"id": "76382", "family": "torso", "phrase": "torso", "placement": NECK, "flags": "free_right;free_left"},
    {"id": "head", "family": "head", "phrase": "plain head", "placement": CROWN, "flags": "hat_ok"},
    {"id": "alien", "family": "head", "phrase": "alien head", "placement": NECK, "colors": "2"},
    {"id": "73200b-f1", "family": "lower", "phrase": "legs", "placement": HIPS, "flags": "feet_at_72"},
    {"id": "hat", "family": "headwear", "kind": "hat", "phrase": "cowboy hat", "synonyms": "western hat",
     "placement": CROWN, "title": "Stetson", "keywords": "sheriff"},
    {"id": "helmet", "family": "headwear", "kind": "helmet", "phrase": "crash helmet", "placement": CROWN},
    {"id": "costume", "family": "headwear", "kind": "headdress", "phrase": "ghost sheet",
     "placement": CROWN, "flags": "covers_neck"},
    {"id": "visor", "family": "visor", "phrase": "face visor", "placement": CROWN, "attach_to": "helmet"},
    {"id": "pack", "family": "neckwear", "kind": "backpack", "phrase": "backpack", "placement": NECK},
    {"id": "sword", "family": "hand", "phrase": "sword", **UPRIGHT},
    {"id": "case", "family": "hand", "phrase": "suitcase", **SIDEWAYS},
    {"id": "pole", "family": "hand", "phrase": "pole", **UPRIGHT},
    {"id": "ski", "family": "footwear", "phrase": "skis", "placement": f"10 72 0 {IDENTITY}|-10 72 0 {IDENTITY}"},
    {"id": "4493c00", "family": "ride", "kind": "horse", "phrase": "horse", "slot": "free"},
    {"id": "4491b", "family": "mount", "kind": "horse", "phrase": "saddle", "attach_to": "4493c00",
     "placement": NECK},
    {"id": "lamp", "family": "prop", "phrase": "lamp", "slot": "free"},
]  # fmt: skip
COLUMNS = (
    "id", "file", "title", "category", "family", "kind", "phrase", "synonyms", "keywords", "author", "license", "org",
    "triangles", "bbox", "colors", "slot", "attach_to", "placement", "hand", "grip", "grip_rot", "wrist", "arm_pitch",
    "flags",
)  # fmt: skip
COLORS = """code,name,hex,alpha,word
0,Black,#1B2A34,255,black
1,Blue,#1E5AA8,255,blue
2,Green,#00852B,255,green
4,Red,#B40000,255,red
14,Yellow,#FAC80A,255,yellow
16,Main_Colour,#FFFF80,255,
70,Brown,#5F3109,255,brown
78,Light_Skin,#FFC995,255,light skin
84,Caramel,#AA7D55,255,caramel brown
92,Tan_Skin,#BB805A,255,tan skin
"""


def write(folder: Path) -> Path:
    """The tiny library with its catalogue and colours."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="\r\n")
    with open(folder / "catalog.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for part in PARTS:
            colors = "14;78;92;84;70" if part["id"] == "head" else "4;1;0"
            writer.writerow(
                {"file": f"parts/{part['id']}.dat", "kind": part["family"], "triangles": 12, "colors": colors} | part
            )
    (folder / "colors.csv").write_text(COLORS)
    return folder


@cache
def tiny() -> tuple[Library, Catalog]:
    """The tiny library and its catalogue."""
    folder = write(Path(mkdtemp(prefix="tiny-ldraw-")))
    return Library(folder), catalog.load(folder / "catalog.csv")


@cache
def tiny_bank() -> Bank:
    """The bank of the tiny library."""
    return bank.build(*tiny(), workers=1)


def real_pack() -> Path:
    """The folder of the LDraw parts pack; skips the test where there is none."""
    given = os.environ.get("CAST3D_LDRAW")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "ldraw"
    if not (folder / "ldraw-parts.zip").exists():
        pytest.skip("the LDraw parts pack is not in shared/ldraw beside the checkout (or set CAST3D_LDRAW)")
    return folder
