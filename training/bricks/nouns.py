"""Nouns that people use, each with the known words that stand for it, from WordNet: src/cast3d/backbones/bricks/nouns.txt.

python -m training.bricks.nouns --wordnet /usr/share/wordnet --home3d ../shared/home3d

A noun of a thing, an animal, a plant, food or a person is likened to the nouns of what the backbone was trained on: to
its synonyms, else up the chain of what it is a kind of (WordNet's hypernyms), the nearest first. WordNet comes as the
Debian package wordnet-base (`apt-get install wordnet-base`, or `apt-get download` and `dpkg -x`). Same input, same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cast3d.backbones.bricks.words import Vocabulary

from . import splits
from .catalog import Catalog

ROOT = Path(__file__).parents[2]
MOST = 3  # words per noun
FAR = 7  # steps up the chain
ANIMAL, ARTIFACT, BODY, FOOD, OBJECT, PERSON, PLANT = "05", "06", "08", "13", "17", "18", "20"  # lexicographers' files
LIVING = {ANIMAL: ("animal", "mount"), PLANT: ("plant",)}  # families of the catalogue by file
OTHERS = {"hair": BODY, "beard": BODY, "tail": BODY, "food": FOOD, "rock": OBJECT, "flower": PLANT, "tree": PLANT}  # kinds
KITCHEN = {"fruit", "steak", "salmon", "sandwich", "burger", "cheeseburger", "cake", "bread", "croissant"}
THINGS = {ANIMAL, ARTIFACT, FOOD, PERSON, PLANT}  # files whose nouns are likened; of others those below
EVERYDAY = {PERSON, PLANT}  # files of which only nouns with a count in WordNet's texts are taken, for their number
# People: what the training captions call them, and the number of the noun's sense.
PEOPLE = {"man": 1, "woman": 1, "boy": 1, "girl": 2, "kid": 1, "baby": 1, "toddler": 1, "person": 1}
# Further meanings of known words, as noun#sense of WordNet: where what they name has no word of its own among the known.
ALSO = {
    "hat": ("headdress#1",),
    "shoes": ("footwear#1", "shoe#1"),
    "boots": ("boot#1",),
}
_WORD = re.compile(r"[a-z]{3,}")
_UNFIT = re.compile(r"offensive|derogat|disparag|slur|obscen|vulgar|trademark|ethnic|sexual|prostitut|genital|insult", re.I)


@dataclass(frozen=True)
class Synset:
    """Words of one meaning."""

    file: str  # of the lexicographers: what kind of thing it is
    lemmas: tuple[str, ...]  # as written
    above: tuple[str, ...]  # ids of what it is a kind of, or an instance of
    gloss: str
    instance: bool  # of a kind: somebody or something by name


class WordNet:
    """The nouns of WordNet 3.0, from the folder of its files."""

    def __init__(self, folder: Path) -> None:
        self.synsets = dict(map(_synset, _lines(folder / "data.noun")))
        self.senses = dict(map(_senses, _lines(folder / "index.noun")))
        self.counts: Counter[tuple[str, str]] = Counter()  # of a lemma's sense in texts
        for line in _lines(folder / "cntlist.rev"):
            key, sense, count = line.split()
            lemma, rest = key.split("%")
            if rest[0] == "1":  # nouns
                self.counts[lemma, sense] = int(count)

    def of(self, lemma: str, sense: int = 1) -> str:
        """The id of a lemma's sense, counted from 1."""
        return self.senses[lemma][sense - 1]

    def count(self, lemma: str, id: str) -> int:
        return self.counts[lemma, str(self.senses[lemma].index(id) + 1)]

    def first(self, lemma: str, files: Iterable[str]) -> str | None:
        """The first sense of a lemma in one of the files."""
        return next((id for id in self.senses.get(lemma, ()) if self.synsets[id].file in files), None)

    def main(self, lemma: str, files: Iterable[str]) -> str | None:
        """The same, where it is what people mean by the word: the first sense of all, or used half as often as any."""
        id = self.first(lemma, files)
        if id is None or self.senses[lemma][0] == id:
            return id
        most = max(self.count(lemma, other) for other in self.senses[lemma])
        return id if self.senses[lemma].index(id) == 1 and 2 * self.count(lemma, id) >= most else None


