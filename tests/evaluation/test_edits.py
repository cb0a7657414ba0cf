"""Suites of edits and what is measured of them, on made cases whose numbers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cast3d.errors import InputError
from cast3d.evaluation.edits.measure import SAME, Seen, failed, measure, region_iou
from cast3d.evaluation.edits.suite import SIZE, is_edits, load_edits
from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.existing.views import together
from cast3d.meshes.glb import write_glb
from cast3d.meshes.mesh import Mesh
from cast3d.splats import read_ply, write_ply
from cast3d.voxels import cells_of
from tests.evaluation.edit_cases import mesh_of as box_of
from tests.evaluation.edit_cases import write_edits

ROOT = Path(__file__).parents[2] / "suites"


@pytest.fixture(scope="module")
def cases():
    return {case.id: case for case in load_edits(ROOT / "edits-dev")}


def larger(mesh: Mesh) -> Mesh:
    return Mesh(SIZE * mesh.vertices, mesh.faces, mesh.colors)


def test_the_suites_hold_what_they_say():
    dev, report = load_edits(ROOT / "edits-dev"), load_edits(ROOT / "edits-24")
    assert (len(dev), len(report)) == (8, 24)
    assert not {case.image.name for case in dev if case.image} & {case.image.name for case in report if case.image}
    assert sum(case.unseen for case in report) == 8
    assert is_edits(ROOT / "edits-24") and not is_edits(ROOT / "bricks-dev")
    for case in (*dev, *report):
        assert set(case.meshes) == set(case.before_terms)
        assert set(case.before_terms) ^ set(case.after_terms) == {name for name in (case.part, case.term) if name}


def test_a_model_lies_on_its_truth(cases):
    case = cases["cap-sombrero"]
    for term, mesh in case.meshes.items():
        cells = ((mesh.vertices[mesh.faces].mean(1) + 0.5) * 64).floor().long()
        grid = torch.nn.functional.max_pool3d(case.truth["before"][term].voxels.float()[None, None], 3, 1, 1)[0, 0]
        assert grid[tuple(cells.clamp(0, 63).unbind(1))].mean() > 0.6  # the rest are inner faces


def test_nothing_changed_is_nothing_changed(tmp_path, cases):
    case = cases["camper-no-pack"]
    case.write_named(tmp_path / "a.glb")
    numbers = measure(case, tmp_path / "a.glb", tmp_path / "a.glb")
    assert (numbers["outside_chamfer"], numbers["outside_color"], numbers["untouched"]) == (0, 0, 1)
    assert numbers["left_over"] > 0.95


def test_the_part_removed_is_removed(tmp_path, cases):
    case = cases["camper-no-pack"]
    case.write_named(tmp_path / "a.glb")
    rest = {term: larger(mesh) for term, mesh in case.meshes.items() if term != case.part}
    write_glb(tmp_path / "b.glb", rest, {})
    numbers = measure(case, tmp_path / "a.glb", tmp_path / "b.glb")
    assert numbers["untouched"] == 1 and numbers["inside_f1_2"] > 0.98 and numbers["left_over"] < 0.1


def test_what_moves_outside_is_seen(tmp_path, cases):
    case = cases["camper-no-pack"]
    case.write_named(tmp_path / "a.glb")
    moved = {
        term: Mesh(larger(mesh).vertices + torch.tensor([SIZE / 64, 0, 0]), mesh.faces, mesh.colors)
        for term, mesh in case.meshes.items()
    }
    write_glb(tmp_path / "b.glb", moved, {})
    numbers = measure(case, tmp_path / "a.glb", tmp_path / "b.glb")
    assert numbers["untouched"] < 0.05 and 0.1 < numbers["outside_chamfer"] < 1


def test_the_true_part_has_full_marks(tmp_path, cases):
    """The model of the removal's opposite: what is removed there is the true new part here."""
    case = cases["hunter-quiver"]
    other = {c.id: c for c in load_edits(ROOT / "edits-dev")}["mouse-sombrero"]
    assert case.kind == other.kind == "add"
    case.write_named(tmp_path / "a.glb")
    part = case.truth["after"][case.term].voxels
    boxes = _boxes(part)
    write_glb(tmp_path / "b.glb", {**{t: larger(m) for t, m in case.meshes.items()}, case.term: larger(boxes)}, {})
    numbers = measure(case, tmp_path / "a.glb", tmp_path / "b.glb")
    assert numbers["inside_f1_2"] > 0.99 and numbers["touches"] == 1 and numbers["untouched"] == 1


def _boxes(grid: torch.Tensor) -> Mesh:
    """Two triangles in the middle of every voxel."""
    at = (grid.nonzero().float() + 0.5) / 64 - 0.5
    offsets = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.4 / 64
    vertices = (at[:, None] + offsets).reshape(-1, 3)
    corner = 4 * torch.arange(len(at))[:, None]
    faces = torch.cat([corner + torch.tensor([[0, 1, 2]]), corner + torch.tensor([[0, 2, 3]])])
    return Mesh(vertices, faces, torch.full_like(vertices, 0.5))


