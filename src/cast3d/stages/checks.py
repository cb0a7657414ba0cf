"""What may be wrong with a finished composition, in words for people: a short list of checks, each with a remedy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..voxels import dilate, to_grid
from .appearance import Appearance
from .geometry import Geometry
from .hints import Hints, beside, is_crumb
from .layout import MainGeometry
from .parts import PartGeometry
from .reading import Reading
from .rest import Rest
from .several import miscounted, mixed_up

# Bounds: of the 113 true compositions of the suites none passes them (but for clipping, which five do); of
# compositions that went wrong those in tests/stages/test_checks.py do.
TOGETHER = 0.45  # share of each of two hints that lies beside the other; at most .33 where all is right
SCRAP, HIDDEN = 0.25, 0.25  # of its hint; of its outlines, still in sight: at least .29 where all is right
SPECK = 45  # voxels of a part; at least 61 where all is right
CUT = 24  # voxels on one side of the cube: a flat cut
COVERED = 0.5  # of the main thing's outlines, still in sight: at least .59 where all is right
DRIFT = 0.8  # of the main thing away from the others, still there, and the other way; at least .86 where all is right
AWAY, FEW = 3, 100  # voxels around the others in which the main thing may change; too few voxels to say
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
        *drifted(main, seen, reading),
        *floating(parts, seen, reading),
        *geometry.warnings,
    ]


def one_place(hints: Hints, reading: Reading) -> list[str]:
    """Two terms that share one place: the segmenter took one thing for both, or gave a piece of it to each."""
    terms, found = [term for term in reading.terms if term != reading.main], []
    for i, a in enumerate(terms):
        for b in terms[i + 1 :]:
            small, large = sorted((a, b), key=lambda term: int(hints.of(term).sum()))
            inside, around = beside(hints.of(small), hints.of(large)), beside(hints.of(large), hints.of(small))
            if min(inside, around) > TOGETHER:
                found.append(
                    f"{a!r} and {b!r} stand in one place of the layout, so one thing may be split between them: use "
                    "plainer words, or words that differ more, or another seed"
                )
            elif is_crumb(hints.of(small), hints.of(large)):
                found.append(
                    f"{small!r} is a crumb of {large!r} in the layout, which may show one thing for both: use words "
                    "that differ more, or another seed"
                )
    return found


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
        elif size < SPECK:
            found.append(
                f"{term}: it came out as a speck ({size} voxels); try another seed, plainer words, or a picture "
                "that is more like what the backbone knows"
            )
        elif in_sight(term, seen, part.grid) < HIDDEN:
            found.append(f"{term}: hardly anything of it is to be seen, other parts hide it; try another seed")
    return found


def clipped(main: MainGeometry, parts: Mapping[str, PartGeometry], reading: Reading) -> list[str]:
    """Things that the side of the cube cuts flat."""
    made = {} if isinstance(main, Rest) else {reading.main: main.grid}  # a model lies whole in it
    grids = made | {term: part.grid for term, part in parts.items()}
    return [
        f"{term}: it reaches the side of the space that there is and is cut flat there; a smaller main thing, or a "
        "picture that shows it smaller, leaves more room"
        for term, grid in grids.items()
        if max(int(side.sum()) for axis in range(3) for side in (grid.select(axis, 0), grid.select(axis, -1))) >= CUT
    ]


def in_sight(term: str, seen: Mapping[str, Tensor], alone: Tensor) -> float:
    """The share of a thing's outlines from the six sides of the cube that the others leave in sight.

    `alone` is the thing without the others.
    """
    whole = torch.stack(list(seen.values())).any(0)
    left, all_of_it = 0, 0
    for axis in range(3):
        for turned in (False, True):
            own, grid = (one.flip(axis) if turned else one for one in (seen[term], whole))
            nearest = grid.to(torch.uint8).argmax(axis, keepdim=True)  # 0 where there is nothing, as is `own` there
            left += int(own.gather(axis, nearest).sum())
        all_of_it += 2 * int(alone.any(axis).sum())
    return left / max(all_of_it, 1)


def covered(main: MainGeometry, seen: Mapping[str, Tensor], reading: Reading) -> list[str]:
    """A main thing of which the others leave little in sight."""
    left = in_sight(reading.main, seen, main.grid)
    if left >= COVERED or len(reading.terms) == 1:
        return []
    largest = max((term for term in reading.terms if term != reading.main), key=lambda term: int(seen[term].sum()))
    return [
        f"{reading.main}: only {left:.0%} of it is left in sight; {largest!r} may have swallowed it: try another "
        f"seed, or make {largest!r} the main thing"
    ]


def unchanged(main: MainGeometry, seen: Mapping[str, Tensor], reading: Reading) -> float:
    """How much of the main thing is as it was, away from the others, forgiving one voxel: the less of two shares.

    Of what it was, what is still there; and of what is there, what was there before. 1 where too little is away.
    """
    others = [grid for term, grid in seen.items() if term != reading.main]
    away = ~dilate(torch.stack(others).any(0), AWAY) if others else torch.ones_like(main.grid)
    before, after = main.grid & away, seen[reading.main] & away
    if max(int(before.sum()), int(after.sum())) < FEW:
        return 1.0
    kept = int((before & dilate(seen[reading.main])).sum()) / max(int(before.sum()), 1)
    same = int((after & dilate(main.grid)).sum()) / max(int(after.sum()), 1)
    return min(kept, same)


def drifted(main: MainGeometry, seen: Mapping[str, Tensor], reading: Reading) -> list[str]:
    """A main thing that changed where nothing touches it."""
    share = unchanged(main, seen, reading)
    if share >= DRIFT:
        return []
    return [
        f"{reading.main}: it changed where nothing touches it: only {share:.0%} of it is as it was alone; try another "
        "seed, or a lower refine_start"
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
