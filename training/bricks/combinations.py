"""A combinations table: which parts make up each object of an evaluation suite.

Standard columns describe a figure. Four further columns, all optional, describe everything else:

    base    what carries the rest, `id` or `id:colour`: a horse, a dragon, an animal. Empty: the figure does.
    rider   anything but empty: the figure of this row rides the base
    mount   a saddle or armour on the base, `id:colour`
    wings   wings of the base, `id:colour`

With a base and no rider, `headwear` and `neckwear` are what the base wears. A rider sits as high as the base's saddle
lifts it; without one it sits bareback.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cast3d.errors import InputError
from training.bricks.assembly import (
    BARE,
    FIGURE,
    PAIR,
    RAISED,
    SADDLED,
    STANDARD_LEGS,
    STANDARD_TORSO,
    pose_name,
    wanted_pose,
)
from training.bricks.captions import Caption
from training.bricks.catalog import Catalog
from training.bricks.options import Draft, Option, Options
from training.bricks.placement import HANGING
from training.bricks.recipes import BASE_NAMES

MAIN = "figure"
SLOTS = {  # column -> slot
    "headwear": "headwear",
    "neckwear": "neckwear",
    "hand_right": "right",
    "hand_left": "left",
    "hipwear": "hipwear",
}
COLUMNS = ("combo_id", "uses_held_out", "caption", "torso_color", "skin_color", "head", "lower", *SLOTS)
FURTHER = ("base", "rider", "mount", "wings")
_ANIMAL_SLOTS = {"headwear": "hat", "neckwear": "pack"}
_BODY = ("torso_color", "skin_color", "head", "lower")

Cell = tuple[str, int]  # part id, colour code


class Dropped(Exception):
    """Why a combination is left out."""


@dataclass(frozen=True)
class Combination:
    """One row. `worn` maps the columns of `SLOTS` to cells, `more` mount and wings; empty ones are left out."""

    id: str
    caption: str
    torso_color: int
    skin_color: int
    head: Cell
    lower: Cell
    worn: Mapping[str, Cell]
    base: Cell | None = None
    rider: bool = False
    more: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def figure(self) -> bool:
        """Whether there is a figure, standing or riding."""
        return self.base is None or self.rider

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part that the combination needs."""
        body = (STANDARD_TORSO, self.head[0], self.lower[0]) if self.figure else ()
        base = (self.base[0],) if self.base else ()
        return (*base, *body, *(id for id, _ in (*self.worn.values(), *self.more.values())))


def read(path: Path) -> Iterator[Combination]:
    """The rows of a combinations file."""
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            missing = set(COLUMNS) - set(row) - {"uses_held_out"}
            if missing:
                raise InputError(f"{path} lacks the columns {', '.join(sorted(missing))}; it has {', '.join(row)}")
            try:
                yield _combination(row)
            except ValueError as error:
                raise InputError(f"{path}: row {row['combo_id']!r} cannot be read: {error}") from error


def _combination(row: Mapping[str, str]) -> Combination:
    base, rider = _cell(row.get("base") or "", 0), bool(row.get("rider"))
    figure = not base[0] or rider
    if figure and not (row["head"] and row["skin_color"] and row["torso_color"]):
        raise InputError(f"a figure needs {', '.join(_BODY[:3])}")
    skin, torso = int(row["skin_color"] or 0), int(row["torso_color"] or 0)
    return Combination(
        id=row["combo_id"],
        caption=row["caption"],
        torso_color=torso,
        skin_color=skin,
        head=_cell(row["head"], skin),
        lower=_cell(row["lower"] or STANDARD_LEGS, torso),
        worn={column: _cell(row[column], 0) for column in SLOTS if row[column]},
        base=base if base[0] else None,
        rider=rider,
        more={column: _cell(row[column], 0) for column in ("mount", "wings") if row.get(column)},
    )


def _cell(text: str, default: int) -> Cell:
    id, _, color = text.partition(":")
    return id, int(color) if color else default


def compose(combination: Combination, parts: Catalog, options: Options) -> Draft:
    """The combination as an object; role 0 is the base, further roles follow the order of its cells."""
    composing = _Composing(combination, parts, options)
    if combination.base is None:
        return composing.standing()
    return composing.riding() if combination.rider else composing.creature()


