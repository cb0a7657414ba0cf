"""The command line on real classes: compositions run on the tiny backbone, because the shipped one takes a minute."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from rich.console import Console
from typer.testing import CliRunner

import cast3d
from cast3d import composer as composer_module
from cast3d import composition as composition_module
from cast3d.cli import app, main
from cast3d.cli import machine as machine_module
from cast3d.cli.inputs import read_scene, read_settings
from cast3d.cli.output import show
from cast3d.cli.progress import StageBars, labels_of
from cast3d.cli.resume import read_reseeds
from cast3d.cli.settings_table import settings_page
from cast3d.composer import Composer
from cast3d.errors import CheckpointError, Finding, InputError
from cast3d.run.folder import RunFolder
from cast3d.settings import Settings
from cast3d.splats import cuda
from cast3d.stages import search as search_module
from cast3d.stages.table import COMPOSITION
from tests.tiny_backbone import PROMPT, Bands, pictures, tiny_backbone

ROOT = Path(__file__).parents[2]


def command_line(*arguments: str | Path, code: int = 0):
    """Runs a command line; checks the exit code and that no traceback is shown."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def arguments(folder: Path) -> list[str]:
    """A composition's arguments but its output folder, with the pictures in `folder`."""
    for term, image in pictures().items():
        image.save(folder / f"{term}.png")
    assets = [f"--asset={term}={folder / term}.png" for term in ("cap", "backpack")]
    return [PROMPT, f"--main=figure={folder}/figure.png", *assets]


@pytest.fixture
def call():
    return command_line


@pytest.fixture
def typed(tmp_path) -> list[str]:
    return arguments(tmp_path)


@pytest.fixture
def no_networks(monkeypatch):
    """Loading networks is a failure: whatever is wrong must be found before."""
    monkeypatch.setattr(composer_module, "load", lambda *_, **__: pytest.fail("the networks were loaded"))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(composer_module, "load", lambda *_, **__: Composer(tiny_backbone()))


@pytest.fixture(scope="module")
def composed(tmp_path_factory):
    """A finished run on the tiny backbone, which tests leave as it is: its folder, and what was printed."""
    folder = tmp_path_factory.mktemp("composed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composer_module, "load", lambda *_, **__: Composer(tiny_backbone()))
        done = command_line("compose", *arguments(folder), "--json", "--set=free_fraction=0.4", "-o", folder / "out")
    return folder / "out", done


@pytest.fixture
def finished(composed, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(composed[0], tmp_path / "out")


def assert_seconds_only(before, after):
    """Nothing but what a run took has changed; the report rounds it, so that it may be the same."""
    changed = {name for name, data in after.items() if before[name] != data}
    assert {"run.json"} <= changed <= {"run.json", "report.html"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- bad input: exit code 2, one line, nothing on the disk ------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda given: [given[0].replace("cap", "hat"), *given[1:]], "'cap' does not occur in the prompt"),
        (lambda given: [given[0]], "--main TERM=PICTURE"),
        (lambda given: [*given, "--main=capp"], "did you mean 'cap'"),
        (lambda given: [*given, "--asset=cap"], "--asset takes TERM=PICTURE"),
        (lambda given: [*given, "--asset=cap=nowhere.png"], "no picture nowhere.png"),
        (lambda given: [*given, "--set=difusion=0.5"], "did you mean 'diffusion'"),
        (lambda given: [*given, "--set=diffusion=much"], "diffusion cannot be 'much'"),
        (lambda given: [*given, "--set=diffusion"], "--set takes NAME=VALUE"),
        (lambda given: [*given, "--backbone=nowhere"], "nowhere holds no pipeline.json"),
        (lambda given: [*given, "--device=tpu"], "not 'tpu'"),
        (lambda given: ["nowhere.yaml", *given[1:]], "no such scene file"),
    ],
)
def test_unusable_input_changes_nothing(call, typed, no_networks, tmp_path, change, says):
    done = call("compose", *change(typed), "-o", tmp_path / "out", code=2)
    assert says in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_checks_are_made_in_order(call, typed, no_networks, tmp_path):
    """Scene, settings (which say how pictures are cut out), pictures, folder: each fault hides those after it."""
    (tmp_path / "out").write_text("a file")
    faults = [("unknown setting", "--set=x=1"), ("nowhere.png", "--asset=cap=nowhere.png"), ("is a file", "")]
    for first, (says, _) in enumerate(faults):
        extra = [flag for _, flag in faults[first:] if flag]
        assert says in call("compose", *typed, *extra, "-o", tmp_path / "out", code=2).stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may write anywhere")
