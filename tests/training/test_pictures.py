"""The rasteriser against exact pixels, and what a Studio shows of an object."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.tiny_ldraw import tiny, tiny_bank
from training.bricks import pictures
from training.bricks.objects import sample
from training.bricks.pictures import AMBIENT, Camera, Studio, render

RED, BLUE = (200, 0, 0), (0, 0, 200)


def quad(y, x=(-0.25, 0.25), z=(-0.25, 0.25)):
    """A square that faces the front camera, at depth y."""
    a, b, c, d = ((x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1]))
    return [[a, b, c], [c, d, a]]


def pixels(soups, camera, size=16, **settings):
    vertices = np.array([t for soup, _ in soups for t in soup], np.float32)
    rgb = np.array([color for soup, color in soups for _ in soup], np.uint8)
    return np.asarray(render(vertices, rgb, camera, size, **settings)).astype(int)


@pytest.mark.parametrize(
    "yaw, pitch, seen_from", [(0, 0, (0, -1, 0)), (90, 0, (1, 0, 0)), (-90, 0, (-1, 0, 0)), (0, 90, (0, 0, 1))]
)
def test_yaw_counts_from_the_front_to_the_viewers_right(yaw, pitch, seen_from):
    right, up, back = Camera(yaw, pitch).axes
    assert np.allclose(back, seen_from, atol=1e-12)
    assert np.allclose(np.cross(right, up), back)
    assert right[2] == 0 and up[2] >= -1e-12


def test_a_square_covers_its_pixels():
    image = pixels([(quad(0), RED)], Camera())
    covered = image[..., 3] == 255
    expected = np.zeros((16, 16), bool)
    expected[4:12, 4:12] = True
    assert np.array_equal(covered, expected) and set(image[..., 3].ravel()) == {0, 255}


def test_up_is_up_and_right_is_right():
    image = pixels([(quad(0, x=(0.25, 0.5), z=(0.25, 0.5)), RED)], Camera())
    assert np.argwhere(image[..., 3] > 0).min(axis=0).tolist() == [0, 12]


def test_alpha_is_the_covered_share_and_colour_is_not_darkened():
    image = pixels([(quad(0, x=(-0.25, 0.25 + 1 / 32)), RED)], Camera(), supersample=4)
    assert image[8, 12, 3] == 128
    assert image[8, 12, :3].tolist() == image[8, 8, :3].tolist()


def test_nearer_triangles_hide_farther_ones_in_any_order():
    near, far = (quad(-0.2), RED), (quad(0.2), BLUE)
    for soups in ([near, far], [far, near]):
        assert pixels(soups, Camera())[8, 8, 0] > 0
        assert pixels(soups, Camera(yaw=180))[8, 8, 2] > 0


def test_shading_is_the_stated_formula_on_both_sides():
    light = np.array([-0.4, 0.7, 0.6]) / np.linalg.norm([-0.4, 0.7, 0.6])
    expected = round(200 * (AMBIENT + (1 - AMBIENT) * light[2]))  # the normal points to the viewer
    for soup in (quad(0), [t[::-1] for t in quad(0)]):
        assert pixels([(soup, RED)], Camera())[8, 8].tolist() == [expected, 0, 0, 255]
    assert pixels([(quad(0), RED)], Camera(), light=(0, 0, -1))[8, 8, 0] == round(200 * AMBIENT)


def test_perspective_enlarges_what_is_near():
    def width(y):
        return (pixels([(quad(y), RED)], Camera(distance=1.0), 64)[32, :, 3] > 0).sum()

    assert width(0) == 32  # `width` is what the camera sees at its centre
    assert width(-0.5) == 64 and width(0.5) in (21, 22)


def test_framing_centres_and_fills():
    camera = Camera(30, 20).framing(np.array(quad(0.1, x=(0.1, 0.3), z=(-0.4, 0.2))), margin=1.25)
    corners = camera.project(np.array(quad(0.1, x=(0.1, 0.3), z=(-0.4, 0.2)))).reshape(-1, 3)[:, :2]
    assert np.abs(corners.min(axis=0) + corners.max(axis=0)).max() < 1e-9
    assert np.ptp(corners, axis=0).max() == pytest.approx(1 / 1.25)


def test_a_studio_shows_the_whole_or_one_role():
    library, parts = tiny()
    b = tiny_bank()
    o = sample(b, parts, 30, 0, mix={"figure": 1})
    i = next(i for i in range(30) if o.role[i].max() == 2)
    studio = Studio(library, parts, b)
    camera = Camera(-30, 15)
    alpha = [
        np.asarray(studio.draw(o, i, camera, crop=False, role=role, size=64))[..., 3] > 0 for role in (None, 0, 1, 2)
    ]
    assert np.array_equal(alpha[0], alpha[1] | alpha[2] | alpha[3])
    assert all(mask.any() for mask in alpha)
    alone = replace(o, placement=np.where(o.role > 0, -1, o.placement))
    bare = np.asarray(studio.draw(alone, i, camera, crop=False, size=64))[..., 3] > 0
    assert np.array_equal(bare, alpha[1])


def test_a_studio_paints_main_skin_and_fixed_colours():
    library, parts = tiny()
    o = sample(tiny_bank(), parts, 1, 0, mix={"bare": 1})
    _, rgb = Studio(library, parts, tiny_bank()).triangles(o, 0)
    colors = {tuple(int(c) for c in color) for color in np.unique(rgb, axis=0)}
    assert {tuple(int(c) for c in color) for color in (*o.main_rgb[0, :3], o.skin_rgb[0, 0])} <= colors


def test_contact_sheet_places_pictures_row_by_row():
    images = [
        render(np.array(quad(0, (-0.5, 0.5), (-0.5, 0.5))), np.array([c] * 2, np.uint8), Camera(), 8)
        for c in (RED, BLUE, RED)
    ]
    sheet = pictures.contact_sheet(images, columns=2)
    assert sheet.size == (16, 16)
    assert (
        sheet.getpixel((12, 4))[2] > 100 and sheet.getpixel((4, 12))[0] > 100 and sheet.getpixel((12, 12)) == (255,) * 3
    )
