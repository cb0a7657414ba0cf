"""The catalogue of parts: what each LDraw file is called, where it is worn and how it is held.

`catalog.csv` is that of the shipped weights; README.md explains its columns, and others are ignored. The library's own
titles and keywords can hold third-party names: they are not read, so they cannot enter training text. `phrase` and
`synonyms` are neutral words.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cast3d.errors import InputError, nearest
from training.bricks.colors import Colors
from training.bricks.colors import load as load_colors

ACCESSORY_FAMILIES = ("headwear", "visor", "neckwear", "hipwear", "footwear", "board", "hand")


@dataclass(frozen=True)
class Grip:
    """How a part lies in the fist (hand family)."""

    hand: str  # the natural hand: right or left
    point: NDArray[np.float64]  # [3] LDU, part frame
    rotation: NDArray[np.float64]  # [3, 3] part frame -> grip frame
    wrist: int  # degrees about the hand's z
    arm_pitch: int  # degrees, positive lifts the hand forwards


@dataclass(frozen=True, eq=False)
class Part:
    """One catalogue row."""

    index: int  # position in the catalogue: the class label of this part
    id: str
    file: str
    family: str
    kind: str
    phrase: str
    synonyms: tuple[str, ...]
    triangles: int
    colors: tuple[int, ...]
    attach_to: str
    placements: tuple[NDArray[np.float64], ...]  # [3, 4] each, in the parent frame; several = copies worn together
    grip: Grip | None
    flags: frozenset[str]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The phrase, then its synonyms."""
        return (self.phrase, *self.synonyms)


class Catalog(Sequence[Part]):
    """Parts of one or several catalogue files, in file order; ids are unique."""

    def __init__(self, parts: Sequence[Part], colors: Colors) -> None:
        self.parts = tuple(parts)
        self.colors = colors
        self._by_id = {part.id: part for part in self.parts}
        if len(self._by_id) != len(self.parts):
            seen: set[str] = set()
            twice = sorted({p.id for p in self.parts if p.id in seen or seen.add(p.id)})
            raise InputError(f"the catalogues list these ids more than once: {', '.join(twice)}; list each part once")

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> Part:  # type: ignore[override]
        return self.parts[index]

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def part(self, id: str) -> Part:
        """The part with this id."""
        if id not in self._by_id:
            raise InputError(f"no part {id!r} in the catalogue{nearest(id, self._by_id)}")
        return self._by_id[id]

    def family(self, *names: str) -> tuple[Part, ...]:
        """All parts of the named families, in order."""
        return tuple(part for part in self.parts if part.family in names)


def load(path: str | Path, *more: str | Path, colors: str | Path | None = None) -> Catalog:
    """Reads one or several catalogues into one; the colour table defaults to `colors.csv` beside the first."""
    parts: list[Part] = []
    for source in (path, *more):
        with open(source, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                try:
                    parts.append(_part(len(parts), row))
                except (KeyError, ValueError) as error:
                    raise InputError(f"{source}: row {row.get('id')!r} cannot be read: {error}") from error
    return Catalog(parts, load_colors(colors or Path(path).with_name("colors.csv")))


def _part(index: int, row: dict[str, str]) -> Part:
    return Part(
        index=index,
        id=row["id"],
        file=row["file"],
        family=row["family"],
        kind=row["kind"],
        phrase=row["phrase"],
        synonyms=tuple(filter(None, row["synonyms"].split(";"))),
        triangles=int(row["triangles"]),
        colors=tuple(int(c) for c in row["colors"].split(";") if c),
        attach_to=row["attach_to"],
        placements=tuple(_transform(t) for t in row["placement"].split("|") if t.strip()),
        grip=_grip(row) if row["hand"] else None,
        flags=frozenset(filter(None, row["flags"].split(";"))),
    )


def _transform(text: str) -> NDArray[np.float64]:
    """`x y z a b c d e f g h i` as a 3x4 matrix."""
    values = np.array(text.split(), np.float64)
    if len(values) != 12:
        raise ValueError(f"a placement has 12 numbers, not {len(values)}: {text!r}")
    return np.concatenate([values[3:].reshape(3, 3), values[:3, None]], axis=1)


def _grip(row: dict[str, str]) -> Grip:
    return Grip(
        hand=row["hand"],
        point=np.array(row["grip"].split(), np.float64),
        rotation=np.array(row["grip_rot"].split(), np.float64).reshape(3, 3),
        wrist=int(row["wrist"] or 0),
        arm_pitch=int(row["arm_pitch"] or 0),
    )
