"""Device-side assembly against the bank's own grids, and exact pictures of single points."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.tiny_ldraw import tiny, tiny_bank
from training.bricks import assemble, grids
from training.bricks.assemble import Batch, DeviceBank, Points, crop_views, frame_views, render, to_bool
from training.bricks.objects import sample

FRONT = torch.zeros(1)


@pytest.fixture(scope="module")
def drawn():
    objects = sample(tiny_bank(), tiny()[1], 12, 0)
    return objects, DeviceBank.upload(tiny_bank(), "cpu"), Batch.of(objects, slice(None), "cpu")


def dots(*positions, colors=None, roles=None, normal=(0.0, -1.0, 0.0)):
    """Points of one object, facing the front camera."""
    n = len(positions)
    return Points(
        torch.tensor([positions], dtype=torch.float32),
        torch.tensor([[normal] * n]),
        torch.tensor([colors or [(1.0, 1.0, 1.0)] * n]),
        torch.tensor([roles or [0] * n]),
        torch.ones(1, n, dtype=torch.bool),
    )


def host_union(objects, i):
    rows = objects.placement[i][objects.placement[i] >= 0]
    return grids.unpack(np.bitwise_or.reduce(tiny_bank().grid[rows]))


def test_words_hold_bit_z_of_column_x_y():
    grid = np.random.default_rng(0).random((3, 64, 64, 64)) < 0.5
    packed = torch.from_numpy(np.stack([grids.pack(g) for g in grid]))
    assert torch.equal(to_bool(assemble.words_from_packed(packed)), torch.from_numpy(grid))


def test_occupancy_outside_and_shell_equal_the_host_ones(drawn):
    objects, bank, batch = drawn
    words = assemble.occupancy(bank, batch)
    for i in range(len(objects)):
        union = host_union(objects, i)
        assert np.array_equal(to_bool(words[i]).numpy(), union)
        assert np.array_equal(to_bool(assemble.outside(words[i : i + 1]))[0].numpy(), grids.outside(union))
        assert np.array_equal(to_bool(assemble.shell(words[i : i + 1]))[0].numpy(), grids.shell(union))


def test_outside_finds_its_way_through_random_mazes():
    grid = np.random.default_rng(1).random((64, 64, 64)) < 0.6
    words = assemble.words_from_packed(torch.from_numpy(grids.pack(grid))[None])
    assert np.array_equal(to_bool(assemble.outside(words))[0].numpy(), grids.outside(grid))


def test_labels_cover_the_shell_and_accessories_win(drawn):
    objects, bank, batch = drawn
    surface = assemble.shell(assemble.occupancy(bank, batch))
    label = assemble.labels(bank, batch, surface)
    assert torch.equal(label >= 0, to_bool(surface))
    for i in range(len(objects)):
        for role in range(int(objects.role[i].max()), 0, -1):
            rows = objects.placement[i][(objects.placement[i] >= 0) & (objects.role[i] == role)]
            mine = torch.from_numpy(grids.unpack(np.bitwise_or.reduce(tiny_bank().grid[rows])))
            assert (label[i][mine & to_bool(surface[i])] >= role).all()


def test_only_keeps_the_chosen_pieces_in_front(drawn):
    objects, bank, batch = drawn
    bare = replace(objects, placement=np.where(objects.role > 0, -1, objects.placement))
    base = Batch.of(bare, slice(None), "cpu")
    kept = batch.only(batch.role == 0)
    assert torch.equal(assemble.occupancy(bank, kept), assemble.occupancy(bank, base))
    count = (kept.placement >= 0).sum(1)
    assert ((kept.placement >= 0) == (torch.arange(kept.placement.shape[1]) < count[:, None])).all()


def test_surface_points_lie_in_shell_voxels_and_fill_every_column(drawn):
    objects, bank, batch = drawn
    surface = assemble.shell(assemble.occupancy(bank, batch))
    points = assemble.surface_points(bank, batch, surface, 512)
    item, n = points.valid.nonzero(as_tuple=True)
    voxel = points.position[item, n].floor().long()
    assert to_bool(surface)[item, voxel[:, 0], voxel[:, 1], voxel[:, 2]].all()
    assert torch.allclose(points.normal.norm(dim=-1), torch.ones(()), atol=1e-5)
    assert points.valid.shape[1] == objects.placement.shape[1] * 512
    main = {tuple(c) for c in objects.main_rgb[0][objects.placement[0] >= 0].tolist()}
    seen = {tuple(c) for c in (points.color[0][points.valid[0]] * 255).round().int().unique(dim=0).tolist()}
    assert seen & main


@pytest.mark.parametrize(
    "position, yaw, where",
    [
        ((48.5, 32.5, 32.5), 0, (31, 48)),  # +x is right of the centre
        ((32.5, 32.5, 48.5), 0, (15, 32)),  # +z is up
        ((32.5, 16.5, 32.5), 0, (31, 32)),  # the front camera looks along +y
        ((32.5, 16.5, 32.5), 90, (31, 16)),  # from +x, the front is on the left
        ((48.5, 32.5, 32.5), 180, (31, 15)),  # from behind, right and left change places
    ],
)
def test_a_point_is_seen_where_its_camera_says(position, yaw, where):
    views = frame_views(torch.tensor([math.radians(yaw)]), torch.zeros(1))
    image, role = render(dots(position), views, size=64, supersample=1, radius=0)
    assert image[0, 3].nonzero().tolist() == [list(where)]
    assert (role >= 0).sum() == 1


def test_the_nearer_point_wins_in_any_order():
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    near, far = (32.5, 20.0, 32.5), (32.5, 40.0, 32.5)
    for positions, colors, roles in (((near, far), [red, blue], [3, 4]), ((far, near), [blue, red], [4, 3])):
        image, role = render(
            dots(*positions, colors=colors, roles=roles), frame_views(FRONT, FRONT), 64, supersample=1, ambient=1.0
        )
        assert torch.equal(image[0, :, 31, 32], torch.tensor([1.0, 0.0, 0.0, 1.0]))
        assert set(role.unique().tolist()) == {-1, 3}


def test_alpha_is_the_covered_share_and_colour_is_premultiplied():
    image, _ = render(dots((32.2, 30.0, 32.2)), frame_views(FRONT, FRONT), 32, supersample=4, radius=0, ambient=1.0)
    assert image[0, 3].sum() == pytest.approx(1 / 16)
    assert torch.equal(image[0, 0], image[0, 3])


def test_hidden_points_leave_no_trace_and_both_sides_are_lit():
    front = dots((32.5, 30.0, 32.5))
    hidden = Points(front.position, front.normal, front.color, front.role, torch.zeros(1, 1, dtype=torch.bool))
    assert not render(hidden, frame_views(FRONT, FRONT))[0].any()
    back = dots((32.5, 30.0, 32.5), normal=(0.0, 1.0, 0.0))
    assert torch.equal(*(render(p, frame_views(FRONT, FRONT))[0] for p in (front, back)))


@pytest.mark.parametrize("margin", [1.1, 1.25, 1.5])
def test_a_crop_leaves_the_margin(margin):
    points = dots((10, 30, 20), (40, 35, 30), (22, 50, 25))
    views = crop_views(points, FRONT, FRONT, margin)
    assert views.half_width.item() == pytest.approx(15 * margin)
    assert views.center[0, [0, 2]].tolist() == pytest.approx([25, 25])
    image, _ = render(points, views, size=120, supersample=1, radius=0)
    columns = image[0, 3].any(0).nonzero()[:, 0]
    assert (columns.max() - columns.min()).item() == pytest.approx(120 / margin, abs=1.01)
