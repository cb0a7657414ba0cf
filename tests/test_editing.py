"""Whole edits on a tiny backbone: what stays, what comes, where it stands, resuming, what is said when it fails."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.cli.output import summary
from cast3d.composer import Composer, in_cube
from cast3d.errors import InputError
from cast3d.existing.accessors import raw
from cast3d.existing.frame import Stand
from cast3d.existing.opening import open_model
from cast3d.result.report import report_of_run
from cast3d.run.folder import RunFolder
from cast3d.scene.edits import EditScene
from cast3d.splats import read_ply, read_spz, write_spz
from cast3d.voxels import cells_of, iou, to_grid
from tests.existing.made import Gltf, man
from tests.language.stub import serving
from tests.test_composer import Watch, contents
from tests.tiny_backbone import Bands, picture, tiny_backbone

PROMPT = "a figure wearing a red cap and a backpack"
SWAP = {"cap": {"red cap": picture("red")}}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return man().write(tmp_path_factory.mktemp("model") / "man.glb")


def edit(model, out=None, segmenter=None, **more):
    watch = Watch()
    asked = {"prompt": PROMPT, "replace": SWAP, **more}
    return Composer(tiny_backbone(segmenter)).edit(model, **asked, out=out, progress=watch), watch


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model):
    out = tmp_path_factory.mktemp("edit") / "out"
    return out, edit(model, out)[0]


def positions(path: Path, name: str) -> bytes:
    document = open_model(path).document
    node = next(row for row in document.rows("nodes") if row.get("name") == name)
    (primitive,) = document.rows("meshes")[node["mesh"]]["primitives"]
    return raw(document, primitive["attributes"]["POSITION"]).tobytes()


def test_the_rest_is_as_it_was_and_the_new_part_hangs_where_the_old_one_did(model, finished):
    out, result = finished
    after = open_model(out / "scene.glb")
    assert set(after.nodes) == {"Body", "Backpack", "red cap"}
    for name in ("Body", "Backpack"):
        assert positions(out / "scene.glb", name) == positions(model, name)
    new = next(piece for piece in after.pieces if piece.names[0] == "red cap")
    assert new.names[1] == "Head"
    in_cube = result.existing.frame.to_cube(new.vertices)
    np.testing.assert_allclose(
        in_cube.min(0), result.new["red cap"].mesh.vertices.numpy().min(0), atol=1e-5
    )  # in the model's own units and place
    assert result.regions.found == ("node",)


def test_a_part_goes_by_its_name_where_the_old_one_had_the_same(tmp_path, model, finished):
    """Also in a group of that name, all of which goes."""
    out, _ = finished
    grouped = man()
    above = next(row for row in grouped.tables["nodes"] if row["name"] == "Head")
    grouped.tables["nodes"].append({"name": "red cap", "children": above["children"]})
    above["children"] = [len(grouped.tables["nodes"]) - 1]
    for number, before in enumerate([out / "scene.glb", grouped.write(tmp_path / "grouped.glb")]):
        again = tmp_path / str(number)
        edit(before, again, replace={"red cap": {"red cap": picture("red")}})
        after = open_model(again / "scene.glb")
        assert set(after.nodes) == {"Body", "Backpack", "red cap"}
        (new,) = (piece for piece in after.pieces if piece.names[0] == "red cap")
        assert new.names[1] == "Head" and new.names.count("Head") == 1
        for name in ("Body", "Backpack"):
            assert positions(again / "scene.glb", name) == positions(model, name)


def test_what_is_left_of_a_model_is_counted_under_its_name(finished):
    """Its nodes are called otherwise than the prompt calls it."""
    out, result = finished
    with RunFolder(out) as run:
        told = {part["term"]: part["triangles"] for part in summary(result, run, 0.0)["parts"]}
    pieces = open_model(out / "scene.glb").pieces
    assert told["red cap"] == len(result.new["red cap"].mesh.faces) > 0  # it hangs below another node
    assert told["figure"] == sum(len(piece.faces) for piece in pieces if piece.names[0] != "red cap") > 0


def test_a_run_folder_of_an_edit(finished):
    out, _ = finished
    held = {path.name for path in out.iterdir()}
    assert {"scene.glb", "scene.ply", "before-after.webp", "regions.png", "regions", "report.html", "run.json"} <= held
    assert json.loads((out / "run.json").read_text())["task"] == "edit"
    assert report_of_run(out).terms == ("figure", "red cap")


def test_the_same_edit_gives_the_same_bytes(tmp_path, model, finished):
    out, _ = finished
    edit(model, tmp_path / "again")
    for name in ("scene.glb", "scene.ply"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    assert contents(tmp_path / "again" / "stages") == contents(out / "stages")


def test_it_goes_on_without_the_files_that_were_given(tmp_path, finished):
    out, _ = finished
    shutil.copytree(out, tmp_path / "run")
    with RunFolder(tmp_path / "run") as run:
        watch = Watch()
        Composer(tiny_backbone()).edit(run.scene(), out=run, progress=watch)
    assert watch.computed == []
    assert contents(tmp_path / "run" / "stages") == contents(out / "stages")
    assert (tmp_path / "run" / "scene.glb").read_bytes() == (out / "scene.glb").read_bytes()


def test_another_seed_for_the_new_part_leaves_the_first_stages(tmp_path, finished):
    out, _ = finished
    shutil.copytree(out, tmp_path / "run")
    with RunFolder(tmp_path / "run") as run:
        Composer(tiny_backbone()).edit(run.scene(), out=run, reseed={"red cap": 5})
    before, after = contents(out / "stages"), contents(tmp_path / "run" / "stages")
    same = {name.split("/")[0] for name in before if before[name] == after.get(name)}
    assert {"00-source", "00-encoded", "01-regions", "01-rest"} <= same
    assert before["05-part-red-cap/tensors.safetensors"] != after["05-part-red-cap/tensors.safetensors"]


def test_removing_leaves_just_the_rest(tmp_path, model):
    result, _ = edit(
        model, tmp_path / "out", prompt="a figure and a backpack", replace=None, remove=["cap"], main="figure"
    )
    assert set(open_model(tmp_path / "out" / "scene.glb").nodes) == {"Body", "Backpack"}
    assert result.new == {}


def test_adding_takes_a_layout(tmp_path, model):
    _, watch = edit(
        model, tmp_path / "out", prompt="a figure wearing a red cap", replace=None, add={"red cap": picture("red")},
        segmenter=Bands({"red cap": (0.0, 0.35)}),
    )  # fmt: skip
    nodes = set(open_model(tmp_path / "out" / "scene.glb").nodes)
    assert {"Body", "Red_Cap.001", "Backpack", "red cap"} == nodes
    assert "layout" in [name for name, _, _ in watch.calls]


def test_recompose_makes_all_anew(tmp_path, model):
    edit(model, tmp_path / "out", keep="recompose")
    nodes = set(open_model(tmp_path / "out" / "scene.glb").nodes)
    assert nodes <= {"figure", "red cap"} and nodes
    before, after = open_model(model).points(), open_model(tmp_path / "out" / "scene.glb").points()
    assert after.min() >= before.min() - 2 and after.max() <= before.max() + 2  # in the model's units


def test_a_part_by_text_is_cut_out_of_one_mesh(tmp_path, model):
    """No node is called so: the segmenter marks the upper fifth of every view, and the cap is what it mostly marks."""
    result, _ = edit(
        model, tmp_path / "out", segmenter=Bands({"crown": (0.0, 0.2)}), prompt="a figure wearing a red cap",
        replace={"crown": {"red cap": picture("red")}},
    )  # fmt: skip
    assert result.regions.found == ("text",)
    region, surface = result.regions.of("crown"), result.existing.surface()
    cap = next(index for index, piece in enumerate(result.existing.model.pieces) if "Cap" in piece.names[0])
    assert iou(region, to_grid(cells_of(surface.position[surface.piece == cap]))) > 0.8
    assert any(not one.nothing for one in result.cuts.values())


def test_a_region_that_is_given_goes_first(model):
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[:, :, 44:] = True
    result, _ = edit(model, regions={"cap": grid})
    assert result.regions.found == ("given",)
    frame = result.existing.frame
    for index, one in result.cuts.items():
        kept = result.existing.model.pieces[index]
        top = frame.to_cube(kept.vertices[kept.faces[one.keep]].reshape(-1, 3))[:, 2]
        assert not len(top) or top.max() <= 44.5 / 64 - 0.5


def test_only_the_region(tmp_path, model):
    scene = EditScene.make(model, PROMPT, SWAP)
    regions = Composer(tiny_backbone()).locate(scene, out=tmp_path / "out")
    held = np.load(tmp_path / "out" / "regions" / "cap.npz")["voxels"]
    np.testing.assert_array_equal(held, regions.of("cap").numpy())
    assert (tmp_path / "out" / "regions.png").is_file() and not (tmp_path / "out" / "scene.glb").exists()


def test_a_region_that_was_found_is_given_back_in_the_same_cube(model):
    """Whichever way found it: the cube does not depend on that."""
    composer = Composer(tiny_backbone())
    grid = torch.ones(64, 64, 64, dtype=torch.bool)
    ways = ({}, {"find": "text"}, {"find": "name"}, {"regions": {"cap": grid}})
    scenes = [EditScene.make(model, PROMPT, SWAP, **way) for way in ways]
    frames = [composer._opened(scene, composer.backbone.defaults, None).frame for scene in scenes]
    assert all(frame == frames[0] for frame in frames)


def test_the_main_thing_stands_as_alone_whatever_it_holds(tmp_path):
    """A staff that rises over a man's head, behind him and to one side, makes him neither smaller nor moves him."""
    backbone = replace(tiny_backbone(), stand=Stand(50 / 64, 2 / 64))

    def standing(*more: tuple) -> np.ndarray:
        made = Gltf()
        man = made.node({"name": "Man.001"})
        made.box("Body", (2, 5, 1), parent=man)
        for name, size, at in more:
            made.box(name, size, at)
        model = open_model(made.write(tmp_path / "man.glb"))
        scene = EditScene.make(tmp_path / "man.glb", "a man with a hat", add={"hat": picture("red")})
        return in_cube(scene, model, backbone).frame.to_cube(model.pieces[0].vertices)

    alone = standing()
    np.testing.assert_allclose(standing(("Staff", (0.2, 5, 0.2), (2, 0.2, -0.5))), alone, atol=1e-12)


