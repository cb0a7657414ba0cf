"""Which grammar makes the shape of a seed and an index, and what the shape is called."""

from __future__ import annotations

import math

from . import abstract, living, things, worn
from .dice import Dice
from .sketch import Sketch

FAMILIES = {"abstract": 0.38, "worn": 0.18, "things": 0.27, "living": 0.17}  # shares
_MAKERS = {"abstract": abstract.MAKERS, "worn": worn.MAKERS, "things": things.MAKERS, "living": living.MAKERS}
STRETCHED = 0.5  # of the named shapes, each axis by its own factor


def draw(seed: int, index: int) -> Sketch:
    """The shape number `index` of a seed: always the same one."""
    dice = Dice(f"shape {seed} {index}")
    family = dice.choices(list(FAMILIES), list(FAMILIES.values()))[0]
    sketch = dice.pick(_MAKERS[family])(dice)
    if family != "abstract" and dice.chance(STRETCHED):
        _stretch(sketch, [math.exp(dice.gauss(0, 0.15)) for _ in range(3)])
    return sketch


def _stretch(sketch: Sketch, factors: list[float]) -> None:
    """All solids wider, deeper or taller."""
    mean = math.prod(factors) ** (1 / 3)
    for row in sketch.rows:
        for axis, factor in enumerate(factors):
            row[4 + axis] *= factor
            row[16 + axis] *= factor
            row[7 + axis : 16 : 3] /= factor
        row[22] *= mean
        row[31] *= max(factors) / min(factors)
