"""What an English sentence says beside its terms: which thing carries the others, what has no picture, what is counted.

It reads clear cases only. What it finds becomes a note, a warning, or a choice that the user is told of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .terms import Span, match_key, outside_terms

# "X wearing Y": X carries. "X riding Y": Y carries, where it is the next thing said.
_HOLDS = r"wearing|wears|holding|holds|carrying|carries|wielding|with|has|having|dressed in|in"
_STANDS_ON = r"riding|rides|on top of|on|atop|upon"
_HOLDING = re.compile(rf"\b(?:{_HOLDS})\b")
_STANDING = re.compile(rf"\b(?:{_STANDS_ON})\b")
_ARTICLE = r"(?:a|an|the|his|her|its|their)"
_NEXT = re.compile(rf"\s+(?:{_ARTICLE}\s+)?$")  # between such a word and the thing after it

# "… and a backpack": a thing with an article, up to the next word that begins something else.
_THING = re.compile(
    rf"(?:^|\b(?:{_HOLDS}|{_STANDS_ON}|and)\b|,)\s*(?:and\s+)?an?\s+(\w+(?:[ -]\w+){{0,2}}?)"
    rf"(?=\s*(?:[,.;:!]|$|\b(?:{_HOLDS}|{_STANDS_ON}|and|or|of|at|to|by|from|for|that|who|which|is|next|near|beside)\b))"
)
_NO_THINGS = {
    "background", "backdrop", "field", "floor", "ground", "grin", "hurry", "line", "mood", "pose", "row", "scene",
    "smile", "stance", "studio", "style", "way",
}  # fmt: skip

_SIDES = (
    {"left", "right"}, {"front", "back", "rear"}, {"upper", "lower"}, {"top", "bottom"}, {"first", "second", "third"},
)  # fmt: skip
_COUNTS = {
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "dozen", "both",
    "several", "many",
    *map(str, range(2, 100)),
}  # fmt: skip


def carrier(prompt: str, spans: Mapping[str, Span]) -> str | None:
    """The term of the thing that carries the others, as far as the sentence says so.

    "a figure wearing a cap", "a cap on a figure": the figure; "a figure wearing a cap riding a horse": the horse.
    """
    told = outside_terms(prompt, spans)
    if len(told) != len(prompt):  # a letter whose small form is two
        return None
    after = {
        relation.end(): term
        for relation in _STANDING.finditer(told)
        for term, span in spans.items()
        if span.start > relation.end() and _NEXT.fullmatch(told[relation.end() : span.start])
    }
    if after:
        return after[max(after)]
    for holding in _HOLDING.finditer(told):
        before = [term for term, span in spans.items() if span.end <= holding.start()]
        if before:
            return max(before, key=lambda term: spans[term].start)
    return None


def unpictured(prompt: str, spans: Mapping[str, Span]) -> list[str]:
    """Things that the sentence names beside its terms, as in "… and a backpack"."""
    told = "".join(
        "\0" if any(span.start <= at < span.end for span in spans.values()) else character
        for at, character in enumerate(prompt.lower())
    )
    things = [match[1] for match in _THING.finditer(told)] if len(told) == len(prompt) else []
    return list(dict.fromkeys(thing for thing in things if thing.split()[-1] not in _NO_THINGS))


def things(prompt: str) -> list[Span]:
    """Where the things stand that a sentence names with an article: what may become its terms."""
    told = prompt.lower()
    if len(told) != len(prompt):
        return []
    return [Span(*found.span(1)) for found in _THING.finditer(told) if found[1].split()[-1] not in _NO_THINGS]


def confusable(prompt: str, spans: Mapping[str, Span]) -> list[str]:
    """A warning for each pair of terms that differ by their side only, and for each that counts several things."""
    found, keys = [], {term: match_key(term) for term in spans}
    terms = list(spans)
    for index, term in enumerate(terms):
        for other in terms[index + 1 :]:
            if len(keys[term]) == len(keys[other]) and _by_side(keys[term], keys[other]):
                found.append(
                    f"{term!r} and {other!r} differ by their side only, which the layout may not tell apart; look at "
                    f"the hints, and try another seed where they are mixed up"
                )
        before = match_key(prompt[: spans[term].start])[-1:]
        if counted := next((word for word in (*before, *keys[term]) if word in _COUNTS), None):
            found.append(
                f"{term!r} ({counted}) is more than one thing under one term: it becomes one part, and the layout may "
                f"show another number; for a part each, give each a name and a picture of its own"
            )
    return found


def _by_side(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two terms have the same words but for left and right and the like."""
    differing = [{a, b} for a, b in zip(one, other) if a != b]
    return bool(differing) and all(any(pair <= sides for sides in _SIDES) for pair in differing)
