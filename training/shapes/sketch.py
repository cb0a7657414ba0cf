"""A shape as a list of solids: what the grammars write and `field` reads.

World: z up, front at -y, x to the viewer's right; any scale, since a shape fills its grid in the end. Solids are taken
in order: each is added to what is there (softly, where `blend` > 0), cut out of it, or keeps only what lies in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BALL, BOX, LATHE, RING, TUBE, SLAB = range(6)
ADD, CUT, KEEP = range(3)
MAIN, SECOND = 0, 1  # materials; FIXED + k is row k of `FIXED_RGB`
FIXED = 2
DARK, LIGHT, METAL, GOLD, WOOD, RED, BLUE, GREEN, YELLOW, GLASS = range(FIXED, FIXED + 10)
FIXED_RGB = (
    (38, 38, 42),
    (236, 234, 226),
    (150, 154, 160),
    (196, 150, 56),
    (124, 82, 48),
    (178, 36, 34),
    (44, 82, 150),
    (60, 120, 62),
    (226, 188, 52),
    (168, 200, 212),
)
STEPS = 32  # of a table: radii of a lathe, corners of a slab, joints of a tube
ROW = 32  # numbers that describe a solid

Point = Sequence[float]
Matrix = Sequence[Sequence[float]]
UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def turned(x: float = 0, y: float = 0, z: float = 0) -> Matrix:
    """The rotation by degrees about x, then y, then z."""
    a, b, c = (math.radians(v) for v in (x, y, z))
    ca, sa, cb, sb, cc, sc = math.cos(a), math.sin(a), math.cos(b), math.sin(b), math.cos(c), math.sin(c)
    return (
        (cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa),
        (sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa),
        (-sb, cb * sa, cb * ca),
    )


def along(direction: Point) -> Matrix:
    """A rotation that takes z to `direction`."""
    x, y, z = direction
    length = math.sqrt(x * x + y * y + z * z) or 1.0
    yaw, tilt = math.atan2(y, x), math.acos(max(-1.0, min(1.0, z / length)))
    return turned(0, math.degrees(tilt), math.degrees(yaw))


FORWARD = turned(x=90)  # z to -y: a slab's outline, drawn in x and y, stands upright in x and z


@dataclass
class Sketch:
    """Solids, and one deformation of them all."""

    name: str = ""
    noun: str = ""
    rows: list[NDArray[np.float32]] = field(default_factory=list)  # [ROW] each, see `_solid`
    tables: list[NDArray[np.float32]] = field(default_factory=list)  # [STEPS, 4] each
    bend: float = 0.0  # radians per unit of height, sideways
    twist: float = 0.0  # radians per unit of height
    taper: float = 0.0  # share of the width lost per unit of height

    def ball(self, at: Point, radii: Point, power: float = 2.0, rise: float | None = None, **more) -> None:
        """A superquadric: `power` 1 is an octahedron's section, 2 round, 8 nearly square; `rise` for the height."""
        self._solid(BALL, at, radii, (power, power if rise is None else rise), **more)

    def box(self, at: Point, half: Point, edge: float = 0.0, **more) -> None:
        """A box with edges rounded by `edge`."""
        self._solid(BOX, at, half, (min(edge, *half),), **more)

    def lathe(
        self,
        at: Point,
        profile: Sequence[tuple[float, float]],  # (height, radius), upwards
        oval: float = 1.0,  # depth over width
        ripples: tuple[int, float] = (0, 0.0),  # how many around, and their share of the radius
        sides: int = 0,  # flat sides instead of a round section
        **more,
    ) -> None:
        """A turned body around z; `at` is where its height 0 is."""
        heights, radii = zip(*profile)
        low, high = heights[0], heights[-1]
        table = np.zeros((STEPS, 4), np.float32)
        table[:, 0] = np.interp(np.linspace(low, high, STEPS), heights, radii)
        widest = float(table[:, 0].max()) * (1 + abs(ripples[1])) * (1 if sides == 0 else 1 / math.cos(math.pi / sides))
        half = (widest, widest * oval, (high - low) / 2)
        self._solid(LATHE, at, half, (oval, *ripples, sides), table, middle=(0, 0, (low + high) / 2), **more)

    def ring(self, at: Point, radius: float, thickness: float, height: float | None = None, **more) -> None:
        """A torus around z; `height` squashes its section."""
        height = thickness if height is None else height
        self._solid(RING, at, (radius + thickness, radius + thickness, height), (radius, thickness, height), **more)

    def tube(self, path: Sequence[Point], radii: float | Sequence[float], **more) -> None:
        """A round tube along a path of up to 32 points."""
        path = np.asarray(path, np.float32)[:STEPS]
        table = np.zeros((STEPS, 4), np.float32)
        table[: len(path), 3] = radii
        low = (path - table[: len(path), 3:]).min(0)
        high = (path + table[: len(path), 3:]).max(0)
        table[: len(path), :3] = path - (low + high) / 2
        at = more.pop("at", (0.0, 0.0, 0.0))
        self._solid(TUBE, at, (high - low) / 2, (len(path),), table, middle=(low + high) / 2, **more)

    def slab(self, at: Point, outline: Sequence[tuple[float, float]], half: float, edge: float = 0.0, **more) -> None:
        """An outline of up to 32 corners in x and y, thick by `half` to both sides along z."""
        corners = np.asarray(outline, np.float32)[:STEPS]
        low, high = corners.min(0), corners.max(0)
        table = np.zeros((STEPS, 4), np.float32)
        table[: len(corners), :2] = corners - (low + high) / 2
        middle = (*((low + high) / 2), 0.0)
        self._solid(SLAB, at, (*((high - low) / 2), half), (len(corners), edge), table, middle=middle, **more)

    def _solid(
        self,
        kind: int,
        at: Point,
        half: Point,
        numbers: Sequence[float],
        table: NDArray[np.float32] | None = None,
        *,
        middle: Point = (0.0, 0.0, 0.0),  # of the solid in its own frame
        turn: Matrix = UPRIGHT,
        stretch: Point | None = None,
        blend: float = 0.0,
        paint: int = MAIN,
        op: int = ADD,
        twin: bool = False,  # again on the other side of x = 0
    ) -> None:
        outwards = np.asarray(turn, np.float64)
        if stretch is not None:
            outwards = outwards * np.asarray(stretch, np.float64)
        center = np.asarray(at, np.float64) + outwards @ np.asarray(middle, np.float64)
        reach = np.abs(outwards) @ np.asarray(half, np.float64)
        inwards = outwards.T if stretch is None else np.linalg.inv(outwards)
        steepness = 1.2 / min(numbers[0], 1.0) if kind == LATHE else 1.2
        if stretch is not None:
            steepness *= max(stretch) / min(stretch)
        for side in (1, -1) if twin else (1,):
            flip = np.array([side, 1.0, 1.0])
            row = np.zeros(ROW, np.float32)
            row[:4] = kind, op, blend, paint
            row[4:7] = center * flip
            row[7:16] = (inwards * flip).reshape(-1)
            row[16:19] = reach
            row[19:22] = half
            row[22] = 1.0 if stretch is None else float(np.prod(stretch)) ** (1 / 3)
            row[23 : 23 + len(numbers)] = numbers
            row[31] = steepness
            self.rows.append(row)
            self.tables.append(np.zeros((STEPS, 4), np.float32) if table is None else table)
