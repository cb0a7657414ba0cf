"""The words that tie a thing to its base."""

from __future__ import annotations

import pytest

from cast3d.evaluation.methods.placing import PLACES
from cast3d.scene.sentence import Sentence
from cast3d.scene.terms import RELATIONS
from cast3d.stages.places import NAMED, place_of


@pytest.mark.parametrize(
    ("prompt", "relations"),
    [
        ("a cat next to a ball and under a lamp", ["next to", "under"]),
        ("a cat wearing a ball beside a lamp", ["wearing", "beside"]),
        ("a cat, a ball and a lamp", ["", ""]),
        ("a cat with a ball on it and a lamp next to it", ["on", "next to"]),
        ("a cat with a ball on top and a lamp", ["on", "with"]),
        ("a cat with a ball on a lamp", ["with", "on"]),
    ],
)
def test_the_last_word_before_a_thing_ties_it(prompt, relations):
    sentence = Sentence(prompt, ("cat", "ball", "lamp"), "cat")
    assert [sentence.relation(term) for term in ("ball", "lamp")] == relations


@pytest.mark.parametrize(
    ("prompt", "relation"),
    [
        ("a ball on a lamp", "on"),
        ("a ball that lies under a lamp", "under"),
        ("a ball and a lamp", ""),
        ("a ball wearing a lamp", ""),  # which is then the main thing
    ],
)
def test_a_thing_named_before_the_one_that_carries_it(prompt, relation):
    assert Sentence(prompt, ("ball", "lamp"), "lamp").relation("ball") == relation


def test_every_relation_has_a_rule():
    assert set(RELATIONS) == set(PLACES)
    assert all(place_of("thing", relation) in NAMED for relation in RELATIONS)
