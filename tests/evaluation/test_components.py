"""Metrics of single parts on boxes where the answer can be counted by hand."""

import numpy as np
import pytest
import torch

from cast3d import voxels
from cast3d.evaluation import components
from cast3d.evaluation.alignment import IDENTITY, Alignment, turned
from cast3d.evaluation.components import Placed, agreement, lend_labels, placement, points, shape
from tests.evaluation.scenes import box, filled, perfect, truths

WANTED = box((20, 20, 20), (30, 40, 30))


def part(grid, truth=WANTED, visible=None):
    mine = points(grid)
    return Placed(mine, mine, points(truth), points(truth if visible is None else visible))


def test_the_part_itself_is_perfect():
    same = part(WANTED)
    assert same.present
    assert agreement(same) == {"f1_1": 1, "f1_2": 1, "iou": 1, "chamfer": 0}
    assert placement(same) == {"offset": 0, "scale_error": 0, "yaw_error": 0} and shape(same) == 1


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
def test_f1_in_equal_frames_is_that_of_the_library(steps):
    moved = voxels.shift(WANTED, (steps, 0, 0))
    found = agreement(part(moved))
    assert found["f1_1"] == pytest.approx(voxels.f1(moved, WANTED, 1))
    assert found["f1_2"] == pytest.approx(voxels.f1(moved, WANTED, 2))


def test_a_moved_part_keeps_its_shape_and_tells_how_far_it_went():
    moved = part(voxels.shift(WANTED, (6, 0, -8)))
    assert placement(moved)["offset"] == pytest.approx(10)
    assert placement(moved)["scale_error"] == pytest.approx(0) and placement(moved)["yaw_error"] == 0
    assert shape(moved) == 1 and agreement(moved)["f1_2"] < 0.5


def test_scale_is_the_ratio_of_spreads():
    large = box((10, 0, 10), (30, 40, 30))
    assert placement(part(large))["scale_error"] == pytest.approx(np.log(2), abs=0.06)


@pytest.mark.parametrize("yaw", [0, 45, 90])
def test_yaw_is_the_turn_that_was_made(yaw):
    at = points(WANTED)
    turned_about = Alignment(1.0, turned(yaw), np.zeros(3))(at - at.mean(0)) + at.mean(0)
    found = placement(Placed(turned_about, turned_about, at, at))
    assert found["yaw_error"] == yaw
    half = Alignment(1.0, turned(180), np.zeros(3))(at - at.mean(0)) + at.mean(0)
    assert placement(Placed(half, half, at, at))["yaw_error"] == 0  # a box looks the same from behind


def test_hidden_surfaces_may_be_missing_or_there():
    visible = WANTED & (torch.arange(64) > 25)  # only the upper part shows
    for grid in (WANTED, visible):
        assert agreement(part(grid, WANTED, visible))["f1_1"] == 1
    extra = WANTED | box((40, 20, 20), (50, 40, 30))
    assert agreement(part(extra, WANTED, visible))["f1_1"] < 0.8


def test_iou_counts_what_is_right_wrong_and_missed():
    wanted = torch.zeros(64, 64, 64, dtype=torch.bool)
    wanted[10:20, 0, 0] = True
    found = torch.zeros_like(wanted)
    found[15:25, 0, 0] = True
    # seen: 14 ... 19 of the truth (6), missed 10 ... 13 (4), wrong 21 ... 24 (4)
    assert agreement(part(found, wanted))["iou"] == pytest.approx(6 / 14)


def line(start: int, stop: int, y: int = 0, z: int = 0) -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[start:stop, y, z] = True
    return grid


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (line(10, 20, 3, 4), 5),  # every voxel is that far off, both ways
        (line(15, 25), (1 + 2 + 3 + 4 + 5) / 10),  # five are right, five are off by 1 to 5; the same back
        (line(10, 20) | line(29, 30), (10 / 11 + 0) / 2),  # one voxel too many, 10 away; the truth is all there
        (line(10, 15), (0 + (1 + 2 + 3 + 4 + 5) / 10) / 2),  # half is missing, what is there is right
    ],
)
def test_chamfer_is_the_mean_of_the_mean_distances_both_ways(found, expected):
    assert agreement(part(found, line(10, 20)))["chamfer"] == pytest.approx(expected)


def test_chamfer_asks_only_for_what_shows():
    half = agreement(part(line(10, 15), line(10, 20), line(10, 17)))
    assert half["chamfer"] == pytest.approx((0 + (1 + 2) / 7) / 2)


def test_presence_asks_for_size_and_place():
    assert not part(voxels.shift(WANTED, (30, 0, 0))).present
    crumb = torch.zeros_like(WANTED)
    crumb[20:22, 20:22, 20:22] = True
    assert not part(crumb).present
    nothing = part(torch.zeros_like(WANTED))
    assert not nothing.present and agreement(nothing)["f1_2"] == 0 and shape(nothing) == 0 and placement(nothing) == {}
    assert agreement(nothing)["chamfer"] == components.FAR


def test_lent_labels_go_to_the_nearest_true_part():
    truth = truths()
    unnamed = perfect(labelled=False)
    whole = unnamed.whole
    outcome = perfect(labelled=False, grids={"figure": whole}, meshes={"figure": perfect().meshes["cap"]})
    lent = lend_labels(outcome, truth, IDENTITY)
    for term, one in truth.items():
        assert (lent.grids[term] & one.visible).sum() > 0.95 * one.visible.sum(), term  # but for the seams
    counts = {term: len(mesh.faces) for term, mesh in lent.meshes.items()}
    assert sum(counts.values()) == 12 and counts["cap"] > 8  # one or two of its triangles end nearer to the figure


def test_a_bare_base_is_lent_nothing():
    truth = truths()
    bare = perfect(labelled=False, grids={"figure": truth["figure"].voxels}, meshes={})
    lent = lend_labels(bare, truth, IDENTITY)
    assert (lent.grids["figure"] == truth["figure"].voxels).all()
    assert not lent.grids["cap"].any() and not lent.grids["backpack"].any()


def test_visible_is_what_the_outside_shows():
    inner, outer = filled((28, 28, 28), (36, 36, 36)), filled((20, 20, 20), (44, 44, 44))
    outcome = perfect(grids={"figure": outer, "cap": inner})
    assert not outcome.visible()["cap"].any() and outcome.visible()["figure"].any()
