"""The canonical frame of small parts and the way back."""

from __future__ import annotations

import pytest
import torch

from cast3d import voxels
from cast3d.errors import InputError
from cast3d.voxels import Similarity, canonical, resample, to_coords

from .scenes import box, noise


def test_similarities_invert():
    points = torch.rand(10, 3, dtype=torch.float64)
    similarity = Similarity(2.5, (0.1, -0.2, 0.3))
    torch.testing.assert_close(similarity.inverse()(similarity(points)), points)


def test_identity_and_whole_voxel_moves_are_exact():
    grid = noise(0.2, resolution=64)
    assert torch.equal(resample(grid, Similarity()), grid)
    moved = resample(grid, Similarity(1.0, (3 / 64, 0.0, -5 / 64)))
    assert torch.equal(moved, voxels.shift(grid, (3, 0, -5)))


def test_the_canonical_frame_fills_the_cube():
    part = box((40, 5, 50), (49, 9, 55))  # 10 x 5 x 6
    similarity = canonical(part)
    assert similarity.scale == pytest.approx(0.9 * 64 / 10)
    coords = to_coords(resample(part, similarity))
    size = coords.amax(0) - coords.amin(0) + 1
    assert 56 <= size[0] <= 58 and 28 <= size[1] <= 30 and 34 <= size[2] <= 36
    assert ((coords.amax(0) + coords.amin(0) - 63).abs() <= 1).all()


@pytest.mark.parametrize("seed", range(4))
def test_enlarging_and_going_back_is_exact(seed):
    low = torch.randint(0, 44, (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    part = torch.zeros(64, 64, 64, dtype=torch.bool)
    x, y, z = low
    part[x : x + 19, y : y + 19, z : z + 19] = noise(0.3, seed, 19)
    similarity = canonical(part)
    assert similarity.scale > 1
    assert torch.equal(resample(resample(part, similarity), similarity.inverse()), part)


def test_shrinking_keeps_thin_things():
    plate = box((30, 0, 0), (30, 63, 63))
    small = resample(plate, Similarity(0.3, (0.0, 0.0, 0.0)))
    coords = to_coords(small)
    assert (coords[:, 0].unique().numel(), coords[:, 1].unique().numel()) == (1, 20)
    assert len(coords) == 400


def test_what_leaves_the_cube_is_lost():
    assert not resample(noise(0.5, resolution=64), Similarity(1.0, (2.0, 0.0, 0.0))).any()
    assert not resample(noise(0.5, resolution=64), Similarity(0.5, (2.0, 0.0, 0.0))).any()


def test_an_empty_grid_has_no_frame():
    with pytest.raises(InputError, match="empty"):
        canonical(torch.zeros(8, 8, 8, dtype=torch.bool))