def _lines(path: Path) -> Iterable[str]:
    with open(path, encoding="utf-8") as file:
        yield from (line for line in file if not line.startswith("  "))  # the licence


def _synset(line: str) -> tuple[str, Synset]:
    head, gloss = line.split(" | ", 1)
    id, file, _, count, *rest = head.split()
    words, rest = rest[: 2 * int(count, 16) : 2], rest[2 * int(count, 16) + 1 :]
    pointers = [(rest[i], rest[i + 1]) for i in range(0, len(rest) - 3, 4)]
    above = tuple(target for sign, target in pointers if sign in ("@", "@i"))
    return id, Synset(file, tuple(words), above, gloss.strip(), any(sign == "@i" for sign, _ in pointers))


def _senses(line: str) -> tuple[str, tuple[str, ...]]:
    fields = line.split()
    return fields[0], tuple(fields[-int(fields[2]) :])


@dataclass(frozen=True)
class Head:
    """A noun of trained things."""

    word: str
    file: str
    count: int  # names that have it


def heads(named: Iterable[tuple[str, str]], vocabulary: Vocabulary) -> list[Head]:
    """The nouns of (name, file) that the vocabulary reads; a noun has the file that most of its names have."""
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for name, file in named:
        if (word := vocabulary.noun(name)) and len(word) > 2:
            files[word][file] += 1
    return [Head(word, own.most_common(1)[0][0], own.total()) for word, own in sorted(files.items())]


def likened(net: WordNet, known: Sequence[Head], vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Every noun that WordNet ties to known ones, with up to `MOST` of them, the nearest first."""
    meant: dict[str, list[tuple[int, str]]] = defaultdict(list)  # by synset: how often trained, and the word
    for head in known:
        id = net.first(head.word, [head.file]) or net.first(head.word, THINGS)
        if id is None and head.word.endswith("s"):
            id = net.first(head.word[:-1], [head.file])
        if id:
            meant[id].append((-head.count, head.word))
    for word, sense in PEOPLE.items():
        if word in vocabulary.index:
            meant[net.of(word, sense)].append((-1, word))
    for word, others in ALSO.items():
        for lemma, sense in (other.split("#") for other in others):
            if word in vocabulary.index and lemma in net.senses:
                meant[net.of(lemma, int(sense))].append((0, word))
    table = {}
    for lemma in sorted(net.senses):
        if not _WORD.fullmatch(lemma) or vocabulary.known(lemma) is not None:
            continue
        id = net.main(lemma, THINGS)
        if id is None or not fit(net, lemma, id):
            continue
        if words := _near(net, id, meant):
            table[lemma] = words
    return table


def fit(net: WordNet, lemma: str, id: str) -> bool:
    """Whether a noun is one for a table: in everyday use, no name, nothing that hurts."""
    one = net.synsets[id]
    if one.instance or _UNFIT.search(one.gloss) or lemma not in one.lemmas:  # written with a capital: a name
        return False
    return one.file not in EVERYDAY or net.count(lemma, id) > 0


def _near(net: WordNet, id: str, meant: Mapping[str, list[tuple[int, str]]]) -> tuple[str, ...]:
    """Known words from a synset up its chains, one step after the other."""
    found: dict[str, None] = {}
    level, seen = [id], {id}
    for _ in range(FAR):
        found |= dict.fromkeys(word for _, word in sorted(pair for one in level for pair in meant.get(one, ())))
        level = [up for one in level for up in net.synsets[one].above if not (up in seen or seen.add(up))]
        if len(found) >= MOST or not level:
            break
    return tuple(found)[:MOST]