def test_unwritable_folder(call, typed, no_networks, tmp_path):
    tmp_path.chmod(0o500)
    assert "not writable" in call("compose", *typed, "-o", tmp_path / "out", code=2).stderr


def test_folder_in_a_file(call, typed, no_networks, tmp_path):
    (tmp_path / "file").touch()
    call("compose", *typed, "-o", tmp_path / "file" / "out", code=2)


def test_folder_with_other_files(call, typed, no_networks, tmp_path):
    assert "holds other files" in call("compose", *typed, "-o", tmp_path, code=2).stderr


def test_picture_on_a_busy_background_is_named(call, typed, no_networks, tmp_path):
    from PIL import Image

    Image.effect_noise((64, 64), 200).convert("RGB").save(tmp_path / "noise.png")
    done = call("compose", *typed, f"--asset=cap={tmp_path / 'noise.png'}", "-o", tmp_path / "out", code=2)
    assert "noise.png: the background" in done.stderr


def test_nothing_to_imagine(call, no_networks, tmp_path):
    assert "the text is empty" in call("imagine", "", "-o", tmp_path / "out", code=2).stderr
    assert "names nothing" in call("imagine", "!?", "-o", tmp_path / "out", code=2).stderr


def test_networks_that_fail_to_load_leave_no_folder(call, typed, tmp_path):
    """A folder without its weights is refused by the loader itself, after the output folder was opened."""
    weights = tmp_path / "released"
    weights.mkdir()
    (weights / "pipeline.json").write_text('{"args": {"models": {}, "image_cond_model": "dinov2_vitl14_reg"}}')
    done = call("compose", *typed, "--backbone", weights, "-o", tmp_path / "out", code=2)
    assert "pipeline.json has no slat_normalization" in done.stderr
    assert not (tmp_path / "out").exists()


def test_another_prompt_needs_another_folder(call, no_networks, finished, typed):
    before = files(finished)
    done = call("compose", typed[0].replace("wearing", "with"), *typed[1:], "-o", finished, code=2)
    assert "another prompt (cast3d compose 'a figure wearing a cap and a backpack')" in done.stderr
    assert {name for name, data in files(finished).items() if data != before[name]} <= {"run.json"}


@pytest.mark.parametrize("command", ["lift", "imagine"])
def test_single_objects_do_not_go_into_a_composition(call, no_networks, finished, typed, command):
    before = files(finished)
    given = typed[1].split("=")[-1] if command == "lift" else "a cap"
    assert "another prompt (cast3d compose 'a figure" in call(command, given, "-o", finished, code=2).stderr
    assert {name for name, data in files(finished).items() if data != before[name]} <= {"run.json"}


# --- scenes and settings ----------------------------------------------------------------------------------------------


def test_options_go_before_the_scene_file(tmp_path):
    file = tmp_path / "scene.yaml"
    file.write_text(
        "prompt: a cap on a figure\nassets: {cap: cap.png, figure: figure.png}\nmain: figure\nseed: 3\n"
        "settings: {diffusion: 0.2, refine: false}\n"
    )
    plain = read_scene(str(file), None, (), None, None, {})
    assert (plain.main, plain.seed, plain.backbone) == ("figure", 3, None)
    changed = read_scene(str(file), "cap", ["figure=other.png"], 0, "bricks", {"diffusion": "0.4"})
    assert (changed.main, changed.seed, changed.backbone) == ("cap", 0, "bricks")
    assert changed["figure"].images == (Path("other.png"),) and changed["cap"].images == (tmp_path / "cap.png",)
    assert changed.settings == {"diffusion": "0.4", "refine": False}


def test_a_term_may_have_several_pictures():
    scene = read_scene("a cap", "cap=front.png", ["cap=side=1.png"], None, None, {})
    assert scene["cap"].images == (Path("front.png"), Path("side=1.png"))


