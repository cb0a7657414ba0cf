"""Stretched and glued shapes: grids and points move together and stay in the frame."""

from unittest import mock

import pytest
import torch

from training.bricks import variety
from training.bricks.assemble import Batch, DeviceBank, occupancy, shell, surface_points, to_bool, warped
from training.bricks.bank import Bank
from training.bricks.objects import FAMILIES, sample
from training.bricks.prepare import load_catalog

from .test_steps import data  # noqa: F401  (the toy bank)


def words(grid):
    return (grid.long() << torch.arange(64)).sum(-1)


def box(low, high):
    grid = torch.zeros(1, 64, 64, 64, dtype=torch.bool)
    grid[(0, *(slice(a, b) for a, b in zip(low, high)))] = True
    return grid


def affine(linear, shift):
    return torch.cat([torch.as_tensor(linear).float(), torch.as_tensor(shift).float()[:, None]], 1)[None]


def test_the_identity_changes_nothing():
    grid = torch.rand(3, 64, 64, 64) < 0.1
    grid[:, 0, 0, 63] = True  # the sign bit of a word
    assert torch.equal(to_bool(warped(words(grid), torch.eye(3, 4).repeat(3, 1, 1))), grid)


def test_a_stretched_box_is_a_box_without_gaps():
    grid = box((10, 20, 30), (20, 25, 31))
    moved = to_bool(warped(words(grid), affine(torch.diag(torch.tensor([2.0, 1, 0.5])), (1, 2, 3))))
    assert torch.equal(moved, box((21, 22, 18), (41, 27, 19)))  # 2 * 10 + 1 ... 2 * 20 + 1; 0.5 * 30 + 3


def test_what_leaves_the_grid_is_cut_off():
    moved = to_bool(warped(words(box((0, 0, 0), (8, 8, 8))), affine(torch.eye(3), (60, 0, -4))))
    assert torch.equal(moved, box((60, 0, 0), (64, 8, 4)))


def test_boxes_are_tight():
    center, half = variety.boxes(words(torch.cat([box((3, 5, 7), (10, 6, 64)), box((0, 0, 0), (64, 64, 64))])))
    assert center.tolist() == [[6.5, 5.5, 35.5], [32, 32, 32]]
    assert half.tolist() == [[3.5, 0.5, 28.5], [32, 32, 32]]


def test_rotations_are_the_cubes():
    turns = variety._rotations(torch.device("cpu"))
    assert len({tuple(t.flatten().tolist()) for t in turns}) == 24
    assert all(torch.linalg.det(t) == 1 for t in turns)


def test_fitted_pieces_fill_the_grid_together():
    linear = torch.diag_embed(torch.tensor([[[1.0, 2, 1], [0.5, 0.5, 0.5], [9, 9, 9]]]))
    target = torch.tensor([[[0.0, 0, 0], [10, 0, 0], [99, 0, 0]]])
    center, half = torch.full((1, 3, 3), 32.0), torch.tensor([[[5.0, 5, 5], [4, 4, 4], [0, 0, 0]]])
    a = variety.fitted(linear, target, center, half)[0]
    scale = 60.16 / 20  # the first piece's y extent; x reaches from -5 to 12
    low, high = a[0] @ torch.tensor([27.0, 27, 27, 1]), a[0] @ torch.tensor([37.0, 37, 37, 1])
    assert high[1] - low[1] <= 60.2 and (low[1] + high[1]) / 2 == pytest.approx(32)
    assert (a[1] @ torch.tensor([32.0, 32, 32, 1]))[0] == pytest.approx(32 + (10 - 3.5) * scale, abs=1e-3)


@pytest.fixture(scope="module")
def bench(data):  # noqa: F811
    bank = Bank.load(data / "bank.npz")
    objects = sample(bank, load_catalog(data), 24, 1, mix={"filled": 0.7, "in_place": 0.3})
    return DeviceBank.upload(bank, "cpu"), objects


def varied(bench, seed=0):
    bank, objects = bench
    masks = (torch.tensor(objects.family == FAMILIES.index(name)) for name in ("filled", "in_place", "person", "scene"))
    batch = Batch.of(objects, range(len(objects)), "cpu")
    return bank, batch, *variety.vary(bank, batch, *masks, torch.Generator().manual_seed(seed))