@dataclass
class _Composing:
    """A draft on its way. `terms` are those of the roles so far."""

    row: Combination
    parts: Catalog
    options: Options
    terms: list[str] = field(default_factory=list)

    def standing(self) -> Draft:
        """A figure; its arms are posed as what it holds wants."""
        row = self.row
        held = {c: self.parts.part(id) for c, (id, _) in row.worn.items() if SLOTS[c] in ("right", "left")}
        right = wanted_pose(held["hand_right"]) if "hand_right" in held else RAISED
        left = wanted_pose(held["hand_left"]) if "hand_left" in held else HANGING
        draft = Draft("figure", self.rgb(row.skin_color))
        self.body(draft, FIGURE, "", pose_name(right, left), role=0)
        for column in row.worn:
            pose = wanted_pose(held[column]) if column in held else None
            self.accessory(draft, column, FIGURE, SLOTS[column], f"{pose.pitch}.{pose.wrist}" if pose else "")
        return self.captioned(draft)

    def riding(self) -> Draft:
        """A figure on a horse, which is the base; riders raise their right arm."""
        row, ride = self.row, self.row.base[0]
        seat = SADDLED if "saddle" in self.mount_phrase() else BARE
        draft = self.ridden("rider")
        draft.skin = self.rgb(row.skin_color)
        self.body(draft, ride, "rider ", seat, role=1, variant=seat)
        for column in row.worn:
            self.accessory(draft, column, ride, f"rider {SLOTS[column]}", seat)
        self.further(draft)
        return self.captioned(draft)

    def creature(self) -> Draft:
        """An animal, a horse or a dragon with what it wears."""
        draft = self.ridden("creature" if self.row.more else "animal")
        for column in self.row.worn:
            if column not in _ANIMAL_SLOTS:
                raise Dropped(f"a {self.terms[0]} has no {column}; without a rider the base takes headwear, neckwear")
            self.accessory(draft, column, self.row.base[0], _ANIMAL_SLOTS[column], "")
        self.further(draft)
        return self.captioned(draft)

    def ridden(self, family: str) -> Draft:
        id, color = self.row.base
        draft = Draft(family)
        draft.add(self.option(id, id, "base"), self.rgb(color))
        self.terms.append(self.term(BASE_NAMES.get(id, self.parts.part(id).names), id))
        return draft

    def body(self, draft: Draft, frame: str, prefix: str, torso: str, role: int, variant: str = "") -> None:
        """Torso, head and legs; `torso` is the torso's variant, `variant` that of the others."""
        row = self.row
        self.terms.append(MAIN)
        draft.add(self.option(STANDARD_TORSO, frame, f"{prefix}torso", torso), self.rgb(row.torso_color), role)
        for slot, (id, color) in (("head", row.head), ("lower", row.lower)):
            draft.add(self.option(id, frame, f"{prefix}{slot}", variant), self.rgb(color), role)

    def further(self, draft: Draft) -> None:
        """Saddle, armour and wings of the base."""
        for column in self.row.more:
            self.accessory(draft, column, self.row.base[0], column, "")

    def accessory(self, draft: Draft, column: str, frame: str, slot: str, variant: str) -> None:
        id, color = self.row.worn.get(column) or self.row.more[column]
        option = self.option(id, frame, slot, variant)
        draft.add(option, self.rgb(color), len(self.terms))
        self.terms.append(self.term(option.names, id))

    def option(self, id: str, frame: str, slot: str, variant: str = "") -> Option:
        part = self.parts.part(id)
        variants = (variant, PAIR) if slot == "wings" else (variant,)
        found = next(filter(None, (self.options.find(id, frame, slot, v) for v in variants)), None)
        if found is None:
            raise Dropped(f"{id} ({part.phrase}) has no place as {slot}, or lies more than 5% outside the frame")
        return found

    def term(self, names: Sequence[str], id: str) -> str:
        """The part's name as it stands in the caption, the longest one if several do."""
        found = [name for name in names if re.search(rf"\b{re.escape(name)}\b", self.row.caption)]
        if not found:
            raise Dropped(f"the caption does not name {id} ({', '.join(names)})")
        return max(found, key=len)

    def mount_phrase(self) -> str:
        mount = self.row.more.get("mount")
        return self.parts.part(mount[0]).phrase if mount else ""

    def captioned(self, draft: Draft) -> Draft:
        if len(set(self.terms)) < len(self.terms):
            raise Dropped(f"two parts share a term: {', '.join(self.terms)}")
        draft.caption = Caption(self.row.caption, tuple(self.terms))
        return draft

    def rgb(self, code: int) -> tuple[int, int, int]:
        return self.parts.colors.rgb(code)
