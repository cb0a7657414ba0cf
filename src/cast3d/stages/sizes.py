"""How large everyday things are, and which of them carry others: what the rules of `places` know of the world.

`sizes.csv` is made from the models that the shipped backbone was trained on (`training.world.sizes`). It holds nouns,
and nouns with the word before where that says something else ("table", "table lamp").
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..scene.terms import RELATIONS, match_key, singulars

FILE = Path(__file__).with_name("sizes.csv")
_OTHERS = {"and", "around", "at", "behind", "for", "from", "full", "in", "made", "of", "over", "to", "without"}
NOUN_ENDS = _OTHERS | {relation.split()[0] for relation in RELATIONS}  # "bowl | of fruit"


@dataclass(frozen=True)
class Known:
    """What is known of things of a noun."""

    cm: float  # the longest side
    carries: bool  # others stand, lie or sit on it


def noun_of(name: str) -> tuple[str, ...]:
    """The words of a name up to its noun: those before the first "with", "of", "on", ..."""
    words = match_key(name)
    end = next((i for i, word in enumerate(words) if i and word in NOUN_ENDS), len(words))
    return words[:end]


@cache
def table() -> dict[str, Known]:
    """All that is known, by noun."""
    with open(FILE, newline="", encoding="utf-8") as file:
        return {row["noun"]: Known(float(row["cm"]), row["carries"] == "1") for row in csv.DictReader(file)}


def known(name: str) -> Known | None:
    """What is known of a thing by its noun and the word before, else by its noun; None where there is no such noun."""
    words = noun_of(name)
    if not words:
        return None
    forms = [*sorted(singulars(words[-1]), key=len, reverse=True), f"{words[-1]}s"]
    pairs = [f"{words[-2]} {form}" for form in forms] if len(words) > 1 else []
    return next((table()[form] for form in (*pairs, *forms) if form in table()), None)


def carries(name: str) -> bool:
    """Whether things of this name carry others, as tables and chairs do."""
    found = known(name)
    return found is not None and found.carries
