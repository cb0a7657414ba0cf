"""A model by others as meshes by node, and `cast3d export` of it: what an edit keeps of a foreign file comes along."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from typer.testing import CliRunner

from cast3d.cli.app import app
from cast3d.existing.opening import open_model
from cast3d.existing.parts import parts_of
from cast3d.meshes.facts import facts
from cast3d.meshes.texture import Textured
from cast3d.result.formats import FORMATS
from tests.existing.made import Gltf, man

CHECKS = np.array([[[255, 0, 0, 255], [0, 0, 255, 255]], [[0, 255, 0, 255], [255, 255, 255, 255]]], np.uint8)


def quad(made: Gltf, name: str, low: float = 0.0, high: float = 1.0, **texture) -> None:
    """An upright square of one picture, whose corners read it at `low` and `high`."""
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    uv = np.array([[low, high], [high, high], [high, low], [low, low]], np.float32)
    attributes = {"POSITION": made.accessor(points, "VEC3"), "TEXCOORD_0": made.accessor(uv, "VEC2")}
    indices = made.accessor(np.array([[0], [1], [2], [0], [2], [3]], np.uint16), "SCALAR")
    material = made.append("materials", texture)
    mesh = made.append("meshes", {"primitives": [{"attributes": attributes, "indices": indices, "material": material}]})
    made.node({"name": name, "mesh": mesh})


def painted(made: Gltf, **more) -> dict:
    return {"pbrMetallicRoughness": {"baseColorTexture": {"index": made.picture(CHECKS)}, **more}}


def opened(made: Gltf, folder: Path):
    return parts_of(open_model(made.write(folder / "model.glb")))


def test_nodes_are_parts_where_they_stand(tmp_path):
    """The cap hangs at a node that is moved up by 6 and doubled; glTF's y is our z, its z our -y."""
    parts, told = opened(man(), tmp_path)
    assert list(parts) == ["Body", "Red_Cap.001", "Backpack"] and told == []
    cap = parts["Red_Cap.001"]
    low, high = cap.vertices.amin(0), cap.vertices.amax(0)
    torch.testing.assert_close(low, torch.tensor([0.0, -2.0, 6.02]))
    torch.testing.assert_close(high, torch.tensor([2.0, 0.0, 7.02]))
    assert cap.colors.unique(dim=0).tolist() == [[1, 0, 0]] and facts(cap).watertight
    assert facts(cap).volume == pytest.approx(4, rel=1e-5)


def test_a_picture_stays_a_picture(tmp_path):
    made = Gltf()
    quad(made, "sign", **painted(made))
    quad(made, "dark sign", **painted(made, baseColorFactor=[0.0, 1.0, 1.0, 1.0]))
    parts, told = opened(made, tmp_path)
    assert isinstance(parts["sign"], Textured) and told == []
    np.testing.assert_array_equal(parts["sign"].image.numpy(), CHECKS[..., :3])
    np.testing.assert_array_equal(parts["dark sign"].image.numpy(), CHECKS[..., :3] * np.array([0, 1, 1], np.uint8))
    corner = parts["sign"].mesh.vertices.sum(1).argmax()  # right above
    assert parts["sign"].uv[corner].tolist() == [1, 0]


def test_what_a_picture_cuts_out_is_not_there_and_is_told(tmp_path):
    made, cut_out = Gltf(), CHECKS.copy()
    cut_out[0, 0, 3] = 0
    texture = {"pbrMetallicRoughness": {"baseColorTexture": {"index": made.picture(cut_out)}}, "alphaMode": "MASK"}
    quad(made, "leaf", **texture)
    parts, told = opened(made, tmp_path)
    leaf = parts["leaf"]
    corners = leaf.vertices[leaf.faces]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1).sum() / 2
    assert area.item() == pytest.approx(0.75, abs=0.05) and told == ["'leaf': pictures became colours at vertices"]
    assert {tuple(row) for row in leaf.colors.round().int().tolist()} <= {(0, 0, 1), (0, 1, 0), (1, 1, 1), (1, 0, 0)}


# --- the command ----------------------------------------------------------------------------------------------------


def exported(folder: Path, *more: str) -> dict[str, dict]:
    told = CliRunner().invoke(
        app, ["export", str(folder), f"--to={','.join(FORMATS)}", "--height=80mm", "--json", *more]
    )
    assert told.exit_code == 0, told.output
    return {one["format"]: one for one in json.loads(told.stdout)["files"]}


def test_a_foreign_model_is_exported_whole_by_its_nodes(tmp_path):
    man().write(tmp_path / "scene.glb")
    (tmp_path / "run.json").write_text('{"prompt": "a man"}')
    files = exported(tmp_path)
    assert all(one["watertight"] and one["size_mm"][2] == pytest.approx(80, abs=0.01) for one in files.values())
    assert files["3mf"]["parts"] == files["glb"]["parts"] == ["Body", "Red_Cap.001", "Backpack"]
    scene = trimesh.load(tmp_path / "export" / "scene.glb")
    assert set(scene.graph.nodes_geometry) == {"Body", "Red_Cap.001", "Backpack"}
    assert np.ptp(scene.bounds, axis=0)[1] == pytest.approx(0.08, abs=1e-5)
    solid = trimesh.load(tmp_path / "export" / "scene.stl")
    assert solid.is_volume
    scale = 80 / 7.02
    assert solid.volume == pytest.approx((2 * 6 * 2 + 2 * 1 * 2 + 1.6 * 3 * 1) * scale**3, rel=2e-3)
    assert b'name="a man"' in _model_of(tmp_path / "export" / "scene.3mf")
    text = (tmp_path / "export" / "scene.obj").read_text()
    assert "o Red_Cap.001" in text


def test_open_models_are_exported_as_they_are_and_told(tmp_path):
    made = Gltf()
    quad(made, "sign", 0.0, 2.0, **painted(made))  # the picture repeats
    made.box("post", (0.1, 1, 0.1), (0.5, -1, 0))
    made.write(tmp_path / "scene.glb")
    files = exported(tmp_path)
    assert not any(one["watertight"] for one in files.values())
    assert files["stl"]["triangles"] == 2 + 12
    plain = CliRunner().invoke(app, ["export", str(tmp_path / "scene.glb"), "--to=stl"])
    assert plain.exit_code == 0 and "open: not every printer takes it" in plain.output
    again, _ = parts_of(open_model(tmp_path / "export" / "scene.glb"))
    assert isinstance(again["sign"], Textured) and again["sign"].uv.max() == 2


def test_fewer_triangles_of_what_is_split_at_edges(tmp_path):
    made = Gltf()
    rings = [[(np.cos(a) * r, y, np.sin(a) * r) for a in np.linspace(0, 2 * np.pi, 33)] for r, y in ((1, 0), (1, 2))]
    points = np.array(rings[0] + rings[1], np.float32)  # the seam's vertices are there twice
    faces = [f for i in range(32) for f in ((i, 33 + i, i + 1), (i + 1, 33 + i, 34 + i))]
    attributes = {"POSITION": made.accessor(points, "VEC3")}
    indices = made.accessor(np.array(faces, np.uint16).reshape(-1, 1), "SCALAR")
    mesh = made.append("meshes", {"primitives": [{"attributes": attributes, "indices": indices}]})
    made.node({"name": "tube", "mesh": mesh})
    made.write(tmp_path / "scene.glb")
    files = exported(tmp_path, "--faces=32")
    assert 8 <= files["glb"]["triangles"] <= 48


def _model_of(path: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.read("3D/3dmodel.model")
