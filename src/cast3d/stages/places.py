"""Where things of a kind sit on what carries them, by rule: for terms that no layout shows.

Lengths are shares of the carrier's height or width or of its head's width, medians over the true compositions of
`suites/bricks-dev` where that has such things, for things on top those of `suites/home-dev`. On a table or a chair
things stand on the largest level surface that is free above, as large as such things are beside it (`sizes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..following.registering import Floats, Placement
from ..scene.terms import match_key
from ..voxels import to_coords, to_world

ON_HEAD = {
    "bandana", "beanie", "beret", "bonnet", "bowler", "braid", "cap", "crown", "fedora", "fez", "hair", "halo", "hat",
    "headband", "headdress", "helm", "helmet", "hood", "horns", "kepi", "mitre", "pigtail", "ponytail", "sombrero",
    "tiara", "turban", "wig",
}  # fmt: skip
ON_FACE = {"beard", "eyepatch", "glasses", "goggles", "mask", "moustache", "spectacles", "sunglasses", "visor"}
AT_NECK = {"amulet", "bow-tie", "collar", "medal", "necklace", "scarf", "tie"}
ON_BACK = {
    "backpack", "bag", "basket", "bedroll", "cape", "cloak", "jetpack", "pack", "parachute", "quiver", "rucksack",
    "satchel", "shell", "tank", "tanks", "wings",
}  # fmt: skip
ON_BODY = {"apron", "armor", "armour", "belt", "breastplate", "coat", "dress", "jacket", "robe", "shirt", "vest"}
ON_FEET = {"board", "boots", "flippers", "sandals", "shoes", "skateboard", "skates", "skis", "sneakers", "snowboard"}
STANDING, UNDERNEATH = "standing on", "standing under"  # relations to what carries others, as a table does
NOUNS = {"head": ON_HEAD, "face": ON_FACE, "neck": AT_NECK, "back": ON_BACK, "body": ON_BODY, "feet": ON_FEET}
RELATIONS = {
    "wearing": "head", "holding": "hand", "carrying": "hand", "with": "hand", "riding": "under", "on": "top",
    "next to": "beside", "beside": "beside", "near": "beside", "under": "under",
    STANDING: "surface", UNDERNEATH: "floor",
}  # fmt: skip
WHATEVER = ("under", "beside", "surface", "floor")  # places of things of any kind
NAMED = {
    "head": "on the head", "face": "on the face", "neck": "at the neck", "back": "on the back", "body": "on the body",
    "feet": "at the feet", "hand": "in a hand", "under": "under it", "top": "on top",
    "surface": "on its surface", "floor": "on the floor under it", "beside": "beside it",
}  # fmt: skip
RIM = 2.5  # voxels: what is narrower than twice this is no surface to stand on
HEAD, TRUNK = 0.82, (0.5, 0.75)  # of the height: where the head begins, where the trunk is


def place_of(term: str, relation: str, lookalikes: Sequence[str] = ()) -> str:
    """One of `NAMED`: by the noun of the term, else of what it looks like, else by the relation."""
    if RELATIONS.get(relation) in WHATEVER:
        return RELATIONS[relation]
    for name in (term, *lookalikes):
        words = match_key(name)
        for word in reversed(words):
            for place, nouns in NOUNS.items():
                if {word, word.removesuffix("s")} & nouns:
                    return place
    return RELATIONS.get(relation, "hand")


@dataclass(frozen=True)
class Carrier:
    """What a rule reads of the thing that carries; world units."""

    points: Floats  # [N, 3] its voxels

    @staticmethod
    def of(grid: Tensor) -> Carrier:
        return Carrier(to_world(to_coords(grid).double(), len(grid)).cpu().numpy())

    @property
    def low(self) -> Floats:
        return self.points.min(0)

    @property
    def high(self) -> Floats:
        return self.points.max(0)

    @property
    def height(self) -> float:
        return float(self.high[2] - self.low[2]) + 1 / 64

    def slab(self, low: float, high: float = 1.0) -> Floats:
        """Its voxels between two shares of its height; all where there are none."""
        z = (self.points[:, 2] - self.low[2]) / self.height
        inside = self.points[(z >= low) & (z <= high)]
        return inside if len(inside) else self.points

    def surface(self, foot: Floats, taken: Tensor | None = None, near: Floats | None = None) -> Floats:
        """x, y, z of a place for a thing with a `foot` [2] of that size on the largest level surface free above.

        z is the top of the surface. Columns in `taken` [R, R] bool are free no more. The place is as far from the rim
        as the foot asks for, if there is such a place, and of those the one next to `near` [2], else in the middle.
        """
        cells = np.round((self.points - self.low) * 64).astype(np.int64)
        tops = np.full(cells.max(0)[:2] + 1, -1)
        np.maximum.at(tops, (cells[:, 0], cells[:, 1]), cells[:, 2])
        free = tops >= 0
        if taken is not None:
            first = np.round((self.low[:2] + 0.5) * 64 - 0.5).astype(np.int64)
            free &= ~taken.cpu().numpy()[first[0] :, first[1] :][: len(tops), : tops.shape[1]]
        depth = max(
            (_depths(free & (np.abs(tops - height) <= 1)) for height in range(int(tops.max()) + 1)), key=_breadth
        )
        if taken is not None and not depth.any():
            return self.surface(foot, None, near)  # there is no room: parts are cut where they meet
        wanted = min(0.5 * 64 * float(foot.min()), 0.8 * float(depth.max()))
        inner = np.argwhere(depth >= wanted)  # the middle of a corner table may lie beside it
        target = inner.mean(0) if near is None else (near - self.low[:2]) * 64
        x, y = inner[np.argmin(np.square(inner - target).sum(1))]
        level = np.median(tops[inner[:, 0], inner[:, 1]])
        return np.append(self.low[:2] + np.array([x, y]) / 64, self.low[2] + (level + 0.5) / 64)


def _depths(plate: NDArray[np.bool_]) -> Floats:
    """How far each cell of a plate is from its rim, in voxels; 0 outside."""
    return ndimage.distance_transform_edt(np.pad(plate, 1))[1:-1, 1:-1]


def _breadth(depth: Floats) -> float:
    """How much of a plate is far from its rim: rims of backs and arms are no surface to stand on."""
    return float((depth > RIM).sum()) + 1e-3 * float((depth > 0).sum())


def placement(
    place: str,
    carrier: Carrier,
    thing: Tensor,
    second: bool = False,
    share: float | None = None,
    taken: Tensor | None = None,
    near: Floats | None = None,
) -> Placement:
    """How a thing [R, R, R] bool, upright and facing the front, is scaled and moved to its place; never turned.

    A `second` thing in a hand is in the other one. On a surface, under and beside it a thing has `share` of the
    carrier's longest side, where that is known, and a surface has no room in columns that are `taken`
    (`Carrier.surface`; `near` is where the thing should stand). The whole of it lies within the cube.
    """
    own = Carrier.of(thing)
    size = own.high - own.low + 1 / 64
    head, h = carrier.slab(HEAD), carrier.height
    width = float(np.ptp(head[:, :2], axis=0).max()) + 1 / 64
    middle = (carrier.low + carrier.high) / 2
    at_head = np.append((head[:, :2].min(0) + head[:, :2].max(0)) / 2, 0.0)
    wide, tall, longest = float(size[:2].max()), float(size[2]), float(size.max())
    z = carrier.low[2]
    known = None if share is None else share * float((carrier.high - carrier.low).max() + 1 / 64) / longest
    match place:
        case "head":
            scale = 1.6 * width / wide
            center = [*at_head[:2], carrier.high[2] - 0.45 * width + scale * tall / 2]
        case "face":
            scale = 1.1 * width / wide
            center = [at_head[0], head[:, 1].min(), carrier.high[2] - 0.6 * width]
        case "neck":
            scale = 1.2 * width / wide
            center = [*at_head[:2], carrier.high[2] - 0.8 * width]
        case "back":
            scale = 0.47 * h / longest
            behind = carrier.slab(*TRUNK)[:, 1].max()
            center = [middle[0], behind + scale * size[1] / 2 - 1 / 64, z + 0.6 * h]
        case "body":
            scale = 0.36 * h / tall
            center = [middle[0], np.median(carrier.slab(*TRUNK)[:, 1]), z + 0.58 * h]
        case "feet":
            scale = float(carrier.high[0] - carrier.low[0]) / wide
            center = [*middle[:2], z + scale * tall / 2]
        case "hand":
            scale = 0.65 * h / longest
            side = carrier.high[0] - 0.1 * h if second else carrier.low[0] + 0.1 * h
            center = [side, carrier.low[1], z + 0.6 * h]
        case "under":
            scale = 1.6 * float((carrier.high - carrier.low)[:2].max()) / wide
            center = [*middle[:2], z + 0.35 * h - scale * tall / 2]
        case "top":
            scale = 0.27 * float((carrier.high - carrier.low)[:2].max()) / longest
            center = [*middle[:2], carrier.high[2] + scale * tall / 2]
        case "surface":
            scale = known or 0.27 * float((carrier.high - carrier.low)[:2].max()) / longest
            x, y, floor = carrier.surface(scale * size[:2], taken, near)
            scale = min(scale, (0.5 - floor) / tall)
            center = [x, y, floor + scale * tall / 2]
        case "floor":
            scale = min(known or 0.4 * h / longest, 0.8 * h / tall)
            center = [*middle[:2], z + scale * tall / 2]
        case "beside":
            room = max(0.5 - float(carrier.high[0]) - 1 / 64, 0.1)
            scale = min(known or 0.6 * h / longest, room / float(size[0]))
            center = [carrier.high[0] + scale * size[0] / 2 + 1 / 64, middle[1], z + scale * tall / 2]
        case _:
            raise ValueError(f"no rule for {place!r}; there are {', '.join(NAMED)}")
    scale = min(scale, 1 / longest)
    reach = 0.5 - scale * size / 2
    inside = np.clip(np.array(center, dtype=np.float64), -reach, reach)
    return Placement(np.eye(3), scale, inside - scale * (own.low + own.high) / 2)
