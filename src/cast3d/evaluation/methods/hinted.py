"""Robustness to hints (paper Fig. 8): the second stage on hints that are given, good or bad, instead of found.

All start from the true parts and are therefore no methods but measurements; their names begin with "hints-".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ...composition import Hinted, generate
from ...run.plain_data import digest
from ...stages.hints import Hints
from ...stages.kit import Kit
from ...stages.reading import read
from ...stages.search import first_names
from ...stages.table import HINTS, MAIN
from ...voxels import blur, dilate, shift
from ..bench import Bench
from ..outcome import Outcome
from ..suite import Case

OFFSET = 2  # voxels, along every axis
BLUR, LEVEL = 1.5, 0.1  # standard deviation in voxels, and where the blur counts as occupied

Perturb = Callable[[Bench, dict[str, Tensor]], dict[str, Tensor]]  # true visible parts by term -> hints


def hinted(bench: Bench, perturb: Perturb) -> Outcome:
    """The second stage on the true parts as `perturb` changes them."""
    run, sentence = bench.staging(), bench.sentence
    main = run(MAIN, sentence.main)
    given = perturb(bench, {term: bench.case.truth[term].visible for term in bench.case.accessories})
    others = torch.stack(list(given.values())).any(0)
    grids = torch.stack([given.get(term, main.grid.cpu() & ~others) for term in sentence.terms])

    def given_hints(kit: Kit, digest: str) -> Hints:
        nothing = torch.zeros(0, len(grids), 1, 1, dtype=torch.bool)
        return Hints(grids.to(kit.device), torch.zeros(0, 1, 1, 3, dtype=torch.uint8), nothing, sentence.terms)

    hints = run(replace(HINTS, function=given_hints), digest(grids.numpy().tobytes()))
    lookalikes, taught = first_names(run.kit, sentence)
    reading = read(sentence, lookalikes, run.kit.settings.layout_starts[0], taught)
    return bench.composed(run, generate(run, sentence, Hinted(main, reading, hints)))


def true(bench: Bench, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Perfect hints: what is left to the second stage."""
    return parts


def shifted(bench: Bench, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each part two voxels off along every axis, to a side that its term decides."""
    return {term: shift(grid, _side(bench, term)) for term, grid in parts.items()}


def _side(bench: Bench, term: str) -> tuple[int, int, int]:
    bits = int(digest(f"{bench.case.id} {term} {bench.seed}")[:8], 16)
    x, y, z = (OFFSET if bits >> axis & 1 else -OFFSET for axis in range(3))
    return x, y, z


def blurred(bench: Bench, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each part swollen and without detail."""
    return {term: blur(grid, BLUR) > LEVEL for term, grid in parts.items()}


def swapped(bench: Bench, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Terms in the wrong place: each takes the next one's hint. With one accessory, that of its mirror image."""
    terms = list(parts)
    if len(terms) == 1:
        return {terms[0]: parts[terms[0]].flip(0)}
    return {term: parts[other] for term, other in zip(terms, terms[1:] + terms[:1])}


def existing(bench: Bench, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """From existing models: the part of another object of the suite that lies most nearly in the same place.

    Only parts that share at least a fifth of their surroundings are taken; without one the true part stays.
    """
    return {term: _neighbour(bench.case, bench.others, term, grid) for term, grid in parts.items()}


def _neighbour(case: Case, others: tuple[Case, ...], term: str, grid: Tensor) -> Tensor:
    around = dilate(grid, 2)
    best, share = grid, 0.2
    for other in others:
        for name in other.accessories if other.main == case.main else ():
            candidate = other.truth[name].visible
            if other.images[name].name == case.images[term].name:
                continue  # the very same thing
            near = dilate(candidate, 2)
            overlap = float((near & around).sum()) / float((near | around).sum())
            if overlap > share:
                best, share = candidate, overlap
    return best
