"""Grammars of hats and bags."""

from __future__ import annotations

import math

from .dice import Dice, arch, around, polygon, smooth, star
from .sketch import CUT, FORWARD, LIGHT, METAL, SECOND, Sketch, turned


def hat(dice: Dice) -> Sketch:
    """A crown and a brim."""
    style = dice.pick(("top", "bowler", "witch", "cowboy", "sun", "boater", "bucket"))
    names = {
        "top": "top hat",
        "bowler": "bowler hat",
        "witch": "pointed witch hat",
        "cowboy": "wide-brim hat",
        "sun": "floppy sun hat",
        "boater": "flat straw hat",
        "bucket": "bucket hat",
    }
    s = Sketch(names[style], "hat")
    tall = {"top": 1.3, "bowler": 0.8, "witch": 1.9, "cowboy": 0.8, "sun": 0.7, "boater": 0.5, "bucket": 0.7}[style]
    tall *= dice.between(0.75, 1.3)
    flare = dice.between(0.75, 1.15)
    crowns = {
        "top": [(0, 1), (0.5 * tall, flare), (tall, flare * dice.between(0.9, 1.15))],
        "bowler": [(0, 1), (0.5 * tall, 0.98), (0.8 * tall, 0.75), (tall, 0.15)],
        "witch": [(0, 1), (0.4 * tall, dice.between(0.4, 0.6)), (tall, 0.04)],
        "cowboy": [(0, 1), (0.6 * tall, 0.9), (tall, 0.7)],
        "sun": [(0, 1), (0.6 * tall, 0.92), (tall, 0.4)],
        "boater": [(0, 1), (tall, 1)],
        "bucket": [(0, 1), (tall, dice.between(0.7, 0.85))],
    }
    crown = smooth(crowns[style]) if style in ("bowler", "sun", "witch") else crowns[style]
    oval = dice.between(1.0, 1.25)
    s.lathe((0, 0, 0), crown, oval)
    wide = dice.between(1.35, 2.3) if style not in ("top", "bowler") else dice.between(1.25, 1.6)
    drop = dice.between(-0.12, 0.25) if style != "bucket" else dice.between(-0.5, -0.25)
    thin = dice.between(0.025, 0.06)
    s.lathe(
        (0, 0, min(drop, 0)),
        smooth([(0, wide if drop < 0 else 1), (abs(drop) + 2 * thin, 1 if drop < 0 else wide)]),
        oval,
    )
    under = [(-0.01, wide - 0.03 if drop < 0 else 0.95), (abs(drop), 0.95 if drop < 0 else wide - 0.06)]
    if drop < 0:
        s.lathe((0, 0, drop - thin), under, oval, op=CUT, paint=0)
    else:  # a rolled brim is hollow above
        s.lathe((0, 0, 2.5 * thin), [(0, 1), (abs(drop) + 3 * thin, wide)], oval, op=CUT, paint=0)
        s.lathe((0, 0, 0), crown, oval)
    s.lathe((0, 0, -0.3), [(0, 0.85), (0.25 + 0.6 * tall, 0.75 if style != "witch" else 0.3)], oval, op=CUT, paint=0)
    if style == "cowboy" or dice.chance(0.15):
        s.ball((0, 0, tall * 1.1), (0.25, 0.9, 0.35), op=CUT, paint=0)
    if dice.chance(0.7):
        s.lathe(
            (0, 0, 0.02),
            [(0, 1.03), (dice.between(0.12, 0.3) * tall, 1.02 if style != "witch" else 0.95)],
            oval,
            paint=dice.paint(),
        )
    if dice.chance(0.25):
        s.tube(
            arch((0.95, 0, 0.1), (1.3, 0.5, 0.3 + tall), (0.4, 0.2, 0.2)), [0.03, *[0.1] * 7, 0.02], paint=dice.paint()
        )
    if style == "witch":
        s.bend = dice.between(-0.25, 0.25)
    return s


