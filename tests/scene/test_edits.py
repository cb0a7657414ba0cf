"""What is asked for of a model: terms, pictures, regions, scene files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.errors import InputError
from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.scene.edits import EditScene, region_of
from cast3d.scene.files import read_any, read_scene
from tests.existing.made import man


@pytest.fixture
def model(tmp_path) -> Path:
    return man().write(tmp_path / "man.glb")


def png(tmp_path) -> str:
    Image.new("RGBA", (32, 32), "red").save(tmp_path / "hat.png")
    return str(tmp_path / "hat.png")


def test_the_rest_is_what_the_prompt_begins_with(model):
    for prompt, main in {
        "a dragon with a hat": "dragon",
        "The old man wearing a hat": "old man",
        "a horse and a hat": "horse",
    }.items():
        scene = EditScene.make(model, prompt, add={"hat": "hat.png"})
        assert (scene.main, scene.terms) == (main, (main, "hat"))


def test_a_part_may_be_called_otherwise_than_what_replaces_it(model):
    scene = EditScene.make(model, "a man wearing a top hat", {"cap": {"top hat": "hat.png"}})
    assert scene.change.replaced == {"cap": "top hat"}
    assert scene.change.added == ()
    with pytest.raises(InputError, match="'cap' does not occur"):
        EditScene.make(model, "a man wearing a top hat", {"cap": "hat.png"})


def test_without_a_prompt_one_is_made(model):
    scene = EditScene.make(model, replace={"cap": "hat.png"}, main="man")
    assert scene.prompt == "a man with a cap"
    assert EditScene.make(model, remove=["cap"]).terms == ("model",)


@pytest.mark.parametrize(
    "asked, words",
    [
        ({}, "replaces, adds or removes"),
        ({"remove": ["cap", "Cap"]}, "twice"),
        ({"remove": ["cap"], "keep": "exactly"}, "did you mean 'exact'"),
        ({"remove": ["cap"], "regions": {"hat": "a.npz"}}, "which no edit names"),
        ({"add": {"hat": "hat.png"}, "prompt": "hat"}, "does not begin with"),
        ({"replace": {"cap": {"a": "x", "b": "y"}}, "prompt": "a man with a b"}, "one new thing"),
        ({"remove": ["cap"], "seed": -1}, "seed"),
        ({"replace": ["cap"]}, "mapping"),
    ],
)
def test_what_cannot_be_asked(model, asked, words):
    with pytest.raises(InputError, match=words):
        EditScene.make(model, **{"prompt": "a man with a hat", **asked})


def test_a_scene_file(tmp_path, model):
    png(tmp_path)
    (tmp_path / "scene.yaml").write_text(
        "kind: edit\nmodel: man.glb\nprompt: a man wearing a top hat\nreplace:\n  cap: {top hat: hat.png}\n"
        "remove: [backpack]\nkeep: recompose\nregions:\n  backpack: [0, 0, 0, 1, 1, 1]\nseed: 7\n"
    )
    scene = read_any(tmp_path / "scene.yaml")
    assert isinstance(scene, EditScene)
    assert (scene.model, scene.seed, scene.keep) == (model, 7, "recompose")
    assert scene.change.parts == ("cap", "backpack")
    with pytest.raises(InputError, match="cast3d edit"):
        read_scene(tmp_path / "scene.yaml")
    (tmp_path / "odd.yaml").write_text("kind: edit\nmodel: man.glb\nreplaces: {}\n")
    with pytest.raises(InputError, match="did you mean 'replace'"):
        read_any(tmp_path / "odd.yaml")


def test_regions_from_files_grids_and_boxes(tmp_path, model):
    existing = Existing(open_model(model), frame_of(open_model(model)))
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[3:9, 4:8, 5:7] = True
    np.savez(tmp_path / "r.npz", voxels=grid.numpy())
    np.save(tmp_path / "r.npy", grid.numpy())
    for given in (grid, grid.numpy(), tmp_path / "r.npz", str(tmp_path / "r.npy")):
        assert torch.equal(region_of(given, "cap", existing), grid)
    box = region_of([0, 6, 0, 2, 7.02, 2], "cap", existing)  # the cap, in the file's units
    cells = ((torch.from_numpy(existing.cube[1]) + 0.5) * 64).floor().long().clamp(0, 63)
    assert box[tuple(cells.unbind(1))].float().mean() > 0.49
    assert 0 < box.sum() < 64**3 / 8


@pytest.mark.parametrize(
    "given, words", [([1, 2, 3], "six numbers"), (np.zeros((64, 64, 64)), "empty"), ("x.npz", "no npz")]
)
def test_regions_that_are_none(model, given, words):
    existing = Existing(open_model(model), frame_of(open_model(model)))
    with pytest.raises(InputError, match=words):
        region_of(given, "cap", existing)


def test_how_parts_are_found(model, tmp_path):
    place = "http://127.0.0.1:8000/v1#eyes"
    scene = EditScene.make(model, "a man", remove="cap", find="field", language_model=place)
    (tmp_path / "scene.yaml").write_text(
        f"model: man.glb\nprompt: a man\nremove: cap\nfind: field\nlanguage_model: {place}\n"
    )
    again = read_any(tmp_path / "scene.yaml")
    assert (again.find, again.language_model) == (scene.find, scene.language_model) == ("field", place)
    with pytest.raises(InputError, match="find is auto, name, text, field, not 'names'; did you mean 'name'"):
        EditScene.make(model, "a man", remove="cap", find="names")
    with pytest.raises(InputError, match="takes a language model"):
        EditScene.make(model, "a man", remove="cap", find="field")
    with pytest.raises(InputError, match="http://HOST/v1#MODEL"):
        EditScene.make(model, "a man", remove="cap", find="field", language_model="eyes")
    (tmp_path / "scene.yaml").write_text("model: man.glb\nremove: cap\nlanguage_key: SECRET\n")
    with pytest.raises(
        InputError, match="unknown key 'language_key'"
    ):  # else a stranger's file could send secrets away
        read_any(tmp_path / "scene.yaml")
