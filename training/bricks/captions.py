"""Sentences for objects: a small grammar over neutral words, lower case, at most 28 words.

Every accessory has a term: its noun phrase as it stands in the caption, without article and colour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from cast3d.scene.grammar import indefinite
from training.bricks.catalog import Catalog

MAX_WORDS = 28
COLOR_SHARE, SYNONYM_SHARE, CLOTHES_SHARE, GENERIC_SHARE = 0.6, 0.3, 0.3, 0.07
FIGURES = ("figure", "minifigure", "person", "character", "man", "woman", "boy", "girl", "kid")
_FIGURE_WEIGHTS = (40, 14, 8, 8, 7, 7, 6, 6, 4)
_TOPS = ("shirt", "top")
_BOTTOMS = ("trousers", "pants", "legs")
_FUNCTION_WORDS = "a an the with and in on wearing holding carrying riding its his back of"
LATER_WORDS = "beside next under underneath"  # of captions that came later; their numbers follow all others
WORLD_WORDS = "it top sitting lying standing skirt shorts kid child elderly bald person"  # of further captions
_SAID = {"next to": ("next to", "next to", "beside"), "under": ("under", "under", "underneath")}
_MASS = (
    "hair",
    "armour",
    "barding",
    "bamboo",
    "lightning",
    "meat",
    "rope",
    "seaweed",
    "corn",
    "cloth",
    "coral",
    "bread",
    "grass",
    "firewood",
    "ivy",
    "paper",
    "laundry",
    "cutlery",
    "fruit",
    "butter",
)
_NOT_PLURAL = ("ss", "us", "triceratops")  # endings of singular nouns in s
_HEAD_NOUN_ENDS = re.compile(
    r" (with|of|on|in|around|behind|over|sticking|swept|combed|put|parted|looking|for|without) (?!hair)"
)
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@dataclass(frozen=True)
class Thing:
    """Something the caption names: its possible names (the phrase first), colour word, relation to the base."""

    names: tuple[str, ...]
    color: str = ""
    relation: str = "wearing"  # wearing, with, holding or on


@dataclass(frozen=True)
class Base:
    """What everything is added to. `traits` are unusual body parts, named as "with ..." but never terms."""

    names: tuple[str, ...]
    color: str = ""
    clothes: tuple[str, str] | None = None  # colour words of top and bottom
    traits: tuple[Thing, ...] = ()
    bottoms: tuple[str, ...] = ("trousers", "pants", "legs")  # what the bottom is called


@dataclass(frozen=True)
class Caption:
    """A sentence and its terms: the base's, then one per thing; "" where the sentence does not name a thing."""

    text: str
    terms: tuple[str, ...]


@dataclass(frozen=True)
class _Style:
    color: float = COLOR_SHARE
    synonym: float = SYNONYM_SHARE
    clothes: float = CLOTHES_SHARE
    traits: float = 0.7
    articles: float = 0.95
    all_with: float = 0.35


_SHORT = _Style(color=0, synonym=0, clothes=0, traits=0, all_with=1)


def words(text: str) -> list[str]:
    """The words of a text as the text encoder sees them: lower case, hyphens split."""
    return _WORD.findall(text.lower())


def vocabulary(catalog: Catalog) -> list[str]:
    """Every word a caption can hold, sorted."""
    texts: list[str] = [_FUNCTION_WORDS, *FIGURES, *_TOPS, *_BOTTOMS, *catalog.colors.words.values()]
    texts += [name for part in catalog for name in part.names]
    texts += ["wings"]  # pairs of one wing
    return sorted({word for text in texts for word in words(text)})


def with_article(name: str) -> str:
    """ "a cap", "an umbrella", but "hair" and "skis" alone."""
    return _noun(name, "", True)


def figure_names(rng: Random) -> tuple[str, ...]:
    """One of the nouns for a person, as a base name."""
    return tuple(rng.choices(FIGURES, _FIGURE_WEIGHTS))


def describe(base: Base, things: Sequence[Thing], rng: Random) -> Caption:
    """A caption for a base and its things: 7% name the base alone; too long ones are told again shortly."""
    if rng.random() < GENERIC_SHARE:
        name = base.names[0]
        return Caption(with_article(name), (name, *("" for _ in things)))
    caption = _tell(base, things, rng, _Style())
    if len(words(caption.text)) > MAX_WORDS:
        caption = _tell(base, tuple(replace(t, names=(min(t.names, key=_length),)) for t in things), rng, _SHORT)
    return caption


def single(thing: Thing, rng: Random) -> Caption:
    """A caption for one part alone: "a red cap", "cap", "the baseball cap"."""
    name, color = _choose(thing, rng, _Style())
    kind = rng.random()
    if kind < 0.6:
        text = _noun(name, color, True)
    elif kind < 0.8:
        text = f"{color} {name}".strip()
    else:
        text = f"the {color} {name}".replace("  ", " ")
    return Caption(text, (name,))


def riding(rider: Base, ride: Thing, worn: Sequence[Thing], mounted: Sequence[Thing], rng: Random) -> Caption:
    """A rider on a ride: terms are the ride's, the rider's, then those of `worn` and of `mounted`."""
    if rng.random() < GENERIC_SHARE:
        return Caption(with_article(ride.names[0]), (ride.names[0], *("" for _ in (rider, *worn, *mounted))))
    person = _tell(rider, worn, rng, replace(_Style(), clothes=0.15))
    animal = _tell(Base(ride.names, ride.color), mounted, rng, replace(_Style(), all_with=1))
    if rng.random() < 0.75:
        text = f"{person.text} riding {animal.text}"
    else:
        joint = "and" if mounted else "with"
        text = f"{animal.text} {joint} {person.text} on its back"
    if len(words(text)) > MAX_WORDS:
        person, animal = _tell(rider, worn, rng, _SHORT), _tell(Base(ride.names), mounted, rng, _SHORT)
        text = f"{person.text} riding {animal.text}"
    return Caption(text, (animal.terms[0], person.terms[0], *person.terms[1:], *animal.terms[1:]))