def cap(dice: Dice) -> Sketch:
    """A dome with a peak, ear flaps or a pompom."""
    style = dice.pick(("baseball cap", "flat cap", "woolly hat", "beret", "captain's cap", "sleeping cap"))
    s = Sketch(style, "cap")
    high = dice.between(0.65, 1.0)
    sides = 0
    if style in ("baseball cap", "captain's cap", "flat cap"):
        low = 0.35 if style == "flat cap" else high
        s.ball((0, 0, 0), (1, 1.15, low), 2, dice.between(2, 3.2))
        if style == "captain's cap":
            s.lathe((0, 0, low * 0.5), smooth([(0, 1), (0.3, 1.35), (0.42, 1.2)]), 1.1)
        length = dice.between(0.5, 1.1)
        peak = [(0.85 * math.cos(a), -1.0 - length * math.sin(a)) for a in [math.pi * k / 10 for k in range(11)]]
        s.slab(
            (0, 0, 0.04),
            [(0.85, -0.4), *[(x, y) for x, y in peak], (-0.85, -0.4)],
            0.04,
            turn=turned(x=dice.between(-4, 14)),
            paint=dice.pick((0, SECOND)),
        )
        s.box((0, 0, -1), (3, 3, 0.97), op=CUT, paint=0)
        s.ball((0, 0, 0), (0.88, 1.02, low * 0.85), op=CUT, paint=0)
        if dice.chance(0.6):
            s.ball((0, 0, low), (0.1, 0.1, 0.06), paint=dice.paint())
    elif style == "beret":
        s.ball((dice.between(-0.2, 0.2), 0, 0.3), (1.3, 1.3, 0.32), turn=turned(y=dice.between(-15, 15)))
        s.lathe((0, 0, 0), [(0, 0.95), (0.2, 1.0)])
        s.lathe((0, 0, -0.1), [(0, 0.85), (0.3, 0.85)], op=CUT, paint=0)
        s.tube([(0, 0, 0.5), (0.05, 0, 0.75)], 0.06)
    else:
        top = 1.9 if style == "sleeping cap" else high
        s.lathe(
            (0, 0, 0),
            smooth([(0, 1), (0.5 * top, 0.85 if top < 1.5 else 0.6), (top, 0.1)]),
            1.1,
            (dice.pick((0, 16, 20)), 0.03),
            sides,
        )
        s.lathe(
            (0, 0, -0.05), smooth([(0, 1.08), (0.15, 1.15), (0.35, 1.08)]), 1.1, paint=dice.pick((0, SECOND, LIGHT))
        )
        s.lathe((0, 0, -0.2), [(0, 0.85), (0.5 * top, 0.8 if top < 1.5 else 0.4)], 1.1, op=CUT, paint=0)
        if dice.chance(0.75):
            r = dice.between(0.15, 0.35)
            s.ball((0, 0, top + 0.4 * r), (r, r, r), paint=dice.paint())
        if top > 1.5:
            s.bend = dice.between(-0.6, 0.6)
        if dice.chance(0.3) and top < 1.5:
            s.box((1.0, 0, -0.4), (0.07, 0.35, 0.45), 0.06, twin=True)
    return s


