"""Hints that a person painted, in place of those that were voted: Eq. 12 with a better segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..run.staging import Stage, Staging
from .halves import HINTING
from .hints import Hints
from .kit import Kit
from .reading import Reading


def painted_hints(kit: Kit, hints: Hints, reading: Reading) -> Hints:
    """h_i with the painted ones in place; no voxel belongs to two terms.

    A painted hint goes before a voted one, of two painted ones the earlier term's. What of the layout no accessory has
    is the base's, unless that is painted, too.
    """
    base, layout = reading.base, hints.grids.any(0)
    painted = {i: grid for i, term in enumerate(reading.terms) if (grid := kit.painted(term)) is not None}
    others = [i for i in range(len(reading.terms)) if i != base]
    grids, taken, lines = hints.grids.clone(), torch.zeros_like(layout), []
    for i in _order(painted, others):
        grid = painted[i].to(layout.device) if i in painted else hints.grids[i]
        grids[i] = grid & ~taken
        taken = taken | grids[i]
        if i in painted:
            before, after = int(hints.grids[i].sum()), int(grids[i].sum())
            lines.append(f"{reading.terms[i]}: painted by a person, {after} voxels where {before} were found")
    grids[base] = (painted[base].to(layout.device) if base in painted else layout) & ~taken
    return replace(hints, grids=grids, report=(*hints.report, *lines))


def _order(painted: dict[int, Tensor], others: Sequence[int]) -> list[int]:
    """Accessories, the painted ones first."""
    return sorted(others, key=lambda i: (i not in painted, i))


PAINTED_HINTS = Stage(
    "painted_hints", 4, Hints, painted_hints,
    "Painted hints", "The hints with those that a person painted in place of the found ones.", HINTING,
)  # fmt: skip


def as_painted(run: Staging[Kit], hints: Hints, reading: Reading) -> Hints:
    """The hints, with those in place that a person painted, if any did."""
    return run(PAINTED_HINTS, hints, reading) if run.kit.hints else hints
