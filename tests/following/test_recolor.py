"""Colours of a thing after its pictures: made blocks whose right colours are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cast3d.following import recolored
from cast3d.following.recolor import FEW, LIGHT, ColorMap
from cast3d.following.sight import LIGHTS
from cast3d.splats import Gaussians, orbit

from .things import gaussians, picture

FRONT = orbit(0, 0, fov=None, width=1.0)
BELOW, ABOVE = slice(12, 32), slice(32, 52)
YELLOW, ORANGE, BLUE, BLACK = (0.9, 0.75, 0.1), (0.9, 0.5, 0.1), (0.1, 0.25, 0.6), (0.03, 0.03, 0.03)
Color = tuple[float, float, float]


def block(above: Color, below: Color, sign: Color | None = None) -> Gaussians:
    """A block of two colours, one over the other; a sign of a third on a fifth of its front."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[12:52, 16:48, 12:52] = True
    colors = torch.zeros(64, 64, 64, 3)
    colors[:, :, ABOVE], colors[:, :, BELOW] = torch.tensor(above), torch.tensor(below)
    if sign is not None:
        colors[18:46, 16:18, 36:46] = torch.tensor(sign)
    return gaussians(grid, colors)


def crop():
    """A camera that sees the square crop of the block's picture: 1.2 times its 40 voxels of 64."""
    return replace(FRONT, intrinsics=torch.tensor([[1 / 0.75, 0, 0.5], [0, 1 / 0.75, 0.5], [0, 0, 1.0]]))


def moved(thing: Gaussians, shown: Gaussians, light: float = 0.72, **options) -> tuple[Tensor, Tensor]:
    """Colours of the upper and of the lower half, all sides, after the picture of another block."""
    new = recolored(thing, [picture(shown, FRONT, 320, light)], [crop()], **options).colors
    upper = thing.positions[:, 2] > 0
    return new[upper], new[~upper]


def hue(colors: Tensor) -> np.ndarray:
    """Shares of red, green and blue: the colour without its brightness, means and spread together."""
    return (colors / colors.sum(1, keepdim=True)).numpy()


@pytest.mark.parametrize("light", [0.5, 0.72, 1.0])
def test_a_thing_takes_its_pictures_color_on_all_sides_whatever_the_light(light):
    upper, lower = moved(block(YELLOW, YELLOW), block(ORANGE, ORANGE), light)
    wanted = hue(torch.tensor([ORANGE]))
    for colors in (upper, lower):
        assert np.abs(hue(colors) - wanted).max() < 0.04
        assert 0.8 < float(colors.max(1).values.mean()) / 0.9 < 1.15  # brightness stays near the render's


def test_each_color_takes_its_own():
    upper, lower = moved(block(YELLOW, BLUE), block(ORANGE, (0.2, 0.5, 0.3)))
    assert np.abs(hue(upper) - hue(torch.tensor([ORANGE]))).max() < 0.04
    assert np.abs(hue(lower) - hue(torch.tensor([(0.2, 0.5, 0.3)]))).max() < 0.06


def test_a_color_that_is_right_stays():
    thing = block(YELLOW, BLUE)
    upper, lower = moved(thing, thing)
    assert (upper - torch.tensor(YELLOW)).abs().max() < 0.03 and (lower - torch.tensor(BLUE)).abs().max() < 0.03


def test_a_print_does_not_color_the_thing():
    thing = block(YELLOW, YELLOW)
    upper, lower = moved(thing, block(YELLOW, YELLOW, sign=BLACK))
    assert (torch.cat([upper, lower]) - torch.tensor(YELLOW)).abs().max() < 0.06


def test_how_bright_a_color_is_meets_the_render_half_way():
    """A grey at half the render's brightness under usual light: its root, as the light may be dim instead."""
    upper, _ = moved(block((0.6, 0.6, 0.6), (0.6, 0.6, 0.6)), block((0.3, 0.3, 0.3), (0.3, 0.3, 0.3)))
    assert upper.mean() == pytest.approx(0.6 * 0.5**0.5, abs=0.03)
    assert np.abs(hue(upper) - 1 / 3).max() < 0.01


