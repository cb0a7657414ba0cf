"""A whole composition on a tiny backbone: same bytes, keyed noise, resuming, the ladder, what it says when it fails."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from cast3d import composition
from cast3d.composer import Composer
from cast3d.errors import InputError, Paused, TermNotFound
from cast3d.result.report import report_of_run
from cast3d.run.folder import RunFolder
from cast3d.scene import Scene
from cast3d.stages import layout, search, table
from cast3d.stages.hints import YAWS
from tests.tiny_backbone import BANDS, PROMPT, Bands, pictures, tiny_backbone, with_bias, with_namer

CAP_ONLY = "a figure wearing a cap"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def stages(folder: Path) -> dict[str, dict[str, bytes]]:
    return {stage.name: contents(stage) for stage in sorted((folder / "stages").iterdir())}


STAGES = (
    "main", "layout", "layout_appearance", "hints", "part-cap", "part-backpack",
    "geometry", "slat-figure", "slat-cap", "slat-backpack", "appearance", "refit",
)  # fmt: skip


class Watch:
    """Progress of a run: which stages were computed, not just found (meshes and export always are)."""

    def __init__(self):
        self.calls: list[tuple[str, int, int]] = []

    def __call__(self, name: str, done: int, total: int) -> None:
        self.calls.append((name, done, total))

    @property
    def computed(self) -> list[str]:
        return [name for name, done, total in self.calls if (done, total) == (0, 1) and name in STAGES]


def compose(out: Path | None, prompt=PROMPT, segmenter=None, **more):
    """The result, and which stages were computed for it."""
    watch = Watch()
    terms = {term: picture for term, picture in pictures().items() if term in prompt}
    result = Composer(tiny_backbone(segmenter)).compose(prompt, terms, out=out, progress=watch, **more)
    return result, watch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, its result and its progress. Tests work on copies."""
    out = tmp_path_factory.mktemp("composer") / "run"
    result, watch = compose(out)
    return out, result, watch


@pytest.fixture
def copy(finished, tmp_path):
    return Path(shutil.copytree(finished[0], tmp_path / "copy"))


@pytest.fixture
def doubles():
    """A composer whose backbone was made in float32, in a program that computes in float64."""
    composer = Composer(tiny_backbone())
    torch.set_default_dtype(torch.float64)
    yield composer
    torch.set_default_dtype(torch.float32)


def test_the_default_data_type_of_torch_is_the_user_s(finished, doubles, tmp_path):
    """A program that computes in float64 composes to the same bytes, and goes on in float64."""
    composer = doubles
    composer.compose(PROMPT, pictures(), out=tmp_path / "doubles")
    composer.lift(pictures()["cap"], out=tmp_path / "lifted")
    composer.imagine("a red cap").save(tmp_path / "imagined")
    with pytest.raises(InputError):
        composer.lift("nowhere.png")
    assert torch.get_default_dtype() == torch.float64
    assert (tmp_path / "doubles" / "scene.glb").read_bytes() == (finished[0] / "scene.glb").read_bytes()


def test_a_run_leaves_every_stage_and_file(finished):
    out, _, watch = finished
    assert watch.computed == list(STAGES)
    assert sorted(name[3:] for name in stages(out)) == sorted((*STAGES, "reading"))
    assert "".join(name[1] for name in stages(out)) == "1123455677789"  # indices: some stages are made per term
    files = {
        "scene.glb",
        "scene.ply",
        "turntable.webp",
        "report.html",
        "run.json",
        "parts/cap.glb",
        "inputs/scene.yaml",
    }
    assert files <= set(contents(out))
    assert report_of_run(out)


def test_parts_share_out_the_voxels(finished):
    _, result, _ = finished
    assert list(result.parts) == ["figure", "cap", "backpack"]
    voxels = torch.stack([part.voxels for part in result.parts.values()])
    assert voxels.sum(0).max() == 1 and voxels.flatten(1).any(1).all()
    assert sum(len(part.gaussians) for part in result.parts.values()) == len(result.gaussians)
    for index, part in enumerate(result.parts.values()):
        assert (part.gaussians.part == index).all()
        assert len(part.mesh.faces) and part.mesh.colors.min() >= 0 and part.mesh.colors.max() <= 1


