"""Grammars of vessels, tools and furniture."""

from __future__ import annotations

import math

from .dice import Dice, arch, around, outline, profile, radius_at, smooth, star
from .sketch import CUT, DARK, FORWARD, GLASS, GOLD, LIGHT, METAL, RED, SECOND, WOOD, YELLOW, Sketch, turned


def vessel(dice: Dice) -> Sketch:
    """A turned body, open or closed, with handles, a spout, a lid or a foot."""
    kind = dice.pick(
        ("vase", "bottle", "mug", "jug", "bowl", "goblet", "teapot", "bucket", "barrel", "pot", "urn", "jar", "cup")
    )
    s = Sketch(f"{dice.pick(('', '', 'slender', 'round', 'ribbed', 'wide'))} {kind}".strip(), kind)
    tall = {"bowl": 0.7, "bottle": 2.4, "goblet": 1.8, "vase": 2, "urn": 1.8}.get(kind, 1.3) * dice.between(0.75, 1.3)
    a, b = dice.between(0.6, 1), dice.between(0.35, 0.9)
    shapes = {
        "bottle": [(0, 0.5), (0.05, 0.55), (0.6 * tall, 0.55), (0.75 * tall, 0.2 * b + 0.08), (tall, 0.18)],
        "goblet": [
            (0, 0.6),
            (0.08, 0.5),
            (0.15 * tall, 0.1),
            (0.5 * tall, 0.1),
            (0.6 * tall, 0.5),
            (tall, 0.5 + 0.3 * b),
        ],
        "bowl": [(0, 0.4), (0.3 * tall, 0.8), (tall, 1.1)],
        "bucket": [(0, 0.7 * a), (tall, 0.7)],
        "mug": [(0, 0.6), (tall, 0.6 * dice.between(0.9, 1.15))],
        "cup": [(0, 0.35), (0.3 * tall, 0.6), (tall, 0.75)],
        "barrel": [(0, 0.65), (0.5 * tall, 0.65 + 0.2 * a), (tall, 0.65)],
        "pot": [(0, 0.7), (0.2, 0.85), (tall, 0.85)],
        "jar": [(0, 0.5), (0.15, 0.65), (0.8 * tall, 0.65), (tall, 0.45)],
    }
    soft = kind not in ("bucket", "mug", "pot") and dice.chance(0.85)
    base = shapes.get(kind) or [(0, b * 0.7), (0.35 * tall, a), (0.75 * tall, 0.5 * b), (tall, 0.65 * b + 0.1)]
    body = smooth(base) if soft else base
    ripples = (dice.whole(6, 20), dice.between(0.02, 0.08)) if s.name.startswith("ribbed") else (0, 0.0)
    sides = dice.whole(4, 8) if dice.chance(0.12) else 0
    closed = kind in ("bottle", "barrel", "teapot", "jar", "urn") and dice.chance(0.7)
    s.lathe((0, 0, 0), body, 1, ripples, sides)
    wall = dice.between(0.05, 0.1)
    if not closed:
        low = 0.55 * tall if kind == "goblet" else wall * 1.2
        hollow = [(h, max(r - wall, 0.03)) for h, r in body if h >= low]
        if len(hollow) > 1:
            top_h, top_r = hollow[-1]
            s.lathe(
                (0, 0, 0), [*hollow, (top_h + 0.1, top_r)], 1, ripples, sides, op=CUT, paint=dice.pick((0, 0, SECOND))
            )
    top = body[-1][1]
    if kind in ("mug", "jug", "cup", "teapot") or dice.chance(0.2):
        high, low = (0.95 * radius_at(body, share * tall) for share in (0.85, 0.25))
        loop = arch((high, 0, 0.85 * tall), (low, 0, 0.25 * tall), (dice.between(0.35, 0.7), 0, 0))
        s.tube(loop, dice.between(0.05, 0.11), twin=kind in ("urn", "pot", "bowl"), paint=dice.pick((0, 0, SECOND)))
    if kind in ("jug", "teapot"):
        r = 0.6 * a
        s.tube(
            [(-r, 0, 0.35 * tall), (-r - 0.35, 0, 0.6 * tall), (-r - 0.6, 0, 0.95 * tall)], [0.2, 0.13, 0.08], blend=0.1
        )
    if kind == "bucket":
        s.tube(arch((-top, 0, tall), (top, 0, tall), (0, -0.1, dice.between(0.2, 0.8))), 0.04, paint=METAL)
    if closed or dice.chance(0.15):
        s.lathe(
            (0, 0, tall - 0.03), smooth([(0, top * 1.08), (0.1, top), (0.22, 0.1), (0.26, 0.04)]), paint=dice.paint()
        )
        s.ball((0, 0, tall + 0.25), (0.1, 0.1, 0.1), paint=dice.paint())
    if dice.chance(0.3):
        h = dice.between(0.25, 0.7) * tall
        s.ring((0, 0, h), radius_at(body, h), 0.06, 0.05, paint=dice.paint())
    if dice.chance(0.15) and kind in ("vase", "jug", "pot"):  # with a plant in it
        for _ in range(dice.whole(3, 7)):
            x, y, z = dice.gauss(0, 0.5), dice.gauss(0, 0.5), dice.between(0.3, 1.1)
            s.tube([(0, 0, tall * 0.5), (0.4 * x, 0.4 * y, tall + 0.4 * z), (x, y, tall + z)], 0.035, paint=9)
            s.ball(
                (x, y, tall + z), [dice.between(0.1, 0.25) for _ in range(3)], paint=dice.pick((9, RED, YELLOW, SECOND))
            )
    return s


