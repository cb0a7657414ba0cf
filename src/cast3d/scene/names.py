"""Whether a node of a model goes by a name: modellers write Wings_L or BaseballCap.001 for what people say."""

from __future__ import annotations

import re
import unicodedata

NOT, HELD, EQUAL, SAME = 0, 1, 2, 3
_NUMBER = re.compile(r"\d+")
# What modellers and their programs add to names, and what says nothing of what a thing is.
_DRESS = {
    "l", "r", "lt", "rt", "low", "high", "lo", "hi", "lod", "mesh", "geo", "geometry", "node", "obj", "object", "grp",
    "group", "part", "model", "mat", "material", "shape", "poly", "polygon", "the", "a", "an",
}  # fmt: skip
_SIDES = {"left", "right"}
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def alike(name: str, term: str) -> int:
    """SAME letter for letter; EQUAL where a name says just what a term says; HELD where it says more (red cap of cap).

    Else NOT. Case, order, plural "s" and the usual dress of names make no difference. Sides and numbers do where the
    term has them.
    """
    if name.strip().casefold() == term.strip().casefold() and name.strip():
        return SAME
    if not _numbers(term) <= _numbers(name):
        return NOT
    wanted, own = _words(term), _words(name)
    if not wanted or not own:
        return NOT
    sided = bool(wanted & _SIDES)
    if sided:
        own |= _side(name)
    plain = own if sided else own - _SIDES
    if plain == wanted:
        return EQUAL
    return HELD if wanted <= plain else NOT


def _numbers(text: str) -> set[int]:
    return {int(number) for number in _NUMBER.findall(text)}


def _words(text: str) -> set[str]:
    found = [word.casefold() for word in _WORD.findall(_CAMEL.sub(" ", unicodedata.normalize("NFKC", text)))]
    kept = [word for word in found if word not in _DRESS] or found
    return {_singular(word) for word in kept}


def _side(name: str) -> set[str]:
    """A side that a name tells by one letter, as in Wing.L."""
    last = [word.casefold() for word in _WORD.findall(name)]
    return {"left" if word in ("l", "lt") else "right" for word in last if word in ("l", "lt", "r", "rt")}


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-2] if word.endswith(("ches", "shes", "xes")) else word[:-1]
    return word
