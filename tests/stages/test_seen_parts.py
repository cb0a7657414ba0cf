"""Parts of a model by text: masks in views become sights of voxels, and clusters of them vote."""

from __future__ import annotations

import pytest
import torch

from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.stages import seen_parts
from cast3d.stages.existing import Source, encoded_model, existing_model
from cast3d.stages.field import clustered, looked_at, with_behind
from cast3d.stages.kit import Kit
from cast3d.stages.regions import FINE
from cast3d.stages.seen_parts import marks_in_views, parts_in_views, shares
from cast3d.voxels import to_coords, to_grid
from tests.existing.made import man
from tests.tiny_backbone import Bands, tiny_backbone

UPPER = Bands({"top": (0.0, 0.5), "left": (0.0, 1.0)})


@pytest.fixture(scope="module")
def kit(tmp_path_factory) -> Kit:
    model = open_model(man().write(tmp_path_factory.mktemp("model") / "man.glb"))
    backbone = tiny_backbone(UPPER)
    return Kit(backbone, backbone.defaults, existing=Existing(model, frame_of(model)))


@pytest.fixture(scope="module")
def model(kit):
    source = existing_model(kit)
    return source, encoded_model(kit, source), looked_at(kit, source)


def test_views_show_the_sides_that_face_them(model):
    """A box's front is seen from the front and not from behind; what lies inside is seen from nowhere."""
    _, _, sights = model
    front, back = (sights.coords[:, 1] == sights.coords[:, 1].min()), (sights.coords[:, 1] == sights.coords[:, 1].max())
    assert sights.seen.shape == (24, len(sights.coords))
    ahead, behind = sights.seen[8], sights.seen[12]  # the ring at 10 degrees: yaw 0 and 180
    assert ahead[front].float().mean() > 0.9 and not ahead[back].any()
    assert behind[back].float().mean() > 0.9 and not behind[front].any()


def test_a_mask_marks_the_voxels_that_the_view_shows_in_it(model):
    _, _, sights = model
    left = torch.zeros(sights.size, sights.size, dtype=torch.bool)
    left[:, : sights.size // 2] = True
    marked = sights.read(8, left)
    x = sights.coords[:, 0]
    assert marked.any() and not (marked & ~sights.seen[8]).any()
    assert torch.equal(marked[(x < 31)], sights.seen[8][x < 31]) and not marked[x > 32].any()


def test_views_without_the_part_do_not_count(kit, model, monkeypatch):
    source, latents, sights = model
    marked, found = marks_in_views(kit, sights, latents, ["top", "wings"])
    assert found[1] == 0 and not marked[1].any()
    assert 0 < found[0] <= 24 and marked.min() >= 0 and marked.max() <= 1
    label = clustered(kit, source, sights, FINE) - 1
    grids, views = parts_in_views(kit, source, latents, sights, label, ["top", "wings"])
    assert not grids[1].any() and views == found
    monkeypatch.setattr(seen_parts, "VIEWS", 25)
    assert not parts_in_views(kit, source, latents, sights, label, ["top"])[0].any()  # too few views have it


def test_clusters_vote_as_one():
    marked = torch.tensor([[1.0, 0.2, 0.0, 0.0], [0.0, 0.0, 0.5, 1.0]])
    torch.testing.assert_close(shares(marked, torch.tensor([0, 0, 1, 1])), torch.tensor([[0.6, 0.0], [0.0, 0.75]]))


def test_what_lies_behind_the_shell_goes_with_it():
    """The shell is the upper layer of a slab; the lower one is its nearest neighbours', what is deeper nobody's."""
    upper = torch.zeros(64, 64, 64, dtype=torch.bool)
    upper[10:20, 10:20, 30] = True
    passed = upper.clone()
    passed[10:20, 10:20, 29] = True
    passed[10:20, 10:20, 25] = True
    points = (to_coords(passed) + 0.5) / 64 - 0.5
    nothing = torch.zeros(0)
    source = Source(upper, points, nothing, nothing, nothing)
    coords = to_coords(upper)
    whole = with_behind(source, coords, coords[:, 0] < 15)
    wanted = to_grid(to_coords(passed)) & (torch.arange(64) < 15)[:, None, None]
    wanted[:, :, 25] = False
    assert torch.equal(whole, wanted)
    assert not with_behind(source, coords, torch.zeros(len(coords), dtype=torch.bool)).any()
