"""Sentences: length, articles, terms, vocabulary."""

from random import Random

import pytest

from tests.training.tiny_ldraw import tiny
from training.bricks import captions
from training.bricks.captions import Base, Thing

HAT = Thing(("cowboy hat", "western hat"), "dark red", "wearing")
HAIR = Thing(("long wavy hair with braid and elf ears",), "brown", "with")
SWORD = Thing(("sword with upturned guard", "small sword"), "silver", "holding")
BOARD = Thing(("long surfboard", "longboard"), "yellow", "on")
SKIS = Thing(("long skis",), "blue", "wearing")
FIGURE = Base(("figure",), clothes=("red", "dark blue"), traits=(Thing(("legs with wooden peg leg",)),))


def many(make, n=400):
    return [make(Random(i)) for i in range(n)]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("cap", "a cap"),
        ("umbrella", "an umbrella"),
        ("upper body with arms", "an upper body with arms"),
        ("utility belt", "a utility belt"),
        ("hourglass", "an hourglass"),
        ("long skis", "long skis"),
        ("smooth parted hair", "smooth parted hair"),
        ("long hair swept back into a bun", "long hair swept back into a bun"),
        ("hat with tassel and long hair", "a hat with tassel and long hair"),
        ("bouquet of flowers", "a bouquet of flowers"),
        ("octopus", "an octopus"),
        ("wine glass", "a wine glass"),
    ],
)
def test_articles(name, expected):
    assert captions.with_article(name) == expected


def test_words_split_hyphens_and_keep_possessives():
    assert captions.words("A wizard's 2-edged T-rex") == ["a", "wizard's", "2", "edged", "t", "rex"]


def test_captions_are_short_and_hold_their_terms():
    things = (HAT, HAIR, SWORD, BOARD, SKIS)
    for caption in many(lambda rng: captions.describe(FIGURE, things, rng)):
        assert len(captions.words(caption.text)) <= captions.MAX_WORDS
        assert caption.text == caption.text.lower()
        assert len(caption.terms) == 1 + len(things)
        assert all(term in caption.text for term in caption.terms)
        named = [term for term in caption.terms[1:] if term]
        assert not named or all(term in thing.names for term, thing in zip(caption.terms[1:], things))


def test_some_captions_name_the_base_alone():
    told = many(lambda rng: captions.describe(FIGURE, (HAT,), rng), 2000)
    generic = [c for c in told if c.terms == ("figure", "")]
    assert {c.text for c in generic} == {"a figure"}
    assert len(generic) / len(told) == pytest.approx(captions.GENERIC_SHARE, abs=0.02)


def test_colours_and_synonyms_come_at_their_shares():
    told = many(lambda rng: captions.single(HAT, rng), 3000)
    assert sum("dark red" in c.text for c in told) / 3000 == pytest.approx(captions.COLOR_SHARE, abs=0.03)
    assert sum(c.terms == ("western hat",) for c in told) / 3000 == pytest.approx(captions.SYNONYM_SHARE, abs=0.03)
    assert {"cowboy hat", "a cowboy hat", "the dark red western hat"} <= {c.text for c in told}


def test_a_colour_is_not_said_twice():
    dragon = Thing(("red-winged dragon",), "dark red")
    assert not any("red red" in c.text for c in many(lambda rng: captions.single(dragon, rng)))


def test_riders_name_ride_and_rider_in_role_order():
    rider, ride, saddle = Base(("boy",)), Thing(("horse",), "brown"), Thing(("saddle",), "black", "with")
    told = many(lambda rng: captions.riding(rider, ride, (HAT,), (saddle,), rng))
    assert {c.terms for c in told} <= {
        ("horse", "boy", hat, "saddle") for hat in HAT.names
    } | {("horse", "", "", "")}  # fmt: skip
    assert any("riding a brown horse" in c.text for c in told)
    assert any(c.text.endswith("on its back") for c in told)
    assert all(len(captions.words(c.text)) <= captions.MAX_WORDS for c in told)


def test_the_vocabulary_holds_every_word():
    _, parts = tiny()
    known = set(captions.vocabulary(parts))
    assert {
        "figure",
        "minifigure",
        "wearing",
        "holding",
        "riding",
        "shirt",
        "trousers",
        "cowboy",
        "suitcase",
        "wings",
    } <= known
    for thing in (Thing(p.names, parts.colors.word(p.colors[0])) for p in parts):
        for caption in many(lambda rng, t=thing: captions.describe(Base(("kid",)), (t,), rng), 40):
            assert set(captions.words(caption.text)) <= known


def test_the_same_random_state_tells_the_same():
    one, two = (captions.describe(FIGURE, (HAT, SWORD), Random(7)) for _ in range(2))
    assert one == two


def test_things_beside_and_under_a_base_are_told_so():
    table, lamp = Thing(("table",), "", ""), Thing(("lamp",), "", "on")
    plant, dog = Thing(("plant",), "", "next to"), Thing(("dog",), "", "under")
    one = {c.text for c in many(lambda rng: captions.standing(table, (plant,), rng))}
    assert {"a plant next to a table", "a plant beside a table", "a table with a plant next to it"} <= one
    assert not any(" on " in text or text.endswith("with a plant") for text in one)
    mixed = {c.text for c in many(lambda rng: captions.standing(table, (lamp, dog), rng))}
    assert "a table with a lamp on it and a dog under it" in mixed
    known = set(captions.words(captions.LATER_WORDS + " a an and it on to with the table plant dog lamp"))
    assert {word for text in one | mixed for word in captions.words(text)} <= known
