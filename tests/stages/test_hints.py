"""Eq. 12 with real views of a painted layout: masks in, voxels of each term out (votes: tests/segmentation)."""

from __future__ import annotations

import pytest
import torch

from cast3d.stages.hints import YAWS, cameras, extract_hints
from cast3d.stages.kit import Kit
from cast3d.stages.layout import MainGeometry, Slat
from cast3d.stages.reading import Reading
from cast3d.voxels import outer_shell, to_coords, to_grid
from tests.tiny_backbone import Bands, tiny_backbone

TERMS = ("cap", "figure", "backpack")


def shell() -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[20:44, 20:44, 4:60] = True
    return to_coords(outer_shell(grid))


def extract(bands, coords=None, main=None, **settings):
    backbone = tiny_backbone(Bands(bands), **settings)
    coords = shell() if coords is None else coords
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(0))
    main = torch.zeros(64, 64, 64, dtype=torch.bool) if main is None else main
    reading = Reading("a figure with a cap and a backpack", TERMS, TERMS, "figure", 1)
    base = MainGeometry(torch.zeros(0), torch.zeros(0), main)
    return coords, extract_hints(Kit(backbone, backbone.defaults), base, Slat(coords, feats), reading)


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
    assert hints.views.shape == (YAWS, 64, 64, 3) and hints.views.dtype == torch.uint8
    assert hints.masks.shape == (YAWS, 3, 64, 64)
    assert (hints.views[0, 0, 0] == 255).all()  # on white


def test_a_thing_alone_is_all_of_its_layout(monkeypatch):
    coords = shell()
    backbone = tiny_backbone(Bands({}))
    monkeypatch.setattr(backbone, "segmenter", None)  # nobody is asked
    base = MainGeometry(torch.zeros(0), torch.zeros(0), torch.zeros(64, 64, 64, dtype=torch.bool))
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(0))
    reading = Reading("a figure", ("figure",), ("figure",), "figure", 0)
    hints = extract_hints(Kit(backbone, backbone.defaults), base, Slat(coords, feats), reading)
    assert torch.equal(hints.grids[0], to_grid(coords)) and hints.report == ()


def test_terms_that_no_view_shows_are_missing():
    _, hints = extract({"figure": (0.0, 1.0), "backpack": (0.7, 1.0)})
    assert hints.missing(16, 1) == [0]
    assert hints.missing(int(hints.grids[2].sum()) + 1, 1) == [0, 2]
    assert hints.missing(0, 1) == []


def test_a_hint_that_holds_the_base_gives_it_back():
    """A segmenter that takes nearly all for the cap; the figure's picture showed all below the top."""
    coords, main = shell(), shell()
    main = to_grid(main[main[:, 2] < 44])
    everything = {"cap": (0.0, 0.95), "backpack": (0.95, 1.0)}
    _, kept = extract(everything, coords, main)
    _, given = extract(everything, coords, main, base_in_hint=0.5)
    assert kept.grids[0, :, :, :44].sum() > 1000 and not any("gave it back" in line for line in kept.report)
    assert torch.equal(given.grids[0], kept.grids[0] & ~main)  # what is new is still the cap's
    assert torch.equal(given.grids.sum(0), to_grid(coords).int()) and given.report[-1].startswith(
        "cap: held most of figure"
    )


def test_a_hint_that_holds_a_little_of_the_base_keeps_it():
    coords, main = shell(), to_grid(shell())
    bands = {"cap": (0.0, 0.3), "figure": (0.0, 1.0), "backpack": (0.7, 1.0)}
    assert torch.equal(extract(bands, coords, main, base_in_hint=0.5)[1].grids, extract(bands, coords)[1].grids)


def test_the_base_is_never_missing():
    _, hints = extract({})
    assert hints.missing(16, 1) == [0, 2] and hints.grids[1].sum() == len(shell())


def test_views_are_taken_as_the_backbone_saw_pictures():
    backbone = tiny_backbone(view_pitches=(0.0, 30.0))
    assert len(cameras(backbone, backbone.defaults)) == 2 * YAWS


def test_the_segmenter_is_asked_for_accessories_only():
    """The base gets what the others leave, so its mask would decide nothing."""
    asked = []

    class Heard(Bands):
        def __call__(self, image, alpha, term):
            asked.append(term)
            return super().__call__(image, alpha, term)

    bands = {"cap": (0.0, 0.3), "figure": (0.0, 1.0), "backpack": (0.7, 1.0)}
    backbone = tiny_backbone(Heard(bands))
    coords = shell()
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(0))
    base = MainGeometry(torch.zeros(0), torch.zeros(0), torch.zeros(64, 64, 64, dtype=torch.bool))
    reading = Reading("a figure with a cap and a backpack", TERMS, TERMS, "figure", 1)
    hints = extract_hints(Kit(backbone, backbone.defaults), base, Slat(coords, feats), reading)
    assert asked == ["cap", "backpack"] * YAWS
    assert not hints.masks[:, 1].any() and hints.of("figure").any()
