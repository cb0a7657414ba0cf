"""Nouns that people use, each with the known words that stand for it, from WordNet.

python -m training.bricks.nouns --wordnet /usr/share/wordnet --home3d ../shared/home3d

A noun of a thing, an animal, a plant, food or a person is likened to the nouns of what the backbone was trained on: to
its synonyms, else up the chain of what it is a kind of (WordNet's hypernyms), the nearest first; `nouns.toml` says what
WordNet does not. WordNet is the Debian package wordnet-base (`apt-get install wordnet-base`, or `apt-get download` and
`dpkg -x`). The table is src/cast3d/backbones/bricks/nouns.txt; the same input makes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cast3d.backbones.bricks.words import LIKENED, Vocabulary
from training.world.home3d import catalog as things_of

from . import splits
from .catalog import Catalog, load

ROOT = Path(__file__).parents[2]
MOST = 3  # words per noun
FAR = 8  # steps up the chain
RARE = 2  # a count in WordNet's texts up to which it says little
ANIMAL, ARTIFACT, BODY, FOOD, OBJECT, PERSON, PLANT = "05", "06", "08", "13", "17", "18", "20"  # lexicographers' files
FAMILIES = {"animal": ANIMAL, "mount": ANIMAL, "plant": PLANT}  # of the catalogue
OTHERS = {
    "hair": BODY,
    "beard": BODY,
    "tail": BODY,
    "food": FOOD,
    "rock": OBJECT,
    "flower": PLANT,
    "tree": PLANT,
}  # kinds
THINGS = (ARTIFACT, ANIMAL, FOOD, PLANT, PERSON)  # files whose nouns are likened
EVERYDAY = {PERSON, PLANT}  # files of which only nouns are taken that WordNet's own texts hold
HOME = {"animal": ANIMAL, "food": FOOD, "person": PERSON, "plant": PLANT}  # families of home3d

TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))  # what WordNet does not tell
_WORD = re.compile(r"[a-z]{3,}")
_UNFIT = re.compile(
    r"offensive|derogat|disparag|slur|obscen|vulgar|trademark|ethnic|sexual|prostitut|genital|insult", re.I
)


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
        self.otherwise: Counter[str] = Counter()  # of a lemma as a verb, an adjective or an adverb
        for line in _lines(folder / "cntlist.rev"):
            key, sense, count = line.split()
            lemma, rest = key.split("%")
            if rest[0] == "1":  # nouns
                self.counts[lemma, sense] = int(count)
            else:
                self.otherwise[lemma] += int(count)
        for line in _lines(folder / "verb.exc"):
            self.otherwise[line.split()[0]] += RARE + 1  # drove, ground

    def written(self, lemma: str, id: str) -> bool:
        """Whether a sense has the lemma as it is, without a capital: no name."""
        return lemma in self.synsets[id].lemmas

    def of(self, lemma: str, sense: int = 1) -> str:
        """The id of a lemma's sense, counted from 1."""
        return self.senses[lemma][sense - 1]

    def count(self, lemma: str, id: str) -> int:
        return self.counts[lemma, str(self.senses[lemma].index(id) + 1)]

    def chain(self, id: str, steps: int) -> Iterable[list[str]]:
        """The synset, what it is a kind of, what that is a kind of, and so on; no synset twice."""
        level, seen = [id], {id}
        for _ in range(steps):
            yield level
            above = dict.fromkeys(up for one in level for up in self.synsets[one].above)
            level = [up for up in above if up not in seen]
            seen.update(level)

    def above(self, id: str, other: str) -> bool:
        """Whether a synset is a kind of another."""
        return any(other in level for level in self.chain(id, 20))

    def first(self, lemma: str, files: Iterable[str]) -> str | None:
        """The first sense of a lemma in one of the files, tried in their order."""
        own = [id for id in self.senses.get(lemma, ()) if self.written(lemma, id)]
        return next((id for file in files for id in own if self.synsets[id].file == file), None)

    def main(self, lemma: str, files: Sequence[str]) -> str | None:
        """The sense of a lemma that people mean, if it is in one of the files: the first, or used half as often as any.

        Where WordNet's texts hardly have the lemma, any sense counts. Persons come last: a whale is an animal.
        """
        own = [id for id in self.senses.get(lemma, ()) if self.written(lemma, id)]
        counts = {id: self.count(lemma, id) for id in own}
        most = max(counts.values(), default=0)
        if 2 * self.otherwise[lemma] > most + 2:  # a verb or an adjective rather: drove, general
            return None
        fits = [
            (self.synsets[id].file == PERSON, 0 if most <= RARE else -counts[id], place, id)
            for place, id in enumerate(own)
            if self.synsets[id].file in files and (place == 0 or 2 * counts[id] >= most or most <= 1)
        ]
        return min(fits)[-1] if fits else None


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
    meant = meanings(net, known, vocabulary)
    trades = [net.of(trade) for trade in TOLD["trades"].split() if trade in net.senses]
    left_out = set(TOLD["left_out"].split())
    told = {noun: word for word, nouns in TOLD["more"].items() for noun in nouns.split() if word in vocabulary.index}
    table = {}
    for lemma in sorted({*net.senses, *told}):
        if not _WORD.fullmatch(lemma) or vocabulary.known(lemma) is not None:
            continue
        if lemma in told:
            table[lemma] = (told[lemma],)
            continue
        id = net.main(lemma, THINGS)
        if id is None or lemma in left_out or not fit(net, lemma, id):
            continue
        words = near(net, id, meant)
        if not words and net.synsets[id].file == PERSON and "person" in vocabulary.index:
            words = ("person",) if any(net.above(id, trade) for trade in trades) else ()
        if words:
            table[lemma] = words
    return table


