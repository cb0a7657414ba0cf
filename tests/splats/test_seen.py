"""Colours read back from views: what is drawn there, by whom it is hidden, and what nobody sees."""

from __future__ import annotations

import pytest
import torch

from cast3d.splats import Gaussians, orbit, rings, views
from cast3d.splats.seen import seen_colors

from .scenes import balls, wall

RED, BLUE, WHITE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0)
FRONT, BACK = torch.tensor([0.0, -1.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])


def painted(gaussians: Gaussians, *colors: tuple[float, float, float], split=None) -> Gaussians:
    """One colour, or two: the second where `split` says so."""
    from dataclasses import replace

    rgb = torch.tensor(colors[0]).expand(len(gaussians), 3).clone()
    if split is not None:
        rgb[split] = torch.tensor(colors[1])
    return replace(gaussians, features_dc=(rgb - 0.5) / 0.28209479177387814)


def joined(*sets: Gaussians) -> Gaussians:
    names = ("positions", "features_dc", "scales", "rotations", "opacities")
    return Gaussians(*(torch.cat([getattr(one, name) for one in sets]) for name in names))


def on_wall(y: float, count: int = 5) -> torch.Tensor:
    line = torch.linspace(-0.2, 0.2, count)
    return torch.stack(torch.meshgrid(line, torch.tensor([y]), line, indexing="ij"), dim=-1).reshape(-1, 3)


@pytest.mark.parametrize("lens", [{}, {"fov": None, "width": 1.2}], ids=["perspective", "orthographic"])
def test_a_wall_shows_its_colours_where_they_are(lens):
    surface = wall(0.0)
    surface = painted(surface, RED, BLUE, split=surface.positions[:, 0] > 0)
    points = on_wall(0.0, 4)  # none on the border between the colours
    colors, seen = seen_colors(
        surface, points, FRONT.expand_as(points), [orbit(yaw, **lens) for yaw in (-30, 0, 30)], 256
    )
    assert seen.all()
    expected = torch.where(points[:, :1] > 0, torch.tensor(BLUE), torch.tensor(RED))
    assert (colors - expected).abs().max() < 0.02


def test_what_hides_a_surface_does_not_colour_it():
    both = joined(painted(wall(-0.2), RED), painted(wall(0.2), BLUE))
    points = on_wall(0.2)
    colors, seen = seen_colors(both, points, FRONT.expand_as(points), [orbit(0)], 128)
    assert not seen.any() and (colors == 0).all()
    colors, seen = seen_colors(both, points, BACK.expand_as(points), rings(8, [0.0]), 128)
    assert seen.all() and (colors - torch.tensor(BLUE)).abs().max() < 0.05


def test_a_surface_that_faces_away_is_not_seen():
    points = on_wall(0.0)
    _, seen = seen_colors(wall(0.0), points, BACK.expand_as(points), [orbit(0)], 64)
    assert not seen.any()


def test_all_round_a_ball_every_point_is_seen():
    directions = torch.nn.functional.normalize(torch.randn(3000, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    ball = painted(balls((0.3 * directions).tolist(), opacity=0.95, size=0.02), RED, WHITE, split=directions[:, 2] > 0)
    points = 0.3 * directions[:400]
    clear = points[:, 2].abs() > 0.06
    colors, seen = seen_colors(ball, points, directions[:400], views.multiview(24), 128)
    assert seen.all()
    expected = torch.where(points[:, 2:] > 0, torch.tensor(WHITE), torch.tensor(RED))
    assert (colors - expected)[clear].abs().max() < 0.05


def test_views_from_everywhere_hold_a_ball():
    directions = torch.nn.functional.normalize(torch.randn(500, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    cameras = views.all_around(12, width=0.6)
    for camera in cameras:
        picture = camera.to_picture(0.3 * directions)
        assert picture.min() > -1e-6 and picture.max() < 1 + 1e-6
    assert len({tuple(camera.position.round(decimals=3).tolist()) for camera in cameras}) == 12
