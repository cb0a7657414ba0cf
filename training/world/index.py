"""What random objects of people and things are drawn from: `world.json` and the bank's placements by frame and slot."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.bricks import splits
from training.bricks.assembly import FILLED
from training.bricks.bank import Bank
from training.bricks.captions import WORLD_WORDS, words
from training.bricks.catalog import Part
from training.bricks.colors import RGB, Colors
from training.bricks.options import Option, Options

from .home3d import AROUND, Thing, Top
from .people import Body

FILE = "world.json"
_PLAIN_PERSON = ("figure", "person")


@dataclass(frozen=True)
class Index:
    """The bodies, things and pairs of a data folder, in the order of their classes."""

    things: list[Thing]
    bodies: list[Body]
    tops: list[Top]

    def save(self, data: Path) -> None:
        plain = {
            "things": [thing.plain() for thing in self.things],
            "bodies": [body.plain() for body in self.bodies],
            "tops": [vars(top) for top in self.tops],
        }
        (data / FILE).write_text(json.dumps(plain) + "\n")

    @staticmethod
    def load(data: Path) -> Index | None:
        """None where the folder knows parts alone."""
        if not (data / FILE).exists():
            return None
        plain = json.loads((data / FILE).read_text())
        lists = ("synonyms", "size", "carries", "main", "at", "footprint")

        def tupled(row: dict) -> dict:
            return {k: tuple(v) if k in lists and v is not None else v for k, v in row.items()}

        return Index(
            [Thing(**tupled(row)) for row in plain["things"]],
            [Body(**row) for row in plain["bodies"]],
            [Top(**tupled(row)) for row in plain["tops"]],
        )

    def __len__(self) -> int:
        """Classes beside those of the parts."""
        return len(self.things) + len(self.bodies)

    def vocabulary(self) -> list[str]:
        """Words of captions of what is trained, sorted."""
        texts = [WORLD_WORDS, *_PLAIN_PERSON]
        texts += [text for t in self.things if t.split == splits.TRAIN for text in (t.phrase, *t.synonyms)]
        texts += [body.phrase for body in self.bodies if body.split == splits.TRAIN]
        return sorted({word for text in texts for word in words(text)})


class Places:
    """The index of one split, with the rows of the bank; `first` is the class of the first thing.

    Without `around` things stand on others only, not beside or under them.
    """

    def __init__(
        self, index: Index, bank: Bank, options: Options, colors: Colors, first: int, around: bool = True
    ) -> None:
        self.index, self.options, self.colors = index, options, colors
        split = options.split or splits.TRAIN
        self.split = splits.TRAIN if split == splits.COMBOS else split
        self.named = named_colors(colors)
        self._class = {thing.id: first + i for i, thing in enumerate(index.things)}
        self._class |= {body.id: first + len(index.things) + i for i, body in enumerate(index.bodies)}
        self.thing = {thing.id: thing for thing in index.things}
        self.bodies = [body for body in index.bodies if body.split == self.split]
        self._rows: dict[tuple[str, str, str, str], int] = {}
        tops: dict[str, list[tuple[int, Top]]] = defaultdict(list)
        keys = zip(bank.frame.tolist(), bank.slot.tolist(), bank.part.tolist(), bank.variant.tolist())
        for row, (frame, slot, part, variant) in enumerate(keys):
            if slot == "on":
                if around or index.tops[int(variant)].place not in AROUND:
                    tops[frame].append((row, index.tops[int(variant)]))
            elif part in self._class:
                self._rows[part, frame, slot, variant] = row
        self.things = [t for t in index.things if t.split == self.split]
        self.tops = {base: kept for base, all_tops in tops.items() if (kept := self._mine(base, all_tops))}
        self.bases = sorted(self.tops)

    def _mine(self, base: str, tops: Sequence[tuple[int, Top]]) -> list[tuple[int, Top]]:
        """Those of this split: all trained, or at least one of the two new."""
        if self.split == splits.TRAIN:
            wanted = {(splits.TRAIN, splits.TRAIN)}
        else:
            wanted = {(self.split, self.split), (self.split, splits.TRAIN), (splits.TRAIN, self.split)}
        return [(row, top) for row, top in tops if (self.thing[base].split, self.thing[top.top].split) in wanted]

    def body(self, body: Body) -> list[Option]:
        """The placements that make up a body."""
        found = ((slot, self._rows.get((body.id, body.id, slot, ""))) for slot in ("torso", "lower", "head"))
        return [self._option(body.id, row, body.id, slot) for slot, row in found if row is not None]

    def filled(self, thing: Thing) -> Option:
        return self._option(thing.id, self._rows[thing.id, FILLED, "free", ""], FILLED, "free")

    def base(self, thing: Thing) -> Option:
        return self._option(thing.id, self._rows[thing.id, thing.id, "base", ""], thing.id, "base")

    def on(self, row: int, top: Top) -> Option:
        return self._option(top.top, row, top.base, "on")

    def _option(self, id: str, row: int, frame: str, slot: str) -> Option:
        part = Part(self._class[id], id, "", "", "", "", (), 0, (), "", (), None, frozenset())
        return Option(part, row, frame, slot, "", ())

    def word(self, rgb: Sequence[int]) -> str:
        """What people call a colour: the word of the nearest named one."""
        return self.named[nearest(self.named, rgb)]


def named_colors(colors: Colors) -> Mapping[RGB, str]:
    """Solid colours with a plain word."""
    odd = ("clear", "transparent", "neon", "metal", "chrome", "pearl", "glow", "milky", "speckle", "glitter", "skin")
    return {
        colors.srgb[code]: word
        for code, word in colors.words.items()
        if not any(part in word for part in odd) and len(word.split()) < 3
    }


def nearest(known: Mapping[RGB, str], rgb: Sequence[int]) -> RGB:
    table = np.array(list(known), int)
    return tuple(int(c) for c in table[((table - np.asarray(rgb, int)) ** 2).sum(1).argmin()])
