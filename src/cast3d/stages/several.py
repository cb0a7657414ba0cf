"""Several things of one kind in a layout, ours: terms that differ by their side only, and terms that count.

The segmenter knows no sides: asked for a left sword, it marks both swords. So what it finds for such a pair is shared
out by where it lies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..scene.grammar import counts, sided
from ..scene.terms import Span, find_terms
from ..voxels import components, to_coords
from .reading import Reading

SPLIT = 0.2  # share of a piece on its lesser side from which it is cut in the middle, and not given to one side
ON_ITS_SIDE = 0.8  # share of a hint that must lie on the side that its term says
PIECE = 0.25  # of the largest piece: smaller ones do not count as things


def told_apart(
    grids: Tensor, main: Tensor, terms: Sequence[str], minimum: int, alone: bool = False
) -> tuple[Tensor, list[str]]:
    """Hints [N, R, R, R] in which terms that differ by their side only have what lies there, and a line for each pair.

    The sides meet in the middle of the main thing, `main` [R, R, R]. Each piece goes to the side where most of it lies;
    one that reaches well to both is cut. Where the layout shows things on one side only, all stays as it was; with
    `alone` they go to the term of that side, and the other has none.
    """
    grids, lines = grids.clone(), []
    for one, other, axis in sided(terms):
        i, j = terms.index(one), terms.index(other)
        greater, lesser = _halves(grids[i] | grids[j], _middle(main, axis), axis)
        shown = [int(half.sum()) >= max(minimum, 1) for half in (greater, lesser)]
        if all(shown) or (alone and any(shown)):
            grids[i], grids[j] = greater & shown[0], lesser & shown[1]
            lines.append(f"{one}, {other}: told apart by where they lie")
    return grids, lines


def twin(term: str, terms: Sequence[str]) -> str | None:
    """The term that differs by its side only."""
    return next((one if term == other else other for one, other, _ in sided(terms) if term in (one, other)), None)


def on_own_left(term: str, terms: Sequence[str]) -> bool | None:
    """Whether a term is the left one of two (and so at +x), or the right one; None where it is neither."""
    return next((term == one for one, other, axis in sided(terms) if axis == 0 and term in (one, other)), None)


def _middle(main: Tensor, axis: int) -> float:
    """Where the middle of a grid is along an axis, in voxels; of the cube where the grid is empty."""
    at = to_coords(main)[:, axis]
    return float(at.min() + at.max() + 1) / 2 if len(at) else len(main) / 2


def _halves(grid: Tensor, middle: float, axis: int) -> tuple[Tensor, Tensor]:
    """The pieces of a grid beyond the middle, and those before it."""
    beyond = (torch.arange(len(grid), device=grid.device) + 0.5 > middle).view(
        [-1 if a == axis else 1 for a in range(3)]
    )
    labels, sizes = components(grid, 26)
    inside = torch.bincount(labels[grid & beyond], minlength=len(sizes) + 1)[1:] / sizes.clamp_min(1)
    # Per piece: 1 all of it is beyond, 0 none is; between, it is cut.
    whole = torch.where(inside >= 1 - SPLIT, 1.0, torch.where(inside <= SPLIT, 0.0, 0.5))
    share = torch.cat([whole.new_zeros(1), whole])[labels]
    greater = grid & ((share == 1) | ((share == 0.5) & beyond))
    return greater, grid & ~greater


def mixed_up(grids: Tensor, main: Tensor, reading: Reading) -> list[str]:
    """A warning for each pair whose sides the layout does not show."""
    found = []
    for one, other, axis in sided(reading.terms):
        middle = _middle(main, axis)
        shares = []
        for term, sign in ((one, 1), (other, -1)):
            at = to_coords(grids[reading.terms.index(term)])[:, axis] + 0.5
            shares.append(float(((at - middle) * sign > 0).double().mean()) if len(at) else 0.0)
        if min(shares) < ON_ITS_SIDE:
            found.append(
                f"{one!r} and {other!r} are not on the two sides of the layout that their words say; look at the "
                "hints, and try another seed, or paint the hints"
            )
    return found


def said(reading: Reading) -> dict[str, int]:
    """How many things each accessory is, where its own words or the word before it say a number above one."""
    before = counts(reading.prompt, find_terms(reading.prompt, reading.names))
    own = counts("", {term: Span(0, 0) for term in reading.terms})
    found = {term: own.get(term) or before.get(name) for term, name in zip(reading.terms, reading.names)}
    return {term: number for term, number in found.items() if number and term != reading.main}


def shown_as_said(grids: Tensor, reading: Reading) -> tuple[int, ...]:
    """[N] of how many things each hint is made: what the sentence says where the layout shows as many, else 1.

    Empty where the sentence counts nothing.
    """
    asked = said(reading)
    if not asked:
        return ()
    return tuple(
        asked[term] if term in asked and len(pieces(grid)) == asked[term] else 1
        for term, grid in zip(reading.terms, grids)
    )


def miscounted(grids: Tensor, reading: Reading) -> list[str]:
    """A warning for each term of which the layout shows another number than the sentence says."""
    asked = said(reading)
    shown = {term: len(pieces(grids[reading.terms.index(term)])) for term in asked}
    return [
        f"{term}: the sentence says {number} and the layout shows {shown[term]}, which one part is made of; try "
        "another seed, or give each a name and a picture of its own, as in 'a left sword and a right sword'"
        for term, number in asked.items()
        if shown[term] != number
    ]


def pieces(grid: Tensor) -> list[Tensor]:
    """The pieces of a hint that count as things, the largest first."""
    labels, sizes = components(grid, 26)
    return [labels == i + 1 for i in range(len(sizes)) if sizes[i] >= PIECE * sizes[0]]