def test_paper_restores_every_setting_that_the_paper_has():
    from cast3d.backbones.folder import backbone_defaults

    brought = backbone_defaults("bricks")
    paper = Settings.paper()
    assert brought != paper == brought.changed(read_settings((), paper=True))
    assert brought.changed(read_settings(["slat_steps=7"], paper=True)) == paper.changed({"slat_steps": 7})
    own = {"background": "plain", "multi_image": "stochastic", "spz": True, "texture_size": 64, "mesh_faces": 99}
    assert Settings(**own, refine=False).changed(read_settings((), paper=True)) == paper.changed(own)


def test_the_scene_files_settings_go_before_the_papers(tmp_path):
    file = tmp_path / "scene.yaml"
    file.write_text("prompt: a cap\nassets: {cap: cap.png}\nsettings: {diffusion: 0.2, refine_start: 3}\n")
    scene = read_scene(str(file), None, (), None, None, {"refine_start": "5"}, paper=True)
    expected = Settings.paper().changed({"diffusion": 0.2, "refine_start": 5})
    assert Settings(slat_steps=4).changed(scene.settings) == expected


def test_settings_page_is_fresh():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: cast3d settings --markdown > docs/settings.md"


def test_settings_are_printed(call):
    shown = call("settings").stdout
    assert all(name in shown for name in Settings().plain())


def test_reseeds():
    scene = cast3d.Scene.make("a cap on a figure", {"cap": "a.png", "figure": "b.png"}, seed=5)
    assert read_reseeds(scene, {"cap": 5, "figure": 5}, []) == {}
    assert read_reseeds(scene, {}, ["cap"]) == {"cap": 6}
    assert read_reseeds(scene, {"cap": 6, "figure": 9}, ["Cap"]) == {"cap": 7, "figure": 9}
    assert read_reseeds(scene, {}, ["cap=0"]) == {"cap": 0}
    for text, says in (("cup", "did you mean 'cap'"), ("cap=new", "whole number"), ("cap=", "whole number")):
        with pytest.raises(InputError, match=says):
            read_reseeds(scene, {}, [text])


# --- runs on the tiny backbone ----------------------------------------------------------------------------------------


def test_compose_prints_one_json_object(composed):
    out, done = composed
    facts = json.loads(done.stdout)
    assert facts["out"] == str(out) and [part["term"] for part in facts["parts"]] == ["figure", "cap", "backpack"]
    assert {"scene.glb", "scene.ply", "turntable.webp", "report.html", "run.json"} == set(facts["files"])
    assert all(Path(path).is_file() for path in facts["files"].values())
    assert all(Path(part["glb"]).is_file() for part in facts["parts"] if part["glb"])
    assert {"main", "hints", "part-cap", "export"} <= set(facts["stages"]) and facts["seconds"] > 0
    assert "Part: cap (part-cap): " in done.stderr
    run = json.loads((out / "run.json").read_text())
    assert run["settings"]["free_fraction"] == 0.4
    assert run["warnings"] == facts["warnings"] and run["notes"] == facts["notes"]


@pytest.mark.parametrize(("count", "says"), [(0, ""), (1, "1 note is in run.json\n"), (9, "9 notes are in run.json\n")])
def test_every_warning_is_printed_and_notes_are_counted(capsys, count, says):
    warnings = [f"risk {i}" for i in range(7)]
    notes = [f"routine {i}" for i in range(count)]
    show({"warnings": warnings, "notes": notes, "parts": [], "seconds": 1.0, "files": {}, "out": "out"}, False)
    assert capsys.readouterr().err == "".join(f"warning: {one}\n" for one in warnings) + says


