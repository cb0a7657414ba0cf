"""Finds the words of each term in the prompt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import InputError

_WORD = re.compile(r"\w+(?:-\w+)*")
_ARTICLES = {"a", "an", "the"}
RELATIONS = ("wearing", "holding", "carrying", "riding", "with", "on")
_RELATION = re.compile(r"\b(" + "|".join(RELATIONS) + r")\b")
_SMALL = _ARTICLES | {"and", "or", "with", "on", "in", "of", "at", "to", "by", "is", "his", "her", "its", "their"}


class Span(NamedTuple):
    """Character positions: `prompt[start:end]`."""

    start: int
    end: int


class _Range(NamedTuple):
    """Word positions: `words[first:last]`."""

    first: int
    last: int


def match_key(text: str) -> tuple[str, ...]:
    """What makes two terms the same: their words without case and leading articles, all articles being alike."""
    words = ["the" if word in _ARTICLES else word for word in _WORD.findall(text.casefold())]
    while words and words[0] == "the":
        words.pop(0)
    return tuple(words)


def find_terms(prompt: str, terms: Sequence[str]) -> dict[str, Span]:
    """Where each term stands in the prompt, no two on the same word.

    With "a red cap and a cap", "cap" is the second cap when "red cap" is a term too. Raises InputError for a term that
    is given twice, does not occur, occurs only up to a plural "s" and in several places, or finds its words taken.
    """
    keys = {term: match_key(term) for term in terms}
    for index, term in enumerate(terms):
        if twin := next((other for other in terms[:index] if keys[other] == keys[term]), None):
            raise InputError(
                f"the terms {twin!r} and {term!r} are the same; give each thing a name of its own in the prompt"
            )
    words = list(_WORD.finditer(prompt))
    spoken = ["the" if word.group().casefold() in _ARTICLES else word.group().casefold() for word in words]
    candidates = [_candidates(prompt, spoken, term, keys[term]) for term in terms]
    placed = _place(candidates, len(words))
    if len(placed) < len(terms):
        lost = next(term for index, term in enumerate(terms) if index not in placed)
        raise InputError(
            f"the words of {lost!r} in the prompt {prompt!r} belong to another term already; "
            f"name each thing once for every term, as in 'a red cap and a blue cap'"
        )
    return {
        term: Span(words[placed[index].first].start(), words[placed[index].last - 1].end())
        for index, term in enumerate(terms)
    }


def outside_terms(prompt: str, spans: Mapping[str, Span]) -> str:
    """The prompt in lower case with blanks in place of its terms: words in them ("helmet with horns") say nothing."""
    told = prompt.lower()
    for span in spans.values():
        told = told[: span.start] + " " * (span.end - span.start) + told[span.end :]
    return told


def relations(told: str) -> list[str]:
    """The words of a text that say how one thing is tied to another, in their order."""
    return _RELATION.findall(told)


def _candidates(prompt: str, spoken: list[str], term: str, key: tuple[str, ...]) -> list[_Range]:
    """Every place that reads like the term; else the only one that does so up to a plural "s"."""
    ranges = [_Range(first, first + len(key)) for first in range(len(spoken) - len(key) + 1)]
    exact = [place for place in ranges if tuple(spoken[place.first : place.last]) == key]
    if exact:
        return exact
    head, last = key[:-1], _singulars(key[-1])
    alike = [
        place
        for place in ranges
        if tuple(spoken[place.first : place.last - 1]) == head and _singulars(spoken[place.last - 1]) & last
    ]
    if len(alike) > 1:
        found = ", ".join(repr(" ".join(spoken[place.first : place.last])) for place in alike)
        raise InputError(
            f"the term {term!r} could be any of {found} in the prompt {prompt!r}; write it as the prompt does"
        )
    if not alike:
        raise InputError(f"the term {term!r} does not occur in the prompt {prompt!r}{_hint(spoken, key)}")
    return alike


def _singulars(word: str) -> set[str]:
    """The word and what it may be the plural of (wings: wing; torches: torche, torch)."""
    stems = {word}
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        stems.add(word[:-1])
        if word.endswith("es"):
            stems.add(word[:-2])
    return stems


def _hint(spoken: list[str], key: tuple[str, ...]) -> str:
    """The phrase of the prompt nearest to the term, else the words to choose from."""
    phrases = [
        " ".join(spoken[first : first + length])
        for length in (len(key), len(key) + 1, len(key) - 1)
        for first in range(len(spoken) - length + 1)
        if length > 0 and spoken[first] not in _SMALL and spoken[first + length - 1] not in _SMALL
    ]
    if close := difflib.get_close_matches(" ".join(key), phrases, n=1, cutoff=0.5):
        return f"; did you mean {close[0]!r}?"
    words = dict.fromkeys(word for word in spoken if word not in _SMALL)
    return f"; a term is one or more words of it: {', '.join(words)}"


def _place(candidates: list[list[_Range]], n_words: int) -> dict[int, _Range]:
    """The most terms that fit without sharing a word, as {index of the term: its words}; the earliest places win.

    Sweeps over the words and keeps, per set of terms placed so far, one way to place them: at most 2^8 sets.
    """
    starts: list[list[tuple[int, _Range]]] = [[] for _ in range(n_words)]
    for index, places in enumerate(candidates):
        for place in places:
            starts[place.first].append((index, place))
    ways: list[dict[int, dict[int, _Range]]] = [{} for _ in range(n_words + 1)]  # per position, per set of terms
    ways[0][0] = {}
    for position in range(n_words):
        for mask, way in ways[position].items():
            for index, place in starts[position]:
                if not mask >> index & 1:
                    ways[place.last].setdefault(mask | 1 << index, {**way, index: place})
            ways[position + 1].setdefault(mask, way)
    return max(ways[n_words].values(), key=len)
