"""Attachment frames, arm poses, grips and voxel frames, against the figures of the parts pack's description."""

import numpy as np
import pytest

from training.bricks import placement
from training.bricks.catalog import Grip
from training.bricks.placement import HANGING, Pose, apply, compose, held, transform


def at(frame, *point):
    return apply(frame, np.array(point, float))


def test_figure_frame_is_the_128_ldu_cube():
    assert np.allclose(at(placement.FIGURE, 0, 72, 0), [32, 32, 2])  # soles
    assert np.allclose(at(placement.FIGURE, 0, -28, 0), [32, 32, 52])  # top of a bare head: 50 voxels
    assert np.allclose(at(placement.FIGURE, -64, 76, -64), [0, 0, 0])
    assert np.allclose(at(placement.FIGURE, 64, -52, 64), [64, 64, 64])


def test_world_axes():
    origin = at(placement.FIGURE, 0, 0, 0)
    assert np.allclose(at(placement.FIGURE, -2, 0, 0) - origin, [-1, 0, 0])  # own right hand: low x
    assert np.allclose(at(placement.FIGURE, 0, 0, -2) - origin, [0, -1, 0])  # front: low y
    assert np.allclose(at(placement.FIGURE, 0, -2, 0) - origin, [0, 0, 1])  # up: high z
    assert np.linalg.det(placement.WORLD) == pytest.approx(1)  # no mirroring


def test_filled_and_creature_frames():
    low, high = np.array([-10.0, -40, 0]), np.array([30.0, 40, 20])
    corners = np.stack([at(placement.filled(low, high), *p) for p in (low, high)])
    assert np.allclose(corners.mean(axis=0), 32)
    assert np.ptp(corners, axis=0).max() == pytest.approx(0.94 * 64)
    corners = np.stack([at(placement.creature(low, high), *p) for p in (low, high)])
    assert np.ptp(corners, axis=0).max() == pytest.approx(50)
    assert corners[:, 2].min() == pytest.approx(2)
    assert np.allclose(corners[:, :2].mean(axis=0), 32)


def test_hanging_hand_is_where_the_pack_says():
    right = [[0.985, -0.1202, 0.1202, -23.690], [0.17, 0.6964, -0.6964, 26.774], [0, 0.707, 0.707, -9.898]]
    assert np.allclose(placement.hand("right", HANGING), right, atol=0.02)
    flip = np.diag([-1.0, 1, 1])
    left = placement.hand("left", HANGING)
    assert np.allclose(left[:, :3], flip @ np.array(right)[:, :3] @ flip, atol=0.02)
    assert np.allclose(left[:, 3], flip @ np.array(right)[:, 3], atol=0.02)


def test_positive_pitch_lifts_the_hand_forwards():
    hanging, raised = placement.hand("right", HANGING), placement.hand("right", Pose(45, 0))
    assert raised[1, 3] < hanging[1, 3] - 5 and raised[2, 3] < hanging[2, 3] - 5  # -y is up, -z is forwards


def test_a_bar_at_pitch_45_stands_upright_leaning_forwards():
    grip = Grip("right", np.zeros(3), np.eye(3), wrist=0, arm_pitch=45)
    up = held("right", grip)[:, :3] @ [0, -1, 0]
    lean = np.degrees(np.arctan2(-up[2], -up[1]))
    assert lean == pytest.approx(14.5, abs=0.5)


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_grip_point_lies_in_the_fist(side):
    fist = placement.hand(side, Pose(45, 90))
    closed = fist[:, :3] @ [0, -0.8229, -9.8948] + fist[:, 3]
    rotation = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    for point in ([0, 0, 0], [3.0, -7, 11]):
        placed = held(side, Grip(side, np.array(point, float), rotation, wrist=90, arm_pitch=45))
        assert np.allclose(at(placed, *point), closed, atol=1e-4)


def test_compose_applies_the_second_first_and_mirror_is_an_involution():
    a = transform(placement.rotation_x(30), (1, 2, 3))
    b = transform(placement.rotation_z(70), (-4, 0, 2))
    point = np.array([0.3, -2, 5])
    assert np.allclose(apply(compose(a, b), point), apply(a, apply(b, point)), atol=1e-5)
    assert np.array_equal(placement.mirror_x(placement.mirror_x(a)), a)
    mirrored = apply(placement.mirror_x(a), point * [-1, 1, 1])
    assert np.allclose(mirrored, apply(a, point) * [-1, 1, 1], atol=1e-5)