_HEADS = (
    "hammer",
    "axe",
    "sword",
    "shovel",
    "fork",
    "spear",
    "mallet",
    "brush",
    "spoon",
    "key",
    "pickaxe",
    "wand",
    "scythe",
    "wrench",
    "mace",
    "broom",
)


def tool(dice: Dice) -> Sketch:
    """A handle and a working end, upright; often turned for the picture."""
    kind = dice.pick(_HEADS)
    s = Sketch(f"{dice.pick(('', '', 'long', 'short', 'heavy'))} {kind}".strip(), kind)
    length = dice.between(1.2, 3.6) if kind not in ("sword", "key", "wrench", "spoon") else dice.between(0.6, 1.4)
    thick = dice.between(0.05, 0.13)
    head = METAL if dice.chance(0.5) else SECOND
    grip = (
        profile(dice, length, thick * 1.4, dice.whole(0, 3), 0.6)
        if dice.chance(0.5)
        else [(0, thick), (length, thick * dice.between(0.7, 1.1))]
    )
    s.lathe((0, 0, 0), grip, dice.pick((1, 1, 0.7)), paint=dice.pick((0, 0, WOOD)))
    w, h = dice.between(0.3, 0.8), dice.between(0.12, 0.3)
    if kind in ("hammer", "mallet"):
        if dice.chance(0.5):
            s.lathe(
                (-w, 0, length),
                [(0, h), (w, h * 0.7), (2 * w, h * dice.between(0.2, 1))],
                turn=turned(y=90),
                paint=head,
                sides=dice.pick((0, 8)),
            )
        else:
            s.box((0, 0, length), (w, h, h), 0.04, paint=head)
    elif kind in ("axe", "scythe"):
        a = dice.between(0.5, 1)
        blade = [(0, -0.12), (0.5 * a, -0.15), (a, -0.5 * a), (1.1 * a, 0), (a, 0.45 * a), (0.5 * a, 0.15), (0, 0.12)]
        if kind == "scythe":
            blade = [(0, 0.1), (0.6, 0.1), (1.2, -0.1), (1.7, -0.6), (1.1, -0.15), (0.5, -0.08), (0, -0.08)]
        s.slab(
            (0, 0, length * 0.92), blade, 0.05, 0.02, turn=FORWARD, paint=head, twin=kind == "axe" and dice.chance(0.35)
        )
    elif kind == "sword":
        blade, tip = dice.between(1.5, 3), dice.between(0.08, 0.24)
        curve = dice.pick((0, 0, dice.between(-0.4, 0.4)))
        right = [(tip + curve * t * t, blade * t) for t in (0, 0.3, 0.6, 0.9)]
        left = [(-tip + curve * t * t, blade * t) for t in (0.9, 0.6, 0.3, 0)]
        s.slab((0, 0, length), [*right, (curve, blade), *left], 0.05, 0.03, turn=FORWARD, paint=head)
        s.box((0, 0, length), (dice.between(0.25, 0.6), 0.09, 0.07), 0.05, paint=dice.paint())
        s.ball((0, 0, 0), (0.13, 0.13, 0.13), paint=dice.paint())
    elif kind in ("shovel", "spoon"):
        s.ball(
            (0, 0, length + 0.4), (w * 0.7, 0.1 if kind == "shovel" else 0.2, 0.55), dice.between(1.6, 4), paint=head
        )
        s.ball((0, -0.2, length + 0.45), (w * 0.6, 0.2, 0.5), op=CUT, paint=head)
        if kind == "shovel":
            s.box((0, 0, 0), (0.25, 0.06, 0.06), 0.05)
    elif kind == "fork":
        n, spread = dice.whole(2, 5), dice.between(0.25, 0.5)
        s.box((0, 0, length), (spread, 0.06, 0.06), paint=head)
        for k in range(n):
            x = spread * (2 * k / (n - 1) - 1)
            s.tube([(x, 0, length), (x, -0.08, length + 0.8)], [0.055, 0.03], paint=head)
    elif kind == "spear":
        tip = dice.between(0.3, 0.9)
        s.slab(
            (0, 0, length),
            [(-0.08, -0.1), (0.08, -0.1), (0.25, 0.3 * tip), (0, tip), (-0.25, 0.3 * tip)],
            0.06,
            0.03,
            turn=FORWARD,
            paint=head,
        )
    elif kind in ("brush", "broom"):
        s.box((0, 0, length), (w, 0.14, 0.1), 0.05, paint=dice.pick((0, SECOND)))
        s.slab(
            (0, 0, length + 0.1),
            [(-w * 0.9, 0), (w * 0.9, 0), (w, 0.5), (-w, 0.5)],
            0.12,
            turn=FORWARD,
            paint=dice.pick((YELLOW, DARK, WOOD)),
        )
    elif kind == "key":
        s.ring((0, 0, -0.3), 0.28, 0.09, turn=FORWARD)
        for k in range(dice.whole(1, 3)):
            s.box((0.2, 0, length - 0.2 * k), (0.2, thick, 0.06))
    elif kind == "pickaxe":
        drop = dice.between(0.1, 0.5)
        s.tube(
            [
                (-w * 1.6, 0, length - drop),
                (-w, 0, length - 0.1),
                (0, 0, length),
                (w, 0, length - 0.1),
                (w * 1.6, 0, length - drop),
            ],
            [0.03, 0.09, 0.13, 0.09, 0.03],
            paint=head,
        )
    elif kind == "wand":
        s.slab(
            (0, 0, length + 0.2), [(0.4 * x, 0.4 * y) for x, y in outline(dice)], 0.09, 0.04, turn=FORWARD, paint=head
        )
    elif kind == "wrench":
        s.lathe((0, 0, length), [(-0.1, 0.36), (0.1, 0.36)], turn=FORWARD, paint=0)
        s.box((0, 0, length + 0.25), (0.16, 0.5, 0.3), op=CUT, paint=0)
    else:
        n = dice.whole(4, 9)
        r = dice.between(0.2, 0.4)
        s.ball((0, 0, length), (r, r, r), paint=head)
        for x, y, _ in around(n, r * 1.5):
            s.tube([(0, 0, length), (x, y, length + dice.between(-0.2, 0.2))], [0.12, 0.03], paint=head)
        s.tube([(0, 0, length), (0, 0, length + 1.7 * r)], [0.12, 0.02], paint=head)
    lean(s, dice)
    return s


