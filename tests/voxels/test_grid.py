"""Grids, pieces, shells, blur and metrics against scipy, brute force and algebra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from cast3d import voxels
from cast3d.errors import InputError

from .scenes import box, noise


def test_coordinates_and_grids_are_inverse():
    grid = noise(0.3)
    coords = voxels.to_coords(grid)
    assert torch.equal(voxels.to_grid(coords, 24), grid)
    shuffled = coords[torch.randperm(len(coords))]
    assert torch.equal(voxels.to_coords(voxels.to_grid(shuffled.int(), 24)), coords)
    order = (coords * torch.tensor([24 * 24, 24, 1])).sum(1)
    assert (order.diff() > 0).all()  # lexicographic


def test_coordinates_outside_are_named():
    with pytest.raises(InputError, match=r"\[1, 64, 2\]"):
        voxels.to_grid(torch.tensor([[0, 0, 0], [1, 64, 2]]))


def test_world_centres():
    centers = voxels.to_world(torch.tensor([[0, 31, 63]]))
    torch.testing.assert_close(centers, torch.tensor([[-0.5 + 1 / 128, -1 / 128, 0.5 - 1 / 128]]))


@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.6, 1.0])
def test_components_are_scipys_largest_first(connectivity, share):
    grid = noise(share)
    labels, sizes = voxels.components(grid, connectivity)
    structure = np.ones((3, 3, 3)) if connectivity == 26 else None
    expected, count = ndimage.label(grid.numpy(), structure)
    assert len(sizes) == count and torch.equal(labels > 0, grid)
    assert (sizes.diff() <= 0).all()
    assert torch.equal(torch.bincount(labels.flatten(), minlength=count + 1)[1:], sizes)
    pairs = np.unique(np.stack([labels.numpy().ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == count + (0 in labels)  # one label of ours per label of scipy's


def test_dropping_small_pieces_keeps_the_others_whole():
    grid = noise(0.2)
    kept = voxels.drop_small(grid, 5)
    _, before = voxels.components(grid)
    _, after = voxels.components(kept)
    assert torch.equal(after, before[before >= 5])
    assert torch.equal(voxels.drop_small(kept, 5), kept)
    assert torch.equal(voxels.drop_small(grid, 0), grid)


def test_connectivity_is_6_or_26():
    with pytest.raises(InputError, match="18"):
        voxels.components(noise(0.1), 18)


def test_the_shell_of_a_hollow_box_is_its_outer_face():
    outer, hollow = box((10, 10, 10), (20, 20, 20)), box((13, 13, 13), (17, 17, 17))
    grid = outer & ~hollow
    face = outer & ~box((11, 11, 11), (19, 19, 19))
    assert torch.equal(voxels.outer_shell(grid), face)
    assert torch.equal(voxels.fill(grid), outer)
    assert torch.equal(voxels.outer_shell(outer), face)
    tunnel = box((15, 15, 17), (15, 15, 20))
    assert torch.equal(voxels.fill(grid & ~tunnel), grid & ~tunnel)  # open to the outside: nothing is inside


def test_border_voxels_touch_the_outside():
    grid = torch.ones(8, 8, 8, dtype=torch.bool)
    assert torch.equal(voxels.outer_shell(grid), ~box((1, 1, 1), (6, 6, 6), 8))
    assert not voxels.outside(grid).any()


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.9])
def test_shells_and_solids_agree(share):
    grid = noise(share)
    shell, solid = voxels.outer_shell(grid), voxels.fill(grid)
    assert (shell & ~grid).sum() == 0 and (grid & ~solid).sum() == 0
    assert torch.equal(solid, torch.from_numpy(ndimage.binary_fill_holes(grid.numpy())))
    assert torch.equal(voxels.fill(shell), solid)  # the shell alone encloses the same
    assert torch.equal(voxels.outer_shell(solid), shell)
    assert torch.equal(voxels.outer_shell(shell), shell)


@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("radius", [0, 1, 3])
def test_dilation_is_scipys(connectivity, radius):
    grid = noise(0.01)
    expected = grid.numpy()
    if radius:
        structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
        expected = ndimage.binary_dilation(expected, structure, radius)
    assert torch.equal(voxels.dilate(grid, radius, connectivity), torch.from_numpy(expected))


def test_shifts_lose_what_leaves():
    grid = noise(0.3)
    moved = voxels.shift(grid, (2, -3, 0))
    expected = torch.zeros_like(grid)
    expected[2:, :-3] = grid[:-2, 3:]
    assert torch.equal(moved, expected)
    assert torch.equal(voxels.shift(moved, (-2, 3, 0))[:-2, 3:], grid[:-2, 3:])
    assert not voxels.shift(grid, (24, 0, 0)).any()


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_blur_is_scipys(sigma):
    grid = noise(0.2)
    expected = ndimage.gaussian_filter(grid.numpy().astype(np.float64), sigma, mode="constant")
    np.testing.assert_allclose(voxels.blur(grid, sigma).numpy(), expected, atol=1e-6)


def test_metrics():
    a, b = box((10, 10, 10), (19, 19, 19)), box((11, 10, 10), (20, 19, 19))
    assert voxels.iou(a, b) == pytest.approx(900 / 1100)
    assert voxels.f1(a, b, tolerance=0) == pytest.approx(0.9)
    assert voxels.f1(a, b) == 1.0
    assert voxels.f1(a, voxels.shift(a, (3, 0, 0))) == pytest.approx(0.8)
    empty = torch.zeros_like(a)
    assert voxels.iou(empty, empty) == voxels.f1(empty, empty) == 1.0
    assert voxels.iou(a, empty) == voxels.f1(a, empty) == voxels.f1(a, voxels.shift(a, (30, 30, 30))) == 0.0
    assert voxels.f1(a, b, 0) == voxels.f1(b, a, 0)


def shell_with_a_hole(side: int, wide: int):
    """A closed hollow box, and the same with a square hole of `wide` voxels in its lid."""
    closed = voxels.outer_shell(box((10, 10, 10), (10 + side, 10 + side, 10 + side)))
    open_ = closed.clone()
    open_[14 : 14 + wide, 14 : 14 + wide, 10 + side] = False
    return closed, open_


def test_a_shell_that_leaks_is_sealed_with_its_guide():
    closed, open_ = shell_with_a_hole(16, 6)
    assert torch.equal(voxels.solid(open_), open_)
    sealed = voxels.seal(open_, closed, 0.03)
    assert torch.equal(sealed, closed)
    moved = voxels.shift(open_, (0, 1, 0))  # the guide's surface is doubled nowhere but around the hole
    patched = voxels.seal(moved, closed, 0.03)
    assert voxels.fill(patched).sum() > 15**3 and (patched & ~moved).sum() <= 8 * 8


@pytest.mark.parametrize("steps", [2, 3])
def test_sealing_does_not_double_walls_that_stand_elsewhere(steps):
    closed, open_ = shell_with_a_hole(16, 8)
    moved = voxels.shift(open_, (0, steps, 0))
    assert (voxels.seal(moved, closed, 0.03) & ~moved).sum() <= 12 * 12


def test_sealing_builds_no_wall_around_a_little_room():
    """The guide has a room six voxels high on top that the grid lacks: walls of half as many voxels as it encloses."""
    body = voxels.outer_shell(box((10, 10, 10), (30, 30, 30)))
    tall = voxels.outer_shell(box((10, 10, 10), (30, 30, 37)))
    assert torch.equal(voxels.seal(body, tall, 0.03), body)


def test_sealing_leaves_alone_what_does_not_leak_enough():
    closed, open_ = shell_with_a_hole(16, 6)
    assert torch.equal(voxels.seal(closed, closed, 0.03), closed)
    pinhole = shell_with_a_hole(16, 2)[1]
    assert torch.equal(voxels.seal(pinhole, closed, 0.03), pinhole)  # closed enough as it is
    assert torch.equal(voxels.seal(open_, open_, 0.03), open_)  # the guide is open too
    large = voxels.outer_shell(box((36, 4, 4), (62, 60, 60)))  # beside which the open box is a small chamber
    assert torch.equal(voxels.seal(open_ | large, closed | large, 0.2), open_ | large)
    nothing = torch.zeros_like(closed)
    assert torch.equal(voxels.seal(open_, nothing, 0.03), open_)
