"""Grammars of creatures, people-like bodies and vehicles."""

from __future__ import annotations

import math

from .dice import Dice, around, smooth
from .sketch import CUT, DARK, FORWARD, GLASS, LIGHT, METAL, RED, SECOND, WOOD, YELLOW, Sketch, turned


def _eyes(s: Sketch, dice: Dice, at, apart: float, size: float) -> None:
    """Two eyes at the front of a head."""
    x, y, z = at
    s.ball((x + apart, y, z), (size, size, size), twin=True, paint=dice.pick((DARK, DARK, LIGHT)))


def _ears(s: Sketch, dice: Dice, at, r: float) -> None:
    """Ears, horns or nothing on a head of radius r."""
    _x, y, z = at
    kind = dice.whole(0, 4)
    if kind == 0:
        s.ball((0.55 * r, y, z + 0.9 * r), (0.25 * r, 0.12 * r, dice.between(0.3, 0.9) * r), 1.5, twin=True)
    elif kind == 1:
        s.ball((0.95 * r, y, z + 0.5 * r), (0.4 * r, 0.12 * r, 0.35 * r), twin=True)
    elif kind == 2:
        out, up = dice.between(0.3, 1), dice.between(0.4, 1.4)
        s.tube(
            [(0.4 * r, y, z + 0.7 * r), (0.4 * r + 0.6 * out * r, y, z + r), (0.4 * r + out * r, y, z + r + up * r)],
            [0.2 * r, 0.13 * r, 0.03 * r],
            twin=True,
            paint=LIGHT,
        )
    elif kind == 3:
        s.ball((0.9 * r, y + 0.1, z - 0.1 * r), (0.15 * r, 0.25 * r, dice.between(0.4, 0.8) * r), twin=True)


def beast(dice: Dice) -> Sketch:
    """Four legs, a neck, a head and a tail."""
    kind = dice.pick(("dog", "cat", "horse", "cow", "pig", "bear", "lizard", "dragon", "giraffe", "mouse", "sheep"))
    s = Sketch(f"{dice.pick(('', '', 'standing', 'small', 'fat', 'slim'))} {kind}".strip(), kind)
    long, fat = dice.between(0.8, 1.5), dice.between(0.3, 0.65)
    leg, neck = dice.between(0.4, 1.3), dice.between(0.2, 1)
    if kind in ("lizard", "pig", "mouse", "bear"):
        leg, neck = dice.between(0.25, 0.5), dice.between(0.1, 0.4)
    if kind == "giraffe":
        leg, neck = dice.between(1, 1.6), dice.between(1.2, 2)
    high, blend = leg + fat, dice.between(0.1, 0.3)
    s.ball((0, 0, high), (fat, long, fat * dice.between(0.85, 1.15)), dice.between(2, 3), blend=blend)
    if dice.chance(0.5):
        s.ball((0, -0.6 * long, high + 0.1), (fat * 0.95, 0.5 * long, fat), blend=blend)
    thick = dice.between(0.1, 0.22)
    for y in (-0.7 * long, 0.7 * long):
        step = dice.gauss(0, 0.12)
        s.tube(
            [(0.6 * fat, y, high - 0.2), (0.7 * fat, y + 0.1, 0.5 * high), (0.7 * fat, y + step, thick)],
            [thick * 1.5, thick, thick * 0.9],
            blend=blend * 0.7,
            twin=True,
        )
        s.ball(
            (0.7 * fat, y + step - 0.08, 0.5 * thick),
            (thick * 1.1, thick * 1.4, thick * 0.7),
            twin=True,
            paint=dice.pick((0, 0, DARK)),
        )
    hx = dice.pick((0, 0, 0, dice.gauss(0, 0.2)))
    hy, hz = -long - 0.5 * neck, high + neck * dice.between(0.5, 1.1)
    r = dice.between(0.28, 0.5)
    s.tube([(0, -0.75 * long, high), (hx, hy, hz)], [fat * 0.7, r * 0.7], blend=blend)
    s.ball((hx, hy, hz), (r * 0.9, r, r * 0.9), blend=blend * 0.5)
    snout = dice.between(0.3, 1)
    s.tube(
        [(hx, hy, hz - 0.1 * r), (hx, hy - r - snout * r, hz - dice.between(0, 0.6) * r)],
        [r * 0.65, r * dice.between(0.25, 0.55)],
        blend=0.1,
    )
    if dice.chance(0.6):
        s.ball((hx, hy - r - snout * r * 1.2, hz - 0.25 * r), (0.12, 0.1, 0.1), paint=DARK)
    _eyes(s, dice, (hx, hy - 0.75 * r, hz + 0.3 * r), 0.5 * r, 0.16 * r)
    _ears(s, dice, (hx, hy, hz), r)
    tail = dice.between(0.3, 1.6)
    rise = dice.between(-0.8, 1)
    s.tube(
        [
            (0, long * 0.9, high + 0.1),
            (0, long + 0.5 * tail, high + 0.2 + 0.3 * rise),
            (dice.gauss(0, 0.2), long + tail, high + rise),
        ],
        [0.16, 0.12, dice.between(0.04, 0.2)],
        blend=0.1,
        paint=dice.pick((0, 0, SECOND)),
    )
    if kind in ("dragon", "lizard") or dice.chance(0.1):
        for k in range(dice.whole(3, 6)):
            s.slab(
                (0, long * (0.7 - 0.35 * k), high + fat * 0.9),
                [(-0.15, 0), (0.15, 0), (0.05, 0.3)],
                0.05,
                turn=((0, 0, 1), (1, 0, 0), (0, 1, 0)),
                paint=SECOND,
            )
    if kind == "dragon":
        _wings(s, dice, high + fat)
    if kind in ("horse", "sheep") and dice.chance(0.6):
        s.tube([(0, -0.6 * long, high + fat), (hx, hy + 0.5 * r, hz + 0.7 * r)], 0.16, paint=SECOND)
    return s


