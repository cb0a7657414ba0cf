"""Cameras against the released code's, and which way they look."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file

from cast3d.errors import InputError
from cast3d.splats import orbit, views
from cast3d.splats.cameras import extrinsics_from_yaw_pitch, intrinsics_from_fov, projection
from cast3d.splats.rotations import matrix_to_quaternion, quaternion_to_matrix
from tests.golden_data import golden

STEP = 2**-22  # of float32 at 2, the cameras' distance: processors differ by one in the last place
CAMERAS = [dict(fov=40.0), dict(fov=None, width=1.2)]


def assert_near(actual, expected, tolerance):
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


def test_extrinsics_and_projections_are_the_released_ones():
    case = load_file(golden("trellis/cameras") / "io.safetensors")
    poses = zip(case["yaw"].tolist(), case["pitch"].tolist())
    extrinsics = torch.stack([extrinsics_from_yaw_pitch(yaw, pitch, 2) for yaw, pitch in poses])
    assert_near(extrinsics, case["extrinsics"], STEP)
    intrinsics = intrinsics_from_fov(40)
    assert torch.equal(intrinsics, case["intrinsics"][0])
    assert torch.equal(projection(intrinsics, 0.8, 1.6), case["projection_gs_0.8_1.6"])
    assert torch.equal(projection(intrinsics, 1, 100), case["projection_mesh_1_100"])
    assert_near(projection(intrinsics) @ extrinsics, case["full_proj_gs"], 4e-7)


@pytest.mark.parametrize(("name", "cameras"), [("multiview30", views.multiview()), ("video20", views.video(20))])
def test_view_sets_are_the_released_ones(name, cameras):
    expected = load_file(golden("trellis/cameras") / "io.safetensors")[f"{name}.extrinsics"]
    assert_near(torch.stack([camera.extrinsics for camera in cameras]), expected, STEP)


def test_point_sequences_are_the_released_ones():
    case = load_file(golden("trellis/tables") / "io.safetensors")
    cube = torch.tensor([views.hammersley(i, 32) for i in range(32)], dtype=torch.float64)
    assert torch.equal(cube, case["hammersley_3_32"])
    sphere = torch.tensor([views.sphere_hammersley(i, 100) for i in range(100)], dtype=torch.float64)
    assert_near(sphere, case["sphere_hammersley_100"], 1e-14)
    # The first point of the shifted sequence tells the offset that was used.
    yaw, pitch = case["sphere_hammersley_100_offset_remap"][0].tolist()
    offset = (100 * (1 - math.cos(pitch + math.pi / 2)) / 4, yaw / (2 * math.pi))
    shifted = [views.sphere_hammersley(i, 100, offset, remap=True) for i in range(100)]
    assert_near(torch.tensor(shifted, dtype=torch.float64), case["sphere_hammersley_100_offset_remap"], 1e-12)


def test_quaternions_are_the_released_ones():
    case = load_file(golden("trellis/cameras") / "io.safetensors")
    assert_near(quaternion_to_matrix(case["quat.in"]), case["quat.matrix"], 5e-7)
    # The released conversion loses up to 2e-6 to a square root of a small number; ours does not.
    assert_near(matrix_to_quaternion(case["quat.matrix"]), case["quat.back"], 4e-6)


def test_quaternions_return_from_matrices():
    quaternions = torch.nn.functional.normalize(torch.randn(200, 4, dtype=torch.float64), dim=1)
    back = matrix_to_quaternion(quaternion_to_matrix(quaternions))
    assert_near((back * quaternions).sum(1).abs(), torch.ones(200, dtype=torch.float64), 1e-12)
    assert (back.take_along_dim(back.abs().argmax(1, keepdim=True), 1) > 0).all()


def test_snapshots_see_four_sides_from_far():
    positions = torch.stack([camera.position for camera in views.snapshot()])
    assert_near(positions.norm(dim=1), torch.full((4,), 10.0), 1e-5)
    assert_near(positions[:, :2].sum(0), torch.zeros(2), 1e-5)


@pytest.mark.parametrize("kind", CAMERAS)
def test_the_front_camera_stands_on_minus_y_and_sees_plus_x_on_the_right(kind):
    camera = orbit(**kind)
    assert_near(camera.position, torch.tensor([0.0, -2.0, 0.0]), 1e-6)
    x, y = camera.to_picture(torch.tensor([[0.2, 0.0, 0.1]])).squeeze(0).tolist()
    assert x > 0.55 and y < 0.48
    assert_near(camera.to_picture(torch.zeros(1, 3)), torch.full((1, 2), 0.5), 1e-6)


def test_yaw_and_pitch_move_the_camera():
    assert_near(orbit(90).position, torch.tensor([-2.0, 0.0, 0.0]), 1e-6)
    assert orbit(pitch=30).position[2] > 0.9
    assert_near(orbit(180).extrinsics, extrinsics_from_yaw_pitch(0.0, 0.0, 2.0), 1e-6)


def test_only_perspective_shrinks_with_distance():
    points = torch.tensor([[0.2, -0.4, 0.0], [0.2, 0.4, 0.0]])  # near, far
    near, far = orbit().to_picture(points)[:, 0].tolist()
    assert near > far + 0.05
    near, far = orbit(fov=None, width=1.0).to_picture(points)[:, 0].tolist()
    assert near == pytest.approx(0.7, abs=1e-6) and far == pytest.approx(0.7, abs=1e-6)


def test_rings_start_at_the_front_and_go_round():
    cameras = views.rings(8, (-20, 40), radius=3.0)
    assert len(cameras) == 16
    assert_near(cameras[0].extrinsics, orbit(0, -20, 3.0).extrinsics, 0)
    assert_near(torch.stack([camera.position[:2] for camera in cameras[8:]]).sum(0), torch.zeros(2), 1e-5)


@pytest.mark.parametrize("lens", [dict(fov=None), dict(fov=40.0, width=1.0)])
def test_a_camera_has_one_lens(lens):
    with pytest.raises(InputError, match="width"):
        orbit(**lens)
