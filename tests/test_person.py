"""A person in the loop: runs that pause, go on with painted hints, are cancelled, and show what they are sampling."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from cast3d import flow
from cast3d.composer import Composer
from cast3d.errors import Cancelled, InputError, Paused
from cast3d.run.folder import RunFolder
from cast3d.stages.glimpses import Glimpses, watched
from cast3d.stages.table import stage_of
from tests.test_composer import STAGES, Watch, compose, contents, stages
from tests.tiny_backbone import PROMPT, Bands, pictures, tiny_backbone

FIRST_HALF = ["main", "layout", "layout_appearance", "hints"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("person") / "run"
    compose(out)
    return out


@pytest.fixture
def copy(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def hints_of(out: Path, name: str = "hints") -> dict[str, torch.Tensor]:
    with RunFolder(out, must_exist=True) as run:
        saved = run.load_stage(name)
    return dict(zip(saved.meta["terms"], saved.tensors["grids"]))


# --- pausing --------------------------------------------------------------------------------------------------------


def test_a_run_waits_where_it_is_asked_to_and_goes_on_to_the_same_bytes(finished, tmp_path):
    out, done = tmp_path / "run", []
    for pause in (("pictures", "hints"), ("hints",), ()):
        watch = Watch()
        try:
            Composer(tiny_backbone()).compose(PROMPT, pictures(), out=out, progress=watch, pause=pause)
        except Paused as stop:
            assert stop.point == pause[0] and not (out / "scene.glb").exists()
        done.append(watch.computed)
    assert done == [[], FIRST_HALF, list(STAGES[4:])]
    assert contents(out / "stages") == contents(finished / "stages")
    assert (out / "scene.glb").read_bytes() == (finished / "scene.glb").read_bytes()


def test_a_paused_run_has_the_pictures_that_went_in(tmp_path):
    with pytest.raises(Paused):
        compose(tmp_path / "run", pause=["pictures"])
    assert sorted(path.name for path in (tmp_path / "run" / "inputs").glob("*.png")) == [
        "backpack.png", "cap.png", "figure.png",
    ]  # fmt: skip


def test_points_are_named(tmp_path):
    with pytest.raises(InputError, match="'hint'; did you mean 'hints'"):
        compose(tmp_path / "run", pause=["hint"])
    assert not (tmp_path / "run").exists()


# --- painted hints --------------------------------------------------------------------------------------------------


def test_a_painted_hint_takes_the_place_of_the_found_one(finished, copy):
    found = hints_of(copy)
    painted = found["cap"] | found["backpack"]
    _, watch = compose(copy, hints={"cap": painted})
    assert watch.computed == [
        "part-cap",
        "part-backpack",
        "geometry",
        "slat-cap",
        "slat-backpack",
        "appearance",
        "refit",
    ]
    used = hints_of(copy, "painted_hints")
    assert torch.equal(used["cap"], painted) and not (used["backpack"] & painted).any()
    assert torch.equal(
        torch.stack(list(used.values())).sum(0).clamp(max=1).bool(), torch.stack(list(found.values())).any(0)
    )
    assert stages(copy)["04-hints"] == stages(finished)["04-hints"]  # what was found stays to go back to
    with RunFolder(copy, must_exist=True) as run:
        saved = run.load_stage("painted_hints")
        assert set(saved.made_of["read"]) == {"hint:figure", "hint:cap", "hint:backpack"}
        assert any("cap: painted by a person" in line for line in saved.meta["report"])
    _, again = compose(copy, hints={"cap": painted.clone()})
    assert again.computed == []
    straight = copy.parent / "straight"
    compose(straight, hints={"cap": painted})
    assert contents(straight / "stages") == contents(copy / "stages")


def test_without_them_the_run_goes_back_to_what_was_found(finished, copy):
    compose(copy, hints={"cap": hints_of(copy)["backpack"]})
    compose(copy)
    assert contents(copy / "stages") == contents(finished / "stages")
    assert (copy / "scene.glb").read_bytes() == (finished / "scene.glb").read_bytes()


def test_no_voxel_belongs_to_two_terms(copy):
    everywhere = torch.ones(64, 64, 64, dtype=torch.bool)
    corner = torch.zeros_like(everywhere)
    corner[:20] = True
    compose(copy, hints={"backpack": everywhere, "cap": corner})
    used = hints_of(copy, "painted_hints")
    assert torch.stack(list(used.values())).sum(0).max() == 1
    assert torch.equal(used["cap"], corner) and torch.equal(used["backpack"], ~corner) and not used["figure"].any()


def test_what_no_layout_shows_may_be_painted(tmp_path):
    blind = Bands({"figure": (0, 1), "backpack": (0.65, 1.0)})
    place = torch.zeros(64, 64, 64, dtype=torch.bool)
    place[20:40, 20:40, 40:60] = True
    result, _ = compose(tmp_path / "run", segmenter=blind, hints={"cap": place})
    assert result.parts["cap"].voxels.any()
    _, again = compose(tmp_path / "run", segmenter=blind, hints={"cap": place})
    assert again.computed == []


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"hat": torch.ones(64, 64, 64, dtype=torch.bool)}, "a hint for 'hat'"),
        ({"cap": torch.ones(64, 64, dtype=torch.bool)}, r"bool tensor \[64, 64, 64\]"),
        ({"cap": torch.ones(64, 64, 64)}, r"bool tensor"),
        ({"cap": torch.zeros(64, 64, 64, dtype=torch.bool)}, "is empty"),
    ],
)
def test_hints_that_cannot_be_leave_no_folder(tmp_path, wrong, message):
    with pytest.raises(InputError, match=message):
        compose(tmp_path / "run", hints=wrong)
    assert not (tmp_path / "run").exists()


def test_painted_hints_are_a_stage_for_reports():
    stage, term = stage_of("painted_hints")
    assert stage.title == "Painted hints" and term == ""


# --- cancelling -----------------------------------------------------------------------------------------------------


def test_a_run_ends_at_the_step_at_which_it_is_cancelled(finished, tmp_path):
    calls = []

    def cancel(name, done, total):
        calls.append((name, done))
        if (name, done) == ("part-backpack", 2):
            raise Cancelled

    with pytest.raises(Cancelled):
        Composer(tiny_backbone()).compose(PROMPT, pictures(), out=tmp_path / "run", progress=cancel)
    assert calls[-1] == ("part-backpack", 2)
    _, watch = compose(tmp_path / "run")
    assert watch.computed == list(STAGES[STAGES.index("part-backpack") :])
    assert contents(tmp_path / "run" / "stages") == contents(finished / "stages")


# --- previews -------------------------------------------------------------------------------------------------------


def test_what_is_sampled_is_shown_and_changes_nothing(finished, tmp_path):
    shown = []
    composer = Composer(tiny_backbone())
    composer.compose(PROMPT, pictures(), out=tmp_path / "run", preview=lambda *call: shown.append(call))
    assert {name for name, *_ in shown} <= {"main", "layout", "part-cap", "part-backpack", "geometry"}
    assert shown[0][:2] == ("main", 1)
    assert all(voxels.shape == (64, 64, 64) and voxels.dtype == torch.bool for *_, voxels in shown)
    assert contents(tmp_path / "run" / "stages") == contents(finished / "stages")


def test_the_last_glimpse_of_a_structure_is_the_structure(tmp_path):
    """At the last step the prediction is the state itself."""
    backbone, shown = tiny_backbone(), []
    glimpses = Glimpses(backbone, lambda *call: shown.append(call), None, share=1e9)
    velocity = watched(lambda x, t: 0.3 * x + 1, glimpses.saw)
    states = flow.sample(
        velocity, torch.randn(1, 8, 16, 16, 16, generator=torch.Generator().manual_seed(0)), flow.times(4, 3.0),
        on_step=lambda done, total: glimpses("main", done, total),
    )  # fmt: skip
    assert [step for _, step, _ in shown] == [1, 2, 3, 4]
    assert torch.equal(shown[-1][2], backbone.decode_structure(states[0]))


def test_objects_that_are_sampled_side_by_side_are_told_apart():
    class Decoder:
        def decode_structure(self, latent):
            return latent

    shown = []
    glimpses = Glimpses(Decoder(), lambda name, step, latent: shown.append((name, float(latent))), None, share=1e9)
    glimpses.saw(torch.tensor([[1.0], [2.0]]))
    for name in ("part-cap", "part-backpack"):
        glimpses(name, 1, 5)
    glimpses("part-cap", 2, 5)  # nothing new was seen
    assert shown == [("part-cap", 1.0), ("part-backpack", 2.0)]
