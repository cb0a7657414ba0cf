"""Terms that differ by their side, and terms that count: what the layout's pieces become."""

from __future__ import annotations

import pytest
import torch

from cast3d.pictures.opening import open_picture
from cast3d.scene.sentence import Sentence
from cast3d.stages.candidates import HINTED, candidates
from cast3d.stages.hints import Hints
from cast3d.stages.kit import Kit, Seeds
from cast3d.stages.layout import MainGeometry
from cast3d.stages.parts import part_geometries
from cast3d.stages.placed import placed_hints, standing, tie
from cast3d.stages.places import STANDING, UNDERNEATH
from cast3d.stages.reading import Reading
from cast3d.stages.several import miscounted, mixed_up, on_own_left, pieces, shown_as_said, told_apart, twin
from cast3d.voxels import to_coords
from tests.stages.boxes import box
from tests.stages.test_refit import striped
from tests.tiny_backbone import tiny_backbone

BACKBONE = tiny_backbone(candidates=3, outline=1.0)
KIT = Kit(BACKBONE, BACKBONE.defaults.changed({"place_missing": True}), {}, Seeds(0, {}))
NONE = torch.zeros(0)


BODY = box((22, 42), (26, 38), (4, 56))
OWN_LEFT, OWN_RIGHT = box((44, 48), (20, 24), (10, 40)), box((16, 20), (20, 24), (10, 40))
NOTHING = BODY & False
TERMS = ("knight", "left sword", "right sword")


def apart(left, right, terms=TERMS, main=BODY):
    grids, lines = told_apart(torch.stack([main, left, right]), main, terms, 20)
    return grids[1], grids[2], lines


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (OWN_LEFT | OWN_RIGHT, NOTHING),  # the segmenter gave both to one
        (OWN_RIGHT, OWN_LEFT),  # each to the other
        (OWN_LEFT, OWN_RIGHT),
    ],
)
def test_each_has_what_lies_on_its_side(left, right):
    found_left, found_right, lines = apart(left, right)
    assert torch.equal(found_left, OWN_LEFT) and torch.equal(found_right, OWN_RIGHT)
    assert lines == ["left sword, right sword: told apart by where they lie"]


def test_the_order_of_the_terms_makes_no_difference():
    grids, _ = told_apart(
        torch.stack([OWN_LEFT | OWN_RIGHT, NOTHING, BODY]), BODY, ("right sword", "left sword", "knight"), 20
    )
    assert torch.equal(grids[0], OWN_RIGHT) and torch.equal(grids[1], OWN_LEFT) and torch.equal(grids[2], BODY)


def test_things_on_one_side_only_stay_as_they_were():
    left, right, lines = apart(OWN_RIGHT, NOTHING)
    assert torch.equal(left, OWN_RIGHT) and not right.any() and lines == []


def test_what_is_shown_on_one_side_is_of_that_side():
    """The other sword has no hint then, so it is placed by rule."""
    for left, right in ((OWN_RIGHT, NOTHING), (NOTHING, OWN_RIGHT), (box((16, 18), (20, 24), (10, 40)), OWN_RIGHT)):
        grids, lines = told_apart(torch.stack([BODY, left, right & ~left]), BODY, TERMS, 20, alone=True)
        assert not grids[1].any() and torch.equal(grids[2], OWN_RIGHT) and len(lines) == 1
    grids, lines = told_apart(torch.stack([BODY, NOTHING, NOTHING]), BODY, TERMS, 20, alone=True)
    assert not grids[1:].any() and lines == []
    assert twin("left sword", TERMS) == "right sword" and twin("knight", TERMS) is None
    assert [on_own_left(term, TERMS) for term in TERMS] == [None, True, False]


