"""Running a suite of edits: what is kept, found again and written; tables by form; the goals."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cast3d.cli.app import app
from cast3d.composer import Composer
from cast3d.errors import InputError
from cast3d.evaluation.edits import __main__ as script
from cast3d.evaluation.edits import cells
from cast3d.evaluation.edits.methods import METHODS, find
from cast3d.evaluation.edits.run import Worker, evaluate_edits, write
from cast3d.evaluation.edits.table import by_form, document, goals, rows
from cast3d.evaluation.runner import Plan
from cast3d.existing.opening import open_model
from tests.evaluation.edit_cases import write_edits
from tests.test_editing import positions
from tests.tiny_backbone import Bands, tiny_backbone

PLAN = ("cast3d", "sdedit", "sdedit-text")


def blind() -> Bands:
    """It never sees a cap, so that a model without names has none."""
    return Bands({"figure": (0.0, 1.0), "backpack": (0.3, 0.6)})


@pytest.fixture
def tiny(monkeypatch):
    _lighten(monkeypatch)


def _lighten(patch) -> None:
    patch.setattr("cast3d.backbones.load_backbone", lambda *_: tiny_backbone(blind()))
    patch.setattr("cast3d.evaluation.likeness.PITCHES", (20.0,))
    patch.setattr("cast3d.result.edited.alike", lambda objects, *_: [[np.zeros((8, 8, 3), np.uint8)] for _ in objects])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two edits by three methods, one of which fails, on disk."""
    root = tmp_path_factory.mktemp("edits")
    plan = Plan(write_edits(root / "suite"), PLAN, root / "out", cases=("swap", "bare"))
    with pytest.MonkeyPatch.context() as patch:
        _lighten(patch)
        found, broken = evaluate_edits(plan, 1)
        assert not broken
        return plan, found, write(plan, found)


def test_cells_come_in_order_and_failures_are_results(finished):
    _, found, _ = finished
    assert [(cell.method, cell.case) for cell in found] == [(m, c) for m in PLAN for c in ("swap", "bare")]
    assert [bool(cell.failure) for cell in found] == [False] * 4 + [True] * 2
    assert "no part of the model is called 'cap'" in found[-1].failure
    assert found[4].object == {name: 0 for name in found[4].object} and "inside_likeness" in found[4].object
    assert {cell.form for cell in found} == {"named", "unnamed"}


def test_what_each_promises_of_the_outside_holds(finished):
    ours, rival = ({cell.case: cell.object for cell in finished[1] if cell.method == name} for name in PLAN[:2])
    for case in ("swap", "bare"):
        assert ours[case]["untouched"] == 1 and rival[case]["untouched"] < 0.1
    assert ours["bare"]["outside_chamfer"] < rival["bare"]["outside_chamfer"]
    assert ours["bare"]["removed_f1_2"] > 0.95 and "seen_f1_2" in ours["swap"] and "seen_f1_2" not in ours["bare"]


def test_ours_is_the_composer(finished):
    plan, _, _ = finished
    bench = Worker(plan, tiny_backbone(blind()), {c.id: c for c in cells_of(plan)}).bench("swap", 0, "named")
    there = Composer(bench.backbone).edit(bench.model, **bench.case.arguments())
    here = plan.out / "cells/cast3d/swap/0/scene.glb"
    assert positions(here, "figure") == positions(bench.model, "figure")
    piece = next(one for one in open_model(here).pieces if one.names[0] == "red cap")
    in_cube = there.existing.frame.to_cube(piece.vertices)
    np.testing.assert_allclose(np.sort(in_cube, 0), np.sort(there.new["red cap"].mesh.vertices.numpy(), 0), atol=1e-5)


def cells_of(plan):
    from cast3d.evaluation.edits.suite import load_edits

    return load_edits(plan.suite)


def test_finished_cells_are_found_again_and_changed_ones_made_again(finished, tmp_path, monkeypatch, tiny):
    plan, found, _ = finished
    shutil.copytree(plan.out, tmp_path / "out")
    made = []
    monkeypatch.setattr(cells, "make", lambda method, bench, out: made.append((method.name, bench.case.id)) or found[0])
    again = replace(plan, out=tmp_path / "out")
    assert evaluate_edits(again, 1)[0] == found and made == []
    (tmp_path / "out/cells/sdedit/bare/0/cell.json").write_text("{")
    evaluate_edits(again, 1)
    assert made == [("sdedit", "bare")]


def test_a_cell_belongs_to_all_that_it_depends_on(finished, tiny):
    plan, _, _ = finished
    worker = Worker.start(plan)
    bench = worker.bench("swap", 0, "named")
    marks = [cells.fingerprint(find("cast3d"), bench)]
    for other in (
        worker.bench("swap", 1, "named"), worker.bench("bare", 0, "named"),
        replace(bench, changes={"diffusion": 0.1}),
        replace(bench, backbone=replace(bench.backbone, hashes={"all": "1"})),
    ):  # fmt: skip
        marks.append(cells.fingerprint(find("cast3d"), other))
    marks += [cells.fingerprint(method, bench) for method in METHODS.values() if method.name != "cast3d"]
    marks.append(cells.fingerprint(find("cast3d+diffusion=0"), bench))
    assert len(set(marks)) == len(marks)


