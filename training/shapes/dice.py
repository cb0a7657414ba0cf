"""Random numbers for grammars, and the outlines, profiles and paths that many of them share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")
Profile = list[tuple[float, float]]  # (height, radius), upwards


class Dice(Random):
    """A seeded generator with short names."""

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def chance(self, share: float) -> bool:
        return self.random() < share

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.random() * len(items))]

    def whole(self, low: int, high: int) -> int:
        """low ... high, both included."""
        return low + int(self.random() * (high - low + 1))

    def paint(self) -> int:
        """A material for something small: most often the second colour."""
        return 1 if self.chance(0.5) else self.whole(2, 11)


def smooth(points: Profile, steps: int = 24) -> Profile:
    """A curve through the points that does not overshoot."""
    out = []
    last = len(points) - 1
    for s in range(steps + 1):
        at = s / steps * last
        k = min(int(at), last - 1)
        share = at - k
        share = share * share * (3 - 2 * share)
        (h0, r0), (h1, r1) = points[k], points[k + 1]
        out.append((h0 + (h1 - h0) * (at - k), r0 + (r1 - r0) * share))
    return out


def radius_at(body: Profile, height: float) -> float:
    """The radius of a profile at a height."""
    for (h0, r0), (h1, r1) in itertools.pairwise(body):
        if h0 <= height <= h1:
            return r0 + (r1 - r0) * (height - h0) / max(h1 - h0, 1e-6)
    return body[-1][1]


def profile(dice: Dice, height: float, widest: float, bumps: int, least: float = 0.15) -> Profile:
    """A turned body's silhouette: smooth, angular or in steps."""
    count = bumps + 2
    heights = [0.0]
    for _ in range(count - 1):
        heights.append(heights[-1] + dice.between(0.4, 1.6))
    heights = [h / heights[-1] * height for h in heights]
    radii = [widest * dice.between(least, 1) for _ in range(count)]
    points = list(zip(heights, radii))
    style = dice.random()
    if style < 0.6:
        return smooth(points)
    if style < 0.85:
        return points
    steps = []
    for (h0, r0), (h1, _) in itertools.pairwise(points):
        steps += [(h0 + 1e-3, r0), (h1 - 1e-3, r0)]
    return steps


def polygon(dice: Dice, corners: int, radius: float, wild: float = 0.0, stretch: float = 1.0) -> Profile:
    """Corners around the middle: regular, or each at its own distance."""
    start = dice.between(0, 2 * math.pi)
    return [
        (
            radius * (1 - wild * dice.random()) * math.cos(start + 2 * math.pi * k / corners) * stretch,
            radius * (1 - wild * dice.random()) * math.sin(start + 2 * math.pi * k / corners),
        )
        for k in range(corners)
    ]


def star(points: int, outer: float, inner: float, start: float = math.pi / 2) -> Profile:
    """A star, or the teeth of a wheel."""
    return [
        (
            (outer if k % 2 == 0 else inner) * math.cos(start + math.pi * k / points),
            (outer if k % 2 == 0 else inner) * math.sin(start + math.pi * k / points),
        )
        for k in range(2 * points)
    ]


def mirrored(half: Profile) -> Profile:
    """An outline from its right half, given from the bottom up."""
    return half + [(-x, y) for x, y in reversed(half) if x > 1e-6]


def outline(dice: Dice) -> Profile:
    """Any flat outline: letters, stars, hearts, blobs, gears."""
    style = dice.whole(0, 6)
    if style == 0:
        return polygon(dice, dice.whole(3, 8), 1)
    if style == 1:
        return polygon(dice, dice.whole(5, 12), 1, dice.between(0.2, 0.6), dice.between(0.5, 1.5))
    if style == 2:
        return star(dice.whole(4, 9), 1, dice.between(0.35, 0.8))
    if style == 3:  # symmetrical
        heights = sorted(dice.between(-1, 1) for _ in range(dice.whole(3, 7)))
        return mirrored([(0.0, -1.0)] + [(dice.between(0.15, 0.9), h) for h in heights] + [(0.0, 1.0)])
    if style == 4:  # an L, U or T
        a, b, c = dice.between(0.2, 0.5), dice.between(0.2, 0.5), dice.between(0.8, 1.4)
        return dice.pick(
            (
                [(0, 0), (1, 0), (1, a), (b, a), (b, c), (0, c)],
                [(0, 0), (1, 0), (1, c), (1 - b * 0.7, c), (1 - b * 0.7, a), (b * 0.7, a), (b * 0.7, c), (0, c)],
                [(-b / 2, 0), (b / 2, 0), (b / 2, c), (1, c), (1, c + a), (-1, c + a), (-1, c), (-b / 2, c)],
                [
                    (-b, -1),
                    (b, -1),
                    (b, -b),
                    (1, -b),
                    (1, b),
                    (b, b),
                    (b, 1),
                    (-b, 1),
                    (-b, b),
                    (-1, b),
                    (-1, -b),
                    (-b, -b),
                ],
            )
        )
    if style == 5:  # a crescent or an arc
        inner, span = dice.between(0.5, 0.85), dice.between(1.5, 5.0)
        angles = [-span / 2 + span * k / 14 for k in range(15)]
        outer_arc = [(math.cos(a), math.sin(a)) for a in angles]
        return outer_arc + [(inner * math.cos(a), inner * math.sin(a)) for a in reversed(angles)]
    waves, depth, turn = dice.whole(2, 6), dice.between(0.1, 0.4), dice.between(0, 6)
    angles = [2 * math.pi * k / 30 for k in range(30)]
    return [
        ((1 + depth * math.sin(waves * a + turn)) * math.cos(a), (1 + depth * math.sin(waves * a + turn)) * math.sin(a))
        for a in angles
    ]


def wander(dice: Dice, count: int, step: float = 1.0, turn: float = 0.6) -> list[tuple[float, float, float]]:
    """A path that starts at the origin and turns a little at every step."""
    yaw, tilt = dice.between(0, 2 * math.pi), dice.between(-0.5, 1.5)
    turn_yaw, turn_tilt = dice.gauss(0, turn), dice.gauss(0, turn)
    x = y = z = 0.0
    path = [(x, y, z)]
    for _ in range(count):
        x += step * math.cos(yaw) * math.cos(tilt)
        y += step * math.sin(yaw) * math.cos(tilt)
        z += step * math.sin(tilt)
        path.append((x, y, z))
        yaw, tilt = yaw + turn_yaw, tilt + turn_tilt
        if dice.chance(0.2):
            turn_yaw, turn_tilt = dice.gauss(0, turn), dice.gauss(0, turn)
    return path


def arch(
    start: Sequence[float], end: Sequence[float], by: Sequence[float], count: int = 8
) -> list[tuple[float, float, float]]:
    """Half an ellipse from `start` to `end` that bulges by the vector `by`: handles, straps, bows."""
    out = []
    for k in range(count + 1):
        a = math.pi * k / count
        along, aside = (1 - math.cos(a)) / 2, math.sin(a)
        out.append(tuple(s + (e - s) * along + b * aside for s, e, b in zip(start, end, by)))
    return out


def around(count: int, radius: float, start: float = 0.0) -> list[tuple[float, float, float]]:
    """(x, y, angle in degrees) of things set evenly on a circle."""
    angles = [start + 2 * math.pi * k / count for k in range(count)]
    return [(radius * math.cos(a), radius * math.sin(a), math.degrees(a)) for a in angles]