def helmet(dice: Dice) -> Sketch:
    """A hard shell with horns, a crest, a visor or cheek guards."""
    kind = dice.whole(0, 4)
    s = Sketch(("horned helmet", "crested helmet", "space helmet", "knight helmet", "riding helmet")[kind], "helmet")
    tall = dice.between(0.9, 1.3)
    deep = dice.between(0.2, 1.1)
    s.ball((0, 0, 0), (1, 1.15, tall), 2, dice.between(1.4, 2.6))
    s.lathe((0, 0, -deep), [(0, dice.between(0.85, 1.1)), (deep, 1)], 1.15)
    s.ball((0, 0, 0), (0.87, 1.0, tall * 0.87), op=CUT, paint=2)
    s.lathe((0, 0, -deep - 0.2), [(0, 0.87), (deep + 0.25, 0.87)], 1.15, op=CUT, paint=2)
    s.box((0, 0, -3 - deep), (3, 3, 3), op=CUT, paint=0)
    if deep > 0.4:
        w = dice.between(0.35, 0.75)
        s.box((0, -1.2, -deep), (w, 0.7, deep * dice.between(0.7, 1.1)), op=CUT, paint=2)
    if kind == 0:
        rise, out = dice.between(0.2, 1.1), dice.between(0.5, 1.2)
        s.tube(
            [
                (0.85, 0, 0.3),
                (0.9 + 0.5 * out, 0, 0.4),
                (0.9 + out, 0, 0.5 + 0.5 * rise),
                (0.9 + out, -0.1, 0.6 + rise),
            ],
            [0.25, 0.2, 0.14, 0.03],
            twin=True,
            paint=dice.pick((LIGHT, SECOND)),
        )
    elif kind == 1:
        s.slab(
            (0, 0, 0.1),
            [
                (0, 0),
                *[
                    ((tall + 0.5) * math.cos(a) * 1.1, (tall + 0.4) * math.sin(a))
                    for a in [0.2 + 2.7 * k / 12 for k in range(13)]
                ],
            ],
            dice.between(0.06, 0.15),
            turn=((0, 0, 1), (1, 0, 0), (0, 1, 0)),
            paint=dice.paint(),
        )
    elif kind == 2:
        s.ball((0, -0.25, -0.05), (0.98, 1.05, 0.5), paint=dice.pick((2, 11, SECOND)))
    elif kind == 3:
        s.lathe((0, 0, tall - 0.1), [(0, 0.15), (dice.between(0.3, 0.7), 0.02)], paint=METAL)
    if dice.chance(0.4):
        s.lathe((0, 0, -0.06), [(0, 1.06), (0.14, 1.06)], 1.15, paint=dice.paint())
        s.lathe((0, 0, -0.3), [(0, 0.87), (0.4, 0.87)], 1.15, op=CUT, paint=2)
    return s


def crown(dice: Dice) -> Sketch:
    """A ring with points."""
    s = Sketch(dice.pick(("royal crown", "tiara", "spiked crown", "laurel wreath")), "crown")
    n, tall, flare = dice.whole(4, 12), dice.between(0.4, 1.1), dice.between(0.9, 1.25)
    s.lathe((0, 0, 0), [(0, 1), (tall, flare)])
    s.lathe((0, 0, -0.1), [(0, 0.88), (tall + 0.2, flare - 0.1)], op=CUT, paint=0)
    for x, y, a in around(n, 1.1, math.pi / 2 * 0):
        s.ball(
            (x * flare, y * flare, tall),
            (dice.between(0.3, 0.36), 0.9 * math.pi / n, tall * 0.6),
            dice.pick((1, 2)),
            turn=turned(z=a),
            op=CUT,
            paint=0,
        )
    if dice.chance(0.7):
        r = dice.between(0.06, 0.14)
        for x, y, _ in around(n, flare, math.pi / n):
            s.ball((x, y, tall), (r, r, r), paint=dice.pick((7, 8, SECOND)))
    if dice.chance(0.3):
        s.ball((0, 0, 0.2), (0.85, 0.85, tall), paint=SECOND)
    if dice.chance(0.25):  # a tiara: the front alone
        s.box((0, 1.2, 0), (3, 1.0, 3), op=CUT, paint=0)
    return s


