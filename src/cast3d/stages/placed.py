"""Hints by rule, ours: for terms that no layout shows, the thing lifted alone and put where such things sit."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..following.registering import Floats, placed
from ..run.staging import Stage, Staging
from ..scene.sentence import Sentence
from ..voxels import dilate, to_coords, to_world
from . import sizes
from .halves import HINTING
from .hints import Hints
from .kit import Kit
from .layout import MainGeometry
from .outlines import lifted_geometry
from .places import NAMED, RELATIONS, STANDING, UNDERNEATH, Carrier, place_of, placement
from .reading import Reading
from .several import on_own_left


def placed_hints(kit: Kit, main: MainGeometry, hints: Hints, reading: Reading) -> Hints:
    """h_i with those of absent terms by rule. What another accessory has stays with it.

    What stands on a surface stands where the layout shows it, if it does; but as what it is alone, and as large as such
    things are.
    """
    grids, lines = hints.grids.clone(), []
    base = reading.base
    carrier = Carrier.of(main.grid)
    for term in reading.absent:
        grids[reading.terms.index(term)] = False
    for term, relation in reading.absent.items():
        index = reading.terms.index(term)
        thing = lifted_geometry(kit, term, "filled").grid
        place = place_of(term, relation, reading.lookalikes.get(term, ()))
        share, near = size_beside(term, reading.main), middle(hints.of(term), kit.settings.minimum_hint)
        left = on_own_left(term, reading.terms)
        sides = [False, True] if place == "hand" and left is None else [bool(left)]
        others = torch.stack([g for i, g in enumerate(grids) if i not in (base, index)] or [grids[base] & False]).any(0)
        taken = dilate(others).any(2)
        laid = [placement(place, carrier, thing, side, share, taken, near) for side in sides]
        there = [placed(thing, one).to(grids.device) for one in laid]
        grid = min(there, key=lambda grid: int((dilate(grid, 2) & others).sum()))  # the hand that is free
        grids[index] = grid & ~others
        grids[base] &= ~grids[index]
        lines.append(f"{term}: placed by rule, {NAMED[place]}")
    return replace(hints, grids=grids, report=(*hints.report, *lines))


def middle(hint: Tensor, least: int) -> Floats | None:
    """x, y of a hint's middle in the world; None where it has fewer than `least` voxels."""
    coords = to_coords(hint)
    return to_world(coords.double())[:, :2].mean(0).cpu().numpy() if len(coords) >= least else None


def standing(kit: Kit, sentence: Sentence) -> dict[str, str]:
    """Terms of what stands on the main thing by rule, layout or not, each with its relation; none where rules are off.

    Layouts of the shipped backbone show one in three of the things on a table, and those as scraps.
    """
    if not kit.settings.place_missing or not on_surfaces(kit, sentence.main):
        return {}
    apart = [term for term in sentence.accessories if RELATIONS.get(sentence.relation(term)) in ("under", "beside")]
    return {term: STANDING for term in sentence.accessories if term not in apart and kit.painted(term) is None}


def tie(kit: Kit, sentence: Sentence, term: str) -> str:
    """The relation by which a rule places a term that no layout shows; "" where the sentence has none."""
    relation = sentence.relation(term)
    return UNDERNEATH if relation == "under" and on_surfaces(kit, sentence.main) else relation


def on_surfaces(kit: Kit, main: str) -> bool:
    """Whether things stand on the main thing, as on a table: by its noun, or one that stands for it."""
    noun = (sizes.noun_of(main) or ("",))[-1]
    return sizes.carries(main) or any(map(sizes.carries, kit.backbone.describer.likened(noun).values()))


def size_beside(term: str, main: str, limits: tuple[float, float] = (0.08, 0.6)) -> float | None:
    """How long a thing is beside the main one, where both sizes are known; within `limits`, as nouns say little."""
    own, other = sizes.known(term), sizes.known(main)
    return None if own is None or other is None else min(max(own.cm / other.cm, limits[0]), limits[1])


PLACED_HINTS = Stage(
    "placed_hints", 4, Hints, placed_hints,
    "Placed hints", "Things that no layout shows, lifted alone and placed by rule (ours).", HINTING,
)  # fmt: skip


def as_placed(run: Staging[Kit], main: MainGeometry, hints: Hints, reading: Reading) -> Hints:
    """The hints, with those of absent terms placed, if any is absent."""
    return run(PLACED_HINTS, main, hints, reading) if reading.absent else hints