@pytest.mark.parametrize(("absent", "side"), [("left sword", 1), ("right sword", -1)])
def test_what_is_placed_by_rule_goes_to_its_own_side(monkeypatch, absent, side):
    thing = MainGeometry(NONE, NONE, box((30, 34), (30, 34), (10, 50)))
    monkeypatch.setattr("cast3d.stages.placed.lifted_geometry", lambda kit, term, frame: thing)
    there = {"left sword": OWN_LEFT, "right sword": OWN_RIGHT}
    grids = torch.stack([BODY, *(NOTHING if term == absent else there[term] for term in TERMS[1:])])
    one = Reading("", TERMS, TERMS, "knight", 1, absent={absent: "holding"})
    hints = placed_hints(KIT, MainGeometry(NONE, NONE, BODY), Hints(grids, NONE, NONE, TERMS), one)
    x = to_coords(hints.of(absent))[:, 0].double().mean() - 31.5
    assert x * side > 3
    assert mixed_up(hints.grids, BODY, one) == []


def test_what_is_placed_by_rule_takes_the_free_hand(monkeypatch):
    thing = MainGeometry(NONE, NONE, box((30, 34), (30, 34), (10, 50)))
    monkeypatch.setattr("cast3d.stages.placed.lifted_geometry", lambda kit, term, frame: thing)
    terms = ("knight", "cup", "axe", "pike")
    in_left, in_right = box((34, 38), (20, 26), (10, 40)), box((26, 30), (20, 26), (10, 40))
    for taken, side in ((in_right, 1), (in_left, -1), (NOTHING, -1)):
        one = Reading("", terms, terms, "knight", 1, absent={"cup": "holding", "pike": "holding"})
        hints = Hints(torch.stack([BODY, NOTHING, taken, NOTHING]), NONE, NONE, terms)
        found = placed_hints(KIT, MainGeometry(NONE, NONE, BODY), hints, one)
        cup = to_coords(found.of("cup"))[:, 0].double().mean() - 31.5
        assert cup * side > 3
        if not taken.any():  # two absent things are in two hands
            assert to_coords(found.of("pike"))[:, 0].double().mean() - 31.5 > 3


TABLE = box((12, 52), (16, 48), (28, 30)) | box((12, 14), (16, 18), (2, 28)) | box((50, 52), (46, 48), (2, 28))


def on_a_table(monkeypatch, terms, hints, **absent):
    thing = MainGeometry(NONE, NONE, box((20, 44), (24, 40), (20, 44)))
    monkeypatch.setattr("cast3d.stages.placed.lifted_geometry", lambda kit, term, frame: thing)
    one = Reading("", terms, terms, terms[0], 1, absent=absent)
    return placed_hints(KIT, MainGeometry(NONE, NONE, TABLE), Hints(torch.stack(hints), NONE, NONE, terms), one)


def test_two_things_stand_on_a_table_side_by_side(monkeypatch):
    terms = ("table", "vase", "cup")
    found = on_a_table(monkeypatch, terms, [TABLE, NOTHING, NOTHING], vase=STANDING, cup=STANDING)
    vase, cup = to_coords(found.of("vase")), to_coords(found.of("cup"))
    assert min(len(vase), len(cup)) >= 12 and not (found.of("vase") & found.of("cup")).any()
    assert vase[:, 2].min() == cup[:, 2].min() == 30
    assert len(vase) > 3 * len(cup)  # a vase is larger than a cup
    assert all("on its surface" in line for line in found.report)


def test_a_thing_on_a_table_stands_where_the_layout_shows_a_scrap_of_it(monkeypatch):
    scrap = box((16, 22), (20, 26), (30, 31))
    found = on_a_table(monkeypatch, ("table", "cup"), [TABLE, scrap], cup=STANDING).of("cup")
    middle = to_coords(found).double().mean(0)
    assert middle[:2].tolist() == pytest.approx([18.5, 22.5], abs=1.5) and found.any((0, 1)).sum() > 2


def test_what_stands_on_furniture_needs_no_layout():
    sentence = Sentence(
        "a table with a vase, a hat next to it and a cat under it", ("table", "vase", "hat", "cat"), "table"
    )
    assert standing(KIT, sentence) == {"vase": STANDING}
    assert tie(KIT, sentence, "cat") == UNDERNEATH and tie(KIT, sentence, "hat") == "next to"
    assert standing(KIT, Sentence("a boy with a vase", ("boy", "vase"), "boy")) == {}
    off = Kit(BACKBONE, BACKBONE.defaults.changed({"place_missing": False}), {}, Seeds(0, {}))
    assert standing(off, sentence) == {}


