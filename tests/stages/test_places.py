"""Rules for things that no layout shows: where they come to lie on a made figure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cast3d.following.registering import placed
from cast3d.stages.places import NAMED, STANDING, UNDERNEATH, Carrier, place_of, placement
from cast3d.voxels import outer_shell, to_coords


def figure() -> torch.Tensor:
    """Legs and trunk 20 x 10 x 32, a head 10 wide on top; it faces -y."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[22:42, 27:37, 8:40] = True
    grid[27:37, 27:37, 40:50] = True
    return grid


def thing() -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[12:52, 16:48, 20:40] = True
    return outer_shell(grid)


def at(place: str, second: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lowest, highest and middle voxel of the thing in its place."""
    coords = to_coords(placed(thing(), placement(place, Carrier.of(figure()), thing(), second))).float()
    low, high = coords.amin(0), coords.amax(0)
    return low, high, (low + high) / 2


@pytest.mark.parametrize(
    ("term", "relation", "lookalikes", "place"),
    [
        ("wide-brim hat", "wearing", (), "head"),
        ("angel wings", "wearing", (), "back"),
        ("mitts", "wearing", (), "head"),
        ("dongle", "wearing", ("quiver",), "back"),
        ("torch", "holding", (), "hand"),
        ("hat", "holding", (), "head"),
        ("horse", "riding", (), "under"),
        ("lamp", "on", (), "top"),
        ("cap", "on", (), "head"),
        ("dog", "next to", (), "beside"),
        ("basket", "beside", (), "beside"),
        ("rug", "under", (), "under"),
        ("Helmets", "wearing", (), "head"),
    ],
)
def test_the_noun_goes_before_the_relation(term, relation, lookalikes, place):
    assert place_of(term, relation, lookalikes) == place


def test_a_hat_covers_the_top_of_the_head_and_is_as_wide_as_hats_are():
    low, high, middle = at("head")
    assert middle[0] == pytest.approx(31.5, abs=1) and middle[1] == pytest.approx(31.5, abs=1)
    assert 44 <= low[2] <= 47 and high[2] >= 49
    assert high[0] - low[0] + 1 == pytest.approx(16, abs=1.5)


def test_a_pack_touches_the_back_and_leaves_the_front_free():
    low, _, middle = at("back")
    assert low[1] == pytest.approx(36, abs=1.5) and middle[0] == pytest.approx(31.5, abs=1)


def test_two_held_things_are_in_two_hands():
    assert at("hand")[2][0] < 30 < 34 < at("hand", second=True)[2][0]
    assert at("hand")[2][1] < 30


def test_things_stand_on_top_beside_and_under():
    assert at("top")[0][2] == pytest.approx(50, abs=1)
    low, _, _ = at("beside")
    assert low[0] >= 42 and low[2] == pytest.approx(8, abs=1)
    assert at("under")[1][2] <= 24


@pytest.mark.parametrize("place", NAMED)
def test_the_whole_of_a_thing_is_in_the_cube(place):
    made = placed(thing(), placement(place, Carrier.of(figure()), thing()))
    assert made.any()
    for axis in range(3):
        assert int(made.select(axis, 0).sum()) == 0 or place in ("under", "feet", "top")


def test_nothing_is_longer_than_the_cube():
    broad = torch.zeros(64, 64, 64, dtype=torch.bool)
    broad[2:62, 2:62, 4:40] = True
    assert placement("under", Carrier.of(broad), thing()).scale * 40 / 64 == pytest.approx(1.0)


def test_a_place_without_a_rule_is_an_error():
    with pytest.raises(ValueError, match="no rule for 'sky'"):
        placement("sky", Carrier.of(figure()), thing())


def chair() -> torch.Tensor:
    """A seat 30 wide and 30 deep whose top is at 30, a back at +y up to 60, four legs."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[17:47, 17:47, 28:30] = True
    grid[17:47, 44:47, 30:60] = True
    for x in (17, 45):
        for y in (17, 45):
            grid[x : x + 2, y : y + 2, 2:28] = True
    return grid


def test_a_thing_stands_on_the_seat_of_a_chair_and_not_on_its_back():
    made = to_coords(placed(thing(), placement("surface", Carrier.of(chair()), thing(), share=0.2))).float()
    assert made[:, 2].min() == pytest.approx(30, abs=1)
    assert made[:, 1].max() < 44
    longest = made.amax(0) - made.amin(0) + 1
    assert longest.max() == pytest.approx(0.2 * 58, abs=1.5)


def test_a_thing_on_a_corner_desk_stands_on_the_desk():
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[4:60, 44:60, 28:30] = True
    grid[4:20, 4:60, 28:30] = True
    x, y, top = Carrier.of(grid).surface(np.array([0.1, 0.1]))
    column = grid[round((x + 0.5) * 64 - 0.5), round((y + 0.5) * 64 - 0.5)]
    assert column.any() and top == pytest.approx(30 / 64 - 0.5, abs=0.01)


def test_things_on_one_surface_do_not_stand_in_each_other():
    taken = torch.zeros(64, 64, dtype=torch.bool)
    taken[22:42, 22:42] = True  # the middle of the seat
    first, second = (placement("surface", Carrier.of(chair()), thing(), share=0.1, taken=t) for t in (None, taken))
    one, other = (placed(thing(), place) for place in (first, second))
    assert one.any() and other.any() and not (one & other).any()
    assert not (other.any(2) & taken).any()
    whole = torch.ones(64, 64, dtype=torch.bool)
    assert placed(thing(), placement("surface", Carrier.of(chair()), thing(), share=0.1, taken=whole)).any()


def test_a_thing_stands_where_it_was_seen_if_there_is_room():
    near = np.array([-0.15, -0.1])
    at = to_coords(placed(thing(), placement("surface", Carrier.of(chair()), thing(), share=0.1, near=near))).float()
    found = (at.amin(0) + at.amax(0)) / 2
    assert found[:2].tolist() == pytest.approx([64 * (v + 0.5) - 0.5 for v in near], abs=1.5)


def test_a_thing_too_tall_for_the_room_above_is_smaller_and_stands_on_the_surface():
    box, lamp = (torch.zeros(64, 64, 64, dtype=torch.bool) for _ in range(2))
    box[16:48, 16:48, 2:42] = True
    lamp[28:36, 28:36, 4:60] = True
    made = placed(lamp, placement("surface", Carrier.of(box), lamp, share=0.9))
    assert not (made & box).any() and to_coords(made)[:, 2].min() in (42, 43)


def test_a_thing_under_a_table_stands_on_the_floor_and_fits():
    made = to_coords(placed(thing(), placement("floor", Carrier.of(chair()), thing(), share=0.2)))
    assert made[:, 2].min() == pytest.approx(2, abs=1) and made[:, 2].max() < 28


@pytest.mark.parametrize(("relation", "place"), [(STANDING, "surface"), (UNDERNEATH, "floor"), ("beside", "beside")])
def test_what_carries_others_has_neither_head_nor_hands(relation, place):
    assert place_of("motorcycle helmet", relation) == place
