"""Shapes without a use: turned, cut out, bent, blended, hollowed, cut through and glued, in every proportion."""

from __future__ import annotations

import math

from .dice import Dice, outline, profile, star, wander
from .sketch import CUT, FORWARD, KEEP, Sketch, along, turned

_SIZES = (("flat", 0.35), ("low", 0.6), ("", 1.0), ("", 1.0), ("tall", 1.7), ("long", 2.6))


def any_turn(dice: Dice):
    """Upright, on its side, or anyhow."""
    if dice.chance(0.55):
        return turned()
    if dice.chance(0.6):
        return turned(dice.pick((0, 90, -90, 180)), dice.pick((0, 90, -90)), dice.pick((0, 90)))
    return turned(dice.between(-180, 180), dice.between(-90, 90), dice.between(-180, 180))


def spindle(dice: Dice) -> Sketch:
    """Turned on a lathe."""
    word, tall = dice.pick(_SIZES)
    s = Sketch(f"{word} turned spindle".strip(), "spindle")
    turn = any_turn(dice)
    body = profile(dice, 2 * tall, 1, dice.whole(0, 6))
    ripples = (dice.whole(3, 12), dice.between(0.05, 0.3)) if dice.chance(0.25) else (0, 0.0)
    sides = dice.whole(3, 8) if dice.chance(0.25) else 0
    s.lathe((0, 0, 0), body, dice.pick((1, 1, 1, 0.7, 0.4)), ripples, sides, turn=turn)
    if dice.chance(0.35):
        thin = dice.between(0.5, 0.9)
        s.lathe((0, 0, 0), [(h, max(r - 0.15, 0.02) * thin) for h, r in body], turn=turn, op=CUT, paint=dice.paint())
    for _ in range(dice.whole(0, 2)):
        h, r = dice.pick(body)
        axis = tuple(row[2] for row in turn)
        s.ring(tuple(h * a for a in axis), r, dice.between(0.05, 0.15), turn=turn, paint=dice.paint())
    return s


def plate(dice: Dice) -> Sketch:
    """An outline with a thickness."""
    s = Sketch("cut-out plate", "plate")
    turn = FORWARD if dice.chance(0.5) else any_turn(dice)
    half = dice.pick((0.04, 0.08, 0.2, 0.5, 0.9)) * dice.between(0.8, 1.3)
    edge = half * dice.pick((0, 0, 0.5, 0.95))
    shape = outline(dice)
    s.slab((0, 0, 0), shape, half, edge, turn=turn)
    for _ in range(dice.whole(0, 3)):
        x, y = (dice.between(-0.6, 0.6) for _ in range(2))
        hole = [(x + dice.between(0.1, 0.35) * a, y + 0.3 * b) for a, b in outline(dice)]
        deep = half * dice.pick((0.5, 1, 2))
        s.slab(tuple(row[2] * half for row in turn), hole, deep, turn=turn, op=CUT, paint=dice.paint())
    if dice.chance(0.4):
        s.slab(
            tuple(row[2] * -half for row in turn),
            [(0.5 * x, 0.5 * y) for x, y in shape],
            2 * half,
            turn=turn,
            paint=dice.paint(),
        )
    return s


def pipe(dice: Dice) -> Sketch:
    """A tube along a path."""
    s = Sketch(dice.pick(("tube", "pipe", "thick cord")), "tube")
    for branch in range(dice.whole(1, 3)):
        path = wander(dice, dice.whole(3, 12), 0.4, dice.between(0.1, 0.7))
        if branch and dice.chance(0.7):
            path = [(-x, y, z) for x, y, z in path]
        thick, end = dice.between(0.06, 0.4), dice.between(0.3, 1.2)
        last = len(path) - 1
        radii = [thick * (1 + (end - 1) * k / last) for k in range(last + 1)]
        s.tube(path, radii, paint=0 if not branch else dice.paint(), blend=dice.pick((0, 0.2)))
    if dice.chance(0.3):
        s.ball(path[-1], [dice.between(0.15, 0.5)] * 3, paint=dice.paint())
    return s


def blob(dice: Dice) -> Sketch:
    """Balls that flow into each other."""
    s = Sketch(dice.pick(("smooth blob", "pebble stack", "melted lump")), "blob")
    blend, twin = dice.between(0.1, 0.8), dice.chance(0.5)
    x = y = z = 0.0
    for k in range(dice.whole(2, 7)):
        radii = [dice.between(0.2, 0.8) for _ in range(3)]
        power = dice.pick((2, 2, 2, 3, 6, 1.2))
        s.ball(
            (x, y, z),
            radii,
            power,
            turn=any_turn(dice),
            blend=blend,
            twin=twin and k > 0,
            paint=0 if dice.chance(0.6) else dice.paint(),
        )
        x, y, z = x + dice.gauss(0, 0.6), y + dice.gauss(0, 0.4), z + dice.gauss(0.3, 0.6)
    return s


