"""How people, everyday things, and things on others are drawn. A recipe returns None where a draw came to nothing."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping
from random import Random

from training.bricks import captions, splits
from training.bricks.bank import Bank
from training.bricks.captions import Base
from training.bricks.captions import Thing as Told
from training.bricks.catalog import Catalog
from training.bricks.colors import RGB
from training.bricks.options import Draft, Option, Options
from training.bricks.recipes import Recipe, accessory

from .home3d import Thing
from .index import Index, Places
from .people import COVERING, Body

HEADWEAR, NECKWEAR, TOOL, VISOR = 0.72, 0.5, 0.5, 0.3
SKINS = ((247, 219, 200), (243, 210, 189), (227, 176, 143), (198, 139, 98), (141, 90, 58), (85, 52, 31), (56, 34, 22))
HAIRS = ((30, 23, 18), (46, 32, 24), (74, 47, 29), (138, 90, 42), (201, 162, 90), (181, 72, 43), (150, 150, 150))
SHOES = ((43, 43, 43), (107, 74, 47), (216, 216, 216), (38, 54, 95), (150, 40, 40))
OWN, NAMED = 0.45, 0.35  # shares of things in their own colour, and in one that has a name; the others in any
LIKE_SKIN = 45.0  # distance of a garment's colour from the skin's, at least
MOST_TOPS = 3


def recipes(index: Index, bank: Bank, catalog: Catalog) -> Callable[[Options], Mapping[str, Recipe]]:
    """The further recipes of `objects.sample`."""
    known: dict[str | None, Places] = {}

    def of(options: Options) -> Mapping[str, Recipe]:
        if options.split not in known:
            known[options.split] = Places(index, bank, options, catalog.colors, len(catalog))
        places = known[options.split]
        return {
            "person": lambda options, rng: person(places, options, rng),
            "bare_person": lambda options, rng: person(places, options, rng, dressed=False),
            "thing": lambda options, rng: thing(places, rng),
            "stand": lambda options, rng: stand(places, rng),
            "scene": lambda options, rng: scene(places, rng),
        }

    return of


def person(places: Places, options: Options, rng: Random, dressed: bool = True) -> Draft | None:
    """A clothed person with one to four things worn or held (or none)."""
    if not places.bodies:
        return None
    body = rng.choice(places.bodies)
    draft = Draft("person" if dressed else "bare_person")
    base = clothed(places, draft, body, rng)
    worn = _worn(options, body, rng) if dressed else []
    if dressed and not worn:
        return None
    for option in worn:
        accessory(draft, option, rng)
    draft.settled = places.split != splits.TRAIN and options.split != splits.COMBOS
    draft.caption = captions.describe(base, draft.things, rng)
    return draft


def clothed(places: Places, draft: Draft, body: Body, rng: Random) -> Base:
    """Adds the body in random colours; returns what a caption says of it."""
    tone = rng.uniform(0, len(SKINS) - 1.001)
    skin = _mixed(SKINS[int(tone)], SKINS[int(tone) + 1], tone % 1, rng)
    shirt, lower = (_garment(places, skin, rng) for _ in range(2))
    hair = (
        _mixed(rng.choice(HAIRS), rng.choice(HAIRS), 0.3 * rng.random(), rng) if rng.random() < 0.95 else any_color(rng)
    )
    draft.skin = skin
    colors = {
        "torso": (shirt, skin),
        "lower": (lower, rng.choice(SHOES) if rng.random() < 0.8 else any_color(rng)),
        "head": (hair, skin),
    }
    for option in places.body(body):
        main, second = colors[option.slot]
        draft.add(option, main, second=second)
    return Base(
        (rng.choices(names(body), (5, 4, 1))[0],), "", (places.word(shirt), places.word(lower)), (), _bottoms(body)
    )


def names(body: Body) -> tuple[str, str, str]:
    """What a body is called: with everything, by its noun, and by any."""
    noun = body.phrase.split()[-1]
    return body.phrase, noun, "kid" if body.child else "person"


def _bottoms(body: Body) -> tuple[str, ...]:
    return {"skirt": ("skirt",), "shorts": ("shorts",)}.get(body.bottom, ("trousers", "pants"))


def _worn(options: Options, body: Body, rng: Random) -> list[Option]:
    """Headwear with or without a visor or beard, something on the back or neck, something in the right hand."""
    found: list[Option] = []

    def some(slot: str) -> Option | None:
        choices = options.slot(body.id, slot)
        return rng.choice(choices) if choices else None

    hat = some("headwear") if rng.random() < HEADWEAR else None
    covered = hat is not None and bool({"covers_neck", "full_costume"} & hat.part.flags)
    if hat is not None:
        found.append(hat)
        visors = [o for o in options.slot(body.id, "visor") if o.part.attach_to in (hat.part.id, "head")]
        if visors and hat.part.kind not in COVERING and rng.random() < VISOR:
            found.append(rng.choice(visors))
    worn = some("neckwear") if not covered and rng.random() < NECKWEAR else None
    if worn is not None:
        found.append(worn)
    held = some("right") if rng.random() < TOOL else None
    if held is not None:
        found.append(held)
    return found


def thing(places: Places, rng: Random) -> Draft:
    """One thing alone, filling the grid."""
    chosen = rng.choice(places.things)
    draft = Draft("thing", settled=True)
    told = _add(places, draft, places.filled(chosen), chosen, rng)
    draft.caption = captions.single(told, rng)
    return draft


def stand(places: Places, rng: Random) -> Draft:
    """One thing alone, as the base that others could stand on."""
    chosen = rng.choice(places.things)
    draft = Draft("stand", settled=True)
    told = _add(places, draft, places.base(chosen), chosen, rng)
    draft.caption = captions.single(told, rng)
    return draft


def scene(places: Places, rng: Random) -> Draft | None:
    """One to three things on another."""
    if not places.bases:
        return None
    id = rng.choice(places.bases)
    tops = _tops(places, id, rng)
    draft = Draft("scene", settled=True)
    base = _add(places, draft, places.base(places.thing[id]), places.thing[id], rng)
    for role, (row, top) in enumerate(tops, 1):
        draft.things.append(_add(places, draft, places.on(row, top), places.thing[top.top], rng, role, top.relation))
    draft.caption = captions.standing(base, draft.things, rng)
    return draft


def _tops(places: Places, base: str, rng: Random) -> list[tuple[int, object]]:
    """Placements that do not meet, each model once."""
    chosen: list = []
    wanted = rng.choices((1, 2, 3), (0.45, 0.35, 0.2))[0]
    for row, top in rng.sample(places.tops[base], min(len(places.tops[base]), 8)):
        if len(chosen) < wanted and all(top.top != t.top and top.clear_of(t) for _, t in chosen):
            chosen.append((row, top))
    return chosen


def _add(
    places: Places, draft: Draft, option: Option, known: Thing, rng: Random, role: int = 0, relation: str = ""
) -> Told:
    """Adds a thing in its own or in another colour."""
    coin, word = rng.random(), ""
    color = any_color(rng)
    if known.main is not None:
        if coin < OWN:
            color = known.main
        elif coin < OWN + NAMED:
            color = rng.choice(list(places.named))
        word = places.word(color)
    draft.add(option, color, role, second=any_color(rng))
    return Told((known.phrase, *known.synonyms), word, relation)


def _garment(places: Places, skin: RGB, rng: Random) -> RGB:
    """A colour of clothes, none like the skin."""
    while True:
        color = rng.choice(list(places.named)) if rng.random() < 0.5 else any_color(rng)
        if sum((a - b) ** 2 for a, b in zip(color, skin)) > LIKE_SKIN**2:
            return color


def _mixed(a: RGB, b: RGB, share: float, rng: Random) -> RGB:
    return tuple(min(255, max(0, round((1 - share) * x + share * y + rng.gauss(0, 5)))) for x, y in zip(a, b))


def any_color(rng: Random) -> RGB:
    """A colour that things come in; a third are greys, browns and near-whites."""
    if rng.random() < 0.35:
        hue, depth, value = rng.uniform(0.02, 0.12), rng.choice((0.0, 0.1, 0.4)), rng.uniform(0.12, 0.97)
    else:
        hue, depth, value = rng.random(), rng.uniform(0.35, 1), rng.uniform(0.3, 1)
    return tuple(round(255 * v) for v in colorsys.hsv_to_rgb(hue, depth, value))
