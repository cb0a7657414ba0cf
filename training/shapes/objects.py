"""Random objects out of a bank of single things that fill the grid: shapes made by rule, or models."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from random import Random

import numpy as np

from training.bricks.captions import with_article
from training.bricks.colors import RGB
from training.bricks.objects import FAMILIES, MAX_PIECES, SLOTS, Objects

NEUTRAL = 0.35  # share of greys, browns and near-whites


def color(rng: Random) -> RGB:
    """A colour that things come in."""
    if rng.random() < NEUTRAL:
        hue, depth, value = rng.uniform(0.02, 0.12), rng.choice((0.0, 0.1, 0.4)), rng.uniform(0.12, 0.97)
    else:
        hue, depth, value = rng.random(), rng.uniform(0.35, 1), rng.uniform(0.3, 1)
    return tuple(round(255 * v) for v in colorsys.hsv_to_rgb(hue, depth, value))


def sample(names: Sequence[str], rows: Sequence[int], n: int, seed: int, first: int = 0) -> Objects:
    """`n` of the things in `rows`, each in random colours; `first` is the placement of row 0 in the bank.

    Names are captions; things are no parts of the catalogue.
    """
    rng = Random(f"things {seed}")
    shape = (n, MAX_PIECES)
    placement = np.full(shape, -1, np.int32)
    main, second = np.zeros((*shape, 3), np.uint8), np.zeros((*shape, 3), np.uint8)
    captions = []
    for i in range(n):
        row = rng.choice(rows)
        placement[i, 0] = first + row
        main[i, 0], second[i] = color(rng), color(rng)
        captions.append(with_article(names[row]))
    slot = np.full(shape, SLOTS.index("free"), np.uint8)
    return Objects(
        placement=placement,
        main_rgb=main,
        skin_rgb=second,
        role=np.zeros(shape, np.uint8),
        slot=slot,
        part_class=np.full(shape, -1, np.int32),
        family=np.full(n, FAMILIES.index("filled"), np.uint8),
        caption=captions,
        terms=[[caption] for caption in captions],
    )


def join(first: Objects, second: Objects) -> Objects:
    """Both, one after the other."""
    merged = {}
    for key, value in vars(first).items():
        other = getattr(second, key)
        merged[key] = value + other if isinstance(value, list) else np.concatenate([value, other])
    return Objects(**merged)