def test_a_part_that_is_nowhere(tmp_path, model):
    with pytest.raises(InputError, match=r"no part of the model is called 'crown'.*its nodes are 'Body'.*--region"):
        edit(
            model,
            tmp_path / "out",
            replace=None,
            remove=["crown"],
            segmenter=Bands({}),
            prompt="a figure",
            main="figure",
        )


def test_a_part_that_is_called_like_the_rest_is_looked_for_too(model):
    scene = EditScene.make(model, "a top", remove=["top"], main="top", find="text")
    assert Composer(tiny_backbone(Bands({"top": (0.0, 0.2)}))).locate(scene).of("top").any()


def test_nothing_is_left(model):
    with pytest.raises(InputError, match="nothing is left"):
        edit(model, replace=None, prompt="a figure", main="figure", remove=["body", "cap", "backpack"])


def test_a_splat_keeps_its_gaussians(tmp_path, model, finished):
    out, _ = finished
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[:, :, 44:] = True
    result, _ = edit(out / "scene.ply", tmp_path / "out", regions={"cap": grid})
    before, after = read_ply(out / "scene.ply"), read_ply(tmp_path / "out" / "scene.ply")
    kept = {row.tobytes() for row in after.positions.numpy()}
    frame = result.existing.frame
    outside = torch.from_numpy(frame.to_cube(before.positions.double().numpy()))[:, 2] < 43 / 64 - 0.5
    share = np.mean([row.tobytes() in kept for row in before.positions[outside].numpy()])
    assert share == 1.0