def lean(s: Sketch, dice: Dice) -> None:
    """Turns all of it: upright in half of the cases, else leaning, lying or upside down."""
    if dice.chance(0.45):
        return
    turn = turned(
        dice.pick((0, 0, 90, -90, 180, dice.between(-60, 60))),
        dice.between(-70, 70),
        dice.pick((0, 90, dice.between(0, 360))),
    )
    rotate(s, turn)


def rotate(s: Sketch, turn) -> None:
    """Rotates the solids of a shape."""
    for row in s.rows:
        inwards = row[7:16].reshape(3, 3)
        center = [sum(turn[i][j] * float(row[4 + j]) for j in range(3)) for i in range(3)]
        # Where a point of the world lies in the solid: undo the rotation first.
        back = [[sum(float(inwards[i, k]) * turn[j][k] for k in range(3)) for j in range(3)] for i in range(3)]
        reach = [sum(abs(turn[i][j]) * float(row[16 + j]) for j in range(3)) for i in range(3)]
        row[4:7], row[16:19] = center, reach
        row[7:16] = [v for line in back for v in line]


def gadget(dice: Dice) -> Sketch:
    """Lanterns, umbrellas, telescopes, instruments, clocks, lamps in the hand."""
    kind = dice.pick(
        (
            "lantern",
            "umbrella",
            "telescope",
            "drum",
            "guitar",
            "clock",
            "bell",
            "camera",
            "trophy",
            "balloon",
            "megaphone",
            "gear",
        )
    )
    s = Sketch(kind, kind)
    if kind == "lantern":
        tall, r, sides = dice.between(0.8, 1.6), dice.between(0.4, 0.7), dice.pick((0, 4, 6))
        s.lathe(
            (0, 0, 0),
            [(0, r), (tall, r * dice.between(0.8, 1.3))],
            sides=sides,
            paint=YELLOW if dice.chance(0.6) else GLASS,
        )
        s.lathe((0, 0, -0.15), [(0, r * 1.3), (0.18, r * 1.2)], sides=sides)
        s.lathe((0, 0, tall), [(0, r * 1.5), (dice.between(0.2, 0.6), 0.1)], sides=sides)
        for x, y, _ in around(4, r * 1.05, math.pi / 4):
            s.tube([(x, y, 0), (x, y, tall)], 0.06)
        s.ring((0, 0, tall + 0.55), 0.2, 0.05, turn=FORWARD)
    elif kind == "umbrella":
        n, drop = dice.whole(6, 10), dice.between(0.4, 0.8)
        s.lathe((0, 0, 2), smooth([(-drop, 1.5), (-0.5 * drop, 1.1), (0, 0.1)]), ripples=(n, dice.between(0.02, 0.08)))
        s.lathe((0, 0, 1.92), smooth([(-drop - 0.05, 1.5), (-0.5 * drop, 1.1), (-0.02, 0.1)]), op=CUT, paint=SECOND)
        s.tube([(0, 0, 2.2), (0, 0, 0.1), (0.15, 0, -0.15), (0.35, 0, -0.1), (0.4, 0, 0.1)], 0.05, paint=WOOD)
        if dice.chance(0.3):
            lean(s, dice)
    elif kind == "telescope":
        x = 0.0
        for k in range(dice.whole(2, 4)):
            long, r = dice.between(0.5, 1), 0.5 - 0.1 * k
            s.lathe((0, 0, x), [(0, r), (long, r)], paint=k % 2)
            s.ring((0, 0, x), r, 0.06, paint=GOLD)
            x += long
        rotate(s, turned(x=dice.between(50, 130), z=dice.between(-80, 80)))
        if dice.chance(0.5):
            for bx, by, _ in around(3, 0.8):
                s.tube([(0, 0, 0), (bx, by, -1.6)], 0.06, paint=WOOD)
    elif kind == "drum":
        tall = dice.between(0.5, 1.6)
        s.lathe((0, 0, 0), [(0, 0.8), (tall, dice.between(0.8, 1))])
        s.ring((0, 0, tall), 0.9, 0.07, paint=SECOND)
        s.ring((0, 0, 0), 0.8, 0.07, paint=SECOND)
        s.lathe((0, 0, tall - 0.02), [(0, 0.85), (0.06, 0.85)], paint=LIGHT)
    elif kind == "guitar":
        a, b, neck = dice.between(0.6, 0.9), dice.between(0.45, 0.7), dice.between(1.4, 2.2)
        s.ball((0, 0, 0), (a, 0.22, 0.6), 2, 2, blend=0.3)
        s.ball((0, 0, 0.75), (b, 0.22, 0.5), 2, 2, blend=0.3)
        s.lathe((0, -0.25, 0.45), [(-0.1, 0.2), (0.1, 0.2)], turn=FORWARD, paint=DARK)
        s.box((0, -0.2, 0.9 + neck / 2), (0.1, 0.07, neck / 2), 0.02, paint=SECOND)
        s.box((0, -0.2, 0.95 + neck), (0.17, 0.06, 0.22), 0.02, paint=SECOND)
        lean(s, dice)
    elif kind == "clock":
        s.lathe((0, 0, 1), [(-0.2, 1), (0.2, 1)], turn=FORWARD, sides=dice.pick((0, 0, 4, 8)))
        s.lathe((0, -0.2, 1), [(-0.04, 0.85), (0.05, 0.85)], turn=FORWARD, paint=LIGHT)
        s.box((0, -0.26, 1.3), (0.06, 0.04, 0.3), paint=DARK)
        s.box((0.2, -0.26, 1), (0.2, 0.04, 0.06), paint=DARK)
        if dice.chance(0.5):
            s.ball((0.6, 0, 2), (0.4, 0.3, 0.3), twin=True, paint=METAL)
            s.tube([(0.5, 0, 0.2), (0.8, 0, -0.2)], 0.1, twin=True, paint=METAL)
    elif kind == "bell":
        s.lathe((0, 0, 0), smooth([(0, 1), (0.15, 0.85), (0.8, 0.5), (1.3, 0.1)]))
        s.lathe((0, 0, -0.1), smooth([(0, 0.92), (0.2, 0.78), (0.8, 0.4), (1, 0.1)]), op=CUT, paint=DARK)
        s.ring((0, 0, 1.45), 0.2, 0.07, turn=FORWARD)
        s.ball((0, 0, 0), (0.2, 0.2, 0.2), paint=DARK)
    elif kind == "camera":
        s.box((0, 0, 0), (1, 0.35, 0.65), 0.1)
        s.lathe(
            (dice.between(-0.2, 0.2), -0.3, 0), [(0, 0.45), (dice.between(0.2, 0.8), 0.4)], turn=FORWARD, paint=DARK
        )
        s.box((dice.between(-0.4, 0.4), 0, 0.7), (0.3, 0.25, 0.2), 0.05, paint=SECOND)
        s.lathe((0.75, 0, 0.65), [(0, 0.13), (0.12, 0.13)], paint=METAL)
    elif kind == "trophy":
        s.lathe(
            (0, 0, 0),
            smooth([(0, 0.5), (0.1, 0.5), (0.2, 0.12), (0.7, 0.12), (0.9, 0.5), (1.6, dice.between(0.5, 0.8))]),
        )
        s.box((0, 0, -0.15), (0.55, 0.55, 0.18), 0.03, paint=WOOD)
        s.tube(arch((0.5, 0, 1.5), (0.35, 0, 0.85), (0.5, 0, 0)), 0.06, twin=True)
        s.lathe((0, 0, 1.1), [(0, 0.35), (0.6, 0.5)], op=CUT, paint=0)
    elif kind == "balloon":
        s.lathe(
            (0, 0, 0),
            smooth([(0, 0.05), (0.5, 0.6), (1.2, 0.9), (1.9, 0.6), (2.1, 0.05)]),
            ripples=(dice.pick((0, 8, 12)), 0.05),
        )
        s.tube([(0, 0, 0), *[(0.15 * math.sin(k), 0, -0.3 * k) for k in range(1, 6)]], 0.04, paint=SECOND)
        if dice.chance(0.5):
            s.box((0, 0, -1.7), (0.35, 0.35, 0.25), 0.05, paint=WOOD)
    elif kind == "megaphone":
        s.lathe((0, 0, 0), smooth([(0, 0.25), (0.7, 0.35), (1.6, 0.9)]))
        s.lathe((0, 0, 0.9), [(0, 0.25), (0.8, 0.82)], op=CUT, paint=DARK)
        s.tube([(0.2, 0, 0.3), (0.6, 0, 0.3), (0.6, 0, 0.7), (0.4, 0, 0.8)], 0.08, paint=SECOND)
        rotate(s, turned(x=dice.between(60, 110), z=dice.between(-60, 60)))
    else:
        n = dice.whole(6, 14)
        s.slab((0, 0, 0), star(n, 1, dice.between(0.75, 0.88)), dice.between(0.1, 0.4), turn=FORWARD)
        s.lathe((0, 0, 0), [(-0.6, 0.25), (0.6, 0.25)], turn=FORWARD, op=CUT, paint=DARK)
        if dice.chance(0.5):
            for x, z, _ in around(dice.whole(3, 6), 0.5):
                s.lathe((x, 0, z), [(-0.6, 0.14), (0.6, 0.14)], turn=FORWARD, op=CUT, paint=0)
    return s