def test_same_inputs_same_bytes(finished, tmp_path):
    compose(tmp_path / "again")
    assert contents(finished[0] / "stages") == contents(tmp_path / "again" / "stages")
    for name in ("scene.glb", "scene.ply", "parts/backpack.glb"):
        assert (finished[0] / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_the_folder_changes_nothing(finished):
    plain, _ = compose(None)
    for term, part in finished[1].parts.items():
        assert torch.equal(part.voxels, plain.parts[term].voxels)
        assert torch.equal(part.gaussians.positions, plain.parts[term].gaussians.positions)


def test_a_result_saved_later_remembers_what_it_was_made_of(finished, tmp_path):
    shown = {term: picture for term, picture in pictures().items() if term in CAP_ONLY}
    result = Composer(tiny_backbone()).compose(CAP_ONLY, shown, seed=3, settings={"part_start": 2})
    result.save(tmp_path / "saved")
    with RunFolder(tmp_path / "saved", must_exist=True) as run:
        assert run.info["seeds"] == {"scene": 3, "terms": {"figure": 3, "cap": 3}}
        assert (run.info["task"], run.info["settings"]["part_start"]) == ("compose", 2)
        again = Composer(tiny_backbone()).compose(run.scene(), settings=run.info["settings"])
    assert torch.equal(again.parts["cap"].voxels, result.parts["cap"].voxels)
    assert [one.term for one in report_of_run(tmp_path / "saved").inputs] == ["figure", "cap"]


def test_a_finished_run_is_only_read(finished, copy):
    _, watch = compose(copy)
    assert watch.computed == []
    assert contents(finished[0] / "stages") == contents(copy / "stages")
    assert (finished[0] / "scene.glb").read_bytes() == (copy / "scene.glb").read_bytes()


def test_a_run_goes_on_where_stages_are_missing(finished, copy):
    later = list(STAGES[STAGES.index("part-cap") + 1 :])
    for folder in (copy / "stages").iterdir():
        if folder.name[3:] in later:
            shutil.rmtree(folder)
    for name in ("scene.glb", "scene.ply", "report.html", "turntable.webp"):
        (copy / name).unlink()
    _, watch = compose(copy)
    assert watch.computed == later
    assert contents(finished[0] / "stages") == contents(copy / "stages")
    assert (finished[0] / "scene.glb").read_bytes() == (copy / "scene.glb").read_bytes()


def test_another_seed_for_one_part_leaves_the_others(finished, copy):
    _, watch = compose(copy, reseed={"cap": 7})
    assert watch.computed == ["part-cap", "geometry", "slat-cap", "appearance", "refit"]
    before, after = stages(finished[0]), stages(copy)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"05-part-cap", "06-geometry", "07-slat-cap", "08-appearance", "09-refit"}


def test_a_further_part_keeps_the_main_geometry(finished, tmp_path):
    with pytest.raises(Paused):  # it has all that is looked at
        compose(tmp_path / "fewer", prompt=CAP_ONLY, pause=["hints"])
    assert stages(tmp_path / "fewer")["01-main"] == stages(finished[0])["01-main"]


def test_another_seed_changes_everything(finished):
    other, _ = compose(None, prompt=CAP_ONLY, seed=1)
    assert not torch.equal(other.parts["figure"].voxels, finished[1].parts["figure"].voxels)


def test_the_main_term_may_stand_anywhere(finished):
    shown = {term: pictures()[term] for term in ("cap", "figure", "backpack")}
    turned = Composer(tiny_backbone()).compose(PROMPT, shown, main="figure")
    for term, part in finished[1].parts.items():
        assert torch.equal(part.voxels, turned.parts[term].voxels), term


def test_only_a_main_asset():
    result, _ = compose(None, prompt="a figure")
    assert list(result.parts) == ["figure"] and result.parts["figure"].voxels.any()