def backpack(dice: Dice) -> Sketch:
    """A bag with pockets, a flap and straps."""
    s = Sketch(dice.pick(("backpack", "school bag", "rucksack", "jet pack")), "backpack")
    w, d, h = dice.between(0.6, 1), dice.between(0.25, 0.55), dice.between(0.8, 1.3)
    edge = dice.between(0.08, d * 0.9)
    if s.name == "jet pack":
        r = dice.between(0.3, 0.5)
        s.lathe(
            (r * 1.05, 0, -h), smooth([(0, r * 0.6), (0.15, r * 0.5), (0.3, r), (1.6 * h, r), (2 * h, 0.05)]), twin=True
        )
        s.box((0, -0.1, 0), (0.3, 0.2, 0.5 * h), 0.05, paint=SECOND)
    else:
        s.box((0, 0, 0), (w, d, h), edge)
        if dice.chance(0.7):
            s.box((0, d, -0.45 * h), (w * 0.75, dice.between(0.1, 0.3), h * 0.4), 0.08, paint=dice.pick((0, SECOND)))
        if dice.chance(0.4):
            s.box((w, 0, -0.4 * h), (0.18, d * 0.7, h * 0.35), 0.1, twin=True, paint=dice.pick((0, SECOND)))
        if dice.chance(0.4):
            s.lathe((-w, 0, h + 0.15), [(0, 0.22), (2 * w, 0.22)], turn=turned(y=90), paint=dice.paint())
        if dice.chance(0.5):
            s.tube(arch((-0.2, 0, h), (0.2, 0, h), (0, 0, 0.25)), 0.05, paint=SECOND)
    drop = dice.between(0.35, 0.6)
    s.tube(
        arch((0.5 * w, -d, 0.85 * h), (0.6 * w, -d, -0.8 * h), (0.1, -drop, 0)),
        dice.between(0.05, 0.12),
        twin=True,
        paint=dice.pick((SECOND, 2)),
    )
    return s


def handbag(dice: Dice) -> Sketch:
    """A bag, basket, case or purse with a handle."""
    kind = dice.pick(("handbag", "basket", "suitcase", "purse", "shoulder bag", "toolbox", "gift bag"))
    s = Sketch(kind, "bag")
    w, d, h = dice.between(0.7, 1.2), dice.between(0.2, 0.5), dice.between(0.45, 1)
    if kind == "basket":
        s.lathe((0, 0, 0), [(0, w * 0.75), (h, w)], dice.between(0.6, 1), (dice.pick((0, 18, 24)), 0.03))
        s.lathe((0, 0, 0.1), [(0, w * 0.68), (h, w * 0.93)], dice.between(0.6, 1), op=CUT, paint=0)
        s.tube(arch((-w, 0, h), (w, 0, h), (0, 0, dice.between(0.6, 1.2))), 0.06)
    elif kind == "purse":
        s.ball((0, 0, 0), (w, d * 1.2, h), dice.between(1.8, 4))
        s.tube([(-w * 0.6, 0, h * 0.95), (w * 0.6, 0, h * 0.95)], 0.08, paint=dice.paint())
        s.tube(arch((-w * 0.6, 0, h), (w * 0.6, 0, h), (0, 0, dice.between(0.3, 2))), 0.04, paint=dice.paint())
    else:
        top = dice.between(0.6, 1.05) if kind in ("handbag", "gift bag") else 1
        s.slab((0, 0, 0), [(-w, -h), (w, -h), (w * top, h), (-w * top, h)], d, dice.between(0, 0.15), turn=FORWARD)
        if kind == "gift bag":
            s.box((0, 0, 0.2), (w * top * 0.85, d * 0.85, h), op=CUT, paint=0)
            s.tube(arch((-0.4 * w, -d, h), (0.4 * w, -d, h), (0, 0, 0.5)), 0.04, paint=SECOND)
        elif kind in ("suitcase", "toolbox"):
            s.box((0, 0, h * dice.between(-0.2, 0.4)), (w * 1.02, d * 1.04, 0.04), paint=dice.paint())
            s.tube(arch((-0.3, 0, h), (0.3, 0, h), (0, 0, 0.25), 5), 0.06, paint=dice.paint())
            if dice.chance(0.4):
                s.lathe((w * 0.8, -d, -h), [(0, 0.12), (2 * d, 0.12)], turn=turned(x=-90), twin=True, paint=2)
        else:
            s.box((0, -d, h * 0.4), (w * 0.8, 0.08, h * 0.5), 0.05, paint=dice.pick((0, SECOND)))
            s.ball((0, -d - 0.08, h * 0.1), (0.09, 0.06, 0.09), paint=dice.paint())
            up = dice.between(0.4, 2.2)
            s.tube(arch((-w * 0.6, 0, h * 0.9), (w * 0.6, 0, h * 0.9), (0, 0, up)), 0.05, paint=dice.pick((0, SECOND)))
    return s


