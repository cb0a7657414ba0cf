"""STL, 3MF, OBJ and GLB of a result, read back by another library: units, axes, names, colours, closed solids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import trimesh
from typer.testing import CliRunner

from cast3d.cli.app import app
from cast3d.errors import InputError
from cast3d.meshes.glb import write_glb
from cast3d.meshes.surface import from_sdf, simplify
from cast3d.meshes.texture import bake
from cast3d.result.formats import FORMATS, export, length, placement, read_formats
from tests.meshes.checks import faults
from tests.meshes.shapes import ball
from tests.meshes.test_union import cuboid

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def parts():
    """A body 1 wide, 2 deep, 3 high and a hat of half that width on top, which touch; not around the origin."""
    body, hat = cuboid([1, 1, 1], [2, 3, 4]), cuboid([1.25, 1.5, 4], [1.75, 2.5, 5])
    colored = {"body": (body, RED), "tall hat": (hat, BLUE)}
    return {
        term: replace(mesh, colors=torch.tensor(color).expand(len(mesh.vertices), 3).contiguous())
        for term, (mesh, color) in colored.items()
    }


def one(folder: Path, kind: str, **options) -> Path:
    (written,) = export(parts(), folder, [kind], **options)
    return written.path


def test_an_stl_is_one_solid_in_millimetres(tmp_path):
    mesh = trimesh.load(one(tmp_path, "stl", height=80))
    assert mesh.is_volume and mesh.body_count == 1
    assert np.allclose(mesh.bounds, [[-10, -20, 0], [10, 20, 80]], atol=1e-3)
    assert mesh.volume == pytest.approx((6 + 0.5) * 20**3, rel=1e-3)
    assert not (tmp_path / "scene.stl").read_bytes().startswith(b"solid")


def test_a_3mf_has_named_parts_with_colours(tmp_path):
    path = one(tmp_path, "3mf", height=80, title="a body wearing a tall hat")
    with zipfile.ZipFile(path) as archive:
        model = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
        assert archive.testzip() is None and "[Content_Types].xml" in archive.namelist()
    core = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"
    material = "{http://schemas.microsoft.com/3dmanufacturing/material/2015/02}"
    assert model.get("unit") == "millimeter"
    objects = model.findall(f"{core}resources/{core}object")
    assert [item.get("name") for item in objects] == ["body", "tall hat", "a body wearing a tall hat"]
    groups = {group.get("id"): group for group in model.findall(f"{core}resources/{material}colorgroup")}
    for item, color in zip(objects, ("#FF0000FF", "#0000FFFF")):
        assert groups[item.get("pid")][int(item.get("pindex"))].get("color") == color
        triangle = item.find(f"{core}mesh/{core}triangles/{core}triangle")
        assert groups[triangle.get("pid")][int(triangle.get("p1"))].get("color") == color
    assert len(objects[2].findall(f"{core}components/{core}component")) == 2
    assert len(model.findall(f"{core}build/{core}item")) == 1


def test_another_library_reads_the_3mf(tmp_path):
    pytest.importorskip("lxml")
    scene = trimesh.load_scene(one(tmp_path, "3mf", height=80))
    assert set(scene.geometry) == {"body", "tall hat"} and scene.units in ("mm", "millimeter", "millimeters")
    assert all(mesh.is_volume for mesh in scene.geometry.values())
    assert np.allclose(scene.bounds, [[-10, -20, 0], [10, 20, 80]], atol=1e-3)


def test_an_obj_has_objects_and_colours(tmp_path):
    path = one(tmp_path, "obj", height=80)
    text = path.read_text()
    assert "o body\ng body\n" in text and "o tall_hat\n" in text and (tmp_path / "scene.mtl").is_file()
    scene = trimesh.load_scene(path, split_object=True, group_material=False, process=False, maintain_order=True)
    mesh = trimesh.util.concatenate(list(scene.geometry.values()))
    assert np.allclose(mesh.bounds, [[-10, 0, -20], [10, 80, 20]], atol=1e-3)  # y up
    rows = [line.split()[1:] for line in text.splitlines() if line.startswith("v ")]
    assert [row[3:] for row in rows[:8]] == [["1.0000", "0.0000", "0.0000"]] * 8


def test_a_glb_is_in_metres_with_a_node_per_part(tmp_path):
    scene = trimesh.load_scene(one(tmp_path, "glb", height=80))
    assert set(scene.geometry) == {"body", "tall hat"}
    assert np.allclose(scene.bounds, [[-0.01, 0, -0.02], [0.01, 0.08, 0.02]], atol=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_front_looks_where_the_format_says(tmp_path, kind):
    """World front -y: STL and 3MF keep it, OBJ and GLB have it at +z."""
    if kind == "3mf":
        pytest.importorskip("lxml")
    nose = {"nose": cuboid([-0.1, -0.9, 0], [0.1, 0.1, 1])}
    export(nose, tmp_path, [kind], height=100, origin="scene")
    low, high = trimesh.load_scene(tmp_path / f"scene.{kind}").bounds * (1000 if kind == "glb" else 1)
    expected = ([-10, -90, 0], [10, 10, 100]) if kind in ("stl", "3mf") else ([-10, 0, -10], [10, 100, 90])
    assert np.allclose([low, high], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "low"),
    [
        ({}, (-10, -20, 0)),
        ({"origin": "corner"}, (0, 0, 0)),
        ({"origin": "scene"}, (20, 20, 0)),
        ({"origin": "scene", "ground": False}, (20, 20, 20)),
        ({"ground": False}, (-10, -20, 20)),
    ],
)
def test_origins(options, low):
    place = placement(parts(), 80, **options)
    assert place(parts()["body"]).vertices.amin(0).tolist() == pytest.approx(low, abs=1e-4)


def test_parts_alone_fit_together(tmp_path):
    written = export(parts(), tmp_path, ["stl"], height=80, separate=True)
    assert [one.path.name for one in written] == ["body.stl", "tall-hat.stl"]
    body, hat = (trimesh.load(one.path) for one in written)
    assert body.bounds[1, 2] == pytest.approx(hat.bounds[0, 2]) == 60 and hat.is_volume


def balls():
    meshes = {"red": from_sdf(ball(40, 0.2, (-0.19, 0, 0))), "blue": from_sdf(ball(40, 0.2, (0.21, 0, 0)))}
    return {
        term: replace(mesh, colors=torch.rand(len(mesh.vertices), 3, generator=torch.Generator().manual_seed(0)))
        for term, mesh in meshes.items()
    }


def test_fewer_triangles_are_still_solids(tmp_path):
    written = {one.format: one for one in export(balls(), tmp_path, list(FORMATS), faces=600)}
    assert all(one.closed and 400 <= one.triangles <= 604 for one in written.values())
    assert trimesh.load(written["stl"].path).is_volume
    with pytest.raises(InputError, match="too few for 2 closed parts"):
        export(balls(), tmp_path, ["stl"], faces=7)


@pytest.mark.parametrize("separate", [False, True], ids=["whole", "parts"])
def test_fewer_triangles_are_just_as_tall(tmp_path, separate):
    """All parts by one factor: the two balls keep their places, one above the other."""
    balls = {"low": from_sdf(ball(40, 0.2, (0, 0, -0.19))), "high": from_sdf(ball(40, 0.2, (0.05, 0, 0.21)))}
    export(balls, tmp_path, list(FORMATS), height=80, faces=120, separate=separate)
    for kind in FORMATS if find_spec("lxml") else ("stl", "obj", "glb"):
        files = tmp_path.glob(f"*.{kind}")
        low, high = zip(*(trimesh.load_scene(file).bounds * (1000 if kind == "glb" else 1) for file in files))
        up = 2 if kind in ("stl", "3mf") else 1
        assert len(low) == 1 + separate
        assert np.min(low, 0)[up] == pytest.approx(0, abs=1e-4) and np.max(high, 0)[up] == pytest.approx(80, abs=1e-4)
        if separate:
            widths = [(b - a)[0] for a, b in zip(low, high)]
            assert widths[0] == pytest.approx(widths[1], rel=0.03) and 35 < max(widths) < 45


def test_textures_go_along_and_cut_meshes_are_closed_again(tmp_path):
    mesh = simplify(from_sdf(ball(24)), 300)
    textured = {"ball": bake(mesh, lambda points, normals: (points + 0.5).clamp(0, 1), 64)}
    assert faults(textured["ball"].mesh) != {}
    written = export(textured, tmp_path, list(FORMATS))
    assert all(one.closed for one in written)
    assert trimesh.load(tmp_path / "scene.stl").is_volume
    obj = trimesh.load(tmp_path / "scene.obj")
    assert np.array_equal(np.asarray(obj.visual.material.image.convert("RGB")), textured["ball"].image.numpy())
    glb = trimesh.load_scene(tmp_path / "scene.glb").geometry["ball"]
    assert glb.visual.material.baseColorTexture is not None


def test_equal_input_gives_equal_bytes(tmp_path):
    for name in ("a", "b"):
        export(balls(), tmp_path / name, list(FORMATS), faces=400)
    for kind in FORMATS:
        assert (tmp_path / "a" / f"scene.{kind}").read_bytes() == (tmp_path / "b" / f"scene.{kind}").read_bytes()


@pytest.mark.parametrize(
    ("text", "millimetres"), [("80mm", 80), ("8 cm", 80), ("0.08m", 80), ("3in", 76.2), ("80", 80), ("7,5cm", 75)]
)
def test_lengths(text, millimetres):
    assert length(text) == pytest.approx(millimetres)


@pytest.mark.parametrize("text", ["", "tall", "80ft", "-3mm", "1e3mm", "8 0mm"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(InputError, match="no length"):
        length(text)


def test_names_of_formats():
    assert read_formats("stl, 3MF,.glb,stl") == ["stl", "3mf", "glb"]
    with pytest.raises(InputError, match="no format 'step'"):
        read_formats("step")
    with pytest.raises(InputError, match="name a format"):
        read_formats(" , ")


# --- the command ------------------------------------------------------------------------------------------------------


def run(*arguments: str):
    return CliRunner().invoke(app, ["export", *arguments])


def test_the_command_writes_and_tells(tmp_path):
    write_glb(tmp_path / "scene.glb", parts(), {"prompt": "a body wearing a tall hat"})
    told = run(str(tmp_path), "--to", "stl,3mf,obj,glb", "--height", "8cm", "--json")
    assert told.exit_code == 0, told.output
    files = json.loads(told.stdout)["files"]
    assert [Path(one["file"]).name for one in files] == ["scene.stl", "scene.3mf", "scene.obj", "scene.glb"]
    assert all(one["watertight"] and one["size_mm"][2] == pytest.approx(80, abs=0.01) for one in files)
    plain = run(str(tmp_path), "--to", "stl", "--parts", "-o", str(tmp_path / "else"))
    assert "tall-hat.stl" in plain.stdout and "closed" in plain.stdout
    assert sorted(path.name for path in (tmp_path / "else").iterdir()) == ["body.stl", "tall-hat.stl"]


def test_the_command_explains_what_is_missing(tmp_path):
    assert "give the folder of a finished run" in run(str(tmp_path), "--to", "stl").output
    (tmp_path / "run.json").write_text("{}")
    assert "cast3d resume" in run(str(tmp_path), "--to", "stl").output
    write_glb(tmp_path / "scene.glb", parts(), {})
    for wrong, words in (("--height", "no length"), ("--to", "no format"), ("--out", "cannot write")):
        file = tmp_path / "file"
        file.touch()
        value = str(file / "under") if wrong == "--out" else "tall"
        outcome = run(str(tmp_path), *([] if wrong == "--to" else ["--to", "stl"]), wrong, value)
        assert outcome.exit_code == 2 and words in outcome.output, outcome.output
    assert not (tmp_path / "export").exists()


def test_the_command_s_errors_are_json_too(tmp_path):
    told = run(str(tmp_path), "--to", "stl", "--json")
    assert told.exit_code == 2
    assert "give the folder of a finished run" in json.loads(told.stdout)["error"]["message"]


def test_the_command_finds_the_home_folder(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / "run").mkdir()
    write_glb(tmp_path / "run" / "scene.glb", parts(), {})
    told = run("~/run", "--to", "stl", "--out=~/printed", "--json")
    assert told.exit_code == 0, told.output
    assert (tmp_path / "printed" / "scene.stl").is_file()


def test_the_command_s_json_suits_every_console(tmp_path, monkeypatch):
    write_glb(tmp_path / "scene.glb", {"帽子": parts()["body"]}, {})
    command = [sys.executable, "-c", "from cast3d.cli import main; main()"]
    command += ["export", str(tmp_path), "--to=stl", "--parts", "--json"]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"][0]["parts"] == ["帽子"]
