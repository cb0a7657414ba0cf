"""GLB files: names, axes, colours, bytes; read back by two other readers and by our own."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import replace

import numpy as np
import pygltflib
import pytest
import torch
import trimesh

from cast3d.errors import InputError
from cast3d.meshes import Mesh
from cast3d.meshes.conventions import from_gltf_axes, to_gltf_axes, to_linear, to_srgb
from cast3d.meshes.glb import read_glb, write_glb
from cast3d.meshes.surface import from_sdf

from .shapes import ball, tetrahedron

METADATA = {"prompt": "a boy wearing a “cap”", "seed": 7, "image": "sha256:00ff", "version": "1"}


@pytest.fixture
def painted() -> Mesh:
    mesh = from_sdf(ball(16))
    return replace(mesh, colors=(mesh.vertices + 0.5).clamp(0, 1))


def test_unit_arrows_map_front_to_plus_z_and_up_to_plus_y():
    right, front, up = torch.tensor([1.0, 0, 0]), torch.tensor([0, -1.0, 0]), torch.tensor([0, 0, 1.0])
    assert to_gltf_axes(right).tolist() == [1, 0, 0]
    assert to_gltf_axes(front).tolist() == [0, 0, 1]
    assert to_gltf_axes(up).tolist() == [0, 1, 0]
    assert torch.equal(from_gltf_axes(to_gltf_axes(torch.eye(3))), torch.eye(3))
    assert torch.linalg.det(to_gltf_axes(torch.eye(3))) == 1


def test_colour_transfer_is_the_standard_one():
    assert to_linear(torch.tensor([0.0, 0.5, 1.0])).tolist() == pytest.approx([0, 0.2140411, 1])
    values = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert torch.allclose(to_srgb(to_linear(values)), values, atol=1e-7)


def test_trimesh_sees_nodes_axes_linear_colours_and_metadata(tmp_path, painted):
    write_glb(tmp_path / "a.glb", {"boy": painted, "baseball cap": tetrahedron()}, METADATA)
    scene = trimesh.load_scene(tmp_path / "a.glb", process=False)
    assert set(scene.graph.nodes_geometry) == {"boy", "baseball cap"}
    boy = scene.geometry[scene.graph["boy"][1]]
    assert boy.is_watertight and boy.volume > 0
    assert np.allclose(boy.vertices, to_gltf_axes(painted.vertices).numpy(), atol=1e-6)
    assert np.allclose(boy.visual.vertex_attributes["color"], to_linear(painted.colors).numpy(), atol=1e-6)
    assert boy.visual.material.name == "boy" and boy.visual.material.roughnessFactor == 0.6
    assert scene.metadata["prompt"] == METADATA["prompt"] and scene.metadata["seed"] == 7


def test_pygltflib_sees_a_document_within_the_standard(tmp_path, painted):
    write_glb(tmp_path / "a.glb", {"boy": painted, "cap": tetrahedron()}, METADATA)
    gltf = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    assert [node.name for node in gltf.nodes] == ["boy", "cap"]
    assert gltf.scenes[0].extras == METADATA and gltf.scenes[0].nodes == [0, 1]
    assert gltf.asset.version == "2.0" and gltf.buffers[0].byteLength == len(gltf.binary_blob())
    for material in gltf.materials:
        assert material.pbrMetallicRoughness.roughnessFactor == 0.6
        assert material.pbrMetallicRoughness.metallicFactor == 0
    for accessor in gltf.accessors:
        view = gltf.bufferViews[accessor.bufferView]
        components = {"SCALAR": 1, "VEC3": 3}[accessor.type]
        assert view.byteOffset % 4 == 0 and view.byteLength == 4 * components * accessor.count
    positions = gltf.accessors[gltf.meshes[0].primitives[0].attributes.POSITION]
    assert np.allclose(positions.max, to_gltf_axes(painted.vertices).amax(0)) and len(positions.min) == 3
    assert gltf.meshes[1].primitives[0].attributes.COLOR_0 is None


def test_our_reader_returns_what_was_written(tmp_path, painted):
    write_glb(tmp_path / "a.glb", {"boy": painted, "cap": tetrahedron()}, METADATA)
    parts, metadata = read_glb(tmp_path / "a.glb")
    assert list(parts) == ["boy", "cap"] and metadata == METADATA
    assert torch.equal(parts["boy"].vertices, painted.vertices) and torch.equal(parts["boy"].faces, painted.faces)
    assert torch.equal(parts["boy"].normals, painted.normals)
    assert torch.allclose(parts["boy"].colors, painted.colors, atol=1e-6)
    assert parts["cap"].colors is None


def test_normals_that_are_not_unit_are_replaced_by_the_faces_normals(tmp_path):
    picture_normals = torch.full((4, 3), 0.5)
    write_glb(tmp_path / "a.glb", {"cap": tetrahedron(normals=picture_normals)}, {})
    normals = read_glb(tmp_path / "a.glb")[0]["cap"].normals
    assert torch.allclose(normals.norm(dim=1), torch.ones(4))
    assert (normals[0] < 0).all()  # the corner at the origin looks away from the three others


@pytest.mark.parametrize("name", ["cap", "Kappe für Ärmel", "帽子", "🧢 cap", 'a "quoted" \\ name/..', " padded "])
def test_names_are_kept_exactly(tmp_path, name):
    write_glb(tmp_path / "a.glb", {name: tetrahedron()}, {})
    assert list(read_glb(tmp_path / "a.glb")[0]) == [name]
    assert list(trimesh.load_scene(tmp_path / "a.glb").graph.nodes_geometry) == [name]


@pytest.mark.parametrize("names", [("café", "cafe\u0301"), ("cap", "cap "), ("",), ("  ",), ()])
def test_missing_and_duplicate_names_are_refused(tmp_path, names):
    with pytest.raises(InputError):
        write_glb(tmp_path / "a.glb", {name: tetrahedron() for name in names}, {})
    assert not list(tmp_path.iterdir())


def test_same_input_same_bytes(tmp_path, painted):
    write_glb(tmp_path / "a.glb", {"boy": painted, "cap": tetrahedron()}, METADATA)
    write_glb(tmp_path / "b.glb", {"boy": painted, "cap": tetrahedron()}, dict(reversed(METADATA.items())))
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


@pytest.mark.parametrize(
    "mesh",
    [
        from_sdf(torch.ones(4, 4, 4)),
        replace(tetrahedron(), vertices=torch.full((4, 3), float("nan"))),
        replace(tetrahedron(), faces=torch.tensor([[0, 1, 4]])),
        tetrahedron(colors=torch.ones(3, 3)),
    ],
    ids=["empty", "nan", "faces", "colors"],
)
def test_meshes_that_no_viewer_can_show_are_refused_and_named(tmp_path, mesh):
    with pytest.raises(InputError, match="'boy'"):
        write_glb(tmp_path / "a.glb", {"boy": mesh}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("metadata", [{"x": object()}, {"x": float("nan")}, {"x": "\ud800"}])
def test_metadata_that_is_not_json_is_refused(tmp_path, metadata):
    with pytest.raises(InputError, match="JSON"):
        write_glb(tmp_path / "a.glb", {"boy": tetrahedron()}, metadata)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "a.glb"
    write_glb(path, {"boy": tetrahedron()}, {})
    old = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(InputError, match=r"cannot write .*a\.glb: disk full"):
        write_glb(path, {"cap": tetrahedron()}, {})
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["a.glb"]


def _edited(data: bytes, edit) -> bytes:
    """The same GLB with its JSON changed by `edit`."""
    (head_size,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + head_size])
    edit(document)
    head = json.dumps(document).encode()
    head += b" " * (-len(head) % 4)
    rest = data[20 + head_size :]
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(head) + len(rest), len(head), 0x4E4F534A) + head + rest


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["accessors"][0].update(count=10**6),
        lambda d: d["accessors"][0].update(componentType=5123),
        lambda d: d["nodes"][0].pop("name"),
        lambda d: d["nodes"].append(d["nodes"][0]),
        lambda d: d["meshes"][0]["primitives"].append({}),
        lambda d: d["meshes"][0]["primitives"][0]["attributes"].pop("POSITION"),
    ],
)
def test_damaged_documents_are_refused(tmp_path, edit):
    path = tmp_path / "a.glb"
    write_glb(path, {"boy": tetrahedron()}, {})
    path.write_bytes(_edited(path.read_bytes(), edit))
    with pytest.raises(InputError, match=r"a\.glb"):
        read_glb(path)


@pytest.mark.parametrize("keep", [0, 10, 40, -1])
def test_files_cut_short_are_refused(tmp_path, keep):
    path = tmp_path / "a.glb"
    write_glb(path, {"boy": tetrahedron()}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.glb"):
        read_glb(path)
