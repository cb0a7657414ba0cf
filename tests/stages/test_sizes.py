"""What is known of the sizes of things, and what carries others."""

from __future__ import annotations

import csv

import pytest

from cast3d.stages import sizes
from cast3d.stages.placed import size_beside


@pytest.mark.parametrize(
    ("name", "noun"),
    [("a wooden table", ("wooden", "table")), ("tulips in bowl", ("tulips",)), ("cup and saucer", ("cup",))],
)
def test_the_noun_is_the_word_before_the_first_preposition(name, noun):
    assert sizes.noun_of(name)[-len(noun) :] == noun


def test_tables_and_chairs_carry_others_and_lamps_people_and_horses_do_not():
    assert all(map(sizes.carries, ("desk", "oak table", "a leather armchair", "sofas", "wooden crate")))
    assert not any(map(sizes.carries, ("table lamp", "boy", "horse", "figure", "dragon", "", "flurb")))


def test_the_word_before_a_noun_goes_first():
    assert sizes.known("table lamp") != sizes.known("table") and sizes.known("floor lamp").cm > 100


def test_a_size_is_known_beside_another_or_not_at_all():
    share = size_beside("soccer ball", "armchair")
    assert 0.1 < share < 0.4
    assert size_beside("flurb", "armchair") is None and size_beside("ball", "flurb") is None
    assert size_beside("grand piano", "cup") == 0.9


def test_every_row_of_the_table_is_sound():
    with open(sizes.FILE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 500 and len({row["noun"] for row in rows}) == len(rows)
    assert all(0 < float(row["cm"]) < 5000 and row["carries"] in "01" for row in rows)
