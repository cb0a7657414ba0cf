"""What may be wrong with a finished composition, in words for people: a short list of checks, each with a remedy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..voxels import dilate, to_grid
from .appearance import Appearance
from .geometry import Geometry
from .hints import Hints
from .layout import MainGeometry
from .parts import PartGeometry
from .reading import Reading
from .several import miscounted, mixed_up

TOGETHER = 0.45  # share of each of two hints that lies beside the other
SCRAP, STUB = 0.25, 0.2  # of its hint, of its own geometry: less is a scrap, is hidden
CUT = 24  # voxels on one side of the cube: a flat cut
COVERED = 0.5  # of the main geometry, still to be seen
APART = 2  # voxels between a part and the rest that still count as touching
BESIDE = {"next to", "beside", "near"}  # relations of things that need not touch


def what_may_be_wrong(
    main: MainGeometry,
    hints: Hints,
    parts: Mapping[str, PartGeometry],
    geometry: Geometry,
    appearance: Appearance,
    reading: Reading,
) -> list[str]:
    """A sentence per finding; none where all looks right."""
    seen = {term: to_grid(appearance.coords[appearance.owner == i]) for i, term in enumerate(reading.terms)}
    return [
        *one_place(hints, reading),
        *mixed_up(hints.grids, main.grid, reading),
        *miscounted(hints.grids, reading),
        *scraps(hints, parts, seen),
        *clipped(main, parts, reading),
        *covered(main, seen, reading),
        *floating(parts, seen, reading),
        *geometry.warnings,
    ]


def one_place(hints: Hints, reading: Reading) -> list[str]:
    """Two terms that share one place: the segmenter took one thing for both, or gave half of it to each."""
    terms = [term for term in reading.terms if term != reading.main]
    return [
        f"{a!r} and {b!r} stand in one place of the layout, so one thing may be split between them: use plainer words, "
        "or words that differ more, or another seed"
        for i, a in enumerate(terms)
        for b in terms[i + 1 :]
        if min(_beside(hints.of(a), hints.of(b)), _beside(hints.of(b), hints.of(a))) > TOGETHER
    ]


def _beside(one: Tensor, other: Tensor) -> float:
    """Share of `one` within two voxels of `other`."""
    return float((one & dilate(other, 2)).sum() / one.sum().clamp_min(1))


def scraps(hints: Hints, parts: Mapping[str, PartGeometry], seen: Mapping[str, Tensor]) -> list[str]:
    """Parts that are a scrap of their hint, or of which hardly anything is to be seen."""
    found = []
    for term, part in parts.items():
        size, hint = int(part.grid.sum()), int(hints.of(term).sum())
        if size < SCRAP * hint:
            found.append(
                f"{term}: it came out as a scrap ({size} voxels where the layout shows {hint}); re-seed it "
                f"(--reseed {term!r}), or raise part_start"
            )
        elif int(seen[term].sum()) < STUB * size:
            found.append(f"{term}: hardly anything of it is to be seen, other parts hide it; try another seed")
    return found


def clipped(main: MainGeometry, parts: Mapping[str, PartGeometry], reading: Reading) -> list[str]:
    """Things that the side of the cube cuts flat."""
    grids = {reading.main: main.grid, **{term: part.grid for term, part in parts.items()}}
    return [
        f"{term}: it reaches the side of the space that there is and is cut flat there; a smaller main thing, or a "
        "picture that shows it smaller, leaves more room"
        for term, grid in grids.items()
        if max(int(side.sum()) for axis in range(3) for side in (grid.select(axis, 0), grid.select(axis, -1))) >= CUT
    ]


def covered(main: MainGeometry, seen: Mapping[str, Tensor], reading: Reading) -> list[str]:
    """A main thing of which the others leave little."""
    left = float((main.grid & dilate(seen[reading.main])).sum() / main.grid.sum().clamp_min(1))
    if left >= COVERED or len(reading.terms) == 1:
        return []
    largest = max((term for term in reading.terms if term != reading.main), key=lambda term: int(seen[term].sum()))
    return [
        f"{reading.main}: only {left:.0%} of it is left to be seen; {largest!r} may have swallowed it: try another "
        f"seed, or make {largest!r} the main thing"
    ]


def floating(parts: Mapping[str, PartGeometry], seen: Mapping[str, Tensor], reading: Reading) -> list[str]:
    """Parts that touch nothing."""
    if any(word in reading.prompt.lower() for word in BESIDE):
        return []
    found = []
    for term in parts:
        others = torch.stack([grid for other, grid in seen.items() if other != term]).any(0)
        if seen[term].any() and others.any() and not (dilate(seen[term], APART) & others).any():
            found.append(f"{term}: it touches nothing; try another seed, or words that say where it belongs")
    return found
