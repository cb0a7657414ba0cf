"""Clothed people who wear and hold parts: a people folder (pack.xz, anchors.json, bodies.csv) as a bank.

Every body is the base of a frame of its own, a cube of 1.28 times its height, and fills the grid once; parts are fitted
to it by its measures. Lengths are in centimetres in the body's frame, in LDU in the parts'.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from training.bricks import bank, placement
from training.bricks.assembly import FILLED, Piece, Shape, Site, stable_hash
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog, Part
from training.bricks.ldraw import Library
from training.bricks.placement import IDENTITY, SIZE, WORLD, Transform

from . import pack
from .pack import Model

CUBE = 1.28  # side of a person's frame over its height
ONE_IN = 8  # bodies that each part is fitted to
HAT, TALL, CAPE, PACK, TOOL = 1.10, 0.80, 1.06, 0.96, 0.66
HEAD, DEEP, SHOULDERS, TORSO, CHEST = 26.0, 24.0, 31.0, 32.0, 20.0  # of a minifigure, LDU
COVERING = ("hair", "helmet", "mask", "hood")  # kinds that also cover cheeks or neck
HUNG = ("cape", "armour", "vest", "collar")  # kinds that are as wide and as deep as the chest
ON_FACE = ("24504", "15619")  # neckwear that is worn as headwear
ON_CHEST = "4498"  # a quiver that is modelled on the chest
LEFT_OUT = ("30174", "2610", "21490c01", "36452", "41811", "4988")  # boxes for a brick torso, brackets, a saucer

Measures = Mapping[str, object]  # of one body, as in anchors.json


def fitted(part: Part, body: Measures) -> Transform | None:
    """A part's frame to the body's world (centimetres, z up), or None for what nobody wears or holds."""
    if part.id in LEFT_OUT:
        return None
    if part.family in ("headwear", "visor") or part.kind == "beard" or part.id in ON_FACE:
        return _on_head(part, body)
    if part.family == "neckwear":
        return _on_torso(part, body)
    return _in_hand(part, body) if part.grip is not None else None


def _on_head(part: Part, body: Measures) -> Transform:
    head = body["head"]
    wide, deep = HAT * head["width"] / HEAD, HAT * head["depth"] / HEAD
    mean = high = (wide + deep) / 2
    if part.kind in (*COVERING, "beard") or part.family == "visor":
        high = max(mean, TALL * (head["top"][2] - head["chin"]) / DEEP)
    linear = WORLD @ np.diag([wide, high, deep])
    top = np.add(head["top"], (0, 0, 0.6 * mean))
    if part.family == "neckwear":
        top = top + linear @ (0, DEEP, 0)
    return placement.transform(linear, top)


def _on_torso(part: Part, body: Measures) -> Transform:
    tall, wide = body["torso"] / TORSO, body["shoulders"] / SHOULDERS
    deep = (body["back"][1] - body["chest"][1]) / CHEST
    mean = PACK * (tall + wide) / 2
    scale = (CAPE * wide, tall, CAPE * deep) if part.kind in HUNG else (mean, PACK * tall, mean)
    linear = WORLD @ np.diag(scale)
    if part.id == ON_CHEST:
        linear = linear @ np.diag([-1.0, 1, -1])
    behind = body["rear"] + 2.5 * body["height"] / 175 if part.kind == "cape" else body["back"][1] + 0.9
    origin = (0, behind - 10 * abs(linear[1, 2]), body["back"][2] + 0.09 * body["torso"])
    return placement.transform(linear, origin)


def _in_hand(part: Part, body: Measures) -> Transform:
    """The grip point in the right fist, -y of the grip frame along the fist's axis, -z forwards."""
    fist, grip = body["fistR"], part.grip
    up, forward = np.array(fist["up"]), np.array(fist["forward"])
    hand = np.stack([np.cross(up, forward), -up, -forward], 1)
    linear = TOOL * body["height"] / 100 * hand @ placement.rotation_z(grip.wrist) @ grip.rotation
    return placement.transform(linear, np.array(fist["at"]) - linear @ grip.point)


def frame(height: float) -> Transform:
    """The voxel frame of a person, from the body's LDraw axes."""
    return placement.frame(SIZE / (CUBE * height), (0, 0, 0), (SIZE / 2, SIZE / 2, placement.MARGIN))


def bodies(folder: Path) -> tuple[list[Model], dict[str, Measures]]:
    """Bodies as shapes with fixed colours, and the measures of each."""
    meshes = pack.read(folder / "pack.xz")
    measures = json.loads((folder / "anchors.json").read_text())
    with open(folder / "bodies.csv", newline="", encoding="utf-8") as file:
        phrases = {row["id"]: row["phrase"] for row in csv.DictReader(file)}
    models = []
    for index, (id, mesh) in enumerate(meshes.items()):
        soup = mesh.soup(fixed=True)
        part = Part(index, id, "", "person", "person", phrases[id], (), len(soup), (), "", (), None, frozenset())
        sites = (Site(FILLED, "free", "", None), Site(id, "base", "", IDENTITY))
        models.append(Model(part, (), sites, soup=soup))
    return models, measures


def worn(catalog: Catalog, library: Library, measures: Mapping[str, Measures]) -> Iterator[Model]:
    """Every part that can be worn or held, on a fixed share of the bodies."""
    for part in catalog:
        sites = []
        for id, body in measures.items():
            if stable_hash(f"{id} wears {part.id}") % ONE_IN == 0 and (where := fitted(part, body)) is not None:
                slot = "right" if part.family == "hand" else part.family
                sites.append(Site(id, slot, "", placement.compose(placement.transform(WORLD.T), where)))
        if sites:
            shape = Shape(part, (Piece(part.file, IDENTITY),), tuple(sites))
            yield Model(part, shape.pieces, shape.sites, soup=shape.triangles(library))


def build(folder: Path, catalog: Catalog, library: Library, workers: int | None = None) -> Bank:
    """Bodies first, then parts fitted to them; a part that leaves a body's cube is not placed there."""
    models, measures = bodies(folder)
    frames = {id: frame(body["height"]) for id, body in measures.items()}

    def rgb(code: int) -> tuple[int, int, int]:
        return pack.direct(code) if code >= 0x2000000 else catalog.colors.rgb(code)

    return bank.build_models([*models, *worn(catalog, library, measures)], rgb, frames, workers)
