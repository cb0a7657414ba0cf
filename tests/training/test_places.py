"""Where pieces of pictures lie: hand-made points whose places are known."""

import math
from dataclasses import replace

import torch

from training.bricks.assemble import crop_views, frame_views, render
from training.bricks.condition_pool import Shown
from training.bricks.places import places

from .test_assemble import FRONT, dots


def in_grid(*position):
    return torch.tensor(position) / 64 - 0.5


def test_a_cell_tells_its_nearest_and_farthest_point():
    """The front camera looks along +y: the smaller y is nearer. Cells of 8 voxels, x to the right, z up."""
    points = dots((10.5, 5.0, 50.5), (10.5, 40.0, 50.5), (10.5, 20.0, 50.5), (60.5, 30.0, 1.5))
    place = places(points, frame_views(FRONT, FRONT), side=8, finer=1)[0].float()
    assert torch.allclose(place[:3, 1, 1], in_grid(10.5, 5, 50.5), atol=1e-3)
    assert torch.allclose(place[3:6, 1, 1], in_grid(10.5, 40, 50.5), atol=1e-3)
    assert torch.allclose(place[:3, 7, 7], in_grid(60.5, 30, 1.5), atol=1e-3)
    assert torch.equal(place[:3, 7, 7], place[3:6, 7, 7])
    assert place[6].sum() == 2 and place[:, 0, 0].abs().sum() == 0


def test_a_cell_is_the_mean_of_what_it_shows_and_says_how_full_it_is():
    points = dots((1.0, 9.0, 63.0), (6.0, 3.0, 63.0))  # two samples of the first cell's four
    place = places(points, frame_views(FRONT, FRONT), side=8)[0, :, 0, 0].float()
    assert torch.allclose(place[:3], in_grid(3.5, 6, 63), atol=1e-3) and place[6] == 0.5


def test_what_is_hidden_or_out_of_view_counts_for_nothing():
    points = dots((32.5, 5.0, 32.5), (32.5, 9.0, 32.5), (200.0, 5.0, 32.5))
    points = replace(points, valid=torch.tensor([[False, True, True]]))
    place = places(points, frame_views(FRONT, FRONT), side=8, finer=1)[0].float()
    assert place[6].sum() == 1 and torch.allclose(place[1, 3, 4], torch.tensor(9 / 64 - 0.5), atol=1e-3)


def test_places_do_not_depend_on_the_camera():
    """Positions are in the object's frame: seen from the side or cropped, a point is where it is."""
    points, quarter = dots((20.0, 12.0, 40.0)), torch.tensor([math.pi / 2])
    for views in (frame_views(FRONT, FRONT), frame_views(quarter, FRONT), crop_views(points, quarter / 3, quarter / 4)):
        place = places(points, views, side=8)[0].float()
        cell = place[6].nonzero()[0].tolist()
        assert torch.allclose(place[:3, cell[0], cell[1]], in_grid(20, 12, 40), atol=1e-3)


def test_a_mirrored_picture_is_that_of_the_mirrored_object():
    """Seen from the mirrored side, in pixels and in places; and only where asked for."""
    position = ((20.3, 12.0, 40.2), (50.1, 30.0, 9.0))
    object_, other = dots(*position), dots(*((64 - x, y, z) for x, y, z in position))
    yaw, pitch = torch.tensor([0.6]), torch.tensor([0.3])

    def shown(points, yaw):
        views = frame_views(yaw, pitch)
        image, place = render(points, views, ambient=1.0)[0], places(points, views, side=8)  # no light from a side
        return Shown(image, None, place, torch.stack([yaw, pitch], -1), *[None] * 3)

    twice = Shown(*(None if x is None else torch.cat([x, x]) for x in vars(shown(object_, yaw)).values()))
    flipped, expected = twice.mirrored(torch.tensor([True, False])), shown(other, -yaw)
    for key in ("image", "place", "view"):
        mirrored, same = getattr(flipped, key).float()
        assert torch.allclose(mirrored, getattr(expected, key)[0].float(), atol=2e-3), key
        assert torch.equal(same, getattr(twice, key)[1].float()), key


def test_other_colours_are_the_same_in_picture_and_answer():
    shown = Shown(torch.rand(2, 4, 6, 6), None, None, None, None, torch.rand(2, 5, 3), None)
    channels = torch.tensor([[2, 0, 1], [0, 1, 2]])
    new = shown.recolored(channels)
    assert torch.equal(new.image[0], shown.image[0, [2, 0, 1, 3]]) and torch.equal(new.image[1], shown.image[1])
    assert torch.equal(new.color[0], shown.color[0][:, [2, 0, 1]]) and torch.equal(new.color[1], shown.color[1])
