"""Everyday objects: the models of a home3d folder (catalog.csv and pack.xz) as a bank of things that fill the grid."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.bricks import bank, splits
from training.bricks.assembly import FILLED, Site
from training.bricks.bank import Bank
from training.bricks.catalog import Part

from . import pack
from .pack import Model

SIDE = 100.0  # units of the longest side: about as many as a part has


@dataclass(frozen=True)
class Thing:
    """A row of the catalogue that training needs."""

    id: str
    family: str
    phrase: str
    synonyms: tuple[str, ...]
    front: float  # degrees from -y to the useful front, towards +x
    split: str  # train, dev or test


def catalog(folder: Path) -> list[Thing]:
    """All models, in the order of the file."""
    with open(folder / "catalog.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        Thing(
            row["id"],
            row["family"],
            row["phrase"],
            tuple(filter(None, row["synonyms"].split(";"))),
            float(row["front"]) if row["front"] not in ("", "any") else 0.0,
            row["split"],
        )
        for row in rows
    ]


def models(folder: Path, things: Sequence[Thing]) -> list[Model]:
    """Their meshes with the front at -y."""
    meshes = pack.read(folder / "pack.xz")
    site = Site(FILLED, "free", "", None)
    made = []
    for index, thing in enumerate(things):
        mesh = meshes[thing.id]
        soup = mesh.soup(-thing.front, SIDE / float((mesh.vertices.max(0) - mesh.vertices.min(0)).max()))
        part = Part(
            index=index,
            id=thing.id,
            file="",
            family=thing.family,
            kind=thing.family,
            phrase=thing.phrase,
            synonyms=thing.synonyms,
            triangles=len(soup),
            colors=(),
            attach_to="",
            placements=(),
            grip=None,
            flags=frozenset(),
        )
        made.append(Model(part, (), (site,), soup=soup))
    return made


def build(folder: Path, workers: int | None = None) -> tuple[Bank, list[Thing]]:
    """A bank with one placement per model, in the order of the catalogue."""
    things = catalog(folder)
    return bank.build_models(models(folder, things), pack.direct, workers=workers), things


def rows(things: Sequence[Thing], split: str = splits.TRAIN) -> list[int]:
    """Placements of the models of a split."""
    return [i for i, thing in enumerate(things) if thing.split == split]