def test_points_lie_on_the_varied_grids(bench):
    bank, _, batch, changed = varied(bench)
    assert 0.3 < changed.float().mean() < 0.95
    solid = occupancy(bank, batch)
    points = surface_points(bank, batch, shell(solid), 2000)
    assert (points.valid[changed].float().mean(1) > 0.05).all()
    grid = to_bool(solid)
    for i in changed.nonzero()[:, 0]:
        p = points.position[i]
        inside = ((p >= 0) & (p < 64)).all(-1)
        x, y, z = p[inside].long().unbind(-1)
        assert grid[i, x, y, z].float().mean() > 0.99


def test_varied_parts_stay_in_the_frame_and_the_others_stay_as_they_are(bench):
    bank, plain, batch, changed = varied(bench)
    before, after = occupancy(bank, plain), occupancy(bank, batch)
    assert torch.equal(before[~changed], after[~changed])
    assert all(not torch.equal(b, a) for b, a in zip(before[changed], after[changed]))
    filled = torch.tensor(bench[1].family == FAMILIES.index("filled"))
    center, half = variety.boxes(after[changed & filled])
    assert (half.amax(-1) <= 31).all() and ((center - 32).abs() <= 1).all()


def test_parts_glued_in_their_place_keep_all_of_their_own(bench):
    bank, plain, batch, _ = varied(bench)
    pieces = (batch.placement >= 0).sum(1) - (plain.placement >= 0).sum(1)
    glued = (pieces > 0) & torch.tensor(bench[1].family == FAMILIES.index("in_place"))
    assert glued.any()
    before, after = (to_bool(occupancy(bank, one))[glued] for one in (plain, batch))
    assert (before <= after).all() and (after.sum((1, 2, 3)) > before.sum((1, 2, 3))).all()


def test_the_same_seed_varies_alike(bench):
    first, again, other = (varied(bench, seed)[2].warp for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_twins_stand_on_both_sides(bench):
    """Glued shapes with one piece twice: the two grids are mirror images in the object's plane of symmetry."""
    bank, objects = bench
    with mock.patch.object(variety, "TWINS", 1.0), mock.patch.object(variety, "GLUED_FILLED", 1.0):
        _, _, batch, _ = varied(bench)
    filled = torch.tensor(objects.family == FAMILIES.index("filled"))
    one, two = batch.warp[filled, 1], batch.warp[filled, 2]
    assert torch.equal(batch.placement[filled, 1], batch.placement[filled, 2])
    middle = batch.warp[filled, 0]
    center, _ = variety.boxes(bank.grid[batch.placement[filled, 0]])
    plane = ((middle[..., :3] @ center[..., None])[..., 0] + middle[..., 3])[:, 0]
    point = torch.tensor([20.0, 30.0, 40.0, 1.0])
    left, right = one @ point, two @ point
    assert torch.allclose(left[:, 0] - plane, plane - right[:, 0], atol=1e-3)
    assert torch.allclose(left[:, 1:], right[:, 1:], atol=1e-3)


def test_people_change_their_build_with_all_they_wear(bench):
    bank, objects = bench
    batch = Batch.of(objects, range(len(objects)), "cpu")
    none = torch.zeros(len(objects), dtype=torch.bool)
    with mock.patch.object(variety, "OTHER_BUILD", 1.1):
        varied, changed = variety.vary(bank, batch, none, none, ~none, none, torch.Generator().manual_seed(2))
    assert not changed.any()  # they keep their names
    assert (varied.warp == varied.warp[:, :1]).all()  # every piece alike
    linear = varied.warp[:, 0, :, :3]
    assert (linear == torch.diag_embed(linear.diagonal(dim1=1, dim2=2))).all() and linear.diagonal(
        dim1=1, dim2=2
    ).std() > 0
    floor = torch.tensor([variety.R / 2, variety.R / 2, variety.MARGIN])
    assert torch.allclose(
        varied.warp[:, 0, :, :3] @ floor + varied.warp[:, 0, :, 3], floor.expand(len(objects), 3), atol=1e-4
    )


def test_bases_change_their_form_with_all_that_stands_on_them_and_nothing_grows(bench):
    bank, objects = bench
    batch = Batch.of(objects, range(len(objects)), "cpu")
    none = torch.zeros(len(objects), dtype=torch.bool)
    with mock.patch.object(variety, "OTHER_FORM", 1.1):
        varied, changed = variety.vary(bank, batch, none, none, none, ~none, torch.Generator().manual_seed(2))
    assert not changed.any() and (varied.warp == varied.warp[:, :1]).all()
    sides = varied.warp[:, 0, :, :3].diagonal(dim1=1, dim2=2)
    assert torch.allclose(sides.amax(1), torch.ones(len(objects)))  # one side keeps its length
    assert (sides > 0.5).all() and (sides.amin(1) < 0.95).float().mean() > 0.5