def garment(dice: Dice) -> Sketch:
    """Boots, gloves, capes, ties, glasses, belts and wings."""
    kind = dice.pick(("boot", "cape", "glasses", "belt", "wings", "mask", "necklace", "bow tie", "slipper"))
    s = Sketch(kind, kind.split()[-1])
    if kind in ("boot", "slipper"):
        tall = dice.between(0.8, 2) if kind == "boot" else 0.35
        s.ball((0, -0.45, 0.25), (0.42, 1.0, 0.35), 2.5, twin=False, blend=0.2)
        s.lathe((0, 0.2, 0.1), smooth([(0, 0.42), (0.6 * tall, 0.38), (tall, dice.between(0.4, 0.6))]), 1.1, blend=0.25)
        s.lathe((0, 0.2, 0.4), [(0, 0.28), (tall, 0.42)], 1.1, op=CUT, paint=2)
        s.box((0, -0.35, -0.02), (0.4, 0.95, 0.1), 0.08, paint=dice.paint())
        if dice.chance(0.5):
            s.box((0, 0.35, -0.2), (0.32, 0.25, dice.between(0.15, 0.5)), paint=2)
    elif kind == "cape":
        n, wide, tall = dice.whole(2, 6), dice.between(0.7, 1.2), dice.between(1.5, 2.6)
        s.lathe((0, 0, 0), [(0, wide), (0.75 * tall, 0.7), (tall, 0.35)], 0.7, (2 * n, dice.between(0.03, 0.12)))
        s.lathe(
            (0, 0, -0.1),
            [(0, wide - 0.08), (0.75 * tall, 0.62), (tall + 0.2, 0.28)],
            0.7,
            (2 * n, 0.1),
            op=CUT,
            paint=SECOND,
        )
        s.box((0, -1.6, 0), (3, dice.between(1.2, 1.5), 4), op=CUT, paint=0)
        s.ring((0, 0, tall), 0.38, 0.08, paint=dice.paint())
    elif kind == "glasses":
        r, sides = dice.between(0.35, 0.5), dice.pick((0, 0, 4))
        s.lathe((r + 0.12, 0, 0), [(-0.06, r), (0.06, r)], sides=sides, turn=FORWARD, twin=True)
        s.lathe(
            (r + 0.12, 0, 0),
            [(-0.2, r * 0.82), (0.0, r * 0.82)],
            sides=sides,
            turn=FORWARD,
            twin=True,
            op=CUT,
            paint=11,
        )
        s.tube([(-0.15, 0, 0.1), (0.15, 0, 0.1)], 0.05)
        s.tube(
            [(2 * r + 0.1, 0, 0.1), (2 * r + 0.1, 1, 0.1), (2 * r + 0.05, 1.25, -0.15)], 0.05, twin=True, paint=SECOND
        )
    elif kind == "belt":
        s.lathe((0, 0, 0), [(0, 1), (0.3, 1)], 0.75)
        s.lathe((0, 0, -0.1), [(0, 0.9), (0.6, 0.9)], 0.73, op=CUT, paint=0)
        s.box((0, -0.78, 0.15), (0.28, 0.08, 0.24), 0.03, paint=9)
        for k in range(dice.whole(0, 3)):
            s.box((0.55 + 0.1 * k, -0.55 + 0.4 * k, -0.05), (0.15, 0.14, 0.2), 0.04, twin=True, paint=dice.paint())
    elif kind == "wings":
        tips = dice.whole(3, 5)
        shape = [(0.05, -0.2)]
        for k in range(tips):
            a = 1.2 - 2.0 * k / (tips - 1)
            shape += [
                (dice.between(1.5, 2.1) * math.cos(a), 1.7 * math.sin(a)),
                (1.0 * math.cos(a - 0.3), 0.9 * math.sin(a - 0.3)),
            ]
        s.slab((0, 0, 0), shape[:-1], 0.06, turn=_tilted(dice.between(-30, 30)), twin=True)
        s.tube([(0.1, 0, -0.1), (shape[1][0], 0, shape[1][1])], [0.12, 0.03], twin=True, paint=SECOND)
        s.box((0, 0, -0.1), (0.15, 0.12, 0.3), 0.1, paint=SECOND)
    elif kind == "mask":
        s.ball((0, 0, 0), (1, 0.6, dice.between(1, 1.4)), dice.between(1.8, 3))
        s.ball((0, 0.15, 0), (0.92, 0.6, 1.3), op=CUT, paint=2)
        s.box((0, 1, 0), (3, 0.9, 3), op=CUT, paint=2)
        s.ball((0.38, -0.55, 0.25), (0.2, 0.4, dice.between(0.08, 0.2)), twin=True, op=CUT, paint=2)
        s.ball((0, -0.6, -0.1), (0.12, 0.25, dice.between(0.15, 0.4)))
        if dice.chance(0.5):
            s.ball((0.7, -0.1, 1.0), (0.25, 0.12, dice.between(0.3, 0.7)), 1.4, twin=True, paint=SECOND)
    elif kind == "necklace":
        n, r = dice.whole(8, 20), dice.between(0.08, 0.16)
        for x, y, _ in around(n, 1):
            s.ball((x, 0.8 * y, -0.2 * (1 - y)), (r, r, r))
        s.ball((0, -0.9, -0.6), (dice.between(0.15, 0.3), 0.1, 0.3), dice.pick((1, 2, 4)), paint=dice.paint())
    else:
        s.slab((0, 0, 0), [(0.05, -0.12), (1, -0.5), (1, 0.5), (0.05, 0.12)], 0.15, 0.1, turn=FORWARD, twin=True)
        s.ball((0, 0, 0), (0.2, 0.22, 0.22), 3, paint=SECOND)
    return s


