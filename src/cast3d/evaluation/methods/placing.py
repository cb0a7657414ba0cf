"""Where a thing goes, from the words before it in the sentence: the rule that methods without a layout fall back on.

Boxes are in units of the base's own box: 0 to 1 along x (to the viewer's right), y (away from the viewer) and z (up).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...scene.terms import find_terms, outside_terms, relations
from ..suite import Case


@dataclass(frozen=True)
class Place:
    """The middle of a thing and its longest side, in units of the base's box and of its longest side."""

    x: float
    y: float
    z: float
    size: float
    behind: bool = False  # drawn behind the base in a picture


# By relation: the first accessory that is worn goes on the head, the next on the back, and so on.
WORN = (Place(0.5, 0.5, 0.97, 0.45), Place(0.5, 1.0, 0.55, 0.45, behind=True), Place(0.5, 0.0, 0.55, 0.45))
HELD = (Place(0.0, 0.0, 0.5, 0.4), Place(1.0, 0.0, 0.5, 0.4))
RIDING = (Place(0.5, 0.5, 1.0, 0.7),)
WITH = (Place(0.5, 0.8, 0.75, 0.8, behind=True), Place(0.5, 0.5, 0.97, 0.45))
NEXT = (Place(1.3, 0.5, 0.3, 0.6), Place(-0.3, 0.5, 0.3, 0.6))
UNDER = (Place(0.5, 0.5, -0.1, 1.0, behind=True),)
PLACES = {
    "wearing": WORN, "holding": HELD, "carrying": HELD, "with": WITH, "on": WORN, "riding": RIDING,
    "next to": NEXT, "beside": NEXT, "near": NEXT, "under": UNDER,
}  # fmt: skip


def places(case: Case) -> dict[str, Place]:
    """A place per accessory: that of the last relation word before it.

    Where the base is ridden ("a figure ... riding a horse"), the rider sits on top and what is said before "riding" is
    the rider's: it goes where the rider would wear or hold it, at two thirds of the size.
    """
    spans, found = find_terms(case.prompt, case.terms), {}
    told = outside_terms(case.prompt, spans)
    ridden = re.search(r"\briding\b", told)
    # Where a rider mounts: what stands before it is on the rider. -1: there is none.
    mounts = ridden.start() if ridden and spans[case.main].start > ridden.start() else -1
    used: dict[str, int] = {}
    for term in sorted(case.accessories, key=lambda term: spans[term].start):
        start = spans[term].start
        words = relations(told[:start])
        if start < mounts and not words:
            found[term] = RIDING[0]
            continue
        relation = words[-1] if words else "with"
        choices = PLACES[relation]
        index = used.get(relation, 0)
        used[relation] = index + 1
        place = choices[min(index, len(choices) - 1)]
        found[term] = _on_rider(place) if start < mounts else place
    return found


def _on_rider(place: Place) -> Place:
    """In the rider's box, which stands on the middle of the base's and is 0.7 of it high."""
    return Place(0.5 + 0.5 * (place.x - 0.5), 0.5 + 0.5 * (place.y - 0.5), 0.65 + 0.7 * place.z, 0.67 * place.size)