def test_a_part_goes_from_an_spz(tmp_path, finished):
    """What stays is what the file has, to the last bit that SPZ keeps; before and after are drawn as splats."""
    out, _ = finished
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[:, :, 44:] = True
    write_spz(tmp_path / "model.spz", read_ply(out / "scene.ply"))
    result, _ = edit(
        tmp_path / "model.spz", tmp_path / "out", prompt="a figure", replace=None, remove=["cap"], regions={"cap": grid}
    )
    before, after = read_spz(tmp_path / "model.spz"), read_spz(tmp_path / "out" / "scene.spz")
    assert 0 < len(after) < len(before) and len(after) == int(result.kept.sum())
    torch.testing.assert_close(after.positions, before.positions[result.kept], rtol=0, atol=2**-11)
    with Image.open(tmp_path / "out" / "before-after.webp") as turned:
        assert turned.size == (512, 256)


@pytest.mark.parametrize("kept", [True, False], ids=["in a folder", "nowhere"])
def test_a_picture_is_made_a_model_first(tmp_path, kept):
    picture("gold").save(tmp_path / "figure.png")
    composer, out = Composer(tiny_backbone()), tmp_path / "out"
    scene = EditScene.make(tmp_path / "figure.png", "a figure", remove=["cap"], seed=3)
    if kept:
        with RunFolder(out) as folder:
            existing = composer._opened(scene, composer.backbone.defaults, folder)
    else:
        existing = composer._opened(scene, composer.backbone.defaults, None)
    assert existing.model.own and existing.model.nodes == ["figure"]
    assert "figure.png: it was made a model first" in existing.model.notes[-1]
    assert (out / "lifted" / "scene.glb").is_file() == kept


