"""The small backbone's word list: sentences to word indices, and what to do with words it has never seen."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LIKENED = Path(__file__).with_name("nouns.txt")  # made by training.bricks.nouns
PAD, START, FIRST = 0, 1, 2
NOUN_ENDS = {"with", "without", "of", "on", "in", "around", "behind", "over", "for", "looking"}  # "helmet | with horns"

# Plain words that people use and the training captions do not; each maps to one that they do.
SYNONYMS = {
    "guy": "man",
    "lady": "woman",
    "child": "kid",
    "hero": "figure",
    "human": "person",
    "people": "person",
    "rucksack": "backpack",
    "knapsack": "backpack",
    "tee": "shirt",
    "puppy": "dog",
    "pony": "horse",
    "trousers": "pants",
    "cloak": "cape",
    "grasping": "holding",
    "gripping": "holding",
    "sporting": "wearing",
    "having": "with",
}


def split(text: str) -> list[str]:
    """Lower-case words of a sentence in any script; possessive endings are dropped ("witch's hat" -> witch, hat)."""
    plain = re.sub(r"['\u2019]s?\b", "", text.lower())
    words = "".join(character if _in_words(character) else " " for character in plain).split()
    return [word for word in words if any(map(str.isalnum, word))]


def _in_words(character: str) -> bool:
    """Letters, digits, the marks that combine with them, and joiners."""
    return character.isalnum() or unicodedata.category(character)[0] == "M" or character in "\u200c\u200d"


def _plain(word: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


@cache
def likened_nouns() -> dict[str, tuple[str, ...]]:
    """Nouns that people use, each with the known words that stand for it, the nearest first (from WordNet)."""
    rows = (line.split() for line in LIKENED.read_text(encoding="utf-8").splitlines())
    return {noun: tuple(words) for noun, *words in rows}


@dataclass(frozen=True)
class Encoded:
    """Word indices of one sentence, and the words that had to be replaced or dropped."""

    indices: list[int]  # [length], START first, PAD after the last word
    replaced: dict[str, str]  # given word -> known word used instead
    unknown: dict[str, str | None]  # dropped word -> nearest known word, if any
    likened: dict[str, str] = field(default_factory=dict)  # unknown noun -> known word that stands for it


class Vocabulary:
    """Known words in a fixed order: index 0 pads, 1 starts every sentence, words follow."""

    def __init__(
        self,
        words: Iterable[str],
        synonyms: dict[str, str] | None = None,
        unread: Iterable[str] = (),
        likened: Mapping[str, tuple[str, ...]] | None = None,
    ):
        self.words = list(words)
        self.index = {word: i + FIRST for i, word in enumerate(self.words)}
        for word in unread:  # of parts that were held out: they have a place, but no training caption had them
            del self.index[word]
        self.synonyms = SYNONYMS if synonyms is None else synonyms
        self.nouns = likened or {}

    def __len__(self) -> int:
        return len(self.words) + FIRST

    def known(self, word: str) -> str | None:
        """The known form of a word: itself, its singular or plural, a synonym, or itself without accents.

        None where no plain rule helps.
        """
        candidates = [word, self.synonyms.get(word, ""), _plain(word)]
        if word.endswith("ies"):
            candidates.append(word[:-3] + "y")
        if word.endswith("es"):
            candidates.append(word[:-2])
        if word.endswith("s"):
            candidates.append(word[:-1])
        candidates += [word + "s", self.synonyms.get(word.removesuffix("s"), "")]
        if word.endswith("gray") or word == "grey":
            candidates += [word.replace("gray", "grey"), word.replace("grey", "gray")]
        return next((c for c in candidates if c in self.index), None)

    def standing_for(self, word: str) -> tuple[str, ...]:
        """Known words that stand for a noun without a known form ("trilby": fedora, hat), the nearest first."""
        forms = [word, _plain(word)]
        forms += [word[:-3] + "y"] * word.endswith("ies") + [word[:-2]] * word.endswith("es")
        forms += [word[:-1]] * word.endswith("s")
        words = next((self.nouns[form] for form in forms if form in self.nouns), ())
        return tuple(word for word in words if word in self.index)

    def length(self, text: str) -> int:
        """Known words of a text."""
        return sum(bool(self.known(word) or self.standing_for(word)) for word in split(text))

    def noun(self, name: str) -> str | None:
        """The known form of a name's noun: the word before the first "with", "of", "on", ..., or the last one."""
        word = _noun(name)
        return self.known(word) if word else None

    def nouns_of(self, name: str) -> tuple[str, ...]:
        """The known form of a name's noun, or the known words that stand for it; none where there are none."""
        word = _noun(name)
        known = self.known(word) if word else None
        return (known,) if known else self.standing_for(word) if word else ()

    def reads(self, name: str) -> bool:
        """Whether the noun of a name is known, or another stands for it."""
        return bool(self.nouns_of(name))

    def encode(self, text: str, length: int = 32) -> Encoded:
        """Indices of `text`, cut or padded to `length`; words without a known form are dropped and reported."""
        indices, replaced, unknown, likened = [START], {}, {}, {}
        for word in split(text):
            form = self.known(word)
            if form is None and (words := self.standing_for(word)):
                form = likened[word] = words[0]
            if form is None:
                unknown[word] = next(iter(difflib.get_close_matches(word, self.index, n=1, cutoff=0.7)), None)
                continue
            if form != word:
                replaced[word] = form
            indices.append(self.index[form])
        indices = indices[:length]
        return Encoded(indices + [PAD] * (length - len(indices)), replaced, unknown, likened)


def _noun(name: str) -> str:
    """The word before the first "with", "of", "on", ... of a name, or its last."""
    words = split(name)
    ends = [i for i, word in enumerate(words) if i and word in NOUN_ENDS]
    return words[ends[0] - 1 if ends else -1] if words else ""
