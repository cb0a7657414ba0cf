"""A lifted part is laid over its hint: known moves are found again, and it is not turned without need."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cast3d.following.registering import Placement, overlaid, placed, registered
from cast3d.voxels import cells_of, f1, outer_shell, to_coords, to_grid, to_world


def mug() -> torch.Tensor:
    """Something without symmetry: a box with a handle at one side and a knob on top."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[18:40, 22:42, 12:44] = True
    grid[40:50, 30:34, 20:36] = True
    grid[20:26, 24:30, 44:52] = True
    return outer_shell(grid)


def about(axis: int, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [k for k in range(3) if k != axis]
    turn = np.eye(3)
    turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
    return turn


@pytest.mark.parametrize("degrees", [0.0, 35.0, 90.0, 160.0])
@pytest.mark.parametrize("axis", [0, 2])
def test_a_known_move_is_found_again(axis, degrees):
    move = Placement(about(axis, degrees), 0.5, np.array([0.1, -0.05, 0.15]))
    hint = placed(mug(), move)
    found = registered(mug(), hint)
    assert f1(placed(mug(), found), hint, 1) > 0.97
    assert found.scale == pytest.approx(0.5, rel=0.06)


def test_what_stands_as_its_picture_is_not_turned_for_a_little():
    hint = placed(mug(), Placement(about(2, 4.0), 0.5, np.zeros(3)))
    assert np.allclose(registered(mug(), hint).turn, np.eye(3))


def test_a_placement_turns_then_scales_then_moves():
    move = Placement(about(2, 90.0), 0.5, np.array([0.0, 0.0, 0.25]))
    assert np.allclose(move(np.array([[0.2, 0.0, 0.1]])), [[0.0, 0.1, 0.3]])


def test_the_identity_moves_no_voxel_and_what_leaves_the_cube_is_lost():
    assert torch.equal(placed(mug(), Placement(np.eye(3), 1.0, np.zeros(3))), mug())
    assert not placed(mug(), Placement(np.eye(3), 1.0, np.array([2.0, 0, 0]))).any()


def test_a_stub_does_not_shrink_a_part_beyond_its_box():
    """The hint is the lower half: the size stays within the stretch of what the boxes say."""
    hint = placed(mug(), Placement(np.eye(3), 0.5, np.zeros(3)))
    hint[:, :, 31:] = False
    found = registered(mug(), hint)
    assert found.scale > 0.5 * 0.55


@pytest.mark.parametrize(
    "scale, shift", [(1.0, (0.1, -0.05, 0.02)), (0.7, (0.0, 0.12, -0.1)), (1.15, (-0.02, 0.03, 0.01))]
)
def test_points_are_laid_over_voxels_to_a_quarter_voxel(scale, shift):
    """A surface as points between the voxels, which boxes and closest points alone find to half a voxel."""
    generator = np.random.default_rng(0)
    points = to_world(to_coords(mug()).double(), 64).numpy().repeat(8, 0)
    points += generator.uniform(-0.5, 0.5, points.shape) / 64
    points = points * 0.8 + [0.003, -0.002, 0.001]
    moved = torch.from_numpy(points * scale + np.array(shift))
    found = overlaid(points, to_grid(cells_of(moved)))
    assert found.agreement > 0.9
    np.testing.assert_allclose(found(points), moved, atol=0.5 / 64)
    np.testing.assert_array_equal(found.turn, np.eye(3))
