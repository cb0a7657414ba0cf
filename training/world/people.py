"""Clothed people who wear and hold parts: a people folder (pack.xz, anchors.json, bodies.csv) as a bank.

Every body is the base of a frame of its own, a cube of 1.28 times its height; parts are fitted to it by its measures.
It is three shapes, so that six colours can be changed: shirt and skin, trousers or skirt and shoes, hair and eyes.
Lengths are in centimetres in the body's frame, in LDU in the parts'.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.bricks import bank, placement, splits
from training.bricks.assembly import SKIN, Piece, Shape, Site, stable_hash
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog, Part
from training.bricks.ldraw import INHERIT, Library, Triangles
from training.bricks.placement import IDENTITY, SIZE, WORLD, Transform

from . import pack
from .pack import Model

CUBE = 1.28  # side of a person's frame over its height
ONE_IN = 12  # bodies that each part is fitted to
HELD_OUT = 6  # bodies of the first folder that are development bodies, and as many test bodies
HAT, TALL, CAPE, PACK, TOOL = 1.10, 0.80, 1.06, 0.96, 0.66
HEAD, DEEP, SHOULDERS, TORSO, CHEST = 26.0, 24.0, 31.0, 32.0, 20.0  # of a minifigure, LDU
COVERING = ("hair", "helmet", "mask", "hood")  # kinds that also cover cheeks or neck
HUNG = ("cape", "armour", "vest", "collar")  # kinds that are as wide and as deep as the chest
ON_FACE = ("24504", "15619")  # neckwear that is worn as headwear
ON_CHEST = "4498"  # a quiver that is modelled on the chest
HAIR = "hair"  # a kind of headwear, for bald bodies only
FOR_CHILDREN = ("tool", "kitchen", "book", "food", "music", "bag", "sport", "camera", "witchcraft")  # held kinds
REGIONS = {  # slot of a shape -> regions of the pack and the colours they take
    "torso": {0: SKIN, 2: INHERIT},
    "lower": {3: INHERIT, 4: SKIN},
    "head": {1: INHERIT},
}
EYES = (5, 6)  # regions that keep their colours, with the head
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


@dataclass(frozen=True)
class Body:
    """A clothed body: what it is called, and what decides what it wears."""

    id: str
    phrase: str
    child: bool
    male: bool
    bald: bool
    bottom: str  # trousers, shorts or skirt
    split: str = splits.TRAIN

    def plain(self) -> dict:
        """For `world.json`."""
        return asdict(self)


def bodies(*folders: Path) -> tuple[list[Body], dict[str, pack.Mesh], dict[str, Measures]]:
    """All bodies of some people folders, their meshes and their measures; held-out ones are of the first folder."""
    found: list[Body] = []
    meshes: dict[str, pack.Mesh] = {}
    measures: dict[str, Measures] = {}
    for k, folder in enumerate(folders):
        meshes |= pack.read(folder / "pack.xz")
        measures |= json.loads((folder / "anchors.json").read_text())
        with open(folder / "bodies.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        order = sorted((row["id"] for row in rows), key=lambda id: stable_hash(f"split {id}")) if k == 0 else []
        held = dict.fromkeys(order[:HELD_OUT], splits.TEST) | dict.fromkeys(order[HELD_OUT : 2 * HELD_OUT], splits.DEV)
        held = held if len(rows) > 4 * HELD_OUT else {}
        for row in rows:
            skirt, legs = float(row.get("skirt") or 0), row.get("legs") or "long"
            found.append(
                Body(
                    id=row["id"],
                    phrase=row["phrase"],
                    child=float(row.get("age") or 1) < 0.37,
                    male=float(row.get("gender") or 0) > 0.5,
                    bald=row.get("bald") == "1",
                    bottom="skirt" if skirt else "trousers" if legs == "long" else "shorts",
                    split=held.get(row["id"], splits.TRAIN),
                )
            )
    return found, meshes, measures


def shapes(body: Body, mesh: pack.Mesh, index: int) -> Iterator[Model]:
    """The body's three shapes: colours that may change are the parts' main and skin colour."""
    whole = mesh.soup(fixed=True)
    for slot, colors in REGIONS.items():
        mine = np.isin(mesh.entry, [*colors, *(EYES if slot == "head" else ())])
        if not mine.any():
            continue
        code = whole.color.copy()
        for region, color in colors.items():
            code[mesh.entry == region] = color
        soup = Triangles(whole.vertices[mine], code[mine])
        part = Part(index, body.id, "", "person", "person", body.phrase, (), len(soup), (), "", (), None, frozenset())
        yield Model(part, (), (Site(body.id, slot, "", IDENTITY),), variant=slot, soup=soup)


def suits(part: Part, body: Body) -> bool:
    """Whether this body may wear or hold the part."""
    if part.family == "headwear" and part.kind == HAIR:
        return body.bald
    if part.kind == "beard":
        return body.male and not body.child
    return part.family != "hand" or not body.child or part.kind in FOR_CHILDREN


def worn(
    catalog: Catalog, library: Library, all_bodies: Sequence[Body], measures: Mapping[str, Measures]
) -> Iterator[Model]:
    """Every part that can be worn or held, on a fixed share of the bodies."""
    for part in catalog:
        sites = []
        for body in all_bodies:
            share = 1 if body.split != splits.TRAIN else max(1, ONE_IN // 4) if part.kind == HAIR else ONE_IN
            if stable_hash(f"{body.id} wears {part.id}") % share or not suits(part, body):
                continue
            if (where := fitted(part, measures[body.id])) is not None:
                slot = "right" if part.family == "hand" else part.family
                slot = "headwear" if part.kind == "beard" and slot == "visor" else slot
                sites.append(Site(body.id, slot, "", placement.compose(placement.transform(WORLD.T), where)))
        if sites:
            shape = Shape(part, (Piece(part.file, IDENTITY),), tuple(sites), variant="worn")
            yield Model(part, shape.pieces, shape.sites, variant="worn", soup=shape.triangles(library))


def build(
    folders: Sequence[Path], catalog: Catalog, library: Library, workers: int | None = None, first: int = 0
) -> tuple[Bank, list[Body]]:
    """Bodies first, then parts fitted to them; a part that leaves a body's cube is not placed there.

    Body k has class `first` + k.
    """
    found, meshes, measures = bodies(*folders)
    frames = {body.id: frame(measures[body.id]["height"]) for body in found}

    def rgb(code: int) -> tuple[int, int, int]:
        return pack.direct(code) if code >= 0x2000000 else catalog.colors.rgb(code)

    models = [model for k, body in enumerate(found) for model in shapes(body, meshes[body.id], first + k)]
    return bank.build_models([*models, *worn(catalog, library, found, measures)], rgb, frames, workers), found