def test_the_files(finished):
    plan, _, content = finished
    assert json.loads((plan.out / "results.json").read_text()) == content
    assert (plan.out / "tables.md").read_text() == document(content)
    read = list(csv.DictReader(io.StringIO((plan.out / "runs.csv").read_text())))
    assert [row["gave_up"] for row in read] == ["0"] * 4 + ["1"] * 2
    assert read[0]["untouched"] == "1" and read[0]["form"] == "named" and read[-1]["form"] == "unnamed"
    assert {path.name for path in (plan.out / "sheets").iterdir()} == {"swap-0.webp", "bare-0.webp"}
    held = {path.name for path in (plan.out / "cells/sdedit/swap/0").iterdir()}
    assert held == {"cell.json", "scene.glb", "views.webp"}


def test_the_two_forms_of_models_are_kept_apart(finished):
    parts = dict(by_form(finished[2]))
    assert [[m["name"] for m in part["methods"]] for part in parts.values()] == [["cast3d", "sdedit"], ["sdedit-text"]]
    page = document(finished[2])
    assert "## Models: a GLB with a node per part" in page and "## Models: a GLB of one mesh without names" in page


# --- tables of made results -----------------------------------------------------------------------------------------


def made_results(likeness=(0.9, 0.6), chamfer=(0.0, 0.5), untouched=1.0, cases=8):
    methods = ("cast3d", "voxhammer", "voxhammer-oracle-view")
    runs = []
    for row, method in enumerate(methods):
        for i in range(cases):
            at = min(row, 1)
            numbers = {
                "inside_likeness": likeness[at] + 0.01 * (i % 3), "outside_chamfer": chamfer[at] + 0.01 * (i % 2),
                "untouched": untouched if method == "cast3d" else 0.0, "seen_f1_2": 0.95, "inside_f1_2": 0.95,
            }  # fmt: skip
            run = {"method": method, "form": "named", "case": f"c{i}", "seed": 0, "failure": None, "seconds": 20.0}
            runs.append({**run, "object": numbers})
    return {
        "suite": "made", "seeds": [0], "forms": {"named": "with names", "splat": "a splat"}, "runs": runs,
        "methods": [
            {"name": m, "about": "", "form": "named", "oracle": METHODS[m].oracle, "exact": METHODS[m].exact}
            for m in methods
        ],
        "cases": [{"id": f"c{i}", "kind": "replace", "unseen": False} for i in range(cases)],
    }  # fmt: skip


def test_goals_beside_what_was_found():
    found = {goal.what: goal for goal in goals(made_results())}
    assert found["vertices outside untouched, least of all edits"].met is True
    assert found["inside F1@2, seen parts"].met is True and found["inside F1@2, unseen parts"].met is None
    assert found["inside likeness against voxhammer"].met is True
    assert found["outside Chamfer against voxhammer"].met is True
    assert not any("oracle" in what for what in found)


@pytest.mark.parametrize(
    "changed, what",
    [
        (dict(likeness=(0.6, 0.6)), "inside likeness against voxhammer"),
        (dict(likeness=(0.5, 0.6)), "inside likeness against voxhammer"),
        (dict(chamfer=(0.5, 0.0)), "outside Chamfer against voxhammer"),
        (dict(untouched=0.999), "vertices outside untouched, least of all edits"),
    ],
)
def test_goals_that_are_missed(changed, what):
    assert {goal.what: goal for goal in goals(made_results(**changed))}[what].met is False


def test_too_few_cases_tell_nothing():
    found = {goal.what: goal for goal in goals(made_results(cases=3))}
    assert found["inside likeness against voxhammer"].met is None


def test_rivals_are_told_apart_in_the_table_and_csv_has_a_line_per_run():
    results = made_results()
    line = next(line for line in document(results).splitlines() if line.startswith("| voxhammer |"))
    assert "0.609" in line and "*" in line
    assert len(rows(results).splitlines()) == 1 + 3 * 8


# --- command lines --------------------------------------------------------------------------------------------------


def test_the_command_and_the_script_find_what_is_finished(finished, tmp_path, tiny, capsys):
    plan, _, content = finished
    shutil.copytree(plan.out, tmp_path / "out")
    given = [str(plan.suite), "-m", ",".join(PLAN), "--cases", "swap,bare", "-o", str(tmp_path / "out")]
    told = CliRunner().invoke(app, ["evaluate", *given, "--json"])
    assert told.exit_code == 0 and json.loads(told.stdout)["runs"] == content["runs"]
    shown = CliRunner().invoke(app, ["evaluate", *given])
    assert shown.exit_code == 0 and "vertices outside untouched" in shown.output and "sdedit-text" in shown.output
    assert script.main(given) == 0
    assert "## Goals" in capsys.readouterr().out


def test_the_list_is_that_of_the_suite(finished):
    told = CliRunner().invoke(app, ["evaluate", str(finished[0].suite), "--list"])
    assert told.exit_code == 0 and "voxhammer-oracle-view" in told.output and "ctg" not in told.output


def test_unknown_names_are_told_before_any_work(finished, tmp_path, tiny):
    plan = replace(finished[0], out=tmp_path / "out")
    for wrong, said in (
        (replace(plan, methods=("voxhamer",)), "did you mean 'voxhammer'"),
        (replace(plan, methods=("cast3d+diffusio=0",)), "did you mean 'diffusion'"),
        (replace(plan, methods=("sdedit+diffusion=0",)), "rivals take none"),
        (replace(plan, cases=("swop",)), "did you mean 'swap'"),
    ):
        with pytest.raises(InputError, match=said):
            evaluate_edits(wrong, 1)
    assert script.main([str(plan.suite), "-m", "voxhamer", "-o", str(tmp_path / "out")]) == 2
