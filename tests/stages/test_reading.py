"""What the text model is given in place of terms that it cannot read."""

from __future__ import annotations

import pytest
from PIL import Image

from cast3d.scene import Scene
from cast3d.stages.reading import Reading

PICTURE = Image.new("RGBA", (8, 8))
SCENE = Scene.make(
    "A figure wearing a helmet with horns and a cap, holding a sai",
    dict.fromkeys(["figure", "helmet with horns", "cap", "sai"], PICTURE),
)


def reading(**lookalikes):
    return Reading(SCENE, {term.replace("_", " "): names for term, names in lookalikes.items()})


def test_as_given():
    assert reading().prompt == SCENE.prompt and reading().names == SCENE.terms


def test_lookalikes_stand_in_the_sentence_under_their_last_name():
    read = reading(sai=("sword", "curved knife"), cap=("hat",))
    assert read.prompt == "A figure wearing a helmet with horns and a hat, holding a curved knife"
    assert read.names == ("figure", "helmet with horns", "hat", "curved knife")


@pytest.mark.parametrize("term, relation", [("cap", "wearing"), ("sai", "holding"), ("figure", "")])
def test_the_relation_is_the_last_word_outside_of_terms(term, relation):
    assert reading().relation(term) == relation


def resembling(term, relation):
    return {"wearing": ["cap", "hat", "hood"], "holding": ["hat", "knife"]}[relation]


def test_names_in_use_and_tried_ones_are_left_out():
    first = reading().renamed(["cap", "sai"], resembling, most=2)
    assert first.lookalikes == {"cap": ("hat",), "sai": ("knife",)}
    second = first.renamed(["cap", "sai"], resembling, most=2)
    assert second.lookalikes == {"cap": ("hat", "hood"), "sai": ("knife", "hat")}
    assert second.renamed(["cap", "sai"], resembling, most=2) is None


def test_nothing_to_rename():
    assert reading().renamed([], resembling, most=2) is None
    assert reading().renamed(["cap"], resembling, most=0) is None
    assert reading().renamed(["figure"], resembling, most=2) is None  # the base has no lookalike


def test_names_that_were_taught_stand_in_unless_the_sentence_has_them():
    read = reading(sai=("hood",)).taught({"cap": "hat", "helmet with horns": "hood", "figure": "boy"})
    assert read.lookalikes == {"sai": ("hood",), "cap": ("hat",)}


def test_notes_say_why():
    told = reading(cap=("hat",), sai=("knife",)).notes(lambda term: term == "cap")
    assert "no word" in told[1] and "'knife'" in told[1] and "showed none" in told[0]
    assert "knows its noun only" in reading(cap=("hat",)).notes(lambda term: True, {"cap"})[0]
