import torch

from cast3d.following import pose_of_places
from cast3d.following.pose import view_axes


def places(yaw: float, pitch: float, scale: float, noise: float = 0.0):
    """What an encoder would say of a bumpy surface seen so, 24 x 24 cells."""
    generator = torch.Generator().manual_seed(0)
    cells = (torch.arange(24) + 0.5) / 24 - 0.5
    y, x = torch.meshgrid(cells, cells, indexing="ij")
    axes = torch.from_numpy(view_axes(yaw, pitch)).float()
    depth = torch.stack([0.3 * torch.rand(24, 24, generator=generator) - 0.3, torch.full((24, 24), 0.2)])
    local = torch.stack([(x - 0.02).expand(2, 24, 24) / scale, (y + 0.01).expand(2, 24, 24) / scale, depth], -1)
    world = (local @ axes).permute(0, 3, 1, 2).flatten(0, 1)
    return world + noise * torch.randn(world.shape, generator=generator)


def test_consistent_places_give_the_camera():
    pose = pose_of_places(places(-35, 18, 0.9), torch.ones(24, 24))
    assert abs(pose.yaw + 35) < 0.1 and abs(pose.pitch - 18) < 0.1 and abs(pose.scale - 0.9) < 1e-3
    assert abs(pose.shift[0] - 0.02) < 1e-3 and abs(pose.shift[1] + 0.01) < 1e-3
    assert pose.iou > 0.99


def test_scattered_places_are_doubted():
    assert pose_of_places(places(20, 10, 0.9, noise=0.2), torch.ones(24, 24)).iou == 0


def test_too_few_places_say_nothing():
    alpha = torch.zeros(24, 24)
    alpha[0, :5] = 1
    assert pose_of_places(places(0, 10, 0.9), alpha) is None