def test_the_true_region_is_one_and_none_is_nought(tmp_path, cases):
    case = cases["cap-sombrero"]
    case.write_named(tmp_path / "a.glb")
    grid = torch.nn.functional.max_pool3d(case.truth["before"][case.part].voxels.float()[None, None], 3, 1, 1)[0, 0] > 0
    others = torch.stack([t.visible for term, t in case.truth["before"].items() if term != case.part]).any(0)
    found = measure(case, tmp_path / "a.glb", tmp_path / "a.glb", Seen(grid & ~others, SAME))["region_iou"]
    assert found > 0.85
    assert measure(case, tmp_path / "a.glb", tmp_path / "a.glb", Seen(torch.zeros_like(grid), SAME))["region_iou"] == 0


def test_the_same_model_in_three_ways(tmp_path, cases):
    case = cases["mouse-sombrero"]
    case.write_named(tmp_path / "a.glb")
    case.write_unnamed(tmp_path / "b.glb")
    case.write_splat(tmp_path / "c.ply")
    named, unnamed = open_model(tmp_path / "a.glb"), open_model(tmp_path / "b.glb")
    assert named.nodes == list(case.before_terms) and unnamed.nodes == ["mesh"]
    assert not named.own  # twice the cube: it has to find its way there and back
    np.testing.assert_allclose(named.points().max(0), unnamed.points().max(0))
    assert read_ply(tmp_path / "c.ply").positions.abs().max() == pytest.approx(np.abs(named.points()).max(), abs=0.05)


def test_a_part_that_a_labelled_result_lacks_is_lent_to_nobody(tmp_path, cases):
    """The same file as one object without parts gets the surroundings of the true part."""
    case = cases["cap-sombrero"]
    case.write_named(tmp_path / "a.glb")
    labelled, whole = (measure(case, tmp_path / "a.glb", tmp_path / "a.glb", labelled=kind) for kind in (True, False))
    assert labelled["inside_f1_2"] == labelled["inside_likeness"] == 0
    assert whole["inside_f1_2"] > 0.2 and whole["inside_likeness"] > 0


def test_a_part_that_is_lent_touches_where_the_true_one_does(tmp_path):
    """The true object as one solid without parts; what its thick shell has behind the part is no neighbour of it."""
    (case,) = load_edits(write_edits(tmp_path / "suite", ("swap",)))
    case.write_named(tmp_path / "a.glb")
    solids = [box_of(term) for term in case.after_terms]
    middle = solids[-1].vertices.mean(0)  # of the red cap; a second surface lies a voxel further in
    solids.append(replace(solids[-1], vertices=middle + (solids[-1].vertices - middle) * 5.5 / 6.5))
    write_glb(tmp_path / "b.glb", {"figure": together([larger(mesh) for mesh in solids])}, {})
    numbers = measure(case, tmp_path / "a.glb", tmp_path / "b.glb", labelled=False)
    assert numbers["contact_error"] < 0.1 and numbers["inside_f1_1"] > 0.8


def test_of_a_splat_the_gaussians_are_compared(tmp_path, cases):
    case = cases["camper-no-pack"]
    case.write_named(tmp_path / "a.glb")
    case.write_splat(tmp_path / "a.ply")
    splat = read_ply(tmp_path / "a.ply")
    case.write_unnamed(tmp_path / "b.glb")  # whatever: meshes of such results are made anew
    write_ply(tmp_path / "b.ply", splat)
    same = measure(case, *(tmp_path / name for name in ("a.glb", "b.glb")), splats=(tmp_path / "a.ply",) * 2)
    assert (same["outside_chamfer"], same["outside_color"], same["untouched"]) == (0, 0, 1)
    write_ply(tmp_path / "c.ply", replace(splat, positions=splat.positions + 0.1 * SIZE / 64))
    moved = measure(
        case, *(tmp_path / name for name in ("a.glb", "b.glb")), splats=(tmp_path / "a.ply", tmp_path / "c.ply")
    )
    assert moved["untouched"] < 0.01 and 0.01 < moved["outside_chamfer"] < 0.5


def test_an_edit_that_failed_has_no_part(cases):
    assert failed(cases["cap-sombrero"])["inside_likeness"] == 0
    assert "inside_likeness" not in failed(cases["camper-no-pack"])


def test_what_is_no_suite(tmp_path):
    (tmp_path / "suite.json").write_text(json.dumps([{"id": "x"}]))
    with pytest.raises(InputError, match="no suite of edits"):
        load_edits(tmp_path)
    with pytest.raises(InputError, match="did you mean 'cap-sombrero'"):
        load_edits(ROOT / "edits-dev", ["cap-sombrer"])


def test_a_region_of_a_splat_is_measured_like_that_of_a_mesh(tmp_path, cases):
    """The splat's file is told in our axes, the mesh's in glTF's: the true region is the true one of both."""
    case = cases["party-top-hat"]
    case.write_named(tmp_path / "a.glb")
    case.write_splat(tmp_path / "a.ply")
    values = []
    for name in ("a.glb", "a.ply"):
        existing = Existing(open_model(tmp_path / name), frame_of(open_model(tmp_path / name)))
        cube = existing.surface().position
        inside = torch.zeros(64, 64, 64, dtype=torch.bool)
        upper = cells_of(cube[cube[:, 2] > cube[:, 2].median()])
        inside[tuple(upper.unbind(1))] = True
        named = Existing(open_model(tmp_path / "a.glb"), SAME)
        values.append(region_iou(case, named, Seen.of(inside, existing)))
    assert values[0] > 0.02 and abs(values[0] - values[1]) < 0.02