def test_parts_keep_their_names_when_the_assets_change_places(copy):
    """Stages remember parts by number, and none of what the last one is made of knows their order."""
    shown = pictures()
    swapped = {term: shown[term] for term in ("figure", "backpack", "cap")}
    went_on = Composer(tiny_backbone()).compose(PROMPT, swapped, out=copy)
    straight = Composer(tiny_backbone()).compose(PROMPT, swapped)
    for term, part in straight.parts.items():
        assert torch.equal(went_on.parts[term].voxels, part.voxels), term


# --- the ladder -----------------------------------------------------------------------------------------------------

VIEWS = YAWS


def test_the_next_rung_is_tried_until_a_term_shows(tmp_path):
    result, watch = compose(tmp_path / "run", CAP_ONLY, Bands(BANDS, blind={"cap": VIEWS}))
    assert watch.computed.count("layout") == watch.computed.count("hints") == 2
    assert ("retry", 1, 2) in watch.calls
    assert result.parts["cap"].voxels.any()
    alone, _ = compose(None, CAP_ONLY, settings={"layout_starts": 5})  # the second rung by itself
    assert torch.equal(alone.parts["cap"].voxels, result.parts["cap"].voxels)
    _, again = compose(tmp_path / "run", CAP_ONLY, Bands({}))
    assert again.computed == []  # not even the first rung


RED, BLUE = (180, 0, 0), (25, 75, 150)


def square(color: tuple[int, int, int], side: int = 30) -> Image.Image:
    image = Image.new("RGBA", (64, 64))
    image.paste(color, (8, 8, 8 + side, 8 + side))
    return image


def second_look(colors: bool) -> Composer:
    """Its segmenter misses the cap in the first layout as it is painted first."""
    return Composer(tiny_backbone(Bands(BANDS, blind={"cap": VIEWS}), layout_colors=colors))


def test_a_layout_is_painted_again_in_the_colours_of_the_pictures(monkeypatch):
    asked, painted = [], layout.layout_appearance

    def listening(kit, shape, prompt):
        asked.append(prompt)
        return painted(kit, shape, prompt)

    swapped = replace(table.LAYOUT_APPEARANCE, function=listening)
    for module in (search, composition):
        monkeypatch.setattr(module, "LAYOUT_APPEARANCE", swapped)
    given = {**pictures(), "cap": square(BLUE), "backpack": square(RED)}
    words, colored = (f"a figure wearing a {color}cap and a green backpack" for color in ("", "blue "))
    found_at_once = Composer(tiny_backbone(layout_colors=True))
    for composer, wanted, layouts in (
        (found_at_once, [words], 1),
        (second_look(True), [words, colored], 1),
        (second_look(False), [words], 2),  # off by itself, as in the paper: another layout
    ):
        asked.clear()
        watch = Watch()
        composer.compose(words, given, progress=watch)
        assert list(dict.fromkeys(asked)) == wanted and watch.computed.count("layout") == layouts


def test_of_a_picture_a_second_look_takes_the_colour_alone(tmp_path):
    out = tmp_path / "run"
    second_look(True).compose(PROMPT, {**pictures(), "cap": square(RED)}, out=out)
    hints = contents(out / "stages" / "04-hints")
    watch = Watch()
    second_look(True).compose(PROMPT, {**pictures(), "cap": square(RED, 40)}, out=out, progress=watch)
    assert "part-cap" in watch.computed and not {"main", "layout", "part-backpack"} & set(watch.computed)
    assert contents(out / "stages" / "04-hints") == hints


def test_a_term_that_never_shows_is_named(tmp_path):
    with pytest.raises(TermNotFound, match=r"no 'cap' \(found: 'figure', 'backpack'\)") as error:
        compose(tmp_path / "run", segmenter=Bands({"figure": (0, 1), "backpack": BANDS["backpack"]}))
    picture = tmp_path / "run" / "not-found.png"
    assert picture.is_file() and str(picture) in str(error.value)
    assert not (tmp_path / "run" / "scene.glb").exists()
    compose(tmp_path / "run")
    assert not picture.exists()