def _legs(s: Sketch, dice: Dice, w: float, d: float, tall: float, paint: int = 0) -> None:
    """Four legs, three, a pedestal or two sides, down from height 0."""
    kind, r = dice.whole(0, 4), dice.between(0.04, 0.11)
    if kind <= 1:
        splay = dice.pick((0, 0, dice.between(0, 0.25)))
        for y in (-d, d):
            if kind == 0:
                s.tube(
                    [(w, y, 0), (w + splay, y * (1 + splay), -tall)],
                    [r, r * dice.between(0.5, 1)],
                    twin=True,
                    paint=paint,
                )
            else:
                s.box((w, y, -tall / 2), (r, r, tall / 2), twin=True, paint=paint)
        if dice.chance(0.3):
            s.box((0, 0, -tall * 0.7), (w, r * 0.6, r * 0.6), paint=paint)
            s.box((w, 0, -tall * 0.7), (r * 0.6, d, r * 0.6), twin=True, paint=paint)
    elif kind == 2:
        s.lathe((0, 0, -tall), profile(dice, tall, 0.3 * min(w, d) + 0.1, dice.whole(1, 4), 0.3), paint=paint)
        s.lathe((0, 0, -tall), smooth([(0, 0.7 * min(w, d)), (0.12, 0.5 * min(w, d)), (0.2, 0.1)]), paint=paint)
    elif kind == 3:
        s.box((w, 0, -tall / 2), (r, d, tall / 2), twin=True, paint=paint)
    else:
        s.lathe((0, 0, -tall), [(0, r), (tall, r)], paint=paint)
        for x, y, _ in around(dice.whole(3, 5), 0.8 * min(w, d), dice.between(0, 1)):
            s.tube([(0, 0, -tall + 0.2), (x, y, -tall + 0.05)], r * 0.8, paint=paint)