def test_an_edit_keeps_the_place_of_what_it_replaces_on_a_table():
    one = Reading("", TERMS, TERMS, "knight", 1, absent={"left sword": STANDING, "right sword": "holding"})
    assert one.keeping(["left sword"]).absent == {"right sword": "holding"}
    assert one.keeping(["right sword"]) == one


def test_a_piece_that_reaches_over_a_little_is_not_cut():
    sword = box((31, 48), (20, 24), (10, 14))  # one of 17 voxels is beyond the middle
    left, right, _ = apart(sword | OWN_RIGHT, NOTHING)
    assert torch.equal(left, sword) and torch.equal(right, OWN_RIGHT)


def test_what_is_in_one_piece_is_cut_in_the_middle():
    wings = box((10, 54), (40, 44), (30, 50))
    left, right, _ = apart(wings, NOTHING, ("bird", "left wing", "right wing"))
    assert torch.equal(left, box((32, 54), (40, 44), (30, 50)))
    assert torch.equal(right, box((10, 32), (40, 44), (30, 50)))


def test_front_and_back_and_above():
    front, back = box((28, 36), (10, 14), (0, 8)), box((28, 36), (50, 54), (0, 8))
    wheels = apart(back, front, ("car", "front wheel", "back wheel"))
    assert torch.equal(wheels[0], front) and torch.equal(wheels[1], back)
    top, bottom = box((28, 36), (22, 26), (40, 48)), box((28, 36), (22, 26), (8, 16))
    drawers = apart(top | bottom, NOTHING, ("desk", "lower drawer", "upper drawer"))
    assert torch.equal(drawers[0], bottom) and torch.equal(drawers[1], top)


def test_sides_that_the_layout_does_not_show_are_told():
    reading = Reading("a knight with a left sword and a right sword", TERMS, TERMS, "knight", 1)
    assert mixed_up(torch.stack([BODY, OWN_LEFT, OWN_RIGHT]), BODY, reading) == []
    for left, right in ((OWN_RIGHT, OWN_LEFT), (OWN_RIGHT, NOTHING)):
        (said,) = mixed_up(torch.stack([BODY, left, right]), BODY, reading)
        assert said.startswith("'left sword' and 'right sword' are not on the two sides")


def reading(prompt, term, name=None):
    return Reading(prompt.replace(term, name or term), ("knight", term), ("knight", name or term), "knight", 1)


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (reading("a knight with two swords", "swords"), 2),
        (reading("a knight with two swords", "two swords"), 2),
        (reading("a knight with two sabres", "two sabres", "sword"), 2),  # a lookalike
        (reading("a knight with swords", "swords"), None),
        (reading("a knight with three swords", "swords"), 1),
    ],
)
def test_numbers_that_the_layout_shows(one, shown):
    grids = torch.stack([BODY, OWN_LEFT | OWN_RIGHT | box((60, 61), (60, 61), (60, 61))])
    assert len(pieces(grids[1])) == 2  # a crumb is none
    assert shown_as_said(grids, one) == ((1, shown) if shown else ())
    said = miscounted(grids, one)
    assert len(said) == (shown == 1)
    assert all(line.startswith("swords: the sentence says 3 and the layout shows 2") for line in said)


def test_two_things_under_one_term_are_made_one_by_one():
    kits = [Kit(BACKBONE, BACKBONE.defaults, {"cap": (open_picture(striped()),)}, Seeds(0, {"cap": 0}))]
    both = Hints(torch.stack([BODY, OWN_LEFT | OWN_RIGHT]), NONE, NONE, ("figure", "cap"), things=(1, 2))
    alone = [Hints(torch.stack([BODY, one]), NONE, NONE, ("figure", "cap")) for one in (OWN_LEFT, OWN_RIGHT)]
    (made,) = part_geometries(kits, ["cap"], [both])
    expected = [part_geometries(kits, ["cap"], [one])[0].grid for one in alone]
    assert torch.equal(made.grid, expected[0] | expected[1])
    (tried,) = candidates(kits, ["cap"], [both], [made])
    assert tried.labels == (HINTED,)  # a thing lifted alone would be one