# --- lookalikes ----------------------------------------------------------------------------------------------------

FEZ = "a figure wearing a fez"


def with_lookalikes(out, prompt, segmenter, *names, most=2):
    watch, shown = Watch(), {"figure": pictures()["figure"], prompt.split()[-1]: pictures()["cap"]}
    backbone = with_namer(tiny_backbone(segmenter, lookalikes=most), *names)
    return Composer(backbone).compose(prompt, shown, out=out, progress=watch), watch


def test_a_term_without_words_is_drawn_as_what_it_looks_like(tmp_path):
    result, watch = with_lookalikes(tmp_path / "run", FEZ, Bands(BANDS), "backpack", "cap")
    assert list(result.parts) == ["figure", "fez"] and watch.computed.count("layout") == 1
    with RunFolder(tmp_path / "run", must_exist=True) as run:
        assert run.info["terms"] == ["figure", "fez"]
    told = [warning for warning in result.warnings if "fez: the layout" in warning]
    assert len(told) == 1 and "'cap'" in told[0] and "no word" in told[0]
    assert not any("does not know" in warning for warning in result.warnings)
    _, again = with_lookalikes(tmp_path / "run", FEZ, Bands({}), "backpack", "cap")
    assert again.computed == []


def test_what_a_base_is_known_to_wear_is_tried_first():
    backbone = with_namer(tiny_backbone(Bands(BANDS), lookalikes=2), "backpack", "cap")
    backbone.describer.animals = {"nouns": ["figure"], "wear": ["backpack"]}
    shown = {"figure": pictures()["figure"], "fez": pictures()["cap"]}
    result = Composer(backbone).compose(FEZ, shown)
    assert any("'backpack'" in line and "no word" in line for line in result.warnings)


def test_a_term_that_does_not_show_is_drawn_as_what_it_looks_like(tmp_path):
    blind = {"cap": 2 * VIEWS}  # on both rungs
    result, watch = with_lookalikes(tmp_path / "run", CAP_ONLY, Bands(BANDS, blind), "a", "backpack")
    assert watch.computed.count("layout") == 3 and list(result.parts) == ["figure", "cap"]
    assert any("'backpack'" in line and "showed none" in line for line in result.warnings)
    _, again = with_lookalikes(tmp_path / "run", CAP_ONLY, Bands({}), "a", "backpack")
    assert again.computed == []  # straight to the names that held


def test_a_name_that_the_text_model_knows_in_part_goes_by_one_that_it_knows(tmp_path, monkeypatch):
    backbone = with_namer(tiny_backbone(Bands(BANDS), lookalikes=2), "a", "cap")
    monkeypatch.setattr(backbone.describer, "taught", lambda term, *_: "cap" if term == "backpack" else None, False)
    terms = {term: picture for term, picture in pictures().items() if term != "cap"}
    prompt = "a figure wearing a backpack"
    result = Composer(backbone).compose(prompt, terms, out=tmp_path / "run")
    assert list(result.parts) == ["figure", "backpack"]
    assert [line for line in result.warnings if "'cap'" in line and "noun only" in line]
    paper = Composer(backbone).compose(prompt, terms, settings={"lookalikes": 0})
    assert not any("'cap'" in line for line in paper.warnings)


def test_lookalikes_that_do_not_show_either_are_told(tmp_path):
    with pytest.raises(TermNotFound, match=r"no 'fez' .*nor for 'fez' any 'cap' or 'backpack'"):
        with_lookalikes(tmp_path / "run", FEZ, Bands({"figure": (0, 1)}), "a", "backpack", "cap")
    with pytest.raises(TermNotFound) as error:
        with_lookalikes(tmp_path / "run", FEZ, Bands({"figure": (0, 1)}), "cap", most=0)
    assert "nor for" not in str(error.value)


