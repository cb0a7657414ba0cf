"""The closed word list: forms that are known, words that are not, and what the networks are given."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import cast3d
from cast3d.backbones.bricks.words import (
    FIRST,
    LIKENED,
    PAD,
    START,
    SYNONYMS,
    Vocabulary,
    likened_nouns,
    split,
)

BRICKS = Path(cast3d.__file__).parent / "weights" / "bricks"

WORDS = ["a", "berry", "box", "cap", "figure", "grey", "holding", "shoes", "backpack", "man"]
VOCABULARY = Vocabulary(WORDS)


def test_words_have_fixed_places():
    assert len(VOCABULARY) == len(WORDS) + 2 and (PAD, START, FIRST) == (0, 1, 2)
    assert VOCABULARY.encode("a berry", 4).indices == [START, 2, 3, PAD]


@pytest.mark.parametrize(
    "text, words",
    [
        ("A Witch's hat,", ["a", "witch", "hat"]),
        ("the witches\u2019 hats", ["the", "witches", "hats"]),
        ("red-and-blue  cap.", ["red", "and", "blue", "cap"]),
        ("", []),
        ("Caf\u00e9 \u725b\u4ed4\u5e3d, M\u00fctze_2", ["caf\u00e9", "\u725b\u4ed4\u5e3d", "m\u00fctze", "2"]),
    ],
)
def test_splitting(text, words):
    assert split(text) == words


@pytest.mark.parametrize(
    "word, form",
    [
        ("cap", "cap"),
        ("caps", "cap"),
        ("berries", "berry"),
        ("boxes", "box"),
        ("shoe", "shoes"),
        ("gray", "grey"),
        ("rucksack", "backpack"),
        ("rucksacks", "backpack"),
        ("guy", "man"),
        ("c\u00e1p", "cap"),
        ("capybara", None),
        ("s", None),
    ],
)
def test_known_forms(word, form):
    assert VOCABULARY.known(word) == form


def test_replaced_and_dropped_words_are_told():
    encoded = VOCABULARY.encode("a guy holding caps and a capp, zzz")
    assert encoded.replaced == {"guy": "man", "caps": "cap"}
    assert encoded.unknown == {"and": None, "capp": "cap", "zzz": None}
    known = [VOCABULARY.index[word] for word in ("a", "man", "holding", "cap", "a")]
    assert encoded.indices[: len(known) + 2] == [START, *known, PAD]


def test_sentences_are_cut_and_padded():
    assert len(VOCABULARY.encode("cap " * 50).indices) == 32 and PAD not in VOCABULARY.encode("cap " * 50).indices
    assert VOCABULARY.encode("", 5).indices == [START, PAD, PAD, PAD, PAD]


def test_upper_case_and_punctuation_play_no_role():
    assert VOCABULARY.encode("A Figure, holding: a CAP!") == VOCABULARY.encode("a figure holding a cap")


def test_synonyms_are_plain_words_that_differ():
    assert all(split(word) == [word] and split(form) == [form] and word != form for word, form in SYNONYMS.items())
    assert Vocabulary(WORDS, synonyms={}).known("guy") is None


def test_words_that_were_never_trained_count_as_unknown_and_keep_their_places():
    vocabulary = Vocabulary(WORDS, unread=["box", "shoes"])
    assert len(vocabulary) == len(VOCABULARY) and vocabulary.index["backpack"] == VOCABULARY.index["backpack"]
    assert vocabulary.known("boxes") is None and vocabulary.known("shoe") is None
    assert vocabulary.encode("a box").unknown == {"box": None}


@pytest.mark.parametrize(
    "name, reads",
    [
        ("cap", True),
        ("zany cap", True),
        ("cap with zzz", True),
        ("zzz with cap", False),
        ("cap zzz", False),
        ("", False),
    ],
)
def test_a_name_is_read_where_its_noun_is(name, reads):
    assert VOCABULARY.reads(name) == reads


def test_combining_marks_and_joiners_cut_no_word():
    assert split("टोपी और कमीज़, کوله\u200cپشتی หมวกสีแดง") == ["टोपी", "और", "कमीज़", "کوله\u200cپشتی", "หมวกสีแดง"]
    assert split("snake_case \u0301 -") == ["snake", "case"]


def test_words_of_any_script_are_reported_whole():
    assert VOCABULARY.encode("a \u725b\u4ed4\u5e3d and a M\u00fctze").unknown.keys() == {
        "\u725b\u4ed4\u5e3d",
        "and",
        "m\u00fctze",
    }


def test_nouns_come_before_what_they_have():
    assert VOCABULARY.noun("grey boxes with shoes") == "box" and VOCABULARY.noun("red capybara") is None
    assert VOCABULARY.noun("grey box looking left") == "box"
    assert VOCABULARY.noun("") is None


# --- nouns that stand for others ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    """The words of the shipped weights and the shipped table."""
    own = json.loads((BRICKS / "pipeline.json").read_text(encoding="utf-8"))["cast3d"]
    return Vocabulary(own["words"], unread=own["unread"], likened=likened_nouns())


@pytest.mark.parametrize(
    ("noun", "words"),
    [
        ("fedora", {"fedora", "hat"}),
        ("trilby", {"fedora", "hat"}),
        ("stetsons", set()),  # a trade name
        ("sunhat", {"hat"}),
        ("turbans", {"hat"}),
        ("rucksack", {"rucksack", "backpack"}),
        ("satchel", {"bag", "luggage"}),
        ("sofa", {"sofa", "couch", "armchair"}),
        ("settee", {"bench", "seat", "sofa"}),
        ("rapier", {"sword"}),
        ("revolver", {"pistol", "gun"}),
        ("crossbow", {"bow"}),
        ("sneakers", {"shoes"}),
        ("violin", {"guitar"}),
        ("goblet", {"glass", "cup"}),
        ("teacup", {"cup"}),
        ("limousine", {"car"}),
        ("moth", {"butterfly"}),
        ("sheep", {"goat"}),
        ("zebras", {"horse"}),
        ("lad", {"boy"}),
        ("lass", {"girl"}),
        ("lady", {"woman"}),
        ("granny", {"woman"}),
        ("grandfather", {"man"}),
        ("toddler", {"toddler"}),
        ("newborn", {"baby"}),
        ("dentist", {"person"}),
        *((word, set()) for word in ("idea", "freedom", "tuesday", "happiness", "drove", "general", "zzyzx", "oreo")),
    ],
)
def test_what_stands_for_a_noun(shipped, noun, words):
    found = shipped.nouns_of(noun)
    assert set(found[:1]) <= words and bool(found) == bool(words)


def test_the_shipped_table_is_small_plain_and_sorted():
    nouns = likened_nouns()
    assert LIKENED.stat().st_size < 150_000 and 3000 < len(nouns) < 10_000
    assert list(nouns) == sorted(nouns)
    assert all(re.fullmatch("[a-z]{3,}", word) for noun, words in nouns.items() for word in (noun, *words))
    assert all(1 <= len(words) <= 3 and noun not in words for noun, words in nouns.items())


def test_every_noun_of_the_table_leads_to_a_word_that_is_known(shipped):
    lost = [noun for noun in likened_nouns() if shipped.known(noun) is None and not shipped.standing_for(noun)]
    assert lost == []


def test_a_noun_without_a_word_is_read_as_what_stands_for_it():
    vocabulary = Vocabulary(WORDS, likened={"trilby": ("fedora", "cap"), "box": ("cap",), "zzz": ("fedora",)})
    read = vocabulary.encode("a trilby, a box, zzz")
    assert read.likened == {"trilby": "cap"} and list(read.unknown) == ["zzz"]  # box is known, fedora is not
    assert read.indices == vocabulary.encode("a cap, a box").indices
    assert vocabulary.reads("red trilby") and vocabulary.nouns_of("trilbies") == ("cap",)
    assert vocabulary.length("a trilby, zzz") == vocabulary.length("a cap")
    assert not Vocabulary(WORDS).reads("trilby")  # training reads no table
