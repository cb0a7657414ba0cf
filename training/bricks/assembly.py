"""What is built for each part: shapes (one file, or a fixed assembly of files) and the places they are put.

A shape is a list of pieces in one LDraw frame; a site is a frame, a slot and the transform from the shape to the
LDraw frame of that slot's base. The bank turns every (shape, site) into a placement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from training.bricks import anatomy, placement
from training.bricks.anatomy import Anatomy
from training.bricks.catalog import Catalog, Part
from training.bricks.ldraw import INHERIT, Library, Triangles
from training.bricks.placement import IDENTITY, Pose, Transform, compose, transform

FILLED, FIGURE = "filled", "figure"
SKIN = -1  # colour code of pieces that take the skin tone
STANDARD_TORSO = "76382"
STANDARD_LEGS = "73200b-f1"
RIGHT_POSES = (Pose(45, 0), Pose(45, 90), Pose(-15, 0))  # every held part wants one of these
RAISED = RIGHT_POSES[0]  # the right arm is always raised: adding a tool never moves the base
_ARMS = {"3818.dat": "right", "3819.dat": "left"}
_HAND = "3820.dat"
_FIXED_SLOTS = {  # family -> slot, for parts whose catalogue placement is in the figure frame
    "head": "head",
    "lower": "lower",
    "headwear": "headwear",
    "visor": "visor",
    "neckwear": "neckwear",
    "hipwear": "hipwear",
    "footwear": "footwear",
    "board": "board",
}
DRAGON, EAGLE, HORSE, DOLL_HORSE = "75174", "11467", "4493c00", "93085"
SADDLED, BARE = "saddled", "bare"
RIDES = {  # (ride, variant) -> figure frame in the ride's frame
    (HORSE, SADDLED): transform(translation=(0, -72, 1.25)),
    (HORSE, BARE): transform(translation=(0, -64, 1.25)),
    (DOLL_HORSE, SADDLED): transform(translation=(0, -77, 1.25)),
}
_DRAGON_PIECES = (  # arms and head of the dragon body
    ("6127.dat", transform(translation=(-20, 14, -77))),
    ("6128.dat", transform(translation=(20, 14, -77))),
    ("6027.dat", transform([[1, 0, 0], [0, 0.924, -0.383], [0, 0.383, 0.924]], (0, -57.5, -61))),
)
PAIR = "pair"  # variant of wings that are two copies of one part
_PAIRED_WINGS = ("11100", "15082", "5984", "67928")  # single wings on a pin, either side
_ANIMAL_HATS, _ANIMAL_PACKS = ("hat", "cap", "crown"), ("backpack", "tank")
_ANIMAL_SHARE = {"hat": 9, "cap": 9, "crown": 4, "backpack": 4, "tank": 4}  # one in so many for each animal
_NO_ANIMAL_HAT = frozenset(("hair", "ponytail", "bun", "ears", "cowl", "hood", "wrap", "headphones"))
_RIDER_SHARE = {"headwear": 4, "neckwear": 4, "hand": 7}  # one in so many parts is also placed on riders


@dataclass(frozen=True, eq=False)
class Piece:
    """A file under a transform; its inherited colour becomes `color` (INHERIT = the shape's main colour)."""

    file: str
    transform: Transform
    color: int = INHERIT


@dataclass(frozen=True)
class Site:
    """A place for a shape. `to_frame` maps the shape to the LDraw frame of the base; None = alone, filling the grid."""

    frame: str  # "filled", "figure" or the id of the creature that sets the frame
    slot: str
    variant: str
    to_frame: Transform | None


@dataclass(frozen=True)
class Shape:
    """Pieces that are built once and placed at every site."""

    part: Part
    pieces: tuple[Piece, ...]
    sites: tuple[Site, ...]
    variant: str = ""

    @property
    def key(self) -> str:
        return f"{self.part.id}/{self.variant}" if self.variant else self.part.id

    def triangles(self, library: Library) -> Triangles:
        """The assembled soup; skin pieces carry the code SKIN."""
        return Triangles.concatenate([library.triangles(p.file).transformed(p.transform, p.color) for p in self.pieces])


def stable_hash(text: str) -> int:
    """A hash that is the same in every process and version."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def pose_name(right: Pose, left: Pose) -> str:
    """The torso variant with these arms, e.g. "45.0 0.0" (pitch.wrist, right then left)."""
    return f"{right.pitch}.{right.wrist} {left.pitch}.{left.wrist}"


def wanted_pose(part: Part) -> Pose:
    """The arm pose that a held part wants."""
    return Pose(part.grip.arm_pitch, part.grip.wrist)


def shapes(catalog: Catalog, library: Library) -> Iterator[Shape]:
    """Everything the bank holds for this catalogue."""
    wearers = tuple(
        (animal, anatomy.measure(library.triangles(animal.file).vertices)) for animal in anatomy.wearers(catalog)
    )
    for part in catalog:
        if part.family == "torso":
            yield from _torsos(part, library, catalog)
        elif part.id == DRAGON:
            yield _creature(part, tuple(Piece(file, t) for file, t in _DRAGON_PIECES))
        elif part.family == "animal" or (part.family == "ride" and part.kind == "horse"):
            yield _creature(part)
        elif part.family == "mount":
            yield from _mounts(part, catalog, wearers)
        else:
            shape = _plain(part, catalog)
            yield replace(shape, sites=(*shape.sites, *_on_animals(part, wearers)))


def rideable(part: Part) -> bool:
    """Whether this part is also built for riders: all standard heads and legs, a fixed share of the accessories."""
    if part.family == "head":
        return "hat_ok" in part.flags
    if part.family in _RIDER_SHARE:
        one_handed = part.grip is None or (part.grip.hand == "right" and wanted_pose(part) == RAISED)
        return one_handed and stable_hash(f"rider {part.id}") % _RIDER_SHARE[part.family] == 0
    return part.id in (STANDARD_TORSO, STANDARD_LEGS)


def _alone(slot: str) -> Site:
    return Site(FILLED, slot, "", None)


def _plain(part: Part, catalog: Catalog) -> Shape:
    """A part with its catalogue placement, or held in either hand, or with no place but alone."""
    if part.grip is not None:
        sites = [
            Site(FIGURE, side, f"{part.grip.arm_pitch}.{part.grip.wrist}", placement.held(side, part.grip))
            for side in ("right", "left")
        ]
        return Shape(part, (Piece(part.file, IDENTITY),), (_alone("hand"), *sites, *_riders(part, sites[:1], catalog)))
    if part.family not in _FIXED_SLOTS or not part.placements:
        return Shape(part, (Piece(part.file, IDENTITY),), (_alone("free"),))
    slot = _FIXED_SLOTS[part.family]
    # Copies worn together (skis) are one shape in the figure frame.
    copies = part.placements if len(part.placements) > 1 else (IDENTITY,)
    site = Site(FIGURE, slot, "", part.placements[0] if len(part.placements) == 1 else IDENTITY)
    pieces = tuple(Piece(part.file, copy) for copy in copies)
    return Shape(part, pieces, (_alone(slot), site, *_riders(part, [site], catalog)))


def _riders(part: Part, worn: list[Site], catalog: Catalog) -> Iterator[Site]:
    """The sites of a figure's part when that figure rides."""
    if not rideable(part):
        return
    for (ride, variant), seat in RIDES.items():
        if ride in catalog:
            for site in worn:
                yield Site(ride, f"rider {site.slot}", variant, compose(seat, site.to_frame))


def _torsos(part: Part, library: Library, catalog: Catalog) -> Iterator[Shape]:
    """One shape per arm pose that the torso's free hands can take; hands carry the skin tone."""
    free_right, free_left = "free_right" in part.flags, "free_left" in part.flags
    rights = RIGHT_POSES if free_right else (placement.HANGING,)
    lefts = (placement.HANGING, *(RIGHT_POSES if free_left else ()))
    for right in rights:
        for left in lefts:
            poses = {"right": right if free_right else None, "left": left if free_left else None}
            name = pose_name(right, left)
            site = Site(FIGURE, "torso", name, IDENTITY)
            alone = (_alone("torso"),) if right == rights[0] and left == lefts[0] else ()
            riders = _riders(part, [site], catalog) if (right, left) == (RAISED, placement.HANGING) else ()
            yield Shape(part, tuple(_torso_pieces(part, library, poses)), (*alone, site, *riders), name)


def _torso_pieces(part: Part, library: Library, poses: dict[str, Pose | None]) -> Iterator[Piece]:
    """The torso's own references, free arms and hands replaced by posed ones."""
    references = library.references(part.file)
    if len(library.own_triangles(part.file)) or not any(r.file == "973.dat" for r in references):
        yield from _references_or_file(part, library)
        return
    for ref in references:
        side = _ARMS.get(ref.file) or ("right" if ref.transform[0, 3] < 0 else "left")
        pose = poses[side]
        if ref.file == _HAND:
            yield Piece(ref.file, ref.transform if pose is None else placement.hand(side, pose), SKIN)
        elif ref.file in _ARMS:
            yield Piece(ref.file, ref.transform if pose is None else placement.arm(side, pose), ref.color)
        else:
            yield Piece(ref.file, ref.transform, ref.color)


def _references_or_file(part: Part, library: Library) -> Iterator[Piece]:
    """A torso that is not built on 973: its hands, if it names any, still take the skin tone."""
    if len(library.own_triangles(part.file)):
        yield Piece(part.file, IDENTITY)
        return
    for ref in library.references(part.file):
        yield Piece(ref.file, ref.transform, SKIN if ref.file == _HAND else ref.color)


def _creature(part: Part, more: tuple[Piece, ...] = ()) -> Shape:
    pieces = (Piece(part.file, IDENTITY), *more)
    return Shape(part, pieces, (_alone("free"), Site(part.id, "base", "", IDENTITY)))


def animals_wear(part: Part) -> bool:
    """Whether some animals are made with such a thing."""
    return _is_animal_hat(part) or part.kind in _ANIMAL_PACKS or part.id in _PAIRED_WINGS


def _is_animal_hat(part: Part) -> bool:
    return part.kind in _ANIMAL_HATS and not _NO_ANIMAL_HAT & set(part.phrase.split())


def _on_animals(part: Part, wearers: Sequence[tuple[Part, Anatomy]]) -> Iterator[Site]:
    """Hats on heads and packs on backs: each animal gets a fixed share of them."""
    for animal, body in wearers:
        if stable_hash(f"{animal.id} wears {part.id}") % _ANIMAL_SHARE.get(part.kind, 1) != 0:
            continue
        if _is_animal_hat(part):
            yield Site(animal.id, "hat", "", body.hat())
        elif part.kind in _ANIMAL_PACKS and body.back is not None and animal.kind != "bird":
            yield Site(animal.id, "pack", "", body.pack())


def _animal_wings(part: Part, wearers: Sequence[tuple[Part, Anatomy]]) -> Iterator[Shape]:
    """Pairs of wings on the backs of animals: one shape per animal, the two wings spread."""
    for animal, body in wearers:
        has_back = body.back is not None and animal.kind != "bird"
        if part.id in _PAIRED_WINGS and has_back and stable_hash(f"{animal.id} wears {part.id}") % 2 == 0:
            pieces = tuple(Piece(part.file, side) for side in body.wings())
            yield Shape(part, pieces, (Site(animal.id, "wings", PAIR, IDENTITY),), f"{PAIR} {animal.id}")


def _mounts(part: Part, catalog: Catalog, wearers: Sequence[tuple[Part, Anatomy]]) -> Iterator[Shape]:
    """Saddles, armour, wings: alone, together on the creature named in the catalogue, wings also on animals."""
    single = Shape(part, (Piece(part.file, IDENTITY),), (_alone("free"),))
    yield from _animal_wings(part, wearers)
    if not part.placements or part.attach_to not in catalog:
        yield single
        return
    slot = "wings" if "wing" in part.phrase else "mount"
    if len(part.placements) == 1:
        yield replace(single, sites=(*single.sites, Site(part.attach_to, slot, "", part.placements[0])))
        return
    yield single
    pieces = tuple(Piece(part.file, copy) for copy in part.placements)
    yield Shape(part, pieces, (Site(part.attach_to, slot, PAIR, IDENTITY),), PAIR)
