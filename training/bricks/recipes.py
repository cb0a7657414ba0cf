"""How objects of each family are put together. A recipe returns None where a draw came to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from training.bricks import captions
from training.bricks.assembly import (
    DRAGON,
    EAGLE,
    FIGURE,
    RAISED,
    RIDES,
    SADDLED,
    STANDARD_LEGS,
    STANDARD_TORSO,
    pose_name,
    wanted_pose,
)
from training.bricks.captions import Base, Thing
from training.bricks.colors import RGB, SKIN_WEIGHTS, SKINS
from training.bricks.options import Draft, Option, Options
from training.bricks.placement import HANGING

HEADWEAR, NECKWEAR, TOOL, LEFT_TOOL, HIPWEAR, FEET = 0.75, 0.45, 0.55, 0.15, 0.10, 0.12
STANDARD_HEAD, STANDARD_BODY, STANDARD_LEG_SHARE, VISOR = 0.85, 0.9, 0.7, 0.5
BASE_NAMES = {DRAGON: ("dragon",), EAGLE: ("eagle",)}  # "wingless dragon" would deny the wings that are added
_SADDLES = {"4493c00": "4491b", "93085": "93086"}
_RELATIONS = {"right": "holding", "left": "holding", "board": "on"}

Recipe = Callable[[Options, Random], Draft | None]


def figure(options: Options, rng: Random, dressed: bool = True) -> Draft | None:
    """A figure with one to four accessories (or none)."""
    draft = Draft("figure" if dressed else "bare")
    head = _special(options.special_heads, STANDARD_HEAD, rng) or rng.choice(options.standard_heads)
    body = _special(options.special_torsos, STANDARD_BODY, rng)
    lower = _special(options.special_lowers, STANDARD_LEG_SHARE, rng) or options.find(STANDARD_LEGS, FIGURE, "lower")
    worn = _worn(options, rng, head, body, lower) if dressed else []
    right, left = _tools(options, rng, body) if dressed else (None, None)
    if dressed and not worn and right is None and left is None:
        return None
    torso = _posed_torso(options, body, right, left)
    if torso is None:
        return None
    base = _body(draft, rng, torso, head, None if "covers_legs" in torso.part.flags else lower)
    for option in [*worn, *filter(None, (right, left))]:
        accessory(draft, option, rng)
    draft.caption = captions.describe(base, draft.things, rng)
    return draft


def bare(options: Options, rng: Random) -> Draft | None:
    """A figure without accessories."""
    return figure(options, rng, dressed=False)


def filled(options: Options, rng: Random) -> Draft:
    """One part alone, filling the grid."""
    return _single("filled", options.alone, options, rng)


def in_place(options: Options, rng: Random) -> Draft:
    """One part alone, where a figure would wear or hold it."""
    return _single("in_place", options.in_place, options, rng)


def rider(options: Options, rng: Random) -> Draft | None:
    """A figure on a horse; the horse is the base."""
    seats = [seat for seat in RIDES if seat[0] in options.rides]
    ride, variant = rng.choice(seats)
    mount = options.find(_SADDLES[ride], ride, "mount") if variant == SADDLED else None
    torso = options.find(STANDARD_TORSO, ride, "rider torso", variant)
    legs = options.find(STANDARD_LEGS, ride, "rider lower", variant)
    heads = [o for o in options.slot(ride, "rider head") if o.variant == variant]
    if torso is None or legs is None or not heads or (variant == SADDLED and mount is None):
        return None
    draft = Draft("rider")
    base = options.find(ride, ride, "base")
    color, word = rng.choice(base.colors)
    draft.add(base, color)
    person = _body(draft, rng, torso, rng.choice(heads), legs, role=1)
    draft.things.append(Thing(person.names))
    worn: list[Thing] = []
    for slot, share in (("headwear", 0.6), ("neckwear", 0.25), ("right", 0.4)):
        choices = [o for o in options.slot(ride, f"rider {slot}") if o.variant == variant]
        if choices and rng.random() < share:
            worn.append(accessory(draft, rng.choice(choices), rng, _RELATIONS.get(slot, "wearing")))
    mounted = [accessory(draft, mount, rng, "with")] if mount is not None else []
    draft.caption = captions.riding(person, Thing(base.part.names, word), worn, mounted, rng)
    return draft


def creature(options: Options, rng: Random) -> Draft | None:
    """A dragon, eagle or horse with wings, saddle or armour."""
    groups = [ids for ids in (options.mountable, options.winged) if ids]
    if not groups:
        return None
    id = rng.choice(rng.choice(groups))
    draft, base = _creature_base("creature", id, options, rng)
    for slot, share in (("wings", 0.8), ("mount", 0.6)):
        if options.slot(id, slot) and rng.random() < share:
            accessory(draft, rng.choice(options.slot(id, slot)), rng, "with")
    draft.caption = captions.describe(base, draft.things, rng)
    return draft


def animal(options: Options, rng: Random) -> Draft | None:
    """An animal alone, or wearing a hat or a pack."""
    if not options.dressable:
        return None
    id = rng.choice(options.dressable)
    draft, base = _creature_base("animal", id, options, rng)
    for slot, share in (("hat", 0.7), ("pack", 0.4)):
        option = options.pick(rng, id, slot) if rng.random() < share else None
        if option is not None:
            accessory(draft, option, rng)
    draft.caption = captions.describe(base, draft.things, rng)
    return draft


RECIPES: dict[str, Recipe] = {
    "figure": figure,
    "bare": bare,
    "filled": filled,
    "in_place": in_place,
    "rider": rider,
    "creature": creature,
    "animal": animal,
}


def _special(options: Sequence[Option], standard: float, rng: Random) -> Option | None:
    """One of the special parts, or None for the standard one."""
    return rng.choice(options) if options and rng.random() >= standard else None


def _body(draft: Draft, rng: Random, torso: Option, head: Option, lower: Option | None, role: int = 0) -> Base:
    """Adds torso, head and lower body; hands take the colour of the head."""
    skin, _ = _head_color(head, rng)
    draft.skin = skin
    top, top_word = rng.choice(torso.colors)
    draft.add(torso, top, role)
    draft.add(head, skin, role)
    bottom_word = ""
    if lower is not None:
        bottom, bottom_word = rng.choice(lower.colors)
        draft.add(lower, bottom, role)
    traits = tuple(Thing(o.part.names) for o in (torso, head, lower) if o is not None and _unusual(o))
    clothes = (top_word, bottom_word) if bottom_word and not traits else None
    return Base(captions.figure_names(rng), "", clothes, traits)


def _unusual(option: Option) -> bool:
    """Whether a body part is none of the standard ones (faces are prints, hardly visible)."""
    return option.part.id not in (STANDARD_TORSO, STANDARD_LEGS) and "hat_ok" not in option.part.flags


def _head_color(head: Option, rng: Random) -> tuple[RGB, str]:
    """Standard heads come in the skin tones, with their weights; others in their own colours."""
    if len(head.colors) == len(SKINS) and "hat_ok" in head.part.flags:
        return rng.choices(head.colors, SKIN_WEIGHTS)[0]
    return rng.choice(head.colors)


def _worn(options: Options, rng: Random, head: Option, body: Option | None, lower: Option | None) -> list[Option]:
    """Headwear (with its visor), neckwear, hipwear, footwear or a board: what this body can wear."""
    worn: list[Option | None] = []
    covered = False
    if "hat_ok" in head.part.flags and rng.random() < HEADWEAR:
        hat = options.pick(rng, FIGURE, "headwear")
        if hat is not None:
            covered = "covers_neck" in hat.part.flags
            worn += [hat, _visor(options, rng, hat)]
    if not covered and rng.random() < NECKWEAR:
        worn.append(options.pick(rng, FIGURE, "neckwear"))
    standard_legs = lower is not None and lower.part.id == STANDARD_LEGS
    if standard_legs and (body is None or "covers_legs" not in body.part.flags):
        if not covered and rng.random() < HIPWEAR:
            worn.append(options.pick(rng, FIGURE, "hipwear"))
        if rng.random() < FEET:
            worn.append(options.pick(rng, FIGURE, rng.choice(("footwear", "board"))))
    return [option for option in worn if option is not None]


def _visor(options: Options, rng: Random, hat: Option) -> Option | None:
    """A visor that belongs on this helmet."""
    fitting = [o for o in options.slot(FIGURE, "visor") if o.part.attach_to == hat.part.id]
    return rng.choice(fitting) if fitting and rng.random() < VISOR else None


def _tools(options: Options, rng: Random, body: Option | None) -> tuple[Option | None, Option | None]:
    """What the right and the left hand hold; shields go left."""
    flags = {"free_right", "free_left"} if body is None else body.part.flags
    right = options.pick(rng, FIGURE, "right") if "free_right" in flags and rng.random() < TOOL else None
    if right is not None and right.part.grip.hand == "left":
        right = options.find(right.part.id, FIGURE, "left", right.variant)
        return None, right if "free_left" in flags else None
    left = options.pick(rng, FIGURE, "left") if "free_left" in flags and rng.random() < LEFT_TOOL else None
    return right, left


def _posed_torso(options: Options, body: Option | None, right: Option | None, left: Option | None) -> Option | None:
    """The torso variant whose arms hold these parts; a free right arm is raised even when empty."""
    id = STANDARD_TORSO if body is None else body.part.id
    flags = {"free_right"} if body is None else body.part.flags
    right_pose = wanted_pose(right.part) if right else RAISED if "free_right" in flags else HANGING
    left_pose = wanted_pose(left.part) if left else HANGING
    return options.find(id, FIGURE, "torso", pose_name(right_pose, left_pose))


def accessory(draft: Draft, option: Option, rng: Random, relation: str = "") -> Thing:
    """Adds an accessory in one of its colours, as the next role."""
    color, word = rng.choice(option.colors)
    if not relation:
        hair = option.part.kind == "hair" or option.part.kind in ("tail", "wings")
        relation = "with" if hair else _RELATIONS.get(option.slot, "wearing")
    thing = Thing(option.names, word, relation)
    draft.things.append(thing)
    draft.add(option, color, len(draft.things))
    return thing


def _single(family: str, choices: Sequence[Option], options: Options, rng: Random) -> Draft:
    option = rng.choice(choices)
    color, word = _head_color(option, rng) if option.part.family == "head" else rng.choice(option.colors)
    draft = Draft(family, rng.choices(options.skins, SKIN_WEIGHTS)[0])
    draft.add(option, color)
    draft.caption = captions.single(Thing(option.part.names, word), rng)
    return draft


def _creature_base(family: str, id: str, options: Options, rng: Random) -> tuple[Draft, Base]:
    option = options.find(id, id, "base")
    color, word = rng.choice(option.colors)
    draft = Draft(family)
    draft.add(option, color)
    return draft, Base(BASE_NAMES.get(id, option.part.names), word)