def furniture(dice: Dice) -> Sketch:
    """Tables, seats, beds, cupboards and lamps."""
    kind = dice.pick(
        (
            "table",
            "chair",
            "stool",
            "armchair",
            "sofa",
            "bed",
            "cabinet",
            "shelf",
            "lamp",
            "bench",
            "desk",
            "mirror",
            "round table",
            "ladder",
        )
    )
    s = Sketch(f"{dice.pick(('', '', 'low', 'small', 'old'))} {kind}".strip(), kind.split()[-1])
    w, d, tall = dice.between(0.5, 1.2), dice.between(0.4, 0.8), dice.between(0.5, 1.2)
    legs = dice.pick((0, SECOND, WOOD, METAL))
    if kind in ("table", "desk", "bench", "round table", "stool"):
        w = w * (1 if kind != "bench" else 1.5)
        if kind == "stool":
            w = d = dice.between(0.35, 0.55)
        if kind in ("round table", "stool"):
            s.lathe((0, 0, 0), [(0, w * 0.95), (dice.between(0.05, 0.2), w)])
            _legs(s, dice, w * 0.6, w * 0.6, tall, legs)
        else:
            s.box((0, 0, 0.05), (w, d, dice.between(0.04, 0.12)), dice.pick((0, 0.03)))
            _legs(s, dice, w * 0.88, d * 0.85, tall, legs)
        if kind == "desk":
            s.box((w * 0.6, 0, -tall * 0.4), (w * 0.35, d * 0.9, tall * 0.4), paint=legs)
            for k in range(3):
                s.box((w * 0.6, -d * 0.9, -tall * (0.2 + 0.25 * k)), (w * 0.12, 0.04, 0.03), paint=DARK)
    elif kind in ("chair", "armchair", "sofa"):
        soft = kind != "chair"
        w = {"chair": 0.5, "armchair": 0.6, "sofa": dice.between(1, 1.6)}[kind]
        d, edge, thick = 0.5, 0.12 if soft else 0.02, 0.2 if soft else 0.07
        back = dice.between(0.5, 1.1)
        s.box((0, 0, 0), (w, d, thick), edge)
        rake = turned(x=dice.between(-14, 0))
        if kind == "chair" and dice.chance(0.5):
            n = dice.whole(2, 5)
            for k in range(n):
                s.box((w * 0.9 * (2 * k / (n - 1) - 1), d, back / 2), (0.05, 0.05, back / 2), turn=rake)
            s.box((0, d + 0.05, back), (w, 0.06, 0.12), turn=rake)
        elif dice.chance(0.3):
            s.lathe((0, d * 0.9, back * 0.4), [(-0.08, w), (0.08, w)], turn=FORWARD, oval=back / w)
        else:
            s.box((0, d, back / 2), (w, thick * 0.8, back / 2 + 0.1), edge, turn=rake)
        if soft or dice.chance(0.25):
            s.box((w, 0, 0.2), (0.12 if soft else 0.06, d, 0.3 if soft else 0.05), edge, twin=True)
        if soft and dice.chance(0.5):
            s.box((w * 0.45, -0.05, thick + 0.08), (w * 0.42, d * 0.85, 0.1), 0.08, twin=True, paint=SECOND)
        _legs(s, dice, w * 0.88, d * 0.85, 0.3 if soft else dice.between(0.6, 0.9), legs)
    elif kind == "bed":
        w, d = dice.between(0.6, 1.1), 1.2
        s.box((0, 0, 0), (w, d, 0.15), 0.05)
        s.box((0, -0.15, 0.18), (w * 0.97, d * 0.85, 0.12), 0.1, paint=SECOND)
        s.box((0, d * 0.75, 0.35), (w * 0.6, 0.25, 0.1), 0.09, paint=LIGHT)
        s.box((0, d, 0.2), (w, 0.06, dice.between(0.3, 0.8)), 0.04)
        s.box((0, -d, 0.0), (w, 0.05, dice.between(0.1, 0.4)), 0.04)
        _legs(s, dice, w * 0.95, d * 0.95, 0.3)
    elif kind in ("cabinet", "shelf"):
        w, d, h = dice.between(0.4, 1.1), dice.between(0.25, 0.5), dice.between(0.6, 1.4)
        s.box((0, 0, 0), (w, d, h), dice.pick((0, 0.03)))
        rows, columns = dice.whole(1, 4), dice.whole(1, 3)
        for i in range(rows):
            for j in range(columns):
                cw, ch = w / columns, h / rows
                at = (-w + cw * (2 * j + 1), -d, -h + ch * (2 * i + 1))
                if kind == "shelf":
                    s.box(at, (cw - 0.05, 1.7 * d, ch - 0.05), op=CUT, paint=SECOND)
                else:
                    s.box(at, (cw - 0.05, 0.05, ch - 0.05), paint=dice.pick((0, SECOND)) if i + j == 0 else 0)
                    s.ball((at[0] + cw * 0.6, -d - 0.06, at[2]), (0.05, 0.06, 0.05), paint=METAL)
        if dice.chance(0.4):
            _legs(s, dice, w * 0.9, d * 0.9, h + 0.25)
        if dice.chance(0.3):
            s.box((0, 0, h + 0.03), (w + 0.08, d + 0.08, 0.06), paint=SECOND)
    elif kind == "lamp":
        tall = dice.between(0.8, 2.4)
        s.lathe((0, 0, 0), smooth([(0, 0.45), (0.08, 0.4), (0.14, 0.06)]), paint=SECOND)
        s.lathe((0, 0, 0), profile(dice, tall, 0.14, dice.whole(0, 4), 0.3), paint=SECOND)
        r, flare, high = dice.between(0.4, 0.8), dice.between(0.3, 1), dice.between(0.35, 0.8)
        s.lathe((0, 0, tall - 0.1), [(0, r), (high, r * flare)], sides=dice.pick((0, 0, 4, 6)))
        s.lathe((0, 0, tall - 0.2), [(0, r - 0.06), (high, r * flare)], op=CUT, paint=YELLOW)
    elif kind == "ladder":
        h, w = dice.between(1, 2), dice.between(0.25, 0.5)
        s.box((w, 0, 0), (0.06, 0.08, h), twin=True)
        for k in range(dice.whole(4, 8)):
            s.tube([(-w, 0, -h + 0.25 + 0.3 * k), (w, 0, -h + 0.25 + 0.3 * k)], 0.05)
        rotate(s, turned(x=dice.between(-25, 0)))
    else:
        s.lathe(
            (0, 0, 0.8), [(-0.06, 0.8), (0.06, 0.8)], dice.between(0.8, 1.4), sides=dice.pick((0, 0, 4)), turn=FORWARD
        )
        s.lathe((0, -0.06, 0.8), [(-0.03, 0.68), (0.03, 0.68)], 1.1, turn=FORWARD, paint=GLASS)
        s.box((0, 0.1, -0.2), (0.5, 0.3, 0.06), 0.03, paint=SECOND)
        s.tube([(0, 0.1, -0.2), (0, 0.08, 0.3)], 0.09, paint=SECOND)
    return s