def crate(dice: Dice) -> Sketch:
    """Boxes, hollowed and cut through."""
    s = Sketch(dice.pick(("carved block", "notched block")), "block")
    half = [dice.between(0.25, 1) for _ in range(3)]
    edge = dice.pick((0, 0, 0.1, 0.3))
    turn = turned(z=dice.pick((0, 0, 0, 45, dice.between(0, 90))))
    s.box((0, 0, 0), half, edge, turn=turn)
    if dice.chance(0.5):  # open at one side
        s.name, s.noun = dice.pick((("hollow case", "case"), ("open box", "box")))
        wall = dice.between(0.05, 0.2)
        shift = [0.0, 0.0, 0.0]
        shift[dice.whole(0, 2)] = dice.pick((-1, 1)) * 3 * wall
        s.box(shift, [max(h - wall, 0.05) for h in half], 0, turn=turn, op=CUT, paint=dice.paint())
    for _ in range(dice.whole(0, 4)):
        at = [dice.between(-1, 1) * h for h in half]
        size = [dice.between(0.1, 0.6) * h for h in half]
        op = CUT if dice.chance(0.6) else 0
        kind = dice.whole(0, 2)
        if kind == 0:
            s.box(at, size, turn=turn, op=op, paint=dice.paint(), twin=dice.chance(0.5))
        elif kind == 1:
            s.ball(at, size, op=op, paint=dice.paint(), twin=dice.chance(0.5))
        else:
            r = min(size)
            s.lathe(
                at,
                [(-1.5, r), (1.5, r)] if op == CUT else [(-2 * r, r), (2 * r, r)],
                turn=any_turn(dice),
                op=op,
                paint=dice.paint(),
            )
    return s


def column(dice: Dice) -> Sketch:
    """A prism that is twisted, tapered or bent."""
    style = dice.whole(0, 3)
    s = Sketch(("twisted column", "tapered post", "bent bar", "twisted spike")[style], "column")
    tall = dice.between(0.8, 2.2)
    shape = outline(dice) if dice.chance(0.5) else star(dice.whole(3, 6), 1, dice.between(0.5, 0.95))
    size = dice.between(0.3, 0.9)
    s.slab((0, 0, 0), [(size * x, size * y) for x, y in shape], tall)
    if style in (0, 3):
        s.twist = dice.pick((-1, 1)) * dice.between(0.4, 1.5)
    if style in (1, 3):
        s.taper = dice.between(-0.3, 0.45) / tall
    if style == 2:
        s.bend = dice.pick((-1, 1)) * dice.between(0.4, 1.1) / tall
    return s


def cluster(dice: Dice) -> Sketch:
    """Other shapes glued to each other, some cut to half."""
    s = Sketch(dice.pick(("glued sculpture", "odd toy", "strange device")), "sculpture")
    makers = (spindle, plate, pipe, blob, crate)
    core = [1.0, 1.0, 1.0]
    for k in range(dice.whole(2, 4)):
        piece = dice.pick(makers)(dice)
        rows = [row.copy() for row in piece.rows]
        added = [row for row in rows if row[1] == 0]
        ends = [(min(r[4 + a] - r[16 + a] for r in added), max(r[4 + a] + r[16 + a] for r in added)) for a in range(3)]
        half = [(high - low) / 2 for low, high in ends]
        size = 1.0 / max(half) * (1.0 if k == 0 else dice.between(0.3, 0.8))
        shift = [-(low + high) / 2 * size for low, high in ends]
        if k:
            axis = dice.whole(0, 2)
            side = 1 if axis == 2 or dice.chance(0.5) else -1
            for a in range(3):
                out = side * (0.85 * core[a] + 0.6 * half[a] * size) if a == axis else dice.gauss(0, 0.3) * core[a]
                shift[a] += out
        else:
            core = [h * size for h in half]
        for row in rows:
            row[4:7] = row[4:7] * size + shift
            row[7:16] /= size
            row[16:19] *= size
            row[2] *= size
            row[22] *= size
            if k and row[1] == 0 and row[3] == 0:
                row[3] = 1
        s.rows += [row for row in rows if k == 0 or row[1] == 0]
        s.tables += [table for row, table in zip(rows, piece.tables) if k == 0 or row[1] == 0]
    return s


def shard(dice: Dice) -> Sketch:
    """A solid between a few planes: crystals, gems and rocks."""
    s = Sketch(dice.pick(("crystal", "rough rock", "cut gem")), "crystal")
    s.ball((0, 0, 0), [dice.between(0.4, 1) for _ in range(3)], dice.pick((2, 3)))
    for _ in range(dice.whole(4, 9)):
        direction = [dice.gauss(0, 1) for _ in range(3)]
        length = math.sqrt(sum(v * v for v in direction)) + 1e-6
        far = dice.between(0.25, 0.8)
        beyond = [v / length * (2 + far) for v in direction]
        s.box(beyond, (2, 2, 2), turn=along(direction), op=CUT, paint=0)
    return s


def arc_cut(dice: Dice) -> Sketch:
    """What two bodies have in common, or a bite out of one."""
    s = Sketch("hollow shell", "shell")
    s.ball((0, 0, 0), [dice.between(0.5, 1) for _ in range(3)], dice.pick((2, 2, 4)))
    if dice.chance(0.5):
        s.name, s.noun = "lens", "lens"
        s.ball([dice.between(-0.5, 0.5) for _ in range(3)], [dice.between(0.6, 1) for _ in range(3)], op=KEEP)
    else:
        hole = dice.between(0.7, 0.92)
        s.ball((0, 0, 0), [hole * float(v) for v in s.rows[0][19:22]], op=CUT, paint=dice.paint())
        s.box([dice.gauss(0, 0.3), dice.gauss(-1, 0.4), dice.gauss(0.5, 0.8)], (1, 1, 1), op=CUT, paint=-1)
    for _ in range(dice.whole(0, 3)):
        s.tube([(0, 0, 0), [dice.gauss(0, 0.8) for _ in range(3)]], dice.between(0.05, 0.2), paint=dice.paint())
    return s


MAKERS = (spindle, spindle, plate, pipe, blob, crate, crate, column, cluster, cluster, cluster, shard, arc_cut)
