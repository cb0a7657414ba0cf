"""Random objects out of the bank: which placements, in which colours, with which caption.

An object is up to 12 placements in one frame. Role 0 is the base; role k > 0 is the k-th accessory and has a term.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from cast3d.errors import InputError, nearest
from training.bricks import splits
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog
from training.bricks.options import SLOTS, Draft, Options
from training.bricks.recipes import RECIPES, Recipe

__all__ = ["FAMILIES", "MIX", "SLOTS", "Objects", "sample", "stack"]

MAX_PIECES = 12
WORLD = ("person", "bare_person", "thing", "stand", "scene")  # families of `training.world`
FAMILIES = (*RECIPES, *WORLD)
MIX = {"figure": 0.46, "bare": 0.05, "filled": 0.22, "in_place": 0.16, "rider": 0.04, "creature": 0.03, "animal": 0.04}
_PATIENCE = 2000  # draws per object before a mix counts as impossible for a split


@dataclass(frozen=True)
class Objects:
    """N objects of up to M = 12 pieces; unused pieces have placement -1."""

    placement: NDArray[np.int32]  # [N, M] row of the bank's placements
    main_rgb: NDArray[np.uint8]  # [N, M, 3]
    skin_rgb: NDArray[np.uint8]  # [N, M, 3]
    role: NDArray[np.uint8]  # [N, M] 0 = base, k = k-th accessory
    slot: NDArray[np.uint8]  # [N, M] into SLOTS
    part_class: NDArray[np.int32]  # [N, M] catalogue row, -1 for unused pieces
    family: NDArray[np.uint8]  # [N] into FAMILIES
    caption: list[str]
    terms: list[list[str]]  # per object: the base's, then one per role; "" where the caption does not name it

    def __len__(self) -> int:
        return len(self.caption)


def sample(
    bank: Bank,
    catalog: Catalog,
    n: int,
    seed: int,
    split: str = splits.TRAIN,
    mix: Mapping[str, float] | None = None,
    further: Callable[[Options], Mapping[str, Recipe]] | None = None,
) -> Objects:
    """`n` random objects of a split, the same for the same seed.

    "train" objects hold no dev or test part and no held-out combination; "dev" and "test" objects hold at least one
    part of their split beside trained ones; "combos" objects are trained parts in held-out combinations. `further` has
    recipes for families that parts alone do not make.
    """
    mix = MIX if mix is None else mix
    options = Options(bank, catalog, split)
    recipes = {**RECIPES, **(further(options) if further else {})}
    for name in mix:
        if name not in recipes:
            raise InputError(f"no object family {name!r}{nearest(name, recipes)}; known: {', '.join(recipes)}")
    rng = Random(f"{split} {seed}")
    families, weights = list(mix), list(mix.values())
    drafts: list[Draft] = []
    tries = 0
    while len(drafts) < n:
        tries += 1
        if tries > _PATIENCE * (len(drafts) + 1):
            raise InputError(f"the mix {dict(mix)} has next to no objects for split {split!r}; use other families")
        draft = recipes[rng.choices(families, weights)[0]](options, rng)
        if draft is not None and (draft.settled or options.belongs(draft.accessories)):
            drafts.append(draft)
    return stack(drafts)


def stack(drafts: Sequence[Draft]) -> Objects:
    """Drafts as arrays."""
    shape = (len(drafts), MAX_PIECES)
    index, role = np.full(shape, -1, np.int32), np.zeros(shape, np.uint8)
    slot, part_class = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
    color = np.zeros((*shape, 3), np.uint8)
    skin = np.zeros((*shape, 3), np.uint8)
    for i, draft in enumerate(drafts):
        count = len(draft.pieces)
        index[i, :count], colors, role[i, :count], slot[i, :count], part_class[i, :count] = zip(*draft.pieces)
        color[i, :count] = colors
        skin[i, :count] = draft.skin
        for piece, rgb in draft.second.items():
            skin[i, piece] = rgb
    return Objects(
        placement=index,
        main_rgb=color,
        skin_rgb=skin,
        role=role,
        slot=slot,
        part_class=part_class,
        family=np.array([FAMILIES.index(draft.family) for draft in drafts], np.uint8),
        caption=[draft.caption.text for draft in drafts],
        terms=[list(draft.caption.terms) for draft in drafts],
    )