def standing(base: Thing, tops: Sequence[Thing], rng: Random) -> Caption:
    """Things on, under and beside a base; terms: the base's, the tops'.

    "a desk with a lamp and a laptop on it", "a cat on an armchair", "a plant next to a chair", "a table with a lamp on
    it and a dog under it". A relation is "on", or says how something is there: "sitting on", "next to", "under".
    """
    if rng.random() < GENERIC_SHARE or not tops:
        name, color = _choose(base, rng, _Style())
        return Caption(_noun(name, color, True), (name, *("" for _ in tops)))
    style = _Style()
    articles = _flip(rng, style.articles)
    name, color = _choose(base, rng, style)
    told = [_choose(top, rng, style) for top in tops]
    below, above = _noun(name, color, articles), listed([_noun(*t, articles) for t in told])
    relation = tops[0].relation
    kind = rng.random()
    if any(top.relation != relation for top in tops):
        groups: dict[str, list[str]] = {}
        for top, one in zip(tops, told):
            groups.setdefault(top.relation, []).append(_noun(*one, articles))
        text = f"{below} with " + " and ".join(
            f"{listed(group)} {_said(relation, rng)} it" for relation, group in groups.items()
        )
    elif relation in _SAID:
        said = _said(relation, rng)
        text = f"{above} {said} {below}" if kind < 0.6 else f"{below} with {above} {said} it"
    elif kind < 0.4:
        text = f"{below} with {above}"
    elif kind < 0.6:
        text = f"{below} with {above} {rng.choice((f'{relation} it', 'on it', 'on top'))}"
    else:
        text = f"{above} {relation if _flip(rng, 0.7) else rng.choice(('on', 'on top of', 'standing on'))} {below}"
    if len(words(text)) > MAX_WORDS:
        name, told = base.names[0], [(top.names[0], "") for top in tops]
        text = f"{_noun(name, '', True)} with {listed([_noun(*t, True) for t in told])}"
    return Caption(text, (name, *(t[0] for t in told)))


def _said(relation: str, rng: Random) -> str:
    return rng.choice(_SAID.get(relation, (relation,)))


def _tell(base: Base, things: Sequence[Thing], rng: Random, style: _Style) -> Caption:
    articles = rng.random() < style.articles
    name, color = _choose(Thing(base.names, base.color), rng, style)
    told = [_choose(thing, rng, style) for thing in things]
    nouns = [_noun(*t, articles) for t in told]
    groups: dict[str, list[str]] = {
        "with": [_noun(t.names[0], "", articles) for t in base.traits if _flip(rng, style.traits)]
    }
    for thing, noun in zip(things, nouns):
        groups.setdefault(thing.relation, []).append(noun)
    if things and _flip(rng, style.all_with):
        groups = {"with": [noun for group in groups.values() for noun in group]}
    text = " ".join(
        filter(None, [_noun(name, color, articles), _clothes(base, rng, style, articles), phrases(groups, rng)])
    )
    return Caption(text, (name, *(t[0] for t in told)))


def phrases(groups: dict[str, list[str]], rng: Random | None = None) -> str:
    """ "with long hair wearing a cap and a cape and holding a sword", groups in this order.

    Without `rng` always in the same words.
    """
    parts = []
    for relation in ("with", "wearing", "holding", "on"):
        nouns = groups.get(relation)
        if not nouns:
            continue
        if rng and len(nouns) > 1 and _flip(rng, 0.3):
            rng.shuffle(nouns)
        verb = "carrying" if relation == "holding" and rng and _flip(rng, 0.3) else relation
        joint = "and " if parts and relation == "holding" else ""
        parts.append(f"{joint}{verb} {listed(nouns)}")
    return " ".join(parts)


def _clothes(base: Base, rng: Random, style: _Style, articles: bool) -> str:
    if base.clothes is None or not _flip(rng, style.clothes):
        return ""
    top, bottom = base.clothes
    shirt = _noun(rng.choice(_TOPS), top, articles)
    if not bottom:
        return f"in {shirt}"
    name = rng.choice(base.bottoms)
    return f"in {shirt} and {_noun(name, bottom, articles) if name not in _BOTTOMS else f'{bottom} {name}'}"


def _choose(thing: Thing, rng: Random, style: _Style) -> tuple[str, str]:
    """(name, colour word or "")."""
    synonyms = thing.names[1:]
    name = rng.choice(synonyms) if synonyms and _flip(rng, style.synonym) else thing.names[0]
    color = thing.color if thing.color and _flip(rng, style.color) else ""
    # not "a red red-winged dragon"
    return name, "" if color and color.split()[-1] in words(name) else color


def _noun(name: str, color: str, article: bool) -> str:
    text = f"{color} {name}" if color else name
    if not article or _uncounted(name):
        return text
    return f"{indefinite(text)} {text}"


def _uncounted(name: str) -> bool:
    """Whether the phrase takes no article: its head noun is a plural or a mass noun."""
    head = _HEAD_NOUN_ENDS.split(f"{name} ")[0].split()[-1]
    return head in _MASS or (head.endswith("s") and not head.endswith(_NOT_PLURAL))


def listed(nouns: Sequence[str]) -> str:
    return nouns[0] if len(nouns) == 1 else f"{', '.join(nouns[:-1])} and {nouns[-1]}"


def _flip(rng: Random, share: float) -> bool:
    return rng.random() < share


def _length(name: str) -> int:
    return len(words(name))
