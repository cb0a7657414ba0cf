"""Running a plan: what is kept, what is made again, killed runs, several processes, the files and the page."""

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cast3d.backbones.sources import shipped
from cast3d.cli.app import app
from cast3d.errors import CheckpointError, InputError
from cast3d.evaluation import cells, results, runner
from cast3d.evaluation.page import write_page
from cast3d.evaluation.runner import Plan, evaluate
from cast3d.evaluation.suite import load_suite
from cast3d.evaluation.table import PARTS, SCORES, document, entries, markdown, rows
from cast3d.meshes.glb import write_glb
from cast3d.result.report import viewer
from tests.evaluation.scenes import BOXES, mesh_of, write_suite
from tests.tiny_backbone import BANDS, Bands, tiny_backbone

METHODS = ("cast3d", "ctg")


@pytest.fixture
def tiny(monkeypatch):
    """Plans run on the tiny backbone, and looks are judged from fewer sides."""
    _lighten(monkeypatch)


def _lighten(patch) -> None:
    patch.setattr("cast3d.backbones.load_backbone", lambda *_: tiny_backbone())
    patch.setattr("cast3d.evaluation.likeness.PITCHES", (20.0,))


def run(plan: Plan):
    """(cells, what broke)."""
    return evaluate(plan, 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two cases, three methods, on disk, with results and page."""
    root = tmp_path_factory.mktemp("runner")
    write_suite(root / "suite", ("one", "two"))
    plan = Plan(root / "suite", METHODS, root / "out")
    with pytest.MonkeyPatch.context() as patch:
        _lighten(patch)
        found, broken = run(plan)
    assert not broken
    return plan, found


def copied(finished, tmp_path) -> Plan:
    plan, _ = finished
    shutil.copytree(plan.out, tmp_path / "out")
    return Plan(plan.suite, plan.methods, tmp_path / "out")


def counting(monkeypatch) -> list[str]:
    """The methods of cells that are made, not found."""
    made, make = [], cells.make
    monkeypatch.setattr(cells, "make", lambda method, *rest: made.append(method.name) or make(method, *rest))
    return made


def test_cells_come_in_the_order_of_methods_and_cases(finished):
    _, found = finished
    assert [(cell.method, cell.case) for cell in found] == [(m, c) for m in METHODS for c in ("one", "two")]
    assert all(cell.failure is None and "average" in cell.object for cell in found)


def test_every_cell_is_told_as_it_is_there_a_case_at_a_time(finished, tiny):
    heard = []
    found, _ = evaluate(finished[0], 1, heard.append)
    assert [(cell.case, cell.method) for cell in heard] == [(case, m) for case in ("one", "two") for m in METHODS]
    assert sorted(map(id, heard)) == sorted(map(id, found))


def test_finished_cells_are_found_again(finished, tmp_path, monkeypatch, tiny):
    plan, made = copied(finished, tmp_path), counting(monkeypatch)
    again, _ = run(plan)
    assert made == [] and again == finished[1]


def test_only_what_changed_is_made_again(finished, tmp_path, monkeypatch, tiny):
    plan, made = copied(finished, tmp_path), counting(monkeypatch)
    shutil.rmtree(plan.out / "cells" / "ctg" / "two")
    (plan.out / "cells" / "cast3d" / "one" / "0" / "cell.json").write_text("{")
    run(plan)
    assert made == ["cast3d", "ctg"]


def test_a_method_under_another_setting_is_the_plan_under_that_setting(finished, tmp_path, tiny):
    plan, found = finished
    plan = replace(
        plan, cases=("one",), out=tmp_path / "both", methods=("cast3d", "cast3d+image_guidance=0+diffusion=0")
    )
    (usual, changed), broken = run(plan)
    settings = {"image_guidance": 0, "diffusion": 0}
    (alone,), _ = run(replace(plan, methods=("cast3d",), out=tmp_path / "alone", settings=settings))
    assert not broken and usual.object == found[0].object
    assert (changed.object, changed.parts) == (alone.object, alone.parts) != (usual.object, usual.parts)


def test_what_methods_under_different_settings_share_is_made_once(finished, tmp_path, tiny):
    plan = replace(finished[0], cases=("one",), out=tmp_path / "out", methods=("cast3d", "cast3d+part_start=2"))
    run(plan)
    stages = [path.name for path in (plan.out / "stages" / "one" / "0").iterdir()]
    counts = {name: sum(stage.startswith(f"{name}-") for stage in stages) for name in ("layout", "hints", "part")}
    assert counts == {"layout": 1, "hints": 1, "part": 2 * (len(BOXES) - 1)}


def test_a_cell_belongs_to_its_settings_seed_case_weights_and_files(finished, tmp_path, tiny):
    plan, _ = finished
    worker, method = runner.Worker.start(plan), runner.find("cast3d")
    other = runner.Worker.start(replace(plan, settings={"image_guidance": 1.0}))
    reweighted = replace(worker, backbone=replace(worker.backbone, hashes={"all": "1"}))
    marks = [cells.fingerprint(method, one.bench(*key)) for one, key in
             ((worker, ("one", 0)), (worker, ("one", 1)), (worker, ("two", 0)), (other, ("one", 0)),
              (reweighted, ("one", 0)))]  # fmt: skip
    models = runner.find(f"folder:{tmp_path}")
    for _ in range(2):
        marks.append(cells.fingerprint(models, worker.bench("one", 0)))
        (tmp_path / "one.glb").write_bytes(b"new")
    assert len(set(marks)) == len(marks)
    assert cells.fingerprint(method, worker.bench("one", 0)) == marks[0]


@pytest.mark.parametrize("name", ["no-pruning", "no-stm", "layout-sdedit", "hints-true"])
def test_a_cell_belongs_to_what_the_registry_gives_its_method(finished, tiny, name):
    bench, method = runner.Worker.start(finished[0]).bench("one", 0), runner.find(name)
    keywords = {key: "another" for key in method.run.keywords}
    edited = replace(method, run=partial(method.run.func, **keywords))
    assert cells.fingerprint(edited, bench) != cells.fingerprint(method, bench)
    assert cells.fingerprint(runner.find(name), bench) == cells.fingerprint(method, bench)


def test_cells_of_methods_that_look_at_other_cases_belong_to_them(finished, tiny):
    bench = runner.Worker.start(finished[0]).bench("one", 0)
    alone = replace(bench, others=())
    differs = {
        name: cells.fingerprint(runner.find(name), bench) != cells.fingerprint(runner.find(name), alone)
        for name in ("cast3d", "hints-true", "hints-existing")
    }
    assert differs == {"cast3d": False, "hints-true": False, "hints-existing": True}


def test_a_term_that_is_not_found_is_a_result_with_scores_of_nothing(tmp_path, monkeypatch):
    blind = Bands({term: band for term, band in BANDS.items() if term != "cap"})
    monkeypatch.setattr("cast3d.backbones.load_backbone", lambda *_: tiny_backbone(blind))
    (cell,), broken = run(Plan(write_suite(tmp_path / "suite"), ("cast3d",), tmp_path / "out"))
    assert not broken and "the layout shows no 'cap'" in cell.failure
    assert cell.object["average"] == cell.object["part_present"] == 0
    assert sorted(path.name for path in (tmp_path / "out/cells/cast3d/one/0").iterdir()) == ["cell.json"]


def test_pictures_that_need_a_network_are_measured_as_they_were_cut_out(tmp_path, monkeypatch, tiny):
    """Noise with a bright square in it, which the stub of a network knows."""
    write_suite(tmp_path / "suite")
    for term in BOXES:
        noise = np.random.default_rng(0).integers(0, 128, (64, 64, 3), np.uint8)
        noise[16:48, 24:40] = 255
        Image.fromarray(noise).save(tmp_path / "suite" / f"{term}.png")
    networks: list[str] = []

    def load_matting(name: str):
        networks.append(name)
        return lambda image: image.convert("L").point(lambda value: 255 * (value > 200))

    monkeypatch.setattr("cast3d.pictures.matting.load_matting", load_matting)
    write_glb(tmp_path / "models" / "one.glb", {term: mesh_of(term) for term in BOXES}, {})
    given = tmp_path / "suite", ("cast3d", f"folder:{tmp_path / 'models'}"), tmp_path / "out"
    (_, theirs), broken = run(Plan(*given, settings={"background": "u2net"}))
    assert not broken and set(networks) == {"u2net"}
    assert theirs.object["base_outline"] > 0.3


def test_pictures_that_cannot_be_cut_out_are_told_before_any_work(tmp_path, monkeypatch, tiny):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(write_suite(tmp_path / "suite") / "cap.png")
    given = tmp_path / "suite", (f"folder:{tmp_path}",), tmp_path / "out"
    monkeypatch.setattr("cast3d.evaluation.methods.registry.outcome_of_folder", lambda *_, **__: pytest.fail("ran"))
    found, (broken,) = run(Plan(*given, settings={"background": "plain"}))
    assert not found and "cap.png: the background could not be told" in broken


def test_a_method_that_breaks_leaves_the_others_alone(finished, tmp_path, monkeypatch, tiny):
    plan = copied(finished, tmp_path)
    shutil.rmtree(plan.out / "cells" / "ctg")
    monkeypatch.setattr(cells, "measure", lambda *_: 1 / 0)
    found, broken = run(plan)
    assert len(found) == 2 and len(broken) == 2 and "ZeroDivisionError" in broken[0]
    assert not (plan.out / "cells" / "ctg" / "one" / "0").exists()


def wait_until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def running(stat: Path) -> bool:
    """Whether a process is there and no zombie; elsewhere than on Linux, False."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_evaluation_of_two_processes_goes_on_where_it_was(tmp_path):
    """Killed with SIGKILL after a cell; the second run makes the others. On the shipped weights, which load quickly."""
    names = ("one", "two", "three")
    write_suite(tmp_path / "suite", names)
    for name in names:
        write_glb(tmp_path / "models" / f"{name}.glb", {term: mesh_of(term) for term in BOXES}, {})
    script = f"""
import multiprocessing, os, signal, sys
from pathlib import Path
from cast3d.evaluation.runner import Plan, evaluate
left = int(sys.argv[1])
def note(item):
    global left
    left -= 1
    if left == 0:
        print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    plan = Plan(Path({str(tmp_path / "suite")!r}), ("folder:{tmp_path / "models"}",), Path({str(tmp_path / "out")!r}))
    print(*(cell.case for cell in evaluate(plan, 2, note)[0]))
"""
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py")]
    killed = subprocess.run([*command, "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    workers = [Path("/proc") / pid / "stat" for pid in killed.stdout.split()]
    assert killed.returncode == -signal.SIGKILL and len(workers) == 2
    wait_until(lambda: not any(running(worker) for worker in workers))  # they would wait for work for ever
    cells = [path for path in (tmp_path / "out").rglob("cell.json") if path.parent.name == "0"]
    kept = {path: path.stat().st_mtime_ns for path in cells}
    assert kept
    done = subprocess.run([*command, "0"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(names)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_backbone_is_told_as_such_by_any_number_of_processes(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which would be set otherwise
    (tmp_path / "empty").mkdir()
    shutil.copy(shipped() / "pipeline.json", tmp_path / "empty")
    plan = Plan(write_suite(tmp_path / "suite"), METHODS, tmp_path / "out", backbone=str(tmp_path / "empty"))
    with pytest.raises(CheckpointError, match=rf"{tmp_path / 'empty'}/ckpts/\S+\.json does not exist"):
        evaluate(plan, workers)


def test_two_evaluations_of_one_folder_are_refused(finished, tiny):
    from cast3d.run.locks import FolderLock

    plan, _ = finished
    lock = FolderLock(plan.out)
    try:
        with pytest.raises(InputError, match="in use"):
            evaluate(plan, 1)
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"methods": ("cast3d", "nothing")}, "no method"), ({"cases": ("three",)}, "no case"),
     ({"methods": ("folder:/nowhere",)}, "is no folder"), ({"suite": Path("/nowhere")}, "is no suite"),
     ({"settings": {"part_strat": 3}}, "unknown setting"), ({"settings": {"part_start": 99}}, "part_start"),
     ({"methods": ("cast3d+part_strat=3",)}, "unknown setting"), ({"methods": ("cast3d+part_start",)}, "SETTING=VALUE"),
     ({"methods": ("cast3d+part_start=99",)}, "part_start"), ({"methods": ("utc+part_start=3",)}, "cast3d alone")],
)  # fmt: skip
def test_wrong_plans_are_refused_before_any_work(finished, tmp_path, change, message):
    plan, _ = finished
    with pytest.raises(InputError, match=message):
        evaluate(Plan(**{"suite": plan.suite, "methods": METHODS, "out": tmp_path / "out", **change}), 1)
    assert not (tmp_path / "out").exists()


def test_other_systems_are_scored_by_the_same_code(finished, tmp_path, tiny):
    plan, _ = finished
    write_glb(tmp_path / "models" / "one.glb", {term: mesh_of(term) for term in BOXES}, {})
    name = f"folder:{tmp_path / 'models'}"
    (one, two), broken = run(Plan(plan.suite, (name,), tmp_path / "out"))
    assert not broken and one.object["part_f1_1"] > 0.99 and one.object["part_present"] == 1
    assert "holds no two" in two.failure and two.object["average"] == 0
    assert "drift_iou" not in one.object  # it has no p_B that we know


# --- results.json, tables -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(finished):
    plan, found = finished
    methods = [runner.find(name) for name in METHODS]
    cases = load_suite(plan.suite)
    return results.write(plan.out, "tiny", methods, cases, found, {"seeds": [0], "settings": {}})


def test_results_hold_every_run_with_its_files(finished, written):
    plan, found = finished
    assert results.read(plan.out) == written
    assert len(written["runs"]) == len(found) == 4
    for row in written["runs"]:
        assert {"model.glb", "voxels.npz", "views.webp"} <= {p.name for p in (plan.out / row["folder"]).iterdir()}
        assert set(row["parts"]) == set(BOXES) and row["labelled"] is (row["method"] != "ctg")


def test_what_judges_said_is_kept(finished, written, tmp_path):
    plan, found = finished
    content = results.read(plan.out) | {"judges": {"someone": [{"method": "cast3d", "case": "one", "faithfulness": 7}]}}
    (tmp_path / "results.json").write_text(json.dumps(content))
    again = results.write(tmp_path, "tiny", [runner.find("cast3d")], [], found[:1], {"seeds": [0]})
    assert again["judges"]["someone"][0]["faithfulness"] == 7


def test_foreign_results_are_refused(tmp_path):
    (tmp_path / "results.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="format 99"):
        results.read(tmp_path)
    with pytest.raises(InputError, match="holds no results"):
        results.read(tmp_path / "nowhere")


def test_tables_show_means_over_cases(written):
    table = markdown(written, SCORES)
    assert table.splitlines()[0] == "| method | faithfulness | aesthetic | rationality | average |"
    assert len(table.splitlines()) == 2 + len(METHODS)
    rows = [row["object"]["average"] for row in written["runs"] if row["method"] == "ctg"]
    assert f"{sum(rows) / len(rows):.2f}" in table.splitlines()[-1]
    assert entries(written, "part_f1_2")["cast3d"].change is None
    assert "hint F1@2" in markdown(written, PARTS)
    assert document(written).startswith("tiny: 2 cases, seeds 0.") and table in document(written)


def test_every_run_is_a_row(written):
    failed = dict(written["runs"][0], failure="nothing came out", object={"average": 0.0})
    found = list(csv.DictReader(io.StringIO(rows(written | {"runs": [*written["runs"], failed]}))))
    assert [(row["method"], row["case"], int(row["seed"])) for row in found[:-1]] == [
        (run["method"], run["case"], run["seed"]) for run in written["runs"]
    ]
    for row, run in zip(found, written["runs"]):
        assert row["gave_up"] == "0" and float(row["part_f1_2"]) == pytest.approx(run["object"]["part_f1_2"], rel=1e-3)
    assert (found[-1]["gave_up"], found[-1]["average"], found[-1]["part_f1_2"]) == ("1", "0", "")


# --- the page -------------------------------------------------------------------------------------------------------


class Links(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_has_a_row_per_case_and_needs_no_network(finished, written):
    plan, _ = finished
    page = write_page(plan.out, written, load_suite(plan.suite))
    text = page.read_text()
    assert not re.search(r"https?://", text.replace(viewer(), ""))
    tags = Links(text).found
    assert [a["data-case"] for tag, a in tags if tag == "tr" and "data-case" in a] == ["one", "two"]
    pictures = [a for tag, a in tags if tag == "img" and "data-model" in a]
    assert len(pictures) == 4
    for picture in pictures:
        assert (plan.out / picture["src"]).is_file()
        assert (plan.out / picture["data-model"]).read_text().startswith("modelIsHere(")


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
ACT = """<script>setTimeout(() => {
  const log = {order: [], rows: [...document.querySelectorAll("[data-case]")].length};
  document.querySelector('th[data-method="cast3d"] button').click();
  log.value = document.querySelector('td[data-method="cast3d"] .value').textContent;
  document.querySelector("td img[data-model]").click();
  setTimeout(() => {
    log.viewer = document.querySelector("dialog").dataset.viewer;
    document.documentElement.dataset.log = JSON.stringify(log);
  }, 800);
}, 300);</script></body>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")
def test_the_page_sorts_and_opens_models_in_a_browser(finished, written, tmp_path):
    plan, _ = finished
    page = write_page(plan.out, written, load_suite(plan.suite))
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())  # for the script below
    acted = plan.out / "acted.html"
    acted.write_text(text.replace("</body>", ACT))
    options = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    options += ["--ignore-gpu-blocklist", "--disable-background-networking", f"--user-data-dir={tmp_path}"]
    command = [BROWSER, *options, "--virtual-time-budget=5000", "--dump-dom", acted.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    ((_, root),) = [(tag, a) for tag, a in Links(dom).found if tag == "html"]
    log = json.loads(root["data-log"])
    assert root["data-grid"] == "ready" and log["rows"] == 2 and log["viewer"] == "ready"
    assert re.fullmatch(r"\d+\.\d+", log["value"])
    strict = [BROWSER, *options, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    plain = subprocess.run(strict, capture_output=True, text=True, timeout=120, check=True).stdout
    assert 'data-grid="ready"' in plain  # under the page's own policy


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_prints_tables_and_goes_on(finished, tmp_path, tiny):
    plan = copied(finished, tmp_path)
    arguments = ["evaluate", str(plan.suite), "-m", ",".join(METHODS), "-o", str(plan.out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Scores (0 to 10)" in done.stdout and "ctg" in done.stdout and "index.html" in done.stdout
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(told.stdout)["format"] == results.FORMAT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "cast3d", "--seeds", "x"], "--seeds takes whole numbers"),
        (["-m", "cast4d"], "no method 'cast4d'"),
        (["-m", " , "], "--method takes names"),
        (["--cases", "nine"], "no case 'nine'"),
        (["--set", "part_strat=3"], "unknown setting"),
    ],
)
def test_wrong_arguments_are_plain_errors_and_leave_nothing(finished, tmp_path, arguments, message):
    plan, _ = finished
    done = CliRunner().invoke(app, ["evaluate", str(plan.suite), "-o", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 2 and message in done.output
    assert not (tmp_path / "out").exists()


def test_the_list_names_every_method():
    done = CliRunner().invoke(app, ["evaluate", "--list"])
    assert done.exit_code == 0 and all(
        name in done.stdout for name in ("voxhammer-oracle", "cast3d+SETTING=VALUE", "folder:PATH")
    )