def test_what_is_done_with_a_picture_as_always_is_a_note(call, tiny, tmp_path):
    """No warning, in run.json nor on the screen; of the user's machine only the file's name is kept."""
    folder = tmp_path / "somebody's own folder"
    folder.mkdir()
    frames = [Image.new("RGB", (64, 64), "white") for _ in range(2)]
    ImageDraw.Draw(frames[0]).ellipse((16, 16, 48, 48), fill="navy")
    frames[0].save(folder / "cap.gif", save_all=True, append_images=frames[1:])
    done = call("lift", folder / "cap.gif", "--term=cap", "-o", tmp_path / "out")
    run = recorded(tmp_path / "out")
    assert run["notes"] == [
        "cap: cap.gif holds 2 pictures; the first one is used",
        "cap: the plain background was cut out",
    ]
    assert run["warnings"] == [] and "warning" not in done.stderr and "2 notes are in run.json" in done.stderr
    kept = (tmp_path / "out" / "run.json").read_text() + (tmp_path / "out" / "report.html").read_text()
    assert folder.name not in kept and str(tmp_path) not in kept


def test_resume_keeps_all_that_has_not_changed(call, tiny, finished):
    before = files(finished)
    done = call("resume", finished, "--from", "geometry")
    kept = [line for line in done.stderr.splitlines() if line.endswith("kept from before")]
    assert len(kept) == 6  # main geometry, layout, its appearance, hints, two parts
    assert "report.html" in done.stdout
    assert_seconds_only(before, files(finished))


def test_resume_takes_settings(call, tiny, finished):
    before = files(finished)
    done = call("resume", finished, "--set=spz=true")
    assert len([line for line in done.stderr.splitlines() if line.endswith("kept from before")]) == 12  # all
    changed = {name for name, data in files(finished).items() if before.get(name) != data}
    assert changed == {"run.json", "report.html", "scene.spz"}
    run = json.loads((finished / "run.json").read_text())
    assert run["settings"]["spz"] is True and run["settings"]["free_fraction"] == 0.4
    assert "did you mean 'spz'" in call("resume", finished, "--set=spzz=true", code=2).stderr


def test_reseeding_changes_one_part(call, tiny, finished):
    before = files(finished)
    call("resume", finished, "--reseed", "cap")
    changed = {name.split("/")[1] for name, data in files(finished).items() if before.get(name) != data and "/" in name}
    assert {"05-part-cap"} <= changed - {"cap.glb", "figure.glb", "backpack.glb"}
    assert changed <= {
        *("05-part-cap", "06-geometry", "07-slat-cap", "08-appearance", "09-refit"),
        *("cap.glb", "figure.glb", "backpack.glb"),
    }  # fmt: skip
    run = json.loads((finished / "run.json").read_text())
    assert run["seeds"] == {"scene": 0, "terms": {"figure": 0, "cap": 1, "backpack": 0}}
    assert run["settings"]["free_fraction"] == 0.4


@pytest.mark.parametrize(
    ("option", "says"), [("--from=geometri", "did you mean 'geometry'"), ("--reseed=hat", "not a term")]
)
def test_resume_refuses_unknown_names(call, tiny, finished, option, says):
    before = files(finished)
    assert says in call("resume", finished, option, code=2).stderr
    assert {name for name, data in files(finished).items() if data != before[name]} <= {"run.json"}


@pytest.fixture
def loads(monkeypatch) -> list[tuple]:
    """The tiny backbone, remembered as what was asked for; what it was asked for, in order."""
    asked = []

    def load(name, device, **loading):
        asked.append((name, device, loading))
        return Composer(tiny_backbone(), name, loading)

    monkeypatch.setattr(composer_module, "load", load)
    return asked


def recorded(out: Path) -> dict:
    return json.loads((out / "run.json").read_text())


def test_resume_loads_the_networks_as_the_run_did(call, loads, tmp_path, monkeypatch):
    out = tmp_path / "imagined"
    call("imagine", "a cap", "-o", out, "--with=batch=2", "--with=compiled=true")
    assert recorded(out)["device"] == "cpu" and recorded(out)["loading"] == {"batch": 2, "compiled": True}
    monkeypatch.setattr("cast3d.cli.inputs.check_device", lambda device: None)
    for entries in ({"device": "cuda:1"}, {}):
        (out / "run.json").write_text(json.dumps(recorded(out) | entries))
        call("resume", out, *(() if entries else ("--device=cuda", "--with=batch=3")))
    was = {"batch": 2, "compiled": True}
    assert loads == [("bricks", "cpu", was), ("bricks", "cuda:1", was), ("bricks", "cuda", was | {"batch": 3})]
    assert recorded(out)["loading"] == was | {"batch": 3}


