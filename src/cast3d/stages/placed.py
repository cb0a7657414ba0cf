"""Hints by rule, ours: for terms that no layout shows, the thing lifted alone and put where such things sit."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..following.registering import placed
from ..run.staging import Stage, Staging
from ..voxels import dilate
from . import sizes
from .halves import HINTING
from .hints import Hints
from .kit import Kit
from .layout import MainGeometry
from .outlines import lifted_geometry
from .places import NAMED, Carrier, place_of, placement
from .reading import Reading
from .several import on_own_left


def placed_hints(kit: Kit, main: MainGeometry, hints: Hints, reading: Reading) -> Hints:
    """h_i with those of absent terms by rule. What another accessory has stays with it."""
    grids, lines = hints.grids.clone(), []
    base = reading.base
    carrier = Carrier.of(main.grid)
    for term, relation in reading.absent.items():
        index = reading.terms.index(term)
        thing = lifted_geometry(kit, term, "filled").grid
        place = place_of(term, relation, reading.lookalikes.get(term, ()), on_surfaces(kit, reading.main))
        share = size_beside(term, reading.main)
        left = on_own_left(term, reading.terms)
        sides = [False, True] if place == "hand" and left is None else [bool(left)]
        others = torch.stack([g for i, g in enumerate(grids) if i not in (base, index)] or [grids[base] & False]).any(0)
        there = [placed(thing, placement(place, carrier, thing, side, share)).to(grids.device) for side in sides]
        grid = min(there, key=lambda grid: int((dilate(grid, 2) & others).sum()))  # the hand that is free
        grids[index] = grid & ~others
        grids[base] &= ~grids[index]
        lines.append(f"{term}: placed by rule, {NAMED[place]}")
    return replace(hints, grids=grids, report=(*hints.report, *lines))


def on_surfaces(kit: Kit, main: str) -> bool:
    """Whether things stand on the main thing, as on a table: by its noun, or one that stands for it."""
    return any(map(sizes.carries, (main, *kit.backbone.describer.likened(main).values())))


def size_beside(term: str, main: str, limits: tuple[float, float] = (0.08, 0.9)) -> float | None:
    """How long a thing is beside the main one, where both sizes are known."""
    own, other = sizes.known(term), sizes.known(main)
    return None if own is None or other is None else min(max(own.cm / other.cm, limits[0]), limits[1])


PLACED_HINTS = Stage(
    "placed_hints", 4, Hints, placed_hints,
    "Placed hints", "Things that no layout shows, lifted alone and placed by rule (ours).", HINTING,
)  # fmt: skip


def as_placed(run: Staging[Kit], main: MainGeometry, hints: Hints, reading: Reading) -> Hints:
    """The hints, with those of absent terms placed, if any is absent."""
    return run(PLACED_HINTS, main, hints, reading) if reading.absent else hints