def _wings(s: Sketch, dice: Dice, z: float) -> None:
    span, up = dice.between(0.8, 1.8), dice.between(0.1, 1.2)
    tilt = math.degrees(math.atan2(up, span))
    shape = [
        (0, -0.3),
        (span, -0.4),
        (span * 1.1, 0.0),
        (span * 0.75, 0.25),
        (span * 0.5, 0.5),
        (span * 0.25, 0.4),
        (0, 0.3),
    ]
    s.slab((0.1, 0, z - 0.1), shape, 0.05, turn=turned(y=-tilt), twin=True, paint=dice.pick((0, SECOND)))


def bird(dice: Dice) -> Sketch:
    """A body, wings, a beak and two legs."""
    kind = dice.pick(("bird", "duck", "owl", "penguin", "parrot", "hen"))
    s = Sketch(kind, kind)
    upright = dice.between(20, 80)
    s.ball((0, 0, 0), (0.55, 0.6, dice.between(0.8, 1.1)), turn=turned(x=-upright + 90 - 60), blend=0.2)
    r = dice.between(0.3, 0.5)
    hy, hz = -0.4 - dice.between(0, 0.4), dice.between(0.6, 1.3)
    s.tube([(0, -0.2, 0.3), (0, hy, hz)], [0.4, r * 0.7], blend=0.2)
    s.ball((0, hy, hz), (r, r, r), blend=0.1)
    s.tube(
        [(0, hy - 0.8 * r, hz), (0, hy - 1.2 * r - dice.between(0.1, 0.6), hz - dice.between(0, 0.2))],
        [0.14, 0.03],
        stretch=(dice.between(1, 2), 1, 1),
        paint=YELLOW,
    )
    _eyes(s, dice, (0, hy - 0.7 * r, hz + 0.2 * r), 0.6 * r, 0.14 * r)
    if dice.chance(0.4):
        _wings(s, dice, 0.4)
    else:
        s.ball((0.5, 0.15, 0.05), (0.12, 0.6, 0.4), turn=turned(x=dice.between(-50, 0)), twin=True, paint=SECOND)
    s.slab(
        (0, 0.7, -0.2),
        [(-0.15, -0.3), (0.15, -0.3), (dice.between(0.2, 0.5), 0.7), (-0.3, 0.7)],
        0.08,
        turn=turned(x=dice.between(-40, 60)),
        paint=dice.pick((0, SECOND)),
    )
    leg = dice.between(0.3, 1.2)
    s.tube([(0.25, 0, -0.5), (0.25, 0, -0.7 - leg)], 0.06, twin=True, paint=YELLOW)
    s.ball((0.25, -0.15, -0.7 - leg), (0.15, 0.28, 0.05), twin=True, paint=YELLOW)
    if dice.chance(0.3):
        s.slab(
            (0, hy, hz + r),
            [(-0.2, -0.1), (0.2, -0.1), (0.3, 0.3), (0, 0.2), (-0.2, 0.4)],
            0.05,
            turn=((0, 0, 1), (1, 0, 0), (0, 1, 0)),
            paint=RED,
        )
    return s


