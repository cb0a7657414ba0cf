"""After Eq. 13, ours: what else a part could be, and which candidate follows its pictures.

Eq. 13 keeps much of a hint's shape. Where that does not look like the picture, two more are made: Eq. 13 from the
thing lifted alone and laid over the hint, and Eq. 13 from the hint guided by the picture's outline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..following import ANYHOW, Agreement, agree
from ..following.registering import placed, registered
from ..run.staging import Stage, Staging
from ..voxels import resample
from .halves import GENERATION
from .hints import Hints
from .kit import Kit
from .layout import main_geometry
from .outlines import FOV, looking, outlines, steering
from .parts import PartGeometry, moved, planned, remade

HINTED, LIFTED, GUIDED = "hint", "lifted", "guided"  # how a candidate was made
GOOD = 0.9  # outline from which no further candidate is made
SURE = 0.7  # confidence with which a thing lifted alone must look like its pictures to be a candidate
CLEAR = 0.7  # outline that another candidate must have: thin things can be shredded on their way to the hint
LEAVING = 0.5  # of the outline's gain that is asked for leaving the hint altogether
TIE = 0.01  # by which a later candidate must be better


@dataclass(frozen=True)
class Candidates:
    """What a part could be, and which of that it is."""

    term: str
    grids: Tensor  # [K, 64, 64, 64] bool in the composite frame; the first is what Eq. 13 made
    labels: tuple[str, ...]  # [K] how each was made
    outline: tuple[float, ...]  # [K] mean IoU with the pictures' outlines, each from the pose that fits best
    kept: tuple[float, ...]  # [K] F1 with the hint at two voxels
    best: int


def candidates(
    kits: Sequence[Kit], terms: Sequence[str], hints: Sequence[Hints], parts: Sequence[PartGeometry]
) -> list[Candidates]:
    """Of several terms: as many as the setting says, or fewer where an early one looks like its picture."""
    return [
        of_part(kit, term, one.of(term), part, len(one.pieces(term)))
        for kit, term, one, part in zip(kits, terms, hints, parts)
    ]


def of_part(kit: Kit, term: str, hint: Tensor, part: PartGeometry, things: int = 1) -> Candidates:
    """Candidates for one part, the best by `preferred`. Of several things under one term, nothing else is tried."""
    shown = kit.shown(term)
    search: dict[str, Any] = {**ANYHOW, **({} if kit.backbone.orthographic else {"fov": FOV})}
    made: list[tuple[str, Tensor, Agreement]] = []
    quiet = kit.quiet()  # further candidates are no further steps of the stage

    def add(label: str, grid: Tensor) -> None:
        made.append((label, grid, agree(grid, shown, hint, **search)))

    add(HINTED, part.grid)
    wanted = kit.settings.candidates if made[0][2].outline < GOOD and things == 1 else 1
    if wanted > 1:
        # Guidance would make anything look like its picture from one side; compositions gained nothing by it.
        lifted = main_geometry(quiet, term, "filled")
        if agree(lifted.grid, shown, **looking(kit)).confidence >= SURE:
            there = placed(lifted.grid, registered(lifted.grid, hint))
            if there.any():
                add(LIFTED, remade(quiet, [planned(quiet, term, there)])[0])
    if wanted > 2 and kit.settings.outline:
        plan = planned(quiet, term, hint)
        move = moved(quiet, plan)
        told = outlines(quiet, resample(part.grid, move) if move else part.grid, term, **search)
        add(GUIDED, remade(quiet, [plan], steering(quiet, [told]))[0])
    labels, grids, scores = zip(*made)
    outline, kept = (tuple(round(getattr(score, name), 4) for score in scores) for name in ("outline", "kept"))
    return Candidates(term, torch.stack(grids), labels, outline, kept, preferred(scores))


def preferred(scores: Sequence[Agreement]) -> int:
    """Which candidate is taken: what it gains in outline must outweigh what it loses of the hint."""
    values = [score.outline - LEAVING * (1 - score.kept) for score in scores]
    best = 0
    for index, (score, value) in enumerate(zip(scores, values)):
        if score.outline >= CLEAR and value > values[best] + TIE:
            best = index
    return best


def choices(
    kits: Sequence[Kit], terms: Sequence[str], hints: Sequence[Hints], tried: Sequence[Candidates]
) -> list[PartGeometry]:
    """The best candidate of each term, or the one that a person chose. Raises InputError where there is no such one."""
    return [chosen(kit, term, one) for kit, term, one in zip(kits, terms, tried)]


def chosen(kit: Kit, term: str, tried: Candidates) -> PartGeometry:
    own = kit.choice(term)
    if own is not None and not 0 <= own < len(tried.labels):
        listed = ", ".join(f"{i} ({label})" for i, label in enumerate(tried.labels))
        raise InputError(f"there is no candidate {own} for {term!r}; there are {listed}")
    index = tried.best if own is None else own
    return PartGeometry(term, tried.grids[index], tried.labels[index])


CANDIDATES = Stage(
    "part_candidates", 5, Candidates, candidates,
    "Candidates", "What else the part could be; the one that follows its picture and its hint is taken (ours).",
    GENERATION, per_term=True,
)  # fmt: skip
CHOICE = Stage(
    "part_choice", 5, PartGeometry, choices,
    "Chosen part", "The candidate that was taken, or that a person chose (ours); grey: hint that it left.",
    GENERATION, per_term=True,
)  # fmt: skip


def followed(run: Staging[Kit], hints: Hints, parts: Mapping[str, PartGeometry]) -> Mapping[str, PartGeometry]:
    """The parts, each as the candidate that follows its pictures, or that a person chose."""
    if run.kit.settings.candidates == 1:
        return parts
    tried = run.each(CANDIDATES, {term: (hints, part) for term, part in parts.items()})
    return run.each(CHOICE, {term: (hints, one) for term, one in tried.items()})
