"""Finds the words of each term in the prompt."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import InputError

# Scripts that are written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
JOINERS = "\u200c\u200d"  # they shape letters, and join pictograms to one
_UNSPACED_SIGN = re.compile(f"[{_UNSPACED}]")
_LOOKS = re.compile(f"[{JOINERS}\ufe00-\ufe0f]")
_ARTICLES = {"a", "an", "the"}
RELATIONS = ("wearing", "holding", "carrying", "riding", "next to", "beside", "near", "under", "with", "on")
PLACING = ("next to", "beside", "near", "under", "on")  # those that also follow: "with a lamp on it"
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


def words_of(text: str) -> list[Span]:
    """Where the words stand. In a script without spaces every sign is a word, so that a term may be any span.

    A word is letters and digits with their combining marks, joiners and inner hyphens, or one pictogram.
    """
    found: list[Span] = []
    kinds = [_kind(character) for character in text]
    for at, kind in enumerate(kinds):
        joined = bool(found) and found[-1].end == at
        last = kinds[found[-1].start] if joined else ""
        if kind == "mark":
            if joined:  # a mark without a letter is none
                found[-1] = Span(found[-1].start, at + 1)
        elif kind == last == "letter" or (kind == last == "sign" and text[at - 1] in JOINERS):
            found[-1] = Span(found[-1].start, at + 1)
        elif kind == "hyphen":
            if last == "letter" and at + 1 < len(text) and kinds[at + 1] == "letter" and text[at - 1] != "-":
                found[-1] = Span(found[-1].start, at + 1)
        elif kind in ("letter", "sign"):
            found.append(Span(at, at + 1))
    return found


def _kind(character: str) -> str:
    if character == "-":
        return "hyphen"
    category = unicodedata.category(character)
    if category[0] == "M" or character in JOINERS or (category == "Sk" and character > "\uffff"):  # skin tones
        return "mark"
    if category == "So" or (_UNSPACED_SIGN.match(character) and category[0] in "LN"):
        return "sign"
    return "letter" if category[0] in "LN" or character == "_" else ""


def _spoken(word: str) -> str:
    """What makes two words the same: no case, no joiners or variants of how they look, all articles alike."""
    plain = _LOOKS.sub("", unicodedata.normalize("NFC", word.casefold()))
    return "the" if plain in _ARTICLES else plain


def match_key(text: str) -> tuple[str, ...]:
    """What makes two terms the same: their words without case and leading articles, all articles being alike."""
    text = unicodedata.normalize("NFC", text)
    words = [_spoken(text[span.start : span.end]) for span in words_of(text)]
    while words and words[0] == "the":
        words.pop(0)
    return tuple(words)


def find_terms(prompt: str, terms: Sequence[str]) -> dict[str, Span]:
    """Where each term stands in the prompt, no two on the same word.

    With "a red cap and a cap", "cap" is the second cap if "red cap" is a term too. Raises InputError for a term that is
    given twice, that does not occur, whose plural or singular occurs in several places, or whose words another term
    has.
    """
    keys = {term: match_key(term) for term in terms}
    for index, term in enumerate(terms):
        if twin := next((other for other in terms[:index] if keys[other] == keys[term]), None):
            raise InputError(
                f"the terms {twin!r} and {term!r} are the same; give each thing a name of its own in the prompt"
            )
    words = words_of(prompt)
    spoken = [_spoken(prompt[word.start : word.end]) for word in words]
    candidates = [_candidates(prompt, spoken, term, keys[term]) for term in terms]
    placed = _place(candidates, len(words))
    if len(placed) < len(terms):
        lost = next(term for index, term in enumerate(terms) if index not in placed)
        raise InputError(
            f"the words of {lost!r} in the prompt {prompt!r} belong to another term already; "
            f"name each thing once for every term, as in 'a red cap and a blue cap'"
        )
    return {
        term: Span(words[placed[index].first].start, words[placed[index].last - 1].end)
        for index, term in enumerate(terms)
    }


def outside_terms(prompt: str, spans: Mapping[str, Span]) -> str:
    """The prompt in lower case with blanks in place of its terms: words in them ("helmet with horns") do not count."""
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
    head, last = key[:-1], singulars(key[-1])
    alike = [
        place
        for place in ranges
        if tuple(spoken[place.first : place.last - 1]) == head and singulars(spoken[place.last - 1]) & last
    ]
    if len(alike) > 1:
        found = ", ".join(repr(_together(spoken[place.first : place.last])) for place in alike)
        raise InputError(
            f"the term {term!r} could be any of {found} in the prompt {prompt!r}; write it as the prompt does"
        )
    if not alike:
        raise InputError(f"the term {term!r} does not occur in the prompt {prompt!r}{_hint(spoken, key)}")
    return alike


def singulars(word: str) -> set[str]:
    """The word and what it may be the plural of (wings: wing; torches: torche, torch)."""
    stems = {word}
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        stems.add(word[:-1])
        if word.endswith("es"):
            stems.add(word[:-2])
    return stems


def _together(words: Sequence[str]) -> str:
    """Words as one text, with spaces where their script has them."""
    text = ""
    for word in words:
        signs = text and _UNSPACED_SIGN.match(text[-1]) and _UNSPACED_SIGN.match(word)
        text += word if not text or signs else f" {word}"
    return text


def _hint(spoken: list[str], key: tuple[str, ...]) -> str:
    """The phrase of the prompt nearest to the term, else the words to choose from."""
    phrases = [
        _together(spoken[first : first + length])
        for length in (len(key), len(key) + 1, len(key) - 1)
        for first in range(len(spoken) - length + 1)
        if length > 0 and spoken[first] not in _SMALL and spoken[first + length - 1] not in _SMALL
    ]
    if close := difflib.get_close_matches(_together(key), phrases, n=1, cutoff=0.5):
        return f"; did you mean {close[0]!r}?"
    if any(map(_UNSPACED_SIGN.match, spoken)):
        return "; a term is a piece of it, sign for sign"
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
