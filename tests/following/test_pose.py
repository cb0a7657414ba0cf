import math

import pytest
import torch
from PIL import Image

from cast3d.errors import InputError
from cast3d.following import Points, Pose, carried, find_pose, find_poses
from cast3d.following.pose import angle, lens, view_axes
from cast3d.splats import orbit
from cast3d.voxels import Similarity

from .things import chair, gaussians, picture, pillar


def turned(pose: Pose, yaw: float, pitch: float) -> float:
    """Degrees between the pose's direction and another."""
    cosine = view_axes(pose.yaw, pose.pitch)[2] @ view_axes(yaw, pitch)[2]
    return math.degrees(math.acos(min(1.0, float(cosine))))


@pytest.mark.parametrize("yaw, pitch", [(0.0, 10.0), (33.0, 27.0), (-58.0, 6.0)])
def test_the_camera_of_a_render_is_found(yaw, pitch):
    thing = gaussians(chair())
    shown = picture(thing, orbit(yaw, pitch, fov=None, width=1.0))
    pose = find_pose(Points.of_grid(chair()), shown)
    assert turned(pose, yaw, pitch) < 4
    assert pose.iou > 0.93 and pose.confidence > 0.95
    assert not pose.ambiguous
    assert turned(find_pose(thing, shown), yaw, pitch) < 4  # from Gaussians, with their colours


def test_cropping_and_scale_do_not_matter():
    shown = picture(gaussians(chair()), orbit(25, 15, fov=None, width=1.0))
    large = Image.new("RGBA", (500, 400))
    large.paste(shown.resize((280, 280), Image.Resampling.LANCZOS), (190, 60))
    first, second = find_poses(Points.of_grid(chair()), [shown, large])
    assert turned(first, second.yaw, second.pitch) < 2
    assert first.scale == pytest.approx(second.scale, rel=0.02)
    assert first.shift == pytest.approx(second.shift, abs=0.01)


def test_the_camera_found_sees_the_crop_of_the_picture():
    thing = gaussians(chair())
    camera = orbit(20, 12, fov=None, width=1.0)
    pose = find_pose(Points.of_grid(chair()), picture(thing, camera))
    seen = pose.camera.to_picture(thing.positions)
    low, high = seen.amin(0), seen.amax(0)
    assert float((high - low).max()) == pytest.approx(1 / 1.2, abs=0.04)  # the crop's margin
    assert torch.allclose((low + high) / 2, torch.tensor([0.5, 0.5]), atol=0.02)


def test_a_symmetric_thing_says_so():
    shown = picture(gaussians(pillar()), orbit(10, 15, fov=None, width=1.0))
    pose = find_pose(Points.of_grid(pillar()), shown)
    assert pose.ambiguous
    assert pose.confidence > 0.9  # any of them will do
    assert all(other.iou > pose.iou - 0.03 for other in pose.others)


def test_colors_tell_the_sides_of_a_symmetric_thing():
    colors = torch.zeros(64, 64, 64, 3)
    colors[:32, :, :, 0] = 0.8
    colors[32:, :, :, 2] = 0.8
    shown = picture(gaussians(pillar(), colors), orbit(40, 15, fov=None, width=1.0), light=0.7)
    pose = find_pose(Points.of_grid(pillar(), colors), shown)
    assert abs(pose.yaw - 40) < 8
    assert all(abs(other.yaw - 40) < 30 for other in pose.others)  # another height may do, another side may not


def test_a_wrong_picture_gets_little_confidence():
    shown = picture(gaussians(pillar()), orbit(10, 15, fov=None, width=1.0))
    assert find_pose(Points.of_grid(chair()), shown).confidence < 0.3


def test_a_guess_from_elsewhere_pulls():
    grid = pillar()
    shown = picture(gaussians(grid), orbit(-30, 15, fov=None, width=1.0))
    pose = find_pose(Points.of_grid(grid), shown, told=Pose(-30, 15, 1.0, iou=1.0))
    assert turned(pose, -30, 15) < 5


def test_a_lens_is_allowed_for():
    thing = gaussians(chair())
    shown = picture(thing, orbit(-25, 20, lens(40), fov=40))
    pose = find_pose(Points.of_grid(chair()), shown, fov=40)
    assert turned(pose, -25, 20) < 3
    seen = pose.camera.to_picture(thing.positions)
    assert float((seen.amax(0) - seen.amin(0)).max()) == pytest.approx(1 / 1.2, abs=0.04)


def test_all_around():
    shown = picture(gaussians(chair()), orbit(160, 20, fov=None, width=1.0))
    assert turned(find_pose(Points.of_grid(chair()), shown, yaws=(-180, 180)), 160, 20) < 3


@pytest.mark.parametrize(
    "pose", [Pose(30, 20, 0.8, (0.1, -0.05), roll=25), Pose(30, 20, 0.8, (0.1, -0.05), distance=2.5)]
)
def test_a_pose_says_where_points_fall(pose):
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    x, y, z = (points.double() @ torch.from_numpy(view_axes(pose.yaw, pose.pitch, pose.roll)).T).unbind(1)
    near = pose.distance / (pose.distance + z) if pose.distance else 1.0
    wanted = torch.stack([0.5 + 0.1 + 0.8 * x * near, 0.5 - 0.05 + 0.8 * y * near], 1)
    assert torch.allclose(pose.camera.to_picture(points), wanted.float(), atol=1e-5)


@pytest.mark.parametrize("distance", [0.0, 2.5])
def test_a_camera_is_carried_along(distance):
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    move = Similarity(0.4, (0.1, -0.2, 0.3))
    camera = Pose(-35, 15, 0.9, (0.02, 0.03), distance=distance).camera
    assert torch.allclose(carried(camera, move).to_picture(move(points)), camera.to_picture(points), atol=1e-5)


def test_the_axes_are_those_of_the_cameras():
    for yaw, pitch in ((0, 0), (50, -20), (-130, 60)):
        expected = orbit(yaw, pitch, fov=None, width=1.0).extrinsics[:3, :3]
        assert torch.allclose(torch.from_numpy(view_axes(yaw, pitch)).float(), expected, atol=1e-6)


def test_nothing_is_seen_from_nowhere():
    with pytest.raises(InputError, match="empty grid"):
        Points.of_grid(torch.zeros(8, 8, 8, dtype=torch.bool))


def test_thinning_keeps_the_mean():
    grid = torch.ones(8, 8, 8, dtype=torch.bool)
    colors = torch.rand(8, 8, 8, 3, generator=torch.Generator().manual_seed(1))
    thin = Points.of_grid(grid, colors).thinned(0.25)
    assert len(thin) == 64 and thin.half == 0.125
    assert thin.positions.mean(0) == pytest.approx([0, 0, 0], abs=1e-6)
    assert thin.colors.mean(0) == pytest.approx(colors.mean((0, 1, 2)).numpy(), abs=1e-5)


def test_a_thing_held_at_an_angle():
    thing = gaussians(chair())
    camera = Pose(-20, 15, 0.9, roll=65).camera
    shown = picture(thing, camera)
    pose = find_pose(Points.of_grid(chair()), shown, yaws=(-60, 60), pitches=(0, 45), rolls=(-180, 180))
    assert angle(pose, Pose(-20, 15, 0.9, roll=65)) < 6
