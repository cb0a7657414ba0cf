"""What is known of the sizes of things, and what carries others."""

from __future__ import annotations

import csv

import pytest

from cast3d.stages import sizes
from cast3d.stages.placed import size_beside
from training.world.home3d import Thing
from training.world.sizes import table


@pytest.mark.parametrize(
    ("name", "noun"),
    [("a wooden table", ("wooden", "table")), ("tulips in bowl", ("tulips",)), ("cup and saucer", ("cup",))],
)
def test_the_noun_is_the_word_before_the_first_preposition(name, noun):
    assert sizes.noun_of(name)[-len(noun) :] == noun


def test_tables_and_chairs_carry_others_and_lamps_people_and_horses_do_not():
    assert all(map(sizes.carries, ("desk", "oak table", "a leather armchair", "sofas", "wooden crate")))
    assert not any(map(sizes.carries, ("table lamp", "boy", "horse", "figure", "dragon", "", "flurb")))
    assert not any(map(sizes.carries, ("waiter holding a tray", "boy at a desk", "man at table")))
    assert all(map(sizes.carries, ("chair made of wood", "table full of books", "deck chairs")))


def test_the_word_before_a_noun_goes_first():
    assert sizes.known("table lamp") != sizes.known("table") and sizes.known("floor lamp").cm > 100


def test_a_size_is_known_beside_another_or_not_at_all():
    share = size_beside("soccer ball", "armchair")
    assert 0.1 < share < 0.4
    assert size_beside("flurb", "armchair") is None and size_beside("ball", "flurb") is None
    assert size_beside("grand piano", "cup") == 0.6  # nouns say little of a toy piano


def test_a_table_of_sizes_trusts_a_last_word_where_it_is_a_name_or_common():
    def thing(phrase, cm, carries=False, split="train"):
        return Thing(phrase, "", phrase, (), 0.0, split, (cm, 1.0, 1.0), (0.5,) * 5 if carries else ())

    things = [
        thing("desk", 150, True), thing("corner desk", 150, True), thing("glass desk", 170), thing("trash can", 74),
        thing("men's shoes", 30), thing("chest of drawers", 90), thing("piano", 200, split="test"),
    ]  # fmt: skip
    assert table(things) == [
        ("chest", 90, 0), ("desk", 150, 1), ("glass desk", 170, 1), ("trash can", 74, 0),
    ]  # fmt: skip


def test_every_row_of_the_table_is_sound():
    with open(sizes.FILE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 500 and len({row["noun"] for row in rows}) == len(rows)
    assert all(0 < float(row["cm"]) < 5000 and row["carries"] in "01" for row in rows)
