from dataclasses import replace

import numpy as np
import pytest
import torch

from cast3d.following import refitted
from cast3d.following.refit import solved, view_of
from cast3d.following.sight import light_of
from cast3d.splats import Gaussians, orbit, render

from .things import gaussians, picture

FRONT, BACK = (orbit(yaw, 0, fov=None, width=1.0) for yaw in (0, 180))


def block(print_on: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """A yellow block, and with a black sign on its front."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[12:52, 16:48, 12:52] = True
    colors = torch.zeros(64, 64, 64, 3)
    colors[:] = torch.tensor([0.9, 0.75, 0.1])
    if print_on:
        colors[20:26, 16:18, 34:40] = 0.03
        colors[38:44, 16:18, 34:40] = 0.03
        colors[22:42, 16:18, 20:23] = 0.03
    return grid, colors


def crop(thing: Gaussians, camera):
    """A camera that sees the square crop of the block's picture: 1.2 times its 40 voxels of 64."""
    return replace(camera, intrinsics=torch.tensor([[1 / 0.75, 0, 0.5], [0, 1 / 0.75, 0.5], [0, 0, 1.0]]))


def setup(light: float = 1.0):
    plain, printed = (gaussians(*block(print_on)) for print_on in (False, True))
    return plain, printed, picture(printed, FRONT, 320, light), crop(plain, FRONT)


@pytest.mark.parametrize("light", [1.0, 0.7])
def test_a_print_comes_onto_the_surface_whatever_the_light(light):
    plain, printed, shown, camera = setup(light)
    new = refitted(plain, [shown], [camera])
    wanted = render(printed, FRONT, 128).color
    before, after = (float((render(one, FRONT, 128).color - wanted).abs().mean()) for one in (plain, new))
    assert after < 0.35 * before
    aside = orbit(40, 15, fov=None, width=1.0)
    wanted = render(printed, aside, 128).color
    before, after = (float((render(one, aside, 128).color - wanted).abs().mean()) for one in (plain, new))
    assert after < 0.6 * before


def test_a_large_color_that_the_thing_lacks_comes_onto_what_is_seen():
    """A third of the picture is blue, the rest as the thing is: the third takes the blue itself, not a yellow shade."""
    grid, colors = block(False)
    plain = gaussians(grid, colors)
    colors[:, :, 12:25] = torch.tensor([0.2, 0.3, 0.7])
    shown = picture(gaussians(grid, colors), FRONT, 320)
    new = refitted(plain, [shown], [crop(plain, FRONT)])
    front = (plain.positions[:, 1] < -0.24) & (plain.positions[:, 0].abs() < 0.2)
    below = front & (plain.positions[:, 2] < -0.15) & (plain.positions[:, 2] > -0.25)
    assert (new.colors[below].mean(0) - torch.tensor([0.2, 0.3, 0.7])).abs().max() < 0.1
    above = front & (plain.positions[:, 2] > 0)
    assert torch.allclose(new.colors[above], plain.colors[above], atol=0.05)
    assert torch.allclose(render(new, BACK, 96).color, render(plain, BACK, 96).color, atol=0.02)


def test_the_other_side_stays():
    plain, _, shown, camera = setup()
    new = refitted(plain, [shown], [camera])
    assert torch.allclose(render(new, BACK, 96).color, render(plain, BACK, 96).color, atol=0.02)


def test_light_alone_changes_nothing():
    plain, _, _, camera = setup()
    new = refitted(plain, [picture(plain, FRONT, 320, light=0.6)], [camera])
    assert torch.allclose(new.colors, plain.colors, atol=0.05)


def test_without_trust_nothing_changes():
    plain, _, shown, camera = setup()
    assert torch.equal(refitted(plain, [shown], [camera], [0.0]).features_dc, plain.features_dc)
    assert torch.equal(refitted(plain, [], []).features_dc, plain.features_dc)


def test_a_wrong_pose_changes_little():
    plain, _, shown, _ = setup()
    off = orbit(0, 0, fov=None, width=0.4)
    new = refitted(plain, [shown], [off])
    right = refitted(plain, [shown], [crop(plain, FRONT)])
    change, wanted = ((one.colors - plain.colors).abs().mean() for one in (new, right))
    assert change < 2 * wanted


def test_two_pictures_are_used_together():
    plain, printed, shown, camera = setup()
    other = picture(printed, BACK, 320)
    new = refitted(plain, [shown, other], [camera, crop(plain, BACK)])
    wanted = render(printed, FRONT, 128).color
    before, after = (float((render(one, FRONT, 128).color - wanted).abs().mean()) for one in (plain, new))
    assert after < 0.4 * before
    assert torch.allclose(render(new, BACK, 96).color, render(plain, BACK, 96).color, atol=0.05)


def test_the_fit_is_the_least_squares_solution():
    from scipy.sparse import csr_array

    from cast3d.following.refit import View

    generator = np.random.default_rng(0)
    weights = generator.random((40, 6)).astype(np.float32)
    target, trust = generator.random((40, 3)).astype(np.float32), generator.random(40).astype(np.float32)
    old = generator.random((6, 3)).astype(np.float32)
    view = View(csr_array(weights), np.ones(6, np.float32), target, trust)
    change = solved([view], old, csr_array((6, 6), dtype=np.float32), 1e-6, 0.0)
    root = np.sqrt(trust)[:, None]
    exact = np.linalg.lstsq(root * weights, root * (target - weights @ old), rcond=None)[0]
    assert change == pytest.approx(exact, abs=2e-3)


def test_light_is_read_off_the_normals():
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(40, 40, 3))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = 0.7 + 0.2 * normal[..., 0] - 0.15 * normal[..., 2]
    color = np.full((40, 40, 3), 0.5)
    rgb = light[..., None] * color
    rgb[5:9, 5:15] = 0.02  # a print
    found = light_of(rgb, color, normal, np.ones((40, 40)))
    assert np.abs(found - light).max() < 0.02


def test_pixels_near_the_outline_do_not_count():
    plain, _, shown, camera = setup()
    grid_normals = np.tile(np.array([0.0, -1.0, 0.0], np.float32), (len(plain), 1))
    view = view_of(plain, plain.colors.numpy(), grid_normals, shown, camera, 1.0, 96)
    trust = view.trust.reshape(96, 96)
    assert trust[48, 48] > 0.9 and trust[0, 0] == 0
    assert trust[48, 7] == 0 and trust[8, 48] < 0.2 and trust[48, 11] > 0.9