def test_runs_that_tell_neither_device_nor_loading_go_on(call, loads, finished):
    run = recorded(finished)
    del run["device"], run["loading"]
    (finished / "run.json").write_text(json.dumps(run))
    call("resume", finished)
    assert loads == [("bricks", "cpu", {})]


def test_a_card_that_is_gone_is_a_plain_error(call, no_networks, finished, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (finished / "run.json").write_text(json.dumps(recorded(finished) | {"device": "cuda"}))
    before = files(finished)
    said = call("resume", finished, "--from=geometry", code=2).stderr
    assert "'cuda'" in said and "--device cpu" in said
    assert {name for name, data in before.items() if files(finished)[name] != data} <= {"run.json"}


def test_a_seed_that_cannot_be_costs_no_stage(call, no_networks, finished):
    before = files(finished)
    done = call("resume", finished, "--from=layout", f"--reseed=cap={2**63}", code=2)
    assert "from 0 to 2^63 - 1" in done.stderr
    assert before.keys() == files(finished).keys()


class Unloadable(Bands):
    """A segmenter whose networks are nowhere."""

    @property
    def networks(self):
        raise CheckpointError("no folder nowhere")


@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        (lambda: tiny_backbone(Unloadable({})), "no folder nowhere"),
        (lambda: replace(tiny_backbone(), structure_flows={"image": None}), "no text model"),
    ],
)
def test_networks_that_cannot_compose_cost_no_stage(call, finished, monkeypatch, lacking, says):
    monkeypatch.setattr(composer_module, "load", lambda *_, **__: Composer(lacking()))
    before = files(finished)
    assert says in call("resume", finished, "--from=layout", code=2).stderr
    assert before.keys() == files(finished).keys()


def test_help_lists_every_stage_to_go_on_from(call):
    told = call("resume", "--help").output
    assert all(stage.name in told for stage in COMPOSITION)


def test_resume_needs_a_run(call, tiny, no_networks, tmp_path):
    (tmp_path / "run").mkdir()
    said = call("resume", tmp_path / "run", code=2).stderr
    assert "is not the folder of a run" in said and "did you mean" not in said
    with RunFolder(tmp_path / "bare"):
        pass
    assert "holds nothing to go on with" in call("resume", tmp_path / "bare", code=2).stderr


def test_lift_can_be_made_again_from_its_folder(call, typed, tiny, tmp_path):
    picture, out = Path(typed[1].split("=")[-1]), tmp_path / "lifted"
    given = ["--term=figure", "--frame=in_place", "--seed=3", "--set=slat_steps=2", "--json"]
    done = call("lift", picture, *given, "-o", out)
    assert [part["term"] for part in json.loads(done.stdout)["parts"]] == ["figure"]
    run = json.loads((out / "run.json").read_text())
    assert (run["task"], run["prompt"], run["frame"], run["seeds"]) == ("lift", "figure", "in_place", {"scene": 3})
    assert run["settings"]["slat_steps"] == 2 and run["backbone"] == "tiny" and run["models"] == {"all": "0"}
    assert (out / "inputs" / "figure.png").read_bytes() == picture.read_bytes()
    picture.unlink()
    before = files(out)
    assert "Geometry (main): kept from before" in call("resume", out).stderr
    call("resume", out, "--from", "main")
    assert_seconds_only(before, files(out))
    assert "--reseed is for parts" in call("resume", out, "--reseed", "figure", code=2).stderr


def test_imagine_can_be_made_again_from_its_folder(call, tiny, tmp_path):
    out = tmp_path / "imagined"
    facts = json.loads(call("imagine", "a red sombrero", "--seed=2", "-o", out, "--json").stdout)
    assert any("'sombrero'" in warning for warning in facts["warnings"])
    run = json.loads((out / "run.json").read_text())
    assert (run["task"], run["prompt"], run["seeds"], run["terms"]) == (
        "imagine", "a red sombrero", {"scene": 2}, ["a red sombrero"],
    )  # fmt: skip
    before = files(out)
    call("resume", out, "--from", "main")
    assert_seconds_only(before, files(out))
    assert "another prompt (cast3d imagine 'a red sombrero')" in call("imagine", "a cap", "-o", out, code=2).stderr


