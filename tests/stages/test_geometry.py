"""Eq. 14 around the voxel operations (tested in tests/voxels), and the refinement's guard."""

from __future__ import annotations

import torch

from cast3d import voxels
from cast3d.stages.geometry import Geometry, compose_geometry, refine_geometry, without_crumbs
from cast3d.stages.kit import Kit
from tests.stages.boxes import box
from tests.tiny_backbone import tiny_backbone, with_bias

BACKBONE = tiny_backbone()
SETTINGS = BACKBONE.defaults


BODY = box((20, 40), (20, 40), (10, 40))
HAT, HAT_HINT = box((20, 40), (20, 40), (40, 46)), box((20, 40), (20, 40), (40, 48))
NOTHING = torch.zeros(0, 64, 64, 64, dtype=torch.bool)


def test_without_parts_the_main_geometry_stays():
    geometry = compose_geometry(BODY, BODY[None] & False, NOTHING, 0, SETTINGS)
    assert torch.equal(geometry.grid, BODY) and torch.equal(geometry.anchor, BODY)
    assert geometry.report == ()


def test_order_of_the_terms_plays_no_role():
    first = compose_geometry(BODY, torch.stack([BODY, HAT_HINT]), HAT[None], 0, SETTINGS)
    second = compose_geometry(BODY, torch.stack([HAT_HINT, BODY]), HAT[None], 1, SETTINGS)
    assert torch.equal(first.grid, second.grid) and torch.equal(first.anchor, second.anchor)


def test_a_smaller_part_than_its_hint_leaves_no_halo():
    geometry = compose_geometry(BODY, torch.stack([BODY, HAT_HINT]), HAT[None], 0, SETTINGS)
    assert torch.equal(geometry.grid, BODY | HAT)
    assert geometry.anchor[30, 30, 47] and not geometry.grid[30, 30, 47]


def test_far_from_parts_the_base_ignores_the_layout():
    swollen = BODY | box((40, 50), (20, 40), (10, 20))  # a layout that grew far from the hat
    geometry = compose_geometry(BODY, torch.stack([swollen, HAT_HINT]), HAT[None], 0, SETTINGS)
    assert torch.equal(geometry.grid[:, :, :30], BODY[:, :, :30])


def test_hidden_voxels_of_the_base_are_kept_on_request():
    shell = BODY & ~box((22, 38), (22, 38), (12, 39))  # a layout knows only surfaces
    hints = torch.stack([shell, HAT_HINT])
    plain = compose_geometry(BODY, hints, HAT[None], 0, SETTINGS.changed({"keep_hidden": False}))
    kept = compose_geometry(BODY, hints, HAT[None], 0, SETTINGS.changed({"keep_hidden": True}))
    assert not plain.grid[30, 30, 38] and kept.grid[30, 30, 38]


def test_openings_of_the_composition_are_closed_as_the_layout_is():
    """A part that is a stub leaves the head open that the layout's hat covered."""
    body = voxels.outer_shell(voxels.dilate(voxels.to_grid(torch.tensor([[32, 32, 32]])), 10))
    lid = body.clone()
    lid[:, :, :42] = False
    stub = torch.zeros_like(body)
    stub[32, 32, 42] = True
    hints = torch.stack([body & ~lid, lid])
    plain = compose_geometry(body & ~lid, hints, stub[None], 0, SETTINGS)
    sealed = compose_geometry(body & ~lid, hints, stub[None], 0, SETTINGS.changed({"seal": 0.03}))
    assert torch.equal(voxels.solid(plain.grid), plain.grid)  # open
    added = sealed.grid & ~plain.grid
    assert (
        voxels.fill(sealed.grid).sum() > 20**3 and not (added & ~lid).any() and torch.equal(sealed.coarse, sealed.grid)
    )
    assert sealed.report[-1] == f"closed openings of the composition with {int(added.sum())} voxels of the layout"


def test_openings_of_the_refinement_are_closed(monkeypatch):
    closed = voxels.outer_shell(voxels.dilate(voxels.to_grid(torch.tensor([[32, 32, 32]])), 10))
    torn = closed.clone()
    torn[29:36, 29:36, 42] = False
    monkeypatch.setattr(type(BACKBONE), "decode_structure", lambda *_: torn)
    coarse = Geometry(closed, closed, closed, ())
    settings = SETTINGS
    assert torch.equal(refine_geometry(Kit(BACKBONE, settings), coarse, "red cap").grid, torn)
    sealed = refine_geometry(Kit(BACKBONE, settings.changed({"seal": 0.03})), coarse, "red cap")
    assert torch.equal(sealed.grid, closed) and "49 voxels" in sealed.report[-1]


def test_refinement_without_words_is_the_structure_vae():
    coarse = compose_geometry(BODY, torch.stack([BODY, HAT_HINT]), HAT[None], 0, SETTINGS)
    settings = SETTINGS.changed({"text_guidance": 0.0, "guards": False})
    backbone = with_bias(BACKBONE, 0.5)
    refined = refine_geometry(Kit(backbone, settings), coarse, "")
    assert refined.grid.any()
    assert torch.equal(refined.grid, backbone.decode_structure(backbone.encode_structure(coarse.grid)))
    assert torch.equal(refined.coarse, coarse.grid) and refined.report[-1].startswith("refinement kept")


def test_the_guard_keeps_the_coarse_geometry():
    coarse = compose_geometry(BODY, torch.stack([BODY, HAT_HINT]), HAT[None], 0, SETTINGS)
    refined = refine_geometry(Kit(BACKBONE, SETTINGS), coarse, "red cap")  # noise: IoU near 0
    assert torch.equal(refined.grid, coarse.coarse) and refined.report[-1].startswith("refinement dropped")


def test_crumbs_are_dropped_and_reported():
    grid = BODY.clone()
    grid[60, 60, 60] = True
    geometry = without_crumbs(Geometry(BODY, BODY, grid, ()), NOTHING, SETTINGS.changed({"crumbs": 0.01}))
    assert torch.equal(geometry.grid, BODY) and geometry.report == ("dropped 1 floating pieces, 1 voxels",)
    assert without_crumbs(Geometry(BODY, BODY, grid, ()), NOTHING, SETTINGS).grid[60, 60, 60]


def test_scraps_stay_where_nothing_is_pruned():
    """The hat cuts the top voxel of a thin pole off: a scrap of what was one piece."""
    body = BODY | box((29, 31), (29, 31), (40, 54))
    hat = box((25, 35), (25, 35), (46, 50))
    given = body, torch.stack([body, hat]), hat[None], 0
    pruned, kept = (compose_geometry(*given, SETTINGS.changed({"prune": prune})).grid for prune in (True, False))
    assert not pruned[30, 30, 53] and kept[30, 30, 53]