def test_the_term_that_no_rung_shows_is_the_one_renamed(tmp_path):
    """The cap is missing on both rungs, the backpack on the last one only."""
    calls = {"backpack": 0}

    class Flicker(Bands):
        def __call__(self, image, alpha, term):
            calls[term] = calls.get(term, 0) + 1
            blind = term == "backpack" and VIEWS < calls[term] <= 2 * VIEWS
            return super().__call__(image, alpha, "nothing" if blind else term)

    backbone = with_namer(tiny_backbone(Flicker(BANDS), lookalikes=1), "a", "cap")
    shown = pictures()
    terms = {"figure": shown["figure"], "red": shown["cap"], "backpack": shown["backpack"]}
    result = Composer(backbone).compose("a figure wearing a red and a backpack", terms, out=tmp_path / "run")
    assert list(result.parts) == ["figure", "red", "backpack"]
    told = [line for line in result.warnings if "resembles" in line]
    assert len(told) == 1 and told[0].startswith("red:") and "'cap'" in told[0]


def test_an_empty_main_geometry_is_told_before_the_layout(tmp_path):
    composer = Composer(with_bias(tiny_backbone(), -1e3))
    for prompt in ("a figure", CAP_ONLY):
        terms = {term: picture for term, picture in pictures().items() if term in prompt}
        with pytest.raises(TermNotFound, match="nothing came out for 'figure'"):
            composer.compose(prompt, terms, out=tmp_path / prompt.replace(" ", "-"))


def test_another_scene_in_the_folder_leaves_no_seeds_behind(copy):
    compose(copy, CAP_ONLY, seed=5)
    with RunFolder(copy, must_exist=True) as run:
        assert run.info["seeds"] == {"scene": 5, "terms": {"figure": 5, "cap": 5}}
        assert set(run.info["images"]) == {"figure", "cap"}


def test_inputs_and_task_are_recorded_at_once(tmp_path, monkeypatch):
    """A run that is killed while it writes what it was given is either nothing yet or can go on."""
    seen = []
    write = RunFolder._write
    monkeypatch.setattr(RunFolder, "_write", lambda run, record: (seen.append(dict(record)), write(run, record)))
    compose(tmp_path / "run", CAP_ONLY)
    assert seen and all(("prompt" in record) == ("task" in record) for record in seen)


def test_a_scene_is_whole():
    scene = Scene.make("a figure", {"figure": pictures()["figure"]}, seed=3)
    composer = Composer(tiny_backbone())
    assert composer.compose(scene).seed == 3 and composer.compose(scene, seed=4).seed == 4
    with pytest.raises(InputError, match="a Scene has its assets"):
        composer.compose(scene, pictures())


def test_long_sentences_are_told():
    result, _ = compose(None, prompt="a figure" + " and a red cap" * 10)
    assert any("reads the first 31 words" in line for line in result.warnings)


# --- what users get wrong -------------------------------------------------------------------------------------------