def critter(dice: Dice) -> Sketch:
    """Fish, snakes, spiders, snails, octopuses and monsters."""
    kind = dice.pick(("fish", "snake", "spider", "snail", "octopus", "monster", "turtle", "butterfly", "crab"))
    s = Sketch(kind, kind)
    if kind == "fish":
        tall = dice.between(0.35, 0.9)
        s.ball((0, 0, 0), (dice.between(0.2, 0.5), 1, tall), dice.between(1.7, 2.4), blend=0.1)
        side = ((0, 0, 1), (1, 0, 0), (0, 1, 0))
        s.slab((0, 0.9, 0), [(-0.1, 0), (0.6, 0.6), (0.4, 0), (0.6, -0.6)], 0.06, turn=side, paint=SECOND)
        s.slab(
            (0, 0, tall * 0.8),
            [(-0.5, 0), (0.5, 0), (dice.between(-0.2, 0.6), dice.between(0.3, 0.7))],
            0.05,
            turn=side,
            paint=SECOND,
        )
        s.ball((0.35, -0.2, -0.1), (0.25, 0.2, 0.05), turn=turned(y=30), twin=True, paint=SECOND)
        _eyes(s, dice, (0, -0.7, 0.15), 0.2, 0.1)
        rotate_all(s, dice)
    elif kind == "snake":
        coils, n = dice.between(0.5, 2.5), 24
        path = [
            (0.6 * math.sin(coils * 2 * math.pi * k / n), 1.5 - 3 * k / n, 0.15 + (0.7 * max(0, k / n - 0.8) / 0.2))
            for k in range(n + 1)
        ]
        s.tube(path, [0.04 + 0.14 * min(1, 4 * k / n) for k in range(n + 1)])
        x, y, z = path[-1]
        s.ball((x, y - 0.1, z), (0.25, 0.35, 0.18), blend=0.1)
        s.ball((x + 0.12, y - 0.3, z + 0.12), (0.06, 0.06, 0.06), paint=DARK)
        s.ball((x - 0.12, y - 0.3, z + 0.12), (0.06, 0.06, 0.06), paint=DARK)
    elif kind in ("spider", "crab", "octopus"):
        n = dice.whole(3, 5)
        s.ball((0, 0.3, 0), (0.6, 0.7, dice.between(0.4, 1)), blend=0.1)
        s.ball((0, -0.4, -0.05), (0.4, 0.4, 0.35), blend=0.1)
        for k in range(n):
            y, out = -0.5 + 1.1 * k / (n - 1), dice.between(1, 1.6)
            knee = dice.between(0.1, 0.8) if kind != "octopus" else -0.4
            s.tube(
                [(0.3, y * 0.6, 0), (0.6 * out, y, knee), (out, y * 1.4, -0.55)],
                [0.12, 0.09, 0.05],
                twin=True,
                paint=dice.pick((0, 0, SECOND)) if k == 0 else 0,
            )
        if kind == "crab":
            s.tube([(0.4, -0.5, 0), (0.9, -1, 0.2)], 0.12, twin=True)
            s.ball((0.9, -1.2, 0.25), (0.28, 0.4, 0.2), twin=True)
        _eyes(s, dice, (0, -0.75, 0.2), 0.18, 0.09)
    elif kind == "snail":
        path = [
            ((0.1), 0.5 * (1 - k / 26) * math.cos(0.5 * k), 0.75 + 0.5 * (1 - k / 26) * math.sin(0.5 * k))
            for k in range(26)
        ]
        s.tube(
            path,
            [0.3 * (1 - 0.9 * k / 26) + 0.02 for k in range(26)],
            stretch=(dice.between(1, 1.6), 1, 1),
            paint=SECOND,
        )
        s.tube([(0, 1, 0.1), (0, -0.7, 0.15), (0, -1, 0.6)], [0.1, 0.28, 0.22], blend=0.1)
        s.tube([(0.1, -1, 0.7), (0.2, -1.1, 1.05)], 0.05, twin=True)
    elif kind == "turtle":
        s.ball((0, 0, 0.3), (0.9, 1, dice.between(0.4, 0.8)))
        s.box((0, 0, -0.7), (2, 2, 0.85), op=CUT, paint=YELLOW)
        s.ball((0, -1.1, 0.35), (0.28, 0.4, 0.28), paint=SECOND)
        s.ball((0.7, -0.7, 0.1), (0.35, 0.22, 0.15), turn=turned(z=40), twin=True, paint=SECOND)
        s.ball((0.7, 0.7, 0.1), (0.3, 0.2, 0.15), turn=turned(z=-40), twin=True, paint=SECOND)
    elif kind == "butterfly":
        a, b = dice.between(0.7, 1.2), dice.between(0.5, 0.9)
        lift = turned(y=dice.between(-60, 0))
        s.ball((0.75 * a, -0.4, 0.1), (0.75 * a, 0.6, 0.05), turn=lift, twin=True)
        s.ball((0.6 * b, 0.5, 0.1), (0.6 * b, 0.5, 0.05), turn=lift, twin=True, paint=SECOND)
        s.tube([(0, -0.8, 0), (0, 0.9, 0)], [0.14, 0.07], paint=DARK)
        s.tube([(0.05, -0.8, 0), (0.35, -1.4, 0.2)], 0.04, twin=True, paint=DARK)
    else:
        r = dice.between(0.6, 1)
        s.ball((0, 0, 0), (r, r * dice.between(0.6, 1), dice.between(0.7, 1.3)), dice.between(1.8, 4), blend=0.15)
        n = dice.whole(1, 3)
        for k in range(n):
            x = 0.5 * (k - (n - 1) / 2)
            s.ball((x, -0.75 * r, 0.35), (0.22, 0.22, 0.22), paint=LIGHT)
            s.ball((x, -0.95 * r, 0.35), (0.1, 0.08, 0.1), paint=DARK)
        s.box((0, -r, -0.3), (0.4, 0.4, dice.between(0.03, 0.15)), op=CUT, paint=RED)
        s.tube([(r * 0.8, 0, 0), (r + 0.5, -0.2, dice.between(-0.6, 0.6))], [0.18, 0.12], twin=True, blend=0.1)
        s.tube([(0.4, 0, -0.7), (0.45, -0.05, -1.4)], 0.2, twin=True, blend=0.1)
        _ears(s, dice, (0, 0, 0.4), r * 0.9)
    return s


