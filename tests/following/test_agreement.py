import pytest
import torch

from cast3d.following import Agreement, Bounds, agree, better, fitted, ranked
from cast3d.splats import orbit
from cast3d.voxels import iou, shift

from .things import chair, gaussians, picture, pillar

SHOWN = [picture(gaussians(chair()), orbit(25, 15, fov=None, width=1.0))]


def test_the_thing_of_the_picture_agrees_best():
    own, other = (agree(grid, SHOWN, chair()) for grid in (chair(), pillar()))
    assert own.value == own.likeness > 0.9
    assert (own.kept, own.away, own.growth) == (1, 0, 0)
    assert own.value > other.value + 0.2
    assert ranked([other, own]) == [1, 0]


def test_leaving_the_hint_costs():
    near, far = (agree(shift(chair(), (by, 0, 0)), SHOWN, chair()) for by in (2, 14))
    assert near.value == near.likeness
    assert far.away == pytest.approx(14 / 64 / Bounds.of(chair()).length)
    assert far.value == pytest.approx(far.likeness - (1 - far.kept))
    assert far.kept < 0.8


def test_ties_go_to_the_earlier_one():
    scores = [Agreement(s) for s in (0.895, 0.9, 0.7, 0.95)]
    assert ranked(scores, tie=0.01) == [3, 0, 1, 2]
    assert ranked(scores)[0] == 0


def test_nothing_agrees_with_nothing():
    assert agree(torch.zeros(8, 8, 8, dtype=torch.bool), SHOWN).value <= 0


def test_a_lifted_part_is_put_into_the_hint():
    small = torch.zeros(64, 64, 64, dtype=torch.bool)
    small[10:26, 20:36, 30:53] = True
    put = fitted(chair(), small)
    assert Bounds.of(put).center == pytest.approx(Bounds.of(small).center, abs=1 / 64)
    assert Bounds.of(put).length == pytest.approx(Bounds.of(small).length, rel=0.08)
    assert iou(fitted(chair(), chair()), chair()) == 1


def test_better_means_better_from_its_own_pose():
    worse = chair()
    worse[16:30, 16:30, 14:26] = True  # a block under the seat
    assert better(chair(), worse, SHOWN)
    assert not better(worse, chair(), SHOWN)


def test_what_is_another_thing_is_not_better():
    assert not better(chair(), pillar(), SHOWN)  # though it is the picture's own
    assert not better(torch.zeros_like(chair()), chair(), SHOWN)
