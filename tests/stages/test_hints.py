"""Eq. 12 with real views of a painted layout: masks in, voxels of each term out (votes: tests/segmentation)."""

from __future__ import annotations

import pytest
import torch

from cast3d.stages.hints import cameras, extract_hints
from cast3d.voxels import outer_shell, to_coords, to_grid
from tests.tiny_backbone import Bands, tiny_backbone

TERMS = ("cap", "figure", "backpack")


def shell() -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[20:44, 20:44, 4:60] = True
    return to_coords(outer_shell(grid))


def extract(bands, coords=None, **settings):
    backbone = tiny_backbone(Bands(bands), **settings)
    coords = shell() if coords is None else coords
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(0))
    return coords, extract_hints(backbone, coords, backbone.gaussians(coords, feats), TERMS, 1, backbone.defaults)


@pytest.fixture(scope="module")
def found():
    return extract({"cap": (0.0, 0.3), "figure": (0.0, 1.0), "backpack": (0.7, 1.0)}, mask_threshold=0.9)


def test_hints_share_out_the_layout(found):
    coords, hints = found
    assert torch.equal(hints.grids.sum(0) > 0, to_grid(coords)) and hints.grids.sum(0).max() == 1


def test_hints_lie_where_the_masks_are(found):
    coords, hints = found
    cap, _, backpack = (grid.nonzero()[:, 2] for grid in hints.grids)
    # Views show the whole cube: the top 0.3 of a picture is z above 0.7 * 64 = 44.8.
    assert cap.min() >= 44 and cap.max() == 59 and backpack.max() <= 20 and backpack.min() == 4
    z = coords[:, 2]
    assert len(cap) > 0.9 * (z > 46).sum() and len(backpack) > 0.9 * (z < 18).sum()  # all but what no view shows
    assert hints.missing(16, 1) == []


def test_views_and_masks_are_kept(found):
    _, hints = found
    assert hints.views.shape == (4, 64, 64, 3) and hints.views.dtype == torch.uint8
    assert hints.masks.shape == (4, 3, 64, 64)
    assert (hints.views[0, 0, 0] == 255).all()  # on white


def test_terms_that_no_view_shows_are_missing():
    _, hints = extract({"figure": (0.0, 1.0), "backpack": (0.7, 1.0)})
    assert hints.missing(16, 1) == [0]
    assert hints.missing(int(hints.grids[2].sum()) + 1, 1) == [0, 2]
    assert hints.missing(0, 1) == []


def test_the_base_is_never_missing():
    _, hints = extract({})
    assert hints.missing(16, 1) == [0, 2] and hints.grids[1].sum() == len(shell())


def test_views_are_taken_as_the_backbone_saw_pictures():
    backbone = tiny_backbone(view_yaws=3, view_pitches=(0.0, 30.0))
    assert len(cameras(backbone, backbone.defaults)) == 6
