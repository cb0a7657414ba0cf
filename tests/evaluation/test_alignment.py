"""The similarity found on the base is the one that was applied."""

import numpy as np
import pytest

from cast3d.evaluation.alignment import IDENTITY, Alignment, align, turned
from cast3d.evaluation.components import points
from tests.evaluation.scenes import box

BODY = points(box((20, 24, 4), (44, 40, 44)) | box((40, 28, 20), (56, 36, 28)))  # a block with an arm: no symmetry


@pytest.mark.parametrize(("yaw", "scale"), [(0, 1.7), (90, 1.0), (170, 0.5), (250, 1.0)])
def test_a_turned_scaled_and_moved_base_is_put_back(yaw, scale):
    move = Alignment(scale, turned(yaw), np.array([5.0, -12.0, 3.0]))
    found = align(move(BODY), BODY, BODY)
    assert np.abs(found(move(BODY)) - BODY).max() < 0.2
    assert found.scale == pytest.approx(1 / scale, rel=0.01)


def test_a_base_in_its_place_is_left_alone_bit_for_bit():
    assert align(BODY, BODY, BODY) is IDENTITY


def test_noise_of_a_voxel_is_no_reason_to_move():
    noisy = BODY + np.random.default_rng(0).integers(-1, 2, BODY.shape)
    assert align(noisy, BODY, BODY) is IDENTITY


def test_hidden_surfaces_may_be_missing_on_either_side():
    shown = BODY[BODY[:, 2] > 8]
    move = Alignment(0.8, turned(30), np.array([1.0, 2.0, 3.0]))
    for mine, visible in ((BODY, shown), (shown, shown)):
        found = align(move(mine), BODY, visible)
        assert np.abs(found(move(mine)) - mine).max() < 1.0


def test_symmetry_does_not_turn_a_thing_around():
    cube = points(box((20, 20, 20), (40, 40, 40)))
    assert align(cube, cube, cube) is IDENTITY
    found = align(cube + np.array([3.0, 0.0, 0.0]), cube, cube)
    assert np.allclose(found.rotation, np.eye(3), atol=1e-6) and np.allclose(found.translation, [-3, 0, 0], atol=1e-6)


def test_nothing_to_align_is_no_error():
    assert align(np.zeros((0, 3)), BODY, BODY) is IDENTITY