@pytest.mark.parametrize("light", [0.5, 1.0])
def test_a_dark_thing_becomes_as_bright_as_its_picture_may_be(light):
    """Too dark for its light to be told, it is compared as a whole: between the brightest light and a usual one."""
    upper, _ = moved(block((0.05,) * 3, (0.05,) * 3), block((0.3,) * 3, (0.3,) * 3), light)
    assert upper.mean() == pytest.approx(0.3 * light / (LIGHTS[1] * LIGHT) ** 0.5, abs=0.015)


def test_what_does_not_agree_changes_nothing():
    noise = np.random.default_rng(0).integers(0, 255, (320, 320, 4), dtype=np.uint8)
    noise[..., 3] = 255
    thing = block(YELLOW, YELLOW)
    new = recolored(thing, [Image.fromarray(noise, "RGBA")], [FRONT])
    assert (new.colors - thing.colors).abs().max() < 1e-6


def test_strength_is_how_far():
    thing, shown = block(YELLOW, YELLOW), block(ORANGE, ORANGE)
    none, half, full = (torch.cat(moved(thing, shown, strength=s)) for s in (0.0, 0.5, 1.0))
    assert torch.equal(none, thing.colors)
    green = [float(colors[:, 1].mean()) for colors in (none, half, full)]
    assert green[1] == pytest.approx((green[0] + green[2]) / 2, abs=0.03) and green[0] - green[2] > 0.1


def test_without_pictures_or_with_a_camera_that_looks_elsewhere_nothing_changes():
    thing = block(YELLOW, YELLOW)
    assert torch.equal(recolored(thing, [], []).features_dc, thing.features_dc)
    away = replace(FRONT, intrinsics=torch.tensor([[1.0, 0, 5.0], [0, 1.0, 5.0], [0, 0, 1.0]]))
    shown = picture(block(ORANGE, ORANGE), FRONT, 320)
    assert torch.equal(recolored(thing, [shown], [away]).features_dc, thing.features_dc)


def test_pictures_are_used_together():
    """One shows the upper half alone, the other the lower one alone."""
    thing, wanted = block(YELLOW, BLUE), block(ORANGE, (0.2, 0.5, 0.3))
    shown = picture(wanted, FRONT, 320, 0.72)
    halves = []
    for rows in (slice(0, 160), slice(160, 320)):
        pixels = np.asarray(shown).copy()
        pixels[rows] = 0
        halves.append(Image.fromarray(pixels, "RGBA"))
    # Each half's own square: 40 by 20 voxels, whose middle is 10 voxels below and above the block's.
    down, up = (
        replace(FRONT, intrinsics=torch.tensor([[1 / 0.75, 0, 0.5], [0, 1 / 0.75, 0.5 + side], [0, 0, 1.0]]))
        for side in (-10 / 48, 10 / 48)
    )
    new = recolored(thing, halves, [down, up]).colors
    upper = thing.positions[:, 2] > 0
    assert np.abs(hue(new[upper]) - hue(torch.tensor([ORANGE]))).max() < 0.05
    assert np.abs(hue(new[~upper]) - hue(torch.tensor([(0.2, 0.5, 0.3)]))).max() < 0.07


def test_the_map_is_the_robust_mean_of_its_pairs():
    """Nine pairs of a colour agree, one does not: it moves by the shift of the nine, less what few pairs keep back."""
    source = np.zeros((10, 3), np.float32)
    wanted = source + np.float32([0, 20, 0])
    wanted[9] = (80, -60, 40)
    move = ColorMap.of(source, wanted, np.ones(10, np.float32))(np.zeros((1, 3), np.float32))
    assert move[0] == pytest.approx([0, 20 * 0.9 / (0.9 + FEW), 0], abs=0.05)
    far = ColorMap.of(source, wanted, np.ones(10, np.float32))(np.float32([[100, 0, 0]]))
    assert np.abs(far).max() < 1e-6  # no pair has such a colour