def meanings(net: WordNet, known: Sequence[Head], vocabulary: Vocabulary) -> dict[str, list[tuple[int, str]]]:
    """By synset: the known words that stand for it, each with how often it was trained, negative."""
    meant: dict[str, list[tuple[int, str]]] = defaultdict(list)
    vague = set(TOLD["vague"].split())
    for head in known:
        sense = TOLD["senses"].get(head.word)
        if head.word in vague or head.word in TOLD["people"] or sense == 0 or head.file == PERSON:
            continue
        id = net.of(head.word, sense) if sense and head.word in net.senses else None
        for form in (head.word, head.word.removesuffix("s")):
            id = id or net.first(form, [head.file, *THINGS[:-1]])
        if id:
            meant[id].append((-head.count, head.word))
    further = [(word, f"{word}#{sense}") for word, sense in TOLD["people"].items()]
    further += [(word, other) for word, others in TOLD["also"].items() for other in others.split()]
    counts = {head.word: head.count for head in known}
    for word, other in further:
        lemma, sense = other.split("#")
        if word in vocabulary.index and lemma in net.senses:
            meant[net.of(lemma, int(sense))].append((-counts.get(word, 0), word))
    return meant


def fit(net: WordNet, lemma: str, id: str) -> bool:
    """Whether a noun is one for a table: in everyday use, no name, nothing that hurts."""
    one = net.synsets[id]
    if one.instance or _UNFIT.search(one.gloss):
        return False
    return one.file not in EVERYDAY or net.count(lemma, id) > 0


def near(net: WordNet, id: str, meant: Mapping[str, list[tuple[int, str]]]) -> tuple[str, ...]:
    """Known words from a synset up its chains, one step after the other."""
    found: dict[str, None] = {}
    for level in net.chain(id, FAR):
        found |= dict.fromkeys(word for _, word in sorted({pair for one in level for pair in meant.get(one, ())}))
        if len(found) >= MOST:
            break
    return tuple(found)[:MOST]


def named(catalog: Catalog, home: Path) -> list[tuple[str, str]]:
    """(name, file of WordNet) of all that is trained but heads and clothes of figures."""
    split = splits.load()
    parts = [part for part in catalog if part.family not in ("head", "torso", "lower")]
    found = [
        (name, FAMILIES.get(part.family) or OTHERS.get(part.kind, ARTIFACT))
        for part in parts
        if split.get(part.id, splits.TRAIN) == splits.TRAIN
        for name in part.names
    ]
    return found + [
        (name, HOME.get(thing.family, ARTIFACT))
        for thing in things_of(home)
        if thing.split == splits.TRAIN
        for name in (thing.phrase, *thing.synonyms)
    ]


def text(table: Mapping[str, Sequence[str]]) -> str:
    """A line per noun: the noun, then its words."""
    return "".join(f"{noun} {' '.join(words)}\n" for noun, words in table.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder with data.noun")
    parser.add_argument("--home3d", type=Path, required=True, help="folder with catalog.csv of the everyday things")
    parser.add_argument("--weights", type=Path, default=ROOT / "src/cast3d/weights/bricks", help="whose words to use")
    parser.add_argument("-o", "--output", type=Path, default=LIKENED)
    args = parser.parse_args()
    own = json.loads((args.weights / "pipeline.json").read_text(encoding="utf-8"))["cast3d"]
    vocabulary = Vocabulary(own["words"], unread=own.get("unread", ()))
    known = heads(named(load(ROOT / "training/bricks/catalog.csv"), args.home3d), vocabulary)
    table = likened(WordNet(args.wordnet), known, vocabulary)
    args.output.write_text(text(table), encoding="utf-8")
    print(f"{len(table)} nouns, {args.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
