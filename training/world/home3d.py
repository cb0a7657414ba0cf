"""Everyday objects: the models of a home3d folder (catalog.csv, pack.xz, on_top.csv) as a bank.

Every model fills the grid once and is once the base of a frame of its own (`frame`); what may stand on it is placed
there a few times. Lengths are in centimetres, the front is at -y.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from training.bricks import bank, placement, splits
from training.bricks.assembly import FILLED, Site
from training.bricks.bank import Bank
from training.bricks.catalog import Part
from training.bricks.grids import SIZE
from training.bricks.ldraw import Triangles
from training.bricks.placement import IDENTITY, WORLD, Transform

from . import pack
from .pack import Mesh, Model

WIDEST, TALLEST = 50.0, 40.0  # voxels of a base: most width or depth, most height; what stands on it needs room
TRIES = 2  # placements of each pair
_SEATS = {  # of those who sit: height under the thighs and y of the back, cm
    "sitting_boy": (47.8, 30.4),
    "sitting_businesswoman": (48.5, 38.2),
    "sitting_girl": (46.8, 33.1),
    "sitting_businessman": (39.6, 46.6),
    "sitting_man": (49.5, 42.4),
}
_OVERHANG = 1.36  # of a top over the free rectangle it stands in
_RELATIONS = {"sit": "sitting on", "lie": "lying on", "beside": "next to", "under": "under"}
AROUND = ("beside", "under")
_ON_FLOOR = ("seating", "table", "storage", "plant", "bed", "animal", "vehicle", "toy", "person", "instrument")
_SITTING = re.compile(r"\b(sitting|lying)\b")  # those have a seat of their own, or none
_UNDER = ("animal", "toy", "storage", "sport", "clothing")
NEIGHBOURS, BELOW = 5, 4  # placements beside and under a base
_LEAST = 5.5  # voxels of the longest side, to be seen
_SAMPLES = 4000  # of a base's surface, to see whether there is room under it


@dataclass(frozen=True)
class Thing:
    """A row of the catalogue that training needs."""

    id: str
    family: str
    phrase: str
    synonyms: tuple[str, ...]
    front: float  # degrees from -y to the useful front, towards +x
    split: str  # train, dev or test
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)  # cm
    carries: tuple[float, ...] = ()  # height / own height, x0, x1, y0, y1 / own extent of the free rectangle
    main: tuple[int, int, int] | None = None  # sRGB of what may be recoloured, if that is a third of the surface

    def plain(self) -> dict:
        """For `world.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Top:
    """Where a model stands on another: footprint in the base's frame, cm."""

    base: str
    top: str
    place: str  # any, middle, back, sit, lie, beside or under
    turn: float  # degrees about the vertical, of the model as it is in the pack
    at: tuple[float, float, float]
    footprint: tuple[float, float]

    @property
    def relation(self) -> str:
        return _RELATIONS.get(self.place, "on")

    def clear_of(self, other: Top, gap: float = 1.0) -> bool:
        """Whether both can stand there at once."""
        if ("under" in (self.place, other.place)) and self.place != other.place:
            return True
        if "sit" in (self.place, other.place) or "lie" in (self.place, other.place):
            return "beside" in (self.place, other.place)
        return any(
            abs(self.at[axis] - other.at[axis]) > (self.footprint[axis] + other.footprint[axis]) / 2 + gap
            for axis in (0, 1)
        )


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
            tuple(float(x) for x in row["size_cm"].split()),
            tuple(float(x) for x in (row.get("carries") or "").split()),
        )
        for row in rows
    ]


def pairs(folder: Path, things: Sequence[Thing]) -> list[Top]:
    """`TRIES` random placements of every pair of `on_top.csv` that finds room, the same every time."""
    known = {thing.id: thing for thing in things}
    if not (folder / "on_top.csv").exists():
        return []
    with open(folder / "on_top.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        base, top = known[row["base"]], known[row["top"]]
        if splits.TRAIN not in (base.split, top.split) and base.split != top.split:
            continue  # one of each held-out split belongs to neither
        rng = Random(f"{base.id} {top.id}")
        placed = (_place(row, base, top, rng) for _ in range(1 if row["place"] in _RELATIONS else TRIES))
        found += [place for place in placed if place is not None]
    return found


def _place(row: Mapping[str, str], base: Thing, top: Thing, rng: Random) -> Top | None:
    height, x0, x1, y0, y1 = base.carries
    z = height * base.size[2]
    x0, x1 = (x0 - 0.5) * base.size[0], (x1 - 0.5) * base.size[0]
    y0, y1 = (y0 - 0.5) * base.size[1], (y1 - 0.5) * base.size[1]
    wide, deep, _ = top.size
    if row["place"] == "sit":
        seat, back = _SEATS[top.id]
        at = ((x0 + x1) / 2, min(y1 - 2, y0 + 50) - back, z - seat)
        return Top(base.id, top.id, "sit", -top.front, at, (wide, deep))
    if row["place"] == "lie":
        return Top(base.id, top.id, "lie", float(row["yaw"]), (0.0, 0.0, z - 1.5), (wide, deep))
    for _ in range(30):
        turn = _turn(row["yaw"], -top.front, rng)
        c, s = abs(np.cos(np.radians(turn))), abs(np.sin(np.radians(turn)))
        across, along = wide * c + deep * s, wide * s + deep * c
        if across > (x1 - x0) * _OVERHANG or along > (y1 - y0) * _OVERHANG:
            continue
        aside, behind = max(0.0, (x1 - x0 - across) / 2), max(0.0, (y1 - y0 - along) / 2)
        most = 0.3 if row["place"] == "middle" else 1.0
        x = (x0 + x1) / 2 + rng.uniform(-1, 1) * aside * most
        y = (y0 + y1) / 2 + (rng.uniform(0.2, 1) if row["place"] == "back" else rng.uniform(-1, 1) * most) * behind
        return Top(base.id, top.id, row["place"], turn, (x, y, z), (float(across), float(along)))
    return None


def around(things: Sequence[Thing], points: Mapping[str, NDArray[np.floating]]) -> list[Top]:
    """Random placements beside every base that stands on the floor and under every table, the same every time.

    `points` are samples of each model's surface [N, 3] in cm, front at -y, z up from the floor, centred in x and y.
    Nothing is put where they are.
    """
    found = []
    for base in things:
        if base.family not in _ON_FLOOR or min(base.size) <= 0:
            continue
        rng = Random(f"around {base.id}")
        for place, families, count in (("beside", _ON_FLOOR, NEIGHBOURS), ("under", _UNDER, BELOW)):
            if place == "under" and not (base.family == "table" and base.carries):
                continue
            fitting = [
                top
                for top in things
                if top.family in families
                and top.id != base.id
                and not _SITTING.search(top.phrase)
                and (splits.TRAIN in (base.split, top.split) or base.split == top.split)
            ]
            tries = (_around(place, base, top, points[base.id], rng) for top in rng.sample(fitting, len(fitting)))
            found += list(islice((one for one in tries if one is not None), count))
    return found


def _around(place: str, base: Thing, top: Thing, points: NDArray[np.floating], rng: Random) -> Top | None:
    """One placement, in the base's frame as it is in the pack; None where it does not fit into the base's cube."""
    wide, deep, tall = _in_front(base)
    across, along, height = _in_front(top)
    voxel = 1 / min(WIDEST / max(wide, deep), TALLEST / tall)
    half, high = (SIZE / 2 - 1) * voxel, (SIZE - placement.MARGIN - 1) * voxel
    if max(across, along, height) < _LEAST * voxel or height > high:
        return None
    if place == "beside":
        gap = rng.uniform(1, 4) * voxel
        x = (wide + across) / 2 + gap
        if x + across / 2 > half or along / 2 > half:
            return None
        x *= rng.choice((-1, 1))
        y = rng.uniform(-1, 1) * max(0.0, min(abs(deep - along) / 2, half - along / 2))
    else:
        x, y = rng.uniform(-0.1, 0.1) * wide, rng.uniform(-0.1, 0.1) * deep
        if height > 0.9 * base.carries[0] * tall or across > 0.7 * wide or along > 0.9 * deep:
            return None
    room = np.array([across / 2, along / 2])
    inside = (np.abs(points[:, :2] - (x, y)) < room).all(axis=1) & (points[:, 2] < height)
    if inside.any():
        return None
    at = rotation(base.front) @ np.array([x, y, 0.0])
    footprint = (across, along) if abs(np.cos(np.radians(base.front))) > 0.5 else (along, across)
    turn = base.front - top.front + rng.uniform(-15, 15)
    return Top(base.id, top.id, place, turn, tuple(float(v) for v in at), footprint)


def _in_front(thing: Thing) -> tuple[float, float, float]:
    """Width, depth and height of a model whose front is at -y."""
    wide, deep, tall = thing.size
    return (wide, deep, tall) if abs(np.cos(np.radians(thing.front))) > 0.5 else (deep, wide, tall)


def _surface(triangles: NDArray[np.floating], count: int = _SAMPLES) -> NDArray[np.float64]:
    """Random points of triangles [T, 3, 3] in LDraw's axes, as `around` takes them; the same every time."""
    a, b, c = (triangles[:, k].astype(float) @ WORLD.T for k in range(3))
    rng = np.random.default_rng(0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    row = rng.choice(len(area), count, p=area / area.sum())
    u, v = np.sort(rng.random((2, count, 1)), axis=0)
    points = a[row] * u + b[row] * (v - u) + c[row] * (1 - v)
    low, high = np.vstack([a, b, c]).min(axis=0), np.vstack([a, b, c]).max(axis=0)
    return points - ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2])


def _turn(yaw: str, front: float, rng: Random) -> float:
    if yaw == "any":
        return rng.uniform(0, 360)
    if yaw == "quarter":
        return front + rng.choice((90, -90)) + rng.uniform(-8, 8)
    return front + rng.uniform(-1, 1) * float(yaw.removeprefix("front"))


def frame(low: NDArray[np.floating], high: NDArray[np.floating]) -> Transform:
    """The voxel frame of a model as base, from its LDraw axes: `WIDEST` or `TALLEST`, two voxels above the floor."""
    size, middle = np.subtract(high, low), (np.asarray(low, float) + high) / 2
    scale = min(WIDEST / max(size[0], size[2]), TALLEST / size[1])
    return placement.frame(scale, (middle[0], high[1], middle[2]), (SIZE / 2, SIZE / 2, placement.MARGIN))


def rotation(degrees: float) -> NDArray[np.float64]:
    """About the vertical, from -y towards +x."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def site(place: Top, top: Thing, base: Thing, variant: str) -> Site:
    """A top's own frame (front at -y) to that of its base, both in LDraw's axes."""
    linear = rotation(place.turn + top.front - base.front)
    shift = rotation(-base.front) @ np.array(place.at)
    world = placement.transform(linear, shift)
    return Site(base.id, "on", variant, placement.compose(placement.transform(WORLD.T), _after(world)))


def _after(world: Transform) -> Transform:
    return placement.compose(world, placement.transform(WORLD))


def soups_of(things: Sequence[Thing], meshes: Mapping[str, Mesh]) -> dict[str, Triangles]:
    """The triangles of every model by its id, with the front at -y."""
    return {thing.id: meshes[thing.id].soup(-thing.front) for thing in things}


def models(
    things: Sequence[Thing], soups: Mapping[str, Triangles], tops: Sequence[Top] = (), first: int = 0
) -> Iterator[Model]:
    """Their triangles (`soups_of`); placement k of `tops` has the variant k. Model k has class `first` + k."""
    known = {thing.id: thing for thing in things}
    placed: dict[str, list[Site]] = defaultdict(list)
    for k, place in enumerate(tops):
        placed[place.top].append(site(place, known[place.top], known[place.base], str(k)))
    for index, thing in enumerate(things):
        soup = soups[thing.id]
        part = Part(
            index=first + index,
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
        alone = (Site(FILLED, "free", "", None), Site(thing.id, "base", "", IDENTITY))
        yield Model(part, (), (*alone, *placed[thing.id]), soup=soup)


def build(folder: Path, workers: int | None = None, first: int = 0) -> tuple[Bank, list[Thing], list[Top]]:
    """The bank, its models in the order of the catalogue, and the placements of pairs that it may hold."""
    meshes = pack.read(folder / "pack.xz")
    things = [_painted(thing, meshes[thing.id]) for thing in catalog(folder)]
    soups = soups_of(things, meshes)
    tops = pairs(folder, things)
    tops += around(things, {id: _surface(soup.vertices) for id, soup in soups.items()})
    shapes = list(models(things, soups, tops, first))
    corners = {id: soup.vertices.reshape(-1, 3) for id, soup in soups.items()}
    frames = {id: frame(points.min(axis=0), points.max(axis=0)) for id, points in corners.items()}
    return bank.build_models(shapes, pack.direct, frames, workers), things, tops


def _painted(thing: Thing, mesh: Mesh, least: float = 0.33) -> Thing:
    """With the colour of what may be recoloured."""
    corners = mesh.vertices[mesh.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.average(mesh.main, weights=area)
    if share < least:
        return thing
    color = np.average(mesh.colors[mesh.main].astype(float), axis=0, weights=area[mesh.main])
    return Thing(**{**vars(thing), "main": tuple(round(c) for c in color)})


def rows(bank: Bank, things: Sequence[Thing], split: str = splits.TRAIN) -> list[int]:
    """Placements that fill the grid, of the models of a split."""
    return [bank.lookup[thing.id, FILLED, "free", ""] for thing in things if thing.split == split]