def test_unknown_words_are_named_with_their_neighbours():
    result, _ = compose(None, prompt="a figure wearing a capp and a cap, majestically")
    told = [warning for warning in result.warnings if "does not know" in warning]
    assert any("'capp'" in line and "'cap'" in line for line in told)
    assert any("'majestically'" in line for line in told) and len(told) == 2


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"settings": {"part_strat": 3}}, "part_start"),
        ({"settings": {"part_start": 99}}, "levels are 1 to 5"),
        ({"reseed": {"helmet": 3}}, "helmet"),
        ({"reseed": {"cap": "x"}}, "seed of 'cap' is a whole number"),
        ({"reseed": {"cap": -1}}, "seed of 'cap' is a whole number"),
        ({"main": "hat"}, "hat"),
    ],
)
def test_bad_input_leaves_no_folder(tmp_path, wrong, message):
    with pytest.raises(InputError, match=message):
        compose(tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


# --- single objects -------------------------------------------------------------------------------------------------


def test_lift_and_imagine_make_one_part(monkeypatch):
    composer = Composer(tiny_backbone())
    cap = pictures()["cap"]
    lifted, again, in_place = composer.lift(cap, "cap"), composer.lift(cap, "cap"), composer.lift(cap, frame="in_place")
    assert list(lifted.parts) == ["cap"] and lifted.parts["cap"].voxels.any()
    assert torch.equal(lifted.parts["cap"].voxels, again.parts["cap"].voxels)
    assert not torch.equal(lifted.parts["cap"].voxels, in_place.parts["object"].voxels)
    imagined = composer.imagine("a red capp")
    assert list(imagined.parts) == ["a red capp"] and "'capp'" in imagined.warnings[0]
    monkeypatch.setattr(composer.backbone.describer.vocabulary, "nouns", {"trilby": ("cap",)})
    told = composer.imagine("a red trilby")
    assert told.notes == ["the backbone tiny does not know the word 'trilby' and reads 'cap' in its place"]
    assert told.warnings == []


def test_lift_takes_several_views():
    composer, shown = Composer(tiny_backbone()), pictures()
    one, both = (composer.lift(views, "cap").parts["cap"] for views in (shown["cap"], [shown["cap"], shown["figure"]]))
    assert both.voxels.any() and not torch.equal(one.voxels, both.voxels)


def test_pictures_that_cannot_be_cut_out_are_named(tmp_path):
    noise = Image.effect_noise((64, 64), 200).convert("RGB")
    noise.save(tmp_path / "noise.png")
    for source, name in ((noise, "the picture of 'cap'"), (tmp_path / "noise.png", r".*noise\.png")):
        with pytest.raises(InputError, match=f"{name}: the background could not be told"):
            shown = {"figure": pictures()["figure"], "cap": source}
            Composer(tiny_backbone()).compose(CAP_ONLY, shown, settings={"background": "plain"})


def test_what_is_lifted_takes_its_pictures_colors(tmp_path):
    """A stage of its own; off, the colours are the decoder's. A thing unlike its picture is told."""
    composer, cap = Composer(tiny_backbone()), pictures()["cap"]
    plain, colored = (
        composer.lift(cap, "cap", settings={"recolor": on, "refit": on}, out=tmp_path / str(on)) for on in (0.0, 1.0)
    )
    assert torch.equal(plain.gaussians.positions, colored.gaussians.positions)
    assert not torch.equal(plain.gaussians.features_dc, colored.gaussians.features_dc)
    run = json.loads((tmp_path / "1.0" / "run.json").read_text())
    (seen,) = run["appearance"]["pictures"]["cap"]
    unlike = [text for text in colored.warnings if "looks like its picture from no side" in text]
    assert bool(unlike) == (seen["confidence"] < 0.3) and not plain.warnings
    assert (tmp_path / "1.0/stages/03-refit").is_dir()


def test_meshes_are_smoothed_as_the_settings_say():
    """Triangles and splats stay; vertices move by less than a voxel."""
    composer, cap = Composer(tiny_backbone()), pictures()["cap"]
    rough, smooth = (composer.lift(cap, "cap", settings={"smooth": rounds}) for rounds in (0, 6))
    one, other = (result.parts["cap"].mesh for result in (rough, smooth))
    moved = (one.vertices - other.vertices).norm(dim=1)
    assert torch.equal(one.faces, other.faces) and 0 < moved.max() < 1 / 64
    assert torch.equal(rough.gaussians.positions, smooth.gaussians.positions)


def test_lift_names_its_frames():
    with pytest.raises(InputError, match="'fill' is not known; did you mean 'filled'"):
        Composer(tiny_backbone()).lift(pictures()["cap"], frame="fill")


def test_run_json_tells_what_was_used(finished):
    with RunFolder(finished[0], must_exist=True) as run:
        assert run.info["settings"]["part_start"] == 3 and run.info["backbone"] == "tiny"
        assert run.info["terms"] == ["figure", "cap", "backpack"] and run.info["models"] == {"all": "0"}
        assert set(run.info["stages"]) >= {"main", "geometry", "export"}