def building(dice: Dice) -> Sketch:
    """Houses, towers, arches, fountains, stairs and walls."""
    kind = dice.pick(("house", "tower", "arch", "stairs", "fountain", "tent", "well", "tree", "cactus"))
    s = Sketch(kind, kind)
    w, d, h = dice.between(0.6, 1.1), dice.between(0.5, 1), dice.between(0.5, 1)
    if kind == "house":
        s.box((0, 0, 0), (w, d, h))
        roof, over = dice.between(0.4, 1), dice.between(0.05, 0.25)
        s.slab((0, 0, h), [(-w - over, 0), (w + over, 0), (0, roof)], d + over, turn=FORWARD, paint=SECOND)
        s.box((dice.between(-0.4, 0.4) * w, -d, -h * 0.4), (0.18, 0.08, 0.6 * h), op=CUT, paint=WOOD)
        for x in (-0.6, 0.6):
            s.box((x * w, -d, h * 0.3), (0.15, 0.06, 0.15), op=CUT, paint=GLASS)
        if dice.chance(0.6):
            s.box((0.5 * w, 0.2, h + 0.5 * roof), (0.12, 0.12, 0.5), paint=RED)
    elif kind == "tower":
        tall, sides, n = dice.between(1.5, 3), dice.pick((0, 0, 4, 6, 8)), dice.whole(4, 8)
        s.lathe((0, 0, 0), [(0, 0.8), (tall, dice.between(0.55, 0.8))], sides=sides)
        s.lathe((0, 0, tall), [(0, 0.9), (0.35, 0.9)], sides=sides)
        if dice.chance(0.5):
            s.lathe((0, 0, tall + 0.3), [(0, 1), (dice.between(0.6, 1.4), 0.03)], sides=sides, paint=SECOND)
        else:
            s.lathe((0, 0, tall + 0.1), [(0, 0.75), (0.5, 0.75)], sides=sides, op=CUT, paint=0)
            for x, y, a in around(n, 0.9):
                s.box((x, y, tall + 0.35), (0.3, 0.12, 0.15), turn=turned(z=a), op=CUT, paint=0)
        s.box((0, -0.8, 0.3), (0.2, 0.3, 0.3), op=CUT, paint=DARK)
    elif kind == "arch":
        s.box((0, 0, 0), (1, d * 0.5, h + 0.3))
        r = dice.between(0.4, 0.75)
        s.lathe((0, 0, h * 0.1), [(-2, r), (2, r)], turn=FORWARD, op=CUT, paint=0)
        s.box((0, 0, -h), (r, 2, h * 1.1), op=CUT, paint=0)
        s.box((0, 0, h + 0.3), (1.1, d * 0.6, 0.1), paint=SECOND)
    elif kind == "stairs":
        n = dice.whole(3, 8)
        for k in range(n):
            s.box((0, 2 * k / n - 1, (k + 1) / n / 2), (w, 1 / n, (k + 1) / n / 2 * dice.pick((1, 1))))
        if dice.chance(0.5):
            s.tube([(w, -1, 0.7), (w, 1, 1.7)], 0.06, twin=True, paint=SECOND)
            for y in (-1, 0, 1):
                s.tube([(w, y, 0.5 + 0.5 * y), (w, y, 1.2 + 0.5 * y)], 0.05, twin=True, paint=SECOND)
    elif kind in ("fountain", "well"):
        s.lathe((0, 0, 0), [(0, 1), (h * 0.7, dice.between(0.95, 1.2))], sides=dice.pick((0, 0, 6, 8)))
        s.lathe((0, 0, 0.15), [(0, 0.8), (h, 0.9)], op=CUT, paint=7)
        if kind == "fountain":
            s.lathe((0, 0, 0), profile(dice, 1.5, 0.3, 3, 0.4), paint=SECOND)
            s.lathe((0, 0, 1.2), smooth([(0, 0.15), (0.2, 0.6), (0.25, 0.62)]), paint=SECOND)
        else:
            s.box((0.9, 0, 0.8), (0.08, 0.08, 0.9), twin=True, paint=WOOD)
            s.slab((0, 0, 1.6), [(-1.2, 0), (1.2, 0), (0, 0.6)], 0.7, turn=FORWARD, paint=SECOND)
    elif kind == "tent":
        s.lathe((0, 0, 0), [(0, 1), (h * 0.6, dice.between(0.6, 1)), (1.6, 0.03)], sides=dice.pick((3, 4, 6, 0)))
        s.slab((0, -0.8, 0), [(-0.4, 0), (0.4, 0), (0, 0.8)], 0.5, turn=FORWARD, op=CUT, paint=DARK)
        s.tube([(0, 0, 1.4), (0, 0, 2)], 0.04, paint=SECOND)
    elif kind == "tree":
        tall = dice.between(0.6, 1.6)
        s.tube([(0, 0, 0), (dice.gauss(0, 0.1), 0, tall)], [0.22, 0.12], paint=WOOD)
        if dice.chance(0.5):
            for k in range(dice.whole(2, 5)):
                s.lathe((0, 0, tall * 0.6 + 0.5 * k), [(0, 1 - 0.17 * k), (0.8, 0.05)])
        else:
            for _ in range(dice.whole(3, 7)):
                s.ball(
                    (dice.gauss(0, 0.45), dice.gauss(0, 0.45), tall + dice.gauss(0.4, 0.3)),
                    [dice.between(0.35, 0.7) for _ in range(3)],
                    blend=0.1,
                )
    else:
        tall = dice.between(1, 2)
        s.lathe(
            (0, 0, 0),
            smooth([(0, 0.3), (0.5 * tall, 0.4), (0.95 * tall, 0.3), (tall, 0.05)]),
            ripples=(dice.whole(6, 12), 0.08),
        )
        for side in (1, -1):
            if dice.chance(0.75):
                h0, out = dice.between(0.3, 0.6) * tall, dice.between(0.5, 0.8)
                s.tube(
                    [(0, 0, h0), (side * out, 0, h0 + 0.05), (side * out, 0, h0 + dice.between(0.3, 0.8))],
                    0.18,
                    blend=0.08,
                )
        s.lathe((0, 0, -0.5), [(0, 0.45), (0.55, 0.6)], paint=SECOND)
    return s