def rotate_all(s: Sketch, dice: Dice) -> None:
    """Creatures that swim look sideways as often as not."""
    from .things import rotate

    if dice.chance(0.5):
        rotate(s, turned(z=dice.pick((90, -90, dice.between(-60, 60)))))


def person(dice: Dice) -> Sketch:
    """A figure, doll, robot or statue on two legs."""
    kind = dice.pick(("doll", "robot", "statue", "snowman", "goblin", "puppet"))
    s = Sketch(kind, kind)
    tall, wide = dice.between(0.7, 1.2), dice.between(0.35, 0.7)
    hard = kind == "robot" or dice.chance(0.15)
    if kind == "snowman":
        z = 0.0
        for k in range(3):
            r = 0.8 - 0.22 * k
            s.ball((0, 0, z), (r, r, r * 0.92))
            z += 1.35 * r
        s.tube([(0, -0.35, z - 0.5), (0, -0.9, z - 0.55)], [0.1, 0.02], paint=RED)
        s.tube([(0.5, 0, 0.9), (1.3, 0, dice.between(0.8, 1.5))], 0.05, twin=True, paint=WOOD)
        if dice.chance(0.6):
            s.lathe((0, 0, z - 0.25), [(0, 0.55), (0.06, 0.55)], paint=DARK)
            s.lathe((0, 0, z - 0.25), [(0, 0.35), (0.5, 0.35)], paint=DARK)
        return s
    if hard:
        s.box((0, 0, 0), (wide, wide * 0.6, tall * 0.55), 0.06, paint=SECOND)
    else:
        s.ball((0, 0, 0), (wide, wide * 0.65, tall * 0.6), 2.6, blend=0.15, paint=SECOND)
    r = dice.between(0.25, 0.55)
    hz = tall * 0.55 + r * 1.1
    if hard:
        s.box((0, 0, hz), (r, r, r * dice.between(0.7, 1)), 0.06)
    else:
        s.ball((0, 0, hz), (r * 0.9, r, r * dice.between(1, 1.2)), blend=0.08)
    _eyes(s, dice, (0, -r * 0.9, hz + 0.1 * r), 0.4 * r, 0.14 * r)
    if dice.chance(0.5):
        _ears(s, dice, (0, 0, hz), r)
    elif dice.chance(0.6):
        s.ball((0, 0.08, hz + 0.25 * r), (r * 1.05, r * 1.02, r), paint=dice.pick((DARK, WOOD, YELLOW)))
        s.ball((0, -r, hz - 0.15 * r), (r * 0.7, r * 0.7, r * 0.75), blend=0.02)
    arm, thick = dice.between(0.6, 1.1), dice.between(0.1, 0.22)
    for side in (1, -1):
        swing, spread, lift = dice.between(-0.7, 0.9), dice.between(0.05, 0.6), dice.pick((-1, -1, -1, 0.2, 0.9))
        x = side * wide
        elbow = (x + side * spread * 0.5 * arm, -0.1 * swing, tall * 0.4 + 0.5 * lift * arm)
        hand = (x + side * spread * arm, -swing * arm * 0.8, elbow[2] + 0.4 * lift * arm)
        s.tube(
            [(x * 0.9, 0, tall * 0.42), elbow, hand],
            [thick, thick * 0.85, thick * 0.7],
            blend=0 if hard else 0.08,
            paint=SECOND,
        )
        s.ball(hand, (thick, thick, thick))
    leg, apart = dice.between(0.5, 1.3), wide * dice.between(0.4, 0.7)
    for side in (1, -1):
        step = dice.pick((0, 0, dice.gauss(0, 0.25)))
        foot = (side * apart, -step * leg, -tall * 0.5 - leg)
        s.tube([(side * apart, 0, -tall * 0.4), foot], [thick * 1.4, thick], blend=0 if hard else 0.08)
        s.ball((foot[0], foot[1] - 0.12, foot[2] - 0.05), (thick * 1.2, thick * 2, thick * 0.8), 3, paint=DARK)
    if kind == "statue":
        s.box((0, 0, -tall * 0.5 - leg - 0.3), (wide * 1.4, wide * 1.3, 0.2), 0.02, paint=METAL)
    return s


