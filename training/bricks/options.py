"""What can be put where: the bank's placements by slot, for the parts of one split; and objects in the making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from cast3d.errors import InputError, nearest
from training.bricks import assembly, splits
from training.bricks.assembly import FIGURE, FILLED
from training.bricks.bank import Bank
from training.bricks.captions import Caption, Thing
from training.bricks.catalog import ACCESSORY_FAMILIES, Catalog, Part
from training.bricks.colors import RGB, SKINS
from training.bricks.placement import HANGING

SLOTS = (
    "free", "torso", "head", "lower", "headwear", "visor", "neckwear", "hipwear", "footwear", "board", "right", "left",
    "hand", "base", "mount", "wings", "hat", "pack", "on",
)  # fmt: skip
_SLOT = {name: i for i, name in enumerate(SLOTS)}
_NEW_SHARE = 0.5  # of the draws, where a split has new parts


@dataclass(frozen=True, eq=False)
class Option:
    """A part that can be put in a slot: its placement and the colours it comes in."""

    part: Part
    placement: int
    frame: str
    slot: str
    variant: str
    colors: tuple[tuple[RGB, str], ...]  # sRGB and its word

    @property
    def names(self) -> tuple[str, ...]:
        """The part's names; two copies of one wing are wings."""
        if self.variant != assembly.PAIR:
            return self.part.names
        return tuple(f"{name.removeprefix('single ')}s" for name in self.part.names)


@dataclass
class Draft:
    """An object while it is put together."""

    family: str
    skin: RGB = (0, 0, 0)
    pieces: list[tuple[int, RGB, int, int, int]] = field(default_factory=list)  # placement, colour, role, slot, class
    second: dict[int, RGB] = field(default_factory=dict)  # piece -> its second colour, where that is not the skin's
    things: list[Thing] = field(default_factory=list)  # role k is things[k - 1]
    accessories: list[str] = field(default_factory=list)  # ids of the parts that splits are about
    caption: Caption = field(default_factory=lambda: Caption("", ()))
    settled: bool = False  # the recipe has seen to it that the object is one of its split

    def add(self, option: Option, color: RGB, role: int = 0, second: RGB | None = None) -> None:
        """One more piece; a rider's slots are those of a figure."""
        slot = _SLOT[option.slot.removeprefix("rider ")]
        if second is not None:
            self.second[len(self.pieces)] = second
        self.pieces.append((option.placement, color, role, slot, option.part.index))
        if option.part.family in ACCESSORY_FAMILIES:
            self.accessories.append(option.part.id)


class Options:
    """The placements of one split by (frame, slot) and by part; split None takes every part."""

    def __init__(self, bank: Bank, catalog: Catalog, split: str | None = splits.TRAIN) -> None:
        known = (splits.TRAIN, splits.DEV, splits.TEST, splits.COMBOS)
        if split is not None and split not in known:
            raise InputError(f"no split {split!r}{nearest(split, known)}; known: {', '.join(known)}")
        self.split = split
        self.skins = [catalog.colors.rgb(code) for code in SKINS]
        self._part_split = splits.load()
        self._slots: dict[tuple[str, str], list[Option]] = {}
        self._keys: dict[tuple[str, str, str, str], Option] = {}
        rows = zip(bank.part.tolist(), bank.frame.tolist(), bank.slot.tolist(), bank.variant.tolist())
        for i, (id, frame, slot, variant) in enumerate(rows):
            if id in catalog and self._allowed(id):
                part = catalog.part(id)
                colors = tuple((catalog.colors.rgb(c), catalog.colors.word(c)) for c in part.colors)
                option = Option(part, i, frame, slot, variant, colors)
                self._slots.setdefault((frame, slot), []).append(option)
                self._keys[id, frame, slot, variant] = option
        self._new = {key: [o for o in options if self._is_new(o.part.id)] for key, options in self._slots.items()}
        self.alone = self._everywhere(FILLED)
        self.in_place = [o for o in self._everywhere(FIGURE) if o.slot != "torso" or o.variant in _DEFAULT_POSES]
        bases = {key[0] for key in self._slots if key[1] == "base"}
        self.rides = sorted({key[0] for key in self._slots if key[1] == "rider torso"})
        self.dressable = sorted({key[0] for key in self._slots if key[1] in ("hat", "pack")})
        self.mountable = sorted({key[0] for key in self._slots if key[1] == "mount"} | {assembly.DRAGON} & bases)
        self.winged = sorted({key[0] for key in self._slots if key[1] == "wings"})
        self.standard_heads, self.special_heads = self._partition("head", "hat_ok")
        self.standard_legs, self.special_lowers = self._partition("lower", "feet_at_72")
        torsos = [o for o in self.slot(FIGURE, "torso") if o.variant in _DEFAULT_POSES]
        self.special_torsos = [o for o in torsos if o.part.id != assembly.STANDARD_TORSO]

    def slot(self, frame: str, slot: str) -> Sequence[Option]:
        """Everything that fits in a slot."""
        return self._slots.get((frame, slot), ())

    def pick(self, rng: Random, frame: str, slot: str) -> Option | None:
        """A part for a slot; where the split has new parts, half of the draws are new ones."""
        new = self._new.get((frame, slot))
        options = new if new and rng.random() < _NEW_SHARE else self.slot(frame, slot)
        return rng.choice(options) if options else None

    def find(self, id: str, frame: str, slot: str, variant: str = "") -> Option | None:
        """The placement of one part, or None where it does not fit the frame or is not of this split."""
        return self._keys.get((id, frame, slot, variant))

    def belongs(self, accessories: Sequence[str]) -> bool:
        """Whether an object with these accessories is one of this split's."""
        if self.split in (splits.DEV, splits.TEST):
            return any(self._is_new(id) for id in accessories)
        return splits.held_out_combination(accessories) == (self.split == splits.COMBOS)

    def _allowed(self, id: str) -> bool:
        return self.split is None or self._part_split.get(id, splits.TRAIN) == splits.TRAIN or self._is_new(id)

    def _is_new(self, id: str) -> bool:
        return self.split in (splits.DEV, splits.TEST) and self._part_split.get(id) == self.split

    def _everywhere(self, frame: str) -> list[Option]:
        everything = [o for key, options in self._slots.items() if key[0] == frame for o in options]
        new = [o for o in everything if self._is_new(o.part.id)]
        return new or everything

    def _partition(self, slot: str, flag: str) -> tuple[list[Option], list[Option]]:
        options = self.slot(FIGURE, slot)
        return [o for o in options if flag in o.part.flags], [o for o in options if flag not in o.part.flags]


_DEFAULT_POSES = frozenset(assembly.pose_name(right, HANGING) for right in (assembly.RAISED, HANGING))