def food(dice: Dice) -> Sketch:
    """Fruit, cakes, drinks and shells."""
    kind = dice.pick(
        (
            "apple",
            "pear",
            "banana",
            "carrot",
            "cake",
            "ice cream",
            "mushroom",
            "pumpkin",
            "sea shell",
            "doughnut",
            "sandwich",
        )
    )
    s = Sketch(kind, kind)
    if kind in ("apple", "pear", "pumpkin"):
        shape = [(0, 0.2), (0.4, 0.9), (0.9, 1), (1.5, dice.between(0.4, 0.8) if kind == "pear" else 0.8), (1.7, 0.15)]
        flat = dice.between(0.5, 1.1)
        s.lathe(
            (0, 0, 0),
            smooth([(h * flat, r) for h, r in shape]),
            ripples=(dice.whole(6, 10), 0.1) if kind == "pumpkin" else (0, 0),
        )
        s.tube([(0, 0, 1.5 * flat), (0.1, 0, 2 * flat), (0.3, 0, 2.2 * flat)], 0.07, paint=WOOD)
        s.ball((0.4, 0, 2 * flat), (0.35, 0.15, 0.05), paint=9)
    elif kind in ("banana", "carrot"):
        arc = dice.between(0.5, 1.4) if kind == "banana" else 0.1
        path = [
            (math.sin(a) * 1.2 / max(arc, 0.3), 0, (1 - math.cos(a)) * 1.2 / max(arc, 0.3))
            for a in [arc * (k / 4 - 1) for k in range(9)]
        ]
        radii = (
            [0.06, 0.18, 0.26, 0.3, 0.3, 0.3, 0.26, 0.18, 0.06]
            if kind == "banana"
            else [0.04 + 0.04 * k for k in range(9)]
        )
        s.tube(path, radii)
        if kind == "carrot":
            for _ in range(4):
                x, y, z = path[-1]
                s.tube(
                    [(x, y, z), (x + dice.between(0.3, 0.7), y + dice.gauss(0, 0.3), z + dice.gauss(0, 0.3))],
                    [0.1, 0.04],
                    paint=9,
                )
        rotate(s, turned(dice.pick((0, 90)), dice.between(-90, 90), dice.between(-40, 40)))
    elif kind == "cake":
        z, r = 0.0, 1.0
        for k in range(dice.whole(1, 4)):
            h = dice.between(0.25, 0.5)
            s.lathe((0, 0, z), [(0, r), (h, r)], ripples=dice.pick(((0, 0), (16, 0.04))), paint=k % 2)
            z, r = z + h, r * dice.between(0.65, 0.85)
        for x, y, _ in around(dice.whole(1, 6), r * 0.8):
            s.tube([(x, y, z), (x, y, z + 0.4)], 0.06, paint=dice.paint())
        if dice.chance(0.3):
            s.box((2, -2, 0), (2, 2, 4), op=CUT, paint=LIGHT)
    elif kind == "ice cream":
        s.lathe((0, 0, 0), [(0, 0.06), (1.6, 0.6)], paint=WOOD)
        for k in range(dice.whole(1, 3)):
            s.ball((0, 0, 1.8 + 0.65 * k), (0.62, 0.62, 0.55), paint=k % 3)
    elif kind == "mushroom":
        r = dice.between(0.7, 1.4)
        s.lathe((0, 0, 0), smooth([(0, 0.4), (0.5, 0.28), (1.1, 0.3)]), paint=LIGHT)
        s.ball((0, 0, 1), (r, r, dice.between(0.4, 0.9)))
        s.box((0, 0, 0.45), (2, 2, 0.5), op=CUT, paint=LIGHT)
        s.lathe((0, 0, 0), smooth([(0, 0.4), (0.5, 0.28), (1.1, 0.3)]), paint=LIGHT)
    elif kind == "sea shell":
        turns = dice.between(1.5, 3)
        path, radii = [], []
        for k in range(30):
            a, size = turns * 2 * math.pi * k / 29, 0.06 + 0.6 * (k / 29) ** 1.6
            path.append((1.4 * size * math.cos(a), -1.6 * size, 1.4 * size * math.sin(a)))
            radii.append(size * 0.75)
        s.tube(path, radii)
    elif kind == "doughnut":
        s.ring((0, 0, 0), 0.7, dice.between(0.25, 0.45))
        s.ring((0, 0, 0.08), 0.7, 0.35, 0.3, paint=SECOND)
        rotate(s, turned(x=dice.pick((0, 0, 70))))
    else:
        z = 0.0
        for _ in range(dice.whole(3, 6)):
            h = dice.between(0.06, 0.2)
            s.box(
                (dice.gauss(0, 0.04), dice.gauss(0, 0.04), z),
                (1, 0.9, h),
                0.05,
                paint=dice.pick((0, SECOND, 9, RED, YELLOW)),
            )
            z += 2 * h
    return s


MAKERS = (
    vessel,
    vessel,
    vessel,
    tool,
    tool,
    tool,
    gadget,
    gadget,
    furniture,
    furniture,
    furniture,
    furniture,
    building,
    food,
)