def test_a_backbone_without_an_encoder(model):
    from dataclasses import replace

    with pytest.raises(InputError, match="cannot edit models"):
        Composer(replace(tiny_backbone(), model_encoder=None)).edit(model, PROMPT, replace=SWAP)


# --- found in a feature field ---------------------------------------------------------------------------------------


@pytest.fixture
def language():
    with serving("openai", '{"top": [1]}') as server:
        yield server


def test_a_part_is_found_by_a_language_model_that_names_clusters(tmp_path, model, language):
    """Cut out are the clusters that it says; the folder shows them, and another run in it asks nobody."""
    out, place = tmp_path / "out", f"{language.url}#eyes"
    scene = EditScene.make(model, PROMPT, {"top": {"red cap": picture("red")}}, find="field", language_model=place)
    regions = Composer(tiny_backbone()).locate(scene, out=out)
    assert regions.found == ("field",) and len(language.requests) == 1
    assert torch.equal(regions.of("top") & (regions.clusters > 0), regions.clusters == 1)
    assert "cluster 1 of" in regions.report[0] and "openai:eyes" in regions.report[0]
    assert list((out / "stages" / "01-regions" / "previews").glob("clusters.png"))
    again = Composer(tiny_backbone()).locate(scene, out=out)
    assert torch.equal(again.grids, regions.grids) and len(language.requests) == 1


def test_with_a_language_model_names_go_first_unless_the_edit_says_field(model, language):
    place = f"{language.url}#eyes"
    scene = EditScene.make(model, PROMPT, SWAP, language_model=place)
    assert Composer(tiny_backbone()).locate(scene).found == ("node",) and not language.requests
    language.plan = [(200, {}, '{"cap": [2]}')]
    scene = EditScene.make(model, PROMPT, SWAP, find="field", language_model=place)
    assert Composer(tiny_backbone()).locate(scene).found == ("field",) and len(language.requests) == 1


def test_a_language_model_that_sees_no_such_part(model, language):
    language.plan = [(200, {}, '{"crown": []}')]
    scene = EditScene.make(model, "a figure", remove=["crown"], find="field", language_model=language.url)
    with pytest.raises(InputError, match=r"called 'crown'.*openai:default sees none in its views.*--region"):
        Composer(tiny_backbone()).locate(scene)


def test_only_by_name_or_only_by_text(model):
    scene = EditScene.make(model, "a figure", remove=["crown"], find="name")
    with pytest.raises(InputError, match=r"no part of the model is called 'crown'.*look for it by text"):
        Composer(tiny_backbone()).locate(scene)
    scene = EditScene.make(model, PROMPT, SWAP, find="text")
    assert Composer(tiny_backbone()).locate(scene).found == ("text",)