def vehicle(dice: Dice) -> Sketch:
    """Cars, lorries, boats, planes, rockets, trains and carts; the front is -y."""
    kind = dice.pick(
        (
            "car",
            "truck",
            "boat",
            "sailing boat",
            "plane",
            "rocket",
            "train engine",
            "cart",
            "tank",
            "helicopter",
            "scooter",
        )
    )
    s = Sketch(kind, kind.split()[-1])
    w, long, h = dice.between(0.4, 0.65), dice.between(0.9, 1.6), dice.between(0.2, 0.4)
    wheel = dice.between(0.2, 0.4)

    def wheels(places, x: float, r: float = wheel) -> None:
        for y in places:
            s.lathe((x, y, -h), [(-0.12, r), (0.12, r)], turn=turned(y=90), twin=True, paint=DARK)
            s.lathe((x, y, -h), [(-0.14, r * 0.5), (0.14, r * 0.5)], turn=turned(y=90), twin=True, paint=METAL)

    side = ((0, 0, 1), (1, 0, 0), (0, 1, 0))
    if kind == "car":
        s.box((0, 0, 0), (w, long, h), 0.12)
        a, b, c, d = -0.5 * long, -0.25 * long, dice.between(0.2, 0.8) * long, dice.between(0.6, 0.95) * long
        s.slab(
            (0, 0, h),
            [(a, -0.05), (b, 0.45), (c, 0.45), (d, -0.05)],
            w * 0.88,
            0.08,
            turn=side,
            paint=dice.pick((0, GLASS)),
        )
        wheels((-0.6 * long, 0.6 * long), w)
        s.ball((w * 0.6, -long, 0.05), (0.1, 0.06, 0.1), twin=True, paint=YELLOW)
    elif kind in ("truck", "train engine"):
        cab = dice.between(0.25, 0.45) * long
        s.box((0, 0, -0.05), (w, long, 0.12), 0.02, paint=DARK)
        s.box((0, -long + cab, 0.35), (w, cab, 0.5), 0.06)
        s.box((0, -long + 0.02, 0.55), (w * 0.8, 0.08, 0.18), paint=GLASS)
        if kind == "truck":
            s.box((0, cab + 0.05, 0.4), (w * 1.02, long - cab - 0.05, dice.between(0.25, 0.7)), 0.02, paint=SECOND)
            if dice.chance(0.4):
                s.box((0, cab + 0.05, 0.7), (w * 0.85, (long - cab) * 0.88, 0.5), op=CUT, paint=SECOND)
        else:
            s.lathe((0, cab - 0.1, 0.35), [(0, 0.42), (2 * (long - cab), 0.42)], turn=turned(x=-90), paint=SECOND)
            s.lathe((0, long * 0.7, 0.6), [(0, 0.13), (0.5, 0.22)], paint=DARK)
        wheels(
            [long * (2 * k / 3 - 1) * 0.8 for k in range(4)] if dice.chance(0.6) else (-0.6 * long, 0.65 * long),
            w,
            0.25,
        )
    elif kind in ("boat", "sailing boat"):
        deck = [
            (0, -long),
            (w * 0.6, -0.6 * long),
            (w, 0),
            (w * 0.9, long),
            (-w * 0.9, long),
            (-w, 0),
            (-w * 0.6, -0.6 * long),
        ]
        s.slab((0, 0, 0), deck, h)
        s.slab((0, 0, h), [(0.82 * x, 0.82 * y) for x, y in deck], dice.between(0.1, 0.4), op=CUT, paint=WOOD)
        if kind == "sailing boat":
            mast = dice.between(1.4, 2.4)
            s.tube([(0, -0.1, 0), (0, -0.1, mast)], 0.06, paint=WOOD)
            s.slab((0, 0, h), [(0, 0.1), (dice.between(0.6, 1.1), 0.2), (0, mast * 0.9)], 0.04, turn=side, paint=LIGHT)
            if dice.chance(0.5):
                s.slab((0, -0.2, h), [(0, 0.2), (-0.8, 0.15), (0, mast * 0.75)], 0.04, turn=side, paint=SECOND)
        else:
            s.box((0, 0.2 * long, h + 0.2), (w * 0.6, long * 0.35, 0.35), 0.04, paint=LIGHT)
            if dice.chance(0.5):
                s.lathe((0, 0.3 * long, h + 0.5), [(0, 0.15), (0.5, 0.13)], paint=RED)
        rotate_all(s, dice)
    elif kind in ("plane", "helicopter"):
        s.ball((0, 0, 0), (0.3, long, 0.32), blend=0.1)
        s.ball((0, -0.5 * long, 0.2), (0.2, 0.4, 0.22), paint=GLASS)
        if kind == "plane":
            span, chord, sweep = dice.between(1, 1.8), dice.between(0.2, 0.4), dice.between(-0.1, 0.6)
            s.slab(
                (0, -0.1, 0),
                [(0, -chord), (span, sweep - chord * 0.5), (span, sweep + chord * 0.5), (0, chord)],
                0.05,
                twin=True,
            )
            if dice.chance(0.3):
                s.slab((0, -0.1, 0.6), [(0, -chord), (span, -chord), (span, chord), (0, chord)], 0.05, twin=True)
                s.box((span * 0.6, -0.1, 0.3), (0.04, 0.04, 0.3), twin=True, paint=WOOD)
            if dice.chance(0.5):
                s.box((0, -long, 0), (0.6, 0.04, 0.07), 0.03, turn=turned(y=dice.between(0, 90)), paint=DARK)
            else:
                s.lathe((0.6 * span, -0.3, -0.1), [(-0.3, 0.12), (0.3, 0.14)], turn=FORWARD, twin=True, paint=METAL)
        else:
            s.tube([(0, 0.8 * long, 0.1), (0, 1.8 * long, 0.3)], [0.15, 0.07])
            s.tube([(0, 0, 0.2), (0, 0, 0.6)], 0.07, paint=METAL)
            for x, y, a in around(dice.whole(2, 4), 0.7, dice.between(0, 3)):
                s.box((x, y, 0.6), (0.7, 0.09, 0.03), turn=turned(z=a), paint=DARK)
            s.tube([(0.3, -0.6, -0.5), (0.3, 0.6, -0.5)], 0.06, twin=True, paint=METAL)
            s.tube([(0.15, 0, -0.1), (0.3, 0, -0.5)], 0.05, twin=True, paint=METAL)
        end = 0.9 * long if kind == "plane" else 1.75 * long
        s.slab((0, end, 0.1), [(-0.2, 0), (0.2, 0), (0.3, 0.55), (0.1, 0.55)], 0.05, turn=side, paint=SECOND)
        s.slab((0, end, 0.1), [(0, -0.15), (0.5, 0.0), (0.5, 0.15), (0, 0.2)], 0.04, twin=True, paint=SECOND)
    elif kind == "rocket":
        tall, n = dice.between(1.5, 2.6), dice.whole(3, 4)
        s.lathe((0, 0, 0), smooth([(0, 0.35), (0.3 * tall, 0.5), (0.7 * tall, 0.42), (tall, 0.03)]))
        for _, _, a in around(n, 0.3, math.pi / 2):
            s.slab(
                (0, 0, 0.2),
                [(0.3, 0.4), (0.9, -0.3), (0.9, -0.6), (0.3, -0.1)],
                0.05,
                turn=(
                    (math.cos(math.radians(a)), 0, -math.sin(math.radians(a))),
                    (math.sin(math.radians(a)), 0, math.cos(math.radians(a))),
                    (0, 1, 0),
                ),
                paint=SECOND,
            )
        s.lathe((0, -0.42, 0.6 * tall), [(-0.1, 0.17), (0.1, 0.17)], turn=FORWARD, paint=GLASS)
        s.lathe((0, 0, -0.2), [(0, 0.3), (0.25, 0.2)], paint=METAL)
    elif kind == "cart":
        s.box((0, 0, 0.2), (w, long * 0.7, 0.25))
        s.box((0, 0, 0.4), (w * 0.85, long * 0.6, 0.3), op=CUT, paint=WOOD)
        for y in (-0.4 * long, 0.4 * long) if dice.chance(0.5) else (0.0,):
            s.ring((w + 0.1, y, -0.1), 0.45, 0.06, turn=turned(y=90), twin=True, paint=WOOD)
            for _, _, a in around(4, 1):
                s.box((w + 0.1, y, -0.1), (0.03, 0.42, 0.03), turn=turned(x=a), twin=True, paint=WOOD)
        s.tube([(0.3, -long * 0.6, 0.1), (0.3, -long * 1.5, 0.1)], 0.05, twin=True, paint=WOOD)
    elif kind == "tank":
        s.box((0, 0, 0), (w * 1.2, long, h), 0.1)
        s.box((w * 1.2, 0, -h), (0.2, long * 1.05, 0.25), 0.2, twin=True, paint=DARK)
        s.ball((0, 0.1, h), (w * 0.8, 0.6, 0.4), dice.between(2, 5))
        s.tube([(0, -0.3, h + 0.15), (0, -1.7, h + 0.25)], 0.09)
    else:
        s.box((0, 0, 0), (0.15, 0.8, 0.05), 0.03)
        s.tube([(0, -0.8, 0), (0, -0.65, 1.5)], 0.06, paint=METAL)
        s.tube([(-0.4, -0.65, 1.5), (0.4, -0.65, 1.5)], 0.06, paint=DARK)
        for y in (-0.85, 0.8):
            s.lathe((0, y, -0.1), [(-0.07, 0.22), (0.07, 0.22)], turn=turned(y=90), paint=DARK)
    return s


MAKERS = (beast, beast, beast, bird, critter, critter, person, person, vehicle, vehicle)
