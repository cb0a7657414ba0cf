"""Pictures of finished objects: framed on the object, lit from the upper left, shadowed, and the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cast3d.meshes import Mesh
from cast3d.meshes.surface import from_sdf
from cast3d.result.pictures import MARGIN, alike, around, lit, portrait, turntable
from tests.meshes.shapes import ball
from tests.meshes.test_union import cuboid

SIZE = 96
GREY = from_sdf(ball(32, 0.3))


def painted(mesh: Mesh, color=(0.8, 0.1, 0.1)) -> Mesh:
    return replace(mesh, colors=torch.tensor(color).expand(len(mesh.vertices), 3).contiguous())


def red(picture: np.ndarray) -> np.ndarray:
    """Pixels of a red object, not of its grey shadow."""
    picture = picture.astype(int)
    return picture[..., 0] - picture[..., 1] > 30


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize("scale", [1.0, 0.02, 30.0])
@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (0.4, -0.3, 0.45)])
def test_an_object_of_any_size_anywhere_fills_the_picture(scale, place):
    mesh = painted(replace(GREY, vertices=GREY.vertices * scale + torch.tensor(place), normals=None))
    top, bottom, left, right = box_of(red(lit([mesh], portrait([mesh]), SIZE)))
    edge = round(MARGIN * SIZE)
    for low, high in ((top, bottom), (left, right)):
        assert abs(low - edge) <= 1 and abs(SIZE - 1 - high - edge) <= 1


def test_nothing_is_cut_off_in_a_turntable_and_the_object_keeps_its_height():
    sword = painted(cuboid([-0.03, -0.4, 0.2], [0.03, 0.4, 0.9]))
    frames = turntable([sword], SIZE, 6)
    boxes = [box_of(red(frame)) for frame in frames]
    for top, bottom, left, right in boxes:
        assert min(top, left) >= 2 and max(bottom, right) <= SIZE - 3
    heights = [bottom - top for top, bottom, _, _ in boxes]
    assert max(heights) - min(heights) < 0.25 * max(heights)  # perspective alone


def test_light_comes_from_the_upper_left():
    picture = lit([GREY], portrait([GREY]), SIZE).astype(int).mean(-1)
    third = SIZE // 3
    assert picture[third, third] > picture[2 * third, 2 * third] + 30


def test_the_ground_is_white_far_away_and_dark_below():
    block = cuboid([-0.2, -0.2, 0], [0.2, 0.2, 0.4])
    picture = lit([block], portrait([block], pitch=40.0, margin=0.25), SIZE)
    assert (picture[:3].min() > 250) and picture[-1, 0].min() > 240
    rows, columns = np.nonzero(red(lit([painted(block)], portrait([block], pitch=40.0, margin=0.25), SIZE)))
    below = picture[rows.max() + 2, int(columns[rows == rows.max()].mean())]
    assert below.max() < 225


def test_a_roof_shades_what_is_under_it():
    floor = painted(cuboid([-0.5, -0.5, 0], [0.5, 0.5, 0.05]))
    roof = painted(cuboid([-0.3, -0.3, 0.4], [0.3, 0.3, 0.45]), (0.1, 0.1, 0.8))
    camera = portrait([floor, roof], pitch=15.0)
    alone, under = lit([floor], camera, SIZE).astype(int), lit([floor, roof], camera, SIZE).astype(int)
    both = red(alone) & red(under)
    assert (alone - under)[both].max() > 40 and (under - alone)[both].max() < 25


def test_what_is_hidden_is_not_drawn_and_colours_are_the_meshes():
    inner = painted(replace(GREY, vertices=0.5 * GREY.vertices), (0.0, 1.0, 0.0))
    picture = lit([painted(GREY), inner], portrait([GREY]), SIZE).astype(int)
    assert (picture[..., 1] - picture[..., 0]).max() <= 5


def test_edges_are_smooth():
    """Levels between the object's and the paper's: nine samples a pixel."""
    picture = lit([painted(GREY, (0.0, 0.0, 0.0))], portrait([GREY], margin=0.2), 64)[..., 0]
    top = picture[:32]  # away from the ground's shadow
    assert len(set(top[(top > 100) & (top < 250)].tolist())) >= 5


def test_equal_pictures_every_time_and_white_ones_of_nothing():
    first, second = (turntable([GREY], 40, 3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert (lit([], portrait([]), 24) == 255).all() and len(turntable([], 24, 2)) == 2


def test_before_and_after_are_in_one_frame_that_holds_both():
    """A box, and the box with a mast: the box stands in the same place of both pictures, the mast is not cut off."""
    box, mast = painted(GREY), painted(cuboid([-0.05, -0.05, 0.5], [0.05, 0.05, 2.0]), (0.0, 0.0, 1.0))
    before, after = alike([[box], [box, mast]], around(4), SIZE)
    for one, other in zip(before, after):
        assert abs(np.array(box_of(red(one))) - np.array(box_of(red(other)))).max() <= 1
        top = np.nonzero((other[..., 2].astype(int) - other[..., 0] > 60).any(1))[0].min()
        assert 2 <= top < box_of(red(one))[0]
