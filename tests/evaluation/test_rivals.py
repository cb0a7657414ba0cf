"""The methods of editing on a tiny backbone: what each keeps, how each differs, and the run of a suite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.evaluation.cache import StageCache
from cast3d.evaluation.edits import rivals, views
from cast3d.evaluation.edits.bench import EditBench
from cast3d.evaluation.edits.measure import named
from cast3d.evaluation.edits.methods import METHODS
from cast3d.evaluation.edits.suite import load_edits
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.stages.kit import Kit
from cast3d.voxels import cells_of, dilate, outer_shell, to_grid
from tests.evaluation.edit_cases import write_edits
from tests.tiny_backbone import Bands, tiny_backbone

BANDS = Bands({"red cap": (0.0, 0.35), "cap": (0.0, 0.3), "backpack": (0.3, 0.6), "figure": (0.0, 1.0)})


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("rivals")
    (case,) = load_edits(write_edits(root / "suite"), ["swap"])
    return EditBench(tiny_backbone(BANDS), case, 0, StageCache(root / "stages"), root / "sources")


@pytest.fixture(scope="module")
def task(bench):
    with torch.no_grad():
        return rivals.prepared(bench)


@pytest.fixture(scope="module")
def slats(task):
    made = {name: getattr(rivals, name) for name in ("voxhammer", "nano3d", "sdedit", "flowedit", "regenerate")}
    with torch.no_grad():
        return {name: function(task) for name, function in made.items()}


def feats_at(slat, grid):
    """Latents of the voxels in a grid, in the order of the voxels."""
    rows = grid[tuple(slat.coords.long().unbind(1))]
    return slat.coords[rows], slat.feats[rows]


@pytest.mark.parametrize("name", ["sdedit", "flowedit"])
def test_masked_editors_change_nothing_outside(task, slats, name):
    grid, source = to_grid(slats[name].coords), task.base.main.grid
    assert torch.equal(grid & ~task.region, source & ~task.region)
    for own, old in zip(feats_at(slats[name], ~task.region), feats_at(task.base.slat, ~task.region)):
        assert torch.allclose(own, old, atol=1e-5)
    assert not torch.equal(grid & task.region, source & task.region)


def test_voxhammer_puts_back_what_it_preserves(task, slats):
    preserved = task.base.main.grid & ~task.region
    assert preserved.any() and (to_grid(slats["voxhammer"].coords) & preserved).sum() == preserved.sum()
    for own, old in zip(feats_at(slats["voxhammer"], preserved), feats_at(task.base.slat, preserved)):
        assert torch.allclose(own, old, atol=1e-4)


def test_nano3d_knows_no_region_and_keeps_latents_where_voxels_stayed(task, slats):
    source, grid = task.base.main.grid, to_grid(slats["nano3d"].coords)
    for own, old in zip(feats_at(slats["nano3d"], source), feats_at(task.base.slat, grid)):
        assert torch.equal(own, old)


def test_every_rival_differs_from_the_others(slats):
    grids = [to_grid(slat.coords) for slat in slats.values()]
    kinds = {tuple(grid.flatten().nonzero().flatten().tolist()) for grid in grids}
    assert len(kinds) == len(slats)


@pytest.mark.parametrize("editor", ["sdedit", "flowedit"])
def test_outside_the_latent_is_the_model_s_own(bench, task, editor):
    """And with a region of nothing all of it is."""
    kit: Kit = bench.kit()
    picture, clean = kit.picture(bench.case.term), task.base.main.latent
    with torch.no_grad():
        moved = rivals.edited(kit, clean, picture, picture, task.region, editor)
        still = rivals.edited(kit, clean, picture, picture, torch.zeros_like(task.region), editor)
    free = torch.nn.functional.max_pool3d(task.region.float()[None, None], 4) > 0
    assert torch.allclose(still, clean, atol=1e-5)
    assert torch.allclose(torch.where(free, clean, moved), clean, atol=1e-5)
    assert not torch.allclose(moved, clean, atol=1e-2)


# --- pictures of the whole ------------------------------------------------------------------------------------------


def test_a_pasted_picture_lies_where_the_place_is():
    place = torch.zeros(64, 64, 64, dtype=torch.bool)
    place[28:36, 28:36, 50:58] = True
    camera = views.cameras()[-1]  # from the front
    thing = Image.new("RGBA", (60, 30), (255, 0, 0, 255))
    made = np.asarray(views.pasted(Image.new("RGBA", (256, 256)), [], thing, place, camera)).astype(int)
    red = (made[..., 0] > 200) & (made[..., 3] > 200)
    rows, columns = np.nonzero(red.any(1))[0], np.nonzero(red.any(0))[0]
    alone, _ = views._seen([], place, camera)
    at = [np.nonzero(alone.any(axis))[0] for axis in (1, 0)]
    longest = max(map(len, at))
    assert abs(len(columns) - longest) <= 2 and abs(len(rows) - longest / 2) <= 2  # proportions are kept
    assert abs(columns.mean() - at[1].mean()) <= 1 and abs(rows.mean() - at[0].mean()) <= 1


def test_what_the_rest_hides_of_a_place_it_hides_of_the_picture():
    behind, wall = (torch.zeros(64, 64, 64, dtype=torch.bool) for _ in range(2))
    behind[24:40, 50:52, 24:40], wall[24:32, 10:12, 10:54] = True, True  # the wall is in front of its left half
    camera, rest = views.cameras()[-1], [views.cubes_of(wall)]
    view = views.of_meshes(rest, camera)
    made = np.asarray(views.pasted(view, rest, Image.new("RGBA", (8, 8), "red"), behind, camera)).astype(int)
    red = (made[..., 0] > 200) & (made[..., 1] < 50)
    alone, shown = views._seen(rest, behind, camera)
    assert 0.3 < red.sum() / alone.sum() < 0.7
    assert (red & alone).sum() == pytest.approx(shown.sum(), rel=0.1)


def test_a_true_view_shows_the_true_place(bench):
    with_part, camera = views.painted(bench.case)
    alone, _ = views._seen([], bench.case.truth["after"]["red cap"].voxels, camera)
    alpha = np.asarray(with_part.getchannel("A"))
    assert (alpha[alone] == 255).all()


@pytest.mark.parametrize("form", ["named", "unnamed", "splat"])
def test_the_true_region_is_told_where_the_method_has_the_model(bench, form):
    """Its cube is not the truth's: there the model is larger, and stands elsewhere."""
    other = replace(bench, form=form)
    named_model, frame = bench.existing.model, other.existing.frame  # of a splat it is turned otherwise
    surface = Existing(named_model, replace(frame, turn=bench.existing.frame.turn)).surface()
    own = torch.isin(surface.piece, torch.tensor(sorted(named(named_model, bench.case.part))))
    told = other.kit(oracle=True).regions[bench.case.part]
    passed = to_grid(cells_of(surface.position[own])) & outer_shell(to_grid(cells_of(surface.position)))
    assert (dilate(told) & passed).sum() > 0.95 * passed.sum()
    assert (told & dilate(passed)).sum() > 0.95 * told.sum()


@pytest.mark.parametrize("name", ["nano3d-oracle-view", "voxhammer-oracle-view", "regenerate-oracle-view"])
def test_oracles_are_called_so(name):
    assert METHODS[name].oracle and "upper bound" in METHODS[name].about
    assert not METHODS[name.replace("-oracle-view", "")].oracle
    assert METHODS["cast3d-oracle-region-text"].oracle


# --- results --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["named", "unnamed", "splat"])
def test_a_rival_writes_in_the_frame_of_the_model(bench, tmp_path, form):
    with torch.no_grad():
        own = replace(bench, form=form)
        made = rivals.rival(own, tmp_path, rivals.sdedit)
    before, after = open_model(bench.model).points(), open_model(made.file).points()
    assert not made.labelled and open_model(made.file).nodes == ["figure"]
    assert (np.abs(before.min(0) - after.min(0)) < 0.5).all() and (np.abs(before.max(0) - after.max(0)) < 0.5).all()
