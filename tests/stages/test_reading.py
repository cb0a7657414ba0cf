"""What the text model is given in place of terms that it cannot read."""

from __future__ import annotations

import pytest

from cast3d.scene.sentence import Sentence
from cast3d.stages.reading import notes, read, renamed, with_taught

SENTENCE = Sentence(
    "A figure wearing a helmet with horns and a cap, holding a sai",
    ("figure", "helmet with horns", "cap", "sai"),
    "figure",
)


def reading(taught=(), **lookalikes):
    return read(SENTENCE, {term.replace("_", " "): names for term, names in lookalikes.items()}, 1, taught)


def test_as_given():
    assert reading().prompt == SENTENCE.prompt and reading().names == SENTENCE.terms


def test_lookalikes_stand_in_the_sentence_under_their_last_name():
    made = reading(sai=("sword", "curved knife"), cap=("hat",))
    assert made.prompt == "A figure wearing a helmet with horns and a hat, holding a curved knife"
    assert made.names == ("figure", "helmet with horns", "hat", "curved knife")
    assert made.terms == SENTENCE.terms and made.base == 0


def test_colours_go_before_what_the_layout_is_painted_after():
    made = read(SENTENCE, {"sai": ("sword",)}, 1, (), {"helmet with horns": "orange", "sai": "dark grey"})
    assert made.painted == ("A figure wearing an orange helmet with horns and a cap, holding a dark grey sword")
    assert made.prompt == "A figure wearing a helmet with horns and a cap, holding a sword"
    assert made.for_layout.painted == made.prompt and made.names[3] == "sword"
    assert reading().painted == SENTENCE.prompt


def test_articles_fit_lookalikes():
    sentence = Sentence("a figure with an outback hat and a sai", ("figure", "outback hat", "sai"), "figure")
    made = read(sentence, {"outback hat": ("sun hat",), "sai": ("axe",)}, 1)
    assert made.prompt == "a figure with a sun hat and an axe"
    made = read(sentence, {"outback hat": ("umbrella",), "sai": ("utility belt",)}, 1)
    assert made.prompt == "a figure with an umbrella and a utility belt"


def test_articles_fit_the_colour():
    sentence = Sentence("An axe, an umbrella, a cap and anchor", ("axe", "umbrella", "cap", "anchor"), "axe")
    made = read(sentence, {}, 1, (), {"umbrella": "red", "cap": "orange", "anchor": "grey"})
    assert made.painted == "An axe, a red umbrella, an orange cap and grey anchor"
    assert read(sentence, {}, 1, (), {"axe": "red"}).painted.startswith("A red axe")


@pytest.mark.parametrize("term, relation", [("cap", "wearing"), ("sai", "holding"), ("figure", "")])
def test_the_relation_is_the_last_word_outside_of_terms(term, relation):
    assert SENTENCE.relation(term) == relation


def resembling(term, relation):
    return {"wearing": ["cap", "hat", "hood"], "holding": ["hat", "knife"]}[relation]


def test_names_in_use_and_tried_ones_are_left_out():
    first = renamed(SENTENCE, {}, ["cap", "sai"], resembling, most=2)
    assert first == {"cap": ("hat",), "sai": ("knife",)}
    second = renamed(SENTENCE, first, ["cap", "sai"], resembling, most=2)
    assert second == {"cap": ("hat", "hood"), "sai": ("knife", "hat")}
    assert renamed(SENTENCE, second, ["cap", "sai"], resembling, most=2) is None


def test_nothing_to_rename():
    assert renamed(SENTENCE, {}, [], resembling, most=2) is None
    assert renamed(SENTENCE, {}, ["cap"], resembling, most=0) is None
    assert renamed(SENTENCE, {}, ["figure"], resembling, most=2) is None  # the base has no lookalike


def test_names_that_were_taught_stand_in_unless_the_sentence_has_them():
    taught = {"cap": "hat", "helmet with horns": "hood", "figure": "boy"}
    assert with_taught(SENTENCE, {"sai": ("hood",)}, taught) == {"sai": ("hood",), "cap": ("hat",)}


def test_notes_say_why():
    told = notes(reading(cap=("hat",), sai=("knife",)), lambda term: term == "cap")
    assert "no word" in told[1] and "'knife'" in told[1] and "showed none" in told[0]
    assert "knows its noun only" in notes(reading(("cap",), cap=("hat",)), lambda term: True)[0]


def test_a_noun_that_another_stands_for_is_told_with_its_lookalike():
    one = reading(taught=("cap",), cap=("fedora",))
    (said,) = notes(one, lambda term: True, lambda term: {"cap": "hat"} if term == "cap" else {})
    assert said.startswith("cap: the layout was drawn with a 'fedora'") and "takes it for a hat" in said
