"""What an English sentence says beside its terms: which thing carries the others, what has no picture, what is counted.

It reads clear cases only. What it finds becomes a note, a warning, or a choice that the user is told of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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

# Where a thing of two is, by the word that tells it apart: the axis of the cube, and which way. The main thing faces
# -y, so its own left is +x.
_WAYS = {
    "left": (0, 1), "right": (0, -1), "front": (1, -1), "back": (1, 1), "rear": (1, 1),
    "upper": (2, 1), "top": (2, 1), "lower": (2, -1), "bottom": (2, -1),
}  # fmt: skip
_ORDER = {"first", "second", "third"}
_NUMBERS = {
    word: number
    for number, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 2
    )
} | {"both": 2, "dozen": 12, **{str(number): number for number in range(2, 100)}}
_COUNTS = {*_NUMBERS, "several", "many"}
_VOWEL_SOUNDS = ("a", "e", "i", "o", "hour", "ul", "um", "un", "up", "urn")


def indefinite(name: str) -> str:
    """The article before a name: "an umbrella" but "a utility belt"."""
    return "an" if name.lower().startswith(_VOWEL_SOUNDS) else "a"


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
    """A warning for each pair of terms that only their order tells apart, and for each that counts without a number.

    Pairs told apart by their side, and numbers, are looked for in the layout (`stages.several`).
    """
    found, keys = [], {term: match_key(term) for term in spans}
    terms = list(spans)
    for index, term in enumerate(terms):
        for other in terms[index + 1 :]:
            differing = _differing(keys[term], keys[other])
            if differing and all(pair <= _ORDER for pair in differing):
                found.append(
                    f"{term!r} and {other!r} differ by their order only, which no layout tells apart; look at the "
                    f"hints, or say where each is (left, right)"
                )
        if (counted := _counted(prompt, spans[term], keys[term])) and counted not in _NUMBERS:
            found.append(
                f"{term!r} ({counted}) is more than one thing under one term: it becomes one part, and the layout "
                f"decides how many there are; for a part each, give each a name and a picture of its own"
            )
    return found


def counts(prompt: str, spans: Mapping[str, Span]) -> dict[str, int]:
    """How many things the sentence says that a term is, where it says a number above one."""
    said = {term: _counted(prompt, span, match_key(term)) for term, span in spans.items()}
    return {term: _NUMBERS[word] for term, word in said.items() if word in _NUMBERS}


def sided(terms: Sequence[str]) -> list[tuple[str, str, int]]:
    """Pairs of terms that differ by their side only, and the axis (x, y, z); the first is on the greater side.

    "left sword" and "right sword" are on the main thing's own left and right.
    """
    keys, found = {term: match_key(term) for term in terms}, []
    for one in terms:
        for other in terms:
            differing = _differing(keys[one], keys[other])
            if len(differing) != 1:
                continue
            a, b = next((a, b) for a, b in zip(keys[one], keys[other]) if a != b)
            if a in _WAYS and b in _WAYS and _WAYS[a] == (_WAYS[b][0], 1) and _WAYS[b][1] == -1:
                found.append((one, other, _WAYS[a][0]))
    return found


def _counted(prompt: str, span: Span, key: Sequence[str]) -> str:
    """The word before a term, or its first, that says how many things it is ("pads with six spikes" are not six)."""
    before = match_key(prompt[: span.start])[-1:]
    return next((word for word in (*before, *key[:1]) if word in _COUNTS), "")


def _differing(one: Sequence[str], other: Sequence[str]) -> list[set[str]]:
    """Pairs of words in which two terms of as many words differ."""
    return [{a, b} for a, b in zip(one, other) if a != b] if len(one) == len(other) else []