def test_interrupted_runs_say_how_to_go_on(call, typed, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(composer_module, "load", interrupt)
    done = call("compose", *typed, "-o", tmp_path / "early", code=130)
    assert "nothing was kept" in done.stderr and not (tmp_path / "early").exists()

    monkeypatch.setattr(composer_module, "load", lambda *_, **__: Composer(tiny_backbone()))
    for module in (composition_module, search_module):
        monkeypatch.setattr(module, "LAYOUT", replace(module.LAYOUT, function=interrupt))
    done = call("compose", *typed, "-o", tmp_path / "my run", code=130)
    assert f"cast3d resume '{tmp_path / 'my run'}'" in done.stderr
    assert "Main geometry (main): kept from before" in call("resume", tmp_path / "my run", code=130).stderr


# --- progress, doctor, the program ------------------------------------------------------------------------------------


def test_progress_lines():
    scene = cast3d.Scene.make("a cap on a figure", {"figure": "b.png", "cap": "a.png"})
    console = Console(record=True, width=100, force_terminal=False)
    with StageBars(console, labels_of(scene)) as bars:
        bars("main", 1, 1)
        for done, total in ((0, 1), (1, 2), (2, 2), (1, 1)):
            bars("layout", done, total)
        bars("retry", 1, 2)
        bars("layout", 0, 1)
        bars("layout", 1, 1)
        bars("retry", 2, 2)
    kept, first, retry, second = console.export_text().splitlines()
    assert kept == "[ 1/14] Main geometry (main): kept from before"
    assert first.startswith("[ 2/14] Layout (layout): ") and second.startswith("[ 2/14] Layout (layout): ")
    assert retry == "not every term was found; layout 2 of 2 is tried"


def test_what_is_lifted_or_imagined_is_counted_by_its_own_stages():
    assert list(labels_of(None)) == ["main", "appearance", "refit", "meshes", "export"]
    assert list(labels_of(None, imagined=True)) == ["main", "appearance", "meshes", "export"]


def test_a_stage_that_is_seldom_needed_is_counted_once_it_is():
    console = Console(record=True, width=100, force_terminal=False)
    with StageBars(console, {"main": "Main geometry"}) as bars:
        bars("own_cube-desk-lamp", 1, 1)
        bars("main", 1, 1)
    first, second = console.export_text().splitlines()
    assert first.startswith("[ 1/2] Own cube: desk-lamp (own_cube-desk-lamp): ") and second.startswith("[ 2/2] Main")


def test_bars_on_a_terminal_show_the_time_left(monkeypatch):
    """Terms are text, never markup: one that looks like a closing tag is shown as it is."""
    clock = iter(range(1000))
    console = Console(record=True, width=100, force_terminal=True, get_time=lambda: float(next(clock)))
    with StageBars(console, {"main": "geometry of [/cap]"}) as bars:
        bars("main", 0, 1)
        for done in range(1, 4):
            bars("main", done, 6)
        bars.bars.refresh()
        (row,) = bars.bars.tasks
        assert row.time_remaining and (row.completed, row.total) == (3, 6)
        shown = console.export_text(clear=False)
        bars("main", 1, 1)
    assert "[ 1/1] geometry of [/cap]" in shown and "3/6" in shown
    assert "[ 1/1] geometry of [/cap] (main): " in console.export_text()


def test_doctor_tries_the_shipped_networks(call):
    found = {one["name"]: one for one in json.loads(call("doctor", "--json").stdout)["findings"]}
    assert found["compose"]["ok"] and found["backbone"]["ok"] and found["torch"]["ok"]
    assert all(one["fix"] for one in found.values() if one["ok"] is False)


def test_doctor_names_what_would_not_run(call, tmp_path):
    shown = call("doctor", "--backbone", tmp_path, code=1).stdout
    assert "FAIL backbone" in shown and "FAIL compose" in shown and "fix: " in shown


def test_doctor_says_whether_gsplat_draws(monkeypatch):
    def told() -> Finding:
        return next(one for one in machine_module._extras() if one.name == "gsplat")

    monkeypatch.setattr(machine_module.util, "find_spec", lambda _: "found")
    monkeypatch.setattr(machine_module, "_version", lambda _: "1.5.3")
    assert told().ok is None and "no CUDA device" in told().text  # on this machine nothing is wrong
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(cuda, "problem", lambda: "gsplat's kernels cannot be compiled: nvcc is missing")
    assert told().ok is None and "nvcc is missing" in told().text and "CPU" in told().text and told().fix  # it runs
    monkeypatch.setattr(cuda, "problem", lambda: None)
    assert told().ok and "draws" in told().text


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
@pytest.mark.parametrize("options", [[], ["--device=cuda", "--with=batch=2", "--front=nowhere.png"], ["--json"]])
def test_doctor_speaks_where_torch_cannot_be_imported(tmp_path, options, error):
    (tmp_path / "torch.py").write_text(f"raise {error}('a library is missing')")
    command = [sys.executable, "-m", "cast3d", "doctor", *options]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and done.stderr == ""
    if "--json" in options:
        names = [one["name"] for one in json.loads(done.stdout)["findings"]]
    else:
        names = [line.split()[1] for line in done.stdout.splitlines() if "fix: " not in line]
        assert "FAIL torch" in done.stdout and "pip install" in done.stdout
    assert names == ["cast3d", "python", "torch"]


def test_doctor_checks_what_it_is_asked_once_torch_is_there(call):
    done = call("doctor", "--device=tpu", code=2)
    assert "not 'tpu'" in done.stderr and "torch" in done.stdout
    assert "no picture nowhere.png" in call("doctor", "--front=nowhere.png", code=2).stderr


@pytest.mark.parametrize(
    ("option", "value"), [("memory", "offload"), ("segmenter", "sam3"), ("segmenter", "grounded-sam2")]
)
@pytest.mark.parametrize("command", ["imagine", "doctor"])
def test_bricks_refuses_what_only_trellis_models_take(call, no_networks, tmp_path, command, option, value):
    given = ["a cap", "-o", tmp_path / "out"] if command == "imagine" else []
    said = call(command, *given, f"--with={option}={value}", code=2).stderr
    assert f"{option}={value}" in said and "bricks" in said and "batch, compiled" in said and "trellis" in said
    assert not (tmp_path / "out").exists()


def test_doctor_says_that_bricks_needs_no_picture_of_a_front(call, typed):
    found = json.loads(call("doctor", "--json", f"--front={typed[1].split('=')[-1]}").stdout)["findings"]
    (front,) = [one for one in found if one["name"] == "front"]
    assert front["ok"] is None and "TRELLIS" in front["text"]


def test_doctor_names_a_missing_backbone_whatever_is_loaded_with(call, tmp_path):
    shown = call("doctor", "--backbone", tmp_path, "--with=memory=offload", code=1).stdout
    assert "FAIL backbone" in shown and "FAIL compose" in shown


def test_the_program_starts_light():
    """Help comes without the heavy packages; one process proves it for the module and for every command."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom cast3d.cli import app\n"
        "for name in ('compose', 'resume', 'lift', 'imagine', 'doctor', 'settings'):\n"
        "    assert CliRunner().invoke(app, [name, '--help']).exit_code == 0\n"
        "print(*{'torch', 'numpy', 'scipy', 'PIL', 'numba'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_waiting_threads_sleep_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["cast3d", "--version"])
    monkeypatch.setattr(os, "environ", {"GOMP_SPINCOUNT": "7"})
    with pytest.raises(SystemExit):
        main()
    assert os.environ == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "7"}


def test_the_program_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "cast3d", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"cast3d {cast3d.__version__}\n"
    failed = subprocess.run([sys.executable, "-m", "cast3d", "resume", "nowhere"], capture_output=True, text=True)
    assert failed.returncode == 2 and failed.stderr.startswith("error: ") and failed.stdout == ""


def test_the_words_of_edits_are_the_scene_s():
    from cast3d.cli.edit import Find, Keep
    from cast3d.scene.change import FINDS, KEEPS

    assert [one.value for one in Keep] == list(KEEPS) and [one.value for one in Find] == list(FINDS)