def _tilted(yaw: float):
    """An upright outline, turned about the vertical."""
    c, t = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    return ((c, 0, -t), (t, 0, c), (0, 1, 0))


def badge(dice: Dice) -> Sketch:
    """A shield, medal or sign."""
    s = Sketch(dice.pick(("round shield", "kite shield", "medal", "name plate")), "shield")
    curve = dice.between(0.15, 0.4)
    if s.name == "round shield":
        s.lathe((0, 0, 0), smooth([(-0.02, 1), (0.12, 0.95), (curve, 0.3), (curve + 0.03, 0.05)]), turn=FORWARD)
        s.ball((0, 0.12, 0), (0.9, curve, 0.9), op=CUT, paint=2)
        s.ring((0, 0, 0), 0.95, 0.08, turn=FORWARD, paint=dice.paint())
    else:
        low = dice.between(1, 1.8)
        shape = [
            (0, -low),
            (0.5, -0.6 * low),
            (0.85, 0),
            (0.9, 0.8),
            (0, 0.95),
            (-0.9, 0.8),
            (-0.85, 0),
            (-0.5, -0.6 * low),
        ]
        if s.name in ("medal", "name plate"):
            shape = star(dice.whole(5, 12), 1, 0.8) if s.name == "medal" else polygon(dice, 4, 1, 0.1, 1.6)
        s.slab((0, 0, 0), shape, 0.1, 0.03, turn=FORWARD)
        s.slab((0, -0.1, 0), [(0.75 * x, 0.75 * y) for x, y in shape], 0.05, turn=FORWARD, paint=dice.paint())
    s.ball((0, -curve, 0), (0.2, 0.12, 0.2), paint=dice.paint())
    if dice.chance(0.5):
        star_shape = [(0.5 * x, 0.5 * y) for x, y in star(dice.whole(4, 6), 1, 0.4)]
        s.slab((0, -curve * 0.6, 0), star_shape, 0.12, turn=FORWARD, paint=dice.paint())
    if dice.chance(0.4):
        s.tube(arch((-0.3, 0.05, 0), (0.3, 0.05, 0), (0, 0.3, 0), 5), 0.06, paint=2)
    return s


MAKERS = (hat, hat, cap, cap, helmet, helmet, crown, backpack, handbag, garment, garment, badge)
