"""Files that are damaged or made to harm: each is refused in words, before memory is taken for what it claims."""

from __future__ import annotations

import copy
import json
import struct
import tracemalloc

import numpy as np
import pytest

from cast3d.errors import InputError
from cast3d.existing.opening import open_model
from tests.existing.made import Gltf, glb, man


def opened(tmp_path, data: bytes, name: str = "model.glb"):
    path = tmp_path / name
    path.write_bytes(data)
    return open_model(path)


def changed(change) -> bytes:
    made = man()
    tables = copy.deepcopy(made.tables)
    tables["buffers"] = [{"byteLength": len(made.binary)}]
    change(tables)
    return glb(tables, bytes(made.binary))


def put(*path_and_value):
    *path, value = path_and_value

    def change(tables):
        at = tables
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize("length", [0, 3, 11, 19, 40, 200])
def test_a_file_that_is_cut_short(tmp_path, length):
    with pytest.raises(InputError, match=r"cut short|empty|damaged|holds no glTF|cannot be read"):
        opened(tmp_path, man().bytes()[:length])


BROKEN = {
    "huge count": (put("accessors", 0, "count", 10**12), "announces"),
    "count beyond its view": (put("accessors", 0, "count", 10_000), "outside its bufferView"),
    "count without a view": (lambda t: t["accessors"][0].update(bufferView=None, count=4), "not a whole number"),
    "negative count": (put("accessors", 0, "count", -1), "not a whole number"),
    "no whole number": (put("accessors", 0, "count", 1.5), "not a whole number"),
    "offset outside": (put("accessors", 0, "byteOffset", 1 << 40), "outside its bufferView"),
    "view outside": (put("bufferViews", 0, "byteOffset", 1 << 40), "outside its buffer"),
    "view too long": (put("bufferViews", 0, "byteLength", 1 << 40), "outside its buffer"),
    "buffer too long": (put("buffers", 0, "byteLength", 1 << 40), "cut short"),
    "kind": (put("accessors", 0, "type", "VEC9"), "does not have"),
    "component": (put("accessors", 0, "componentType", 5130), "does not have"),
    "stride": (put("bufferViews", 0, "byteStride", 1 << 20), "byteStride"),
    "index": (put("meshes", 0, "primitives", 0, "indices", 99), "indices"),
    "attribute": (put("meshes", 0, "primitives", 0, "attributes", "POSITION", 99), "POSITION"),
    "material": (put("meshes", 0, "primitives", 0, "material", 99), "material"),
    "mesh": (put("nodes", 0, "mesh", 99), "mesh"),
    "child": (put("nodes", 1, "children", [99]), "child"),
    "circle": (put("nodes", 2, "children", [1]), r"circle|hangs at two nodes"),
    "own child": (put("nodes", 0, "children", [0]), "circle"),
    "two parents": (put("nodes", 0, "children", [2]), "hangs at two nodes"),
    "matrix": (put("nodes", 0, "matrix", [float("nan")] * 16), r"matrix|cannot be read"),
    "translation": (put("nodes", 1, "translation", [1, 2]), "translation"),
    "table": (put("nodes", {"a": 1}), "no list"),
    "scene": (put("scene", 7), "scene"),
    "primitives": (put("meshes", 0, "primitives", []), "no primitives"),
    "draco": (put("extensionsUsed", ["KHR_draco_mesh_compression"]), "Draco.*Blender"),
    "meshopt": (put("extensionsRequired", ["EXT_meshopt_compression"]), "meshopt.*Blender"),
    "unknown": (put("extensionsRequired", ["ACME_folded_space"]), "ACME_folded_space"),
    "version": (put("asset", {"version": "1.0"}), "2.0"),
    "no asset": (lambda t: t.pop("asset"), "no `asset`"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_tables_that_lie(tmp_path, what):
    change, words = BROKEN[what]
    tracemalloc.start()
    with pytest.raises(InputError, match=words) as error:
        opened(tmp_path, changed(change))
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
    assert "model.glb" in str(error.value)


def test_points_that_are_no_numbers(tmp_path):
    made = Gltf()
    made.box("a", at=(np.nan, 0, 0))
    for row in made.tables["accessors"]:
        row.pop("min", None), row.pop("max", None)
    with pytest.raises(InputError, match="no finite numbers"):
        opened(tmp_path, made.bytes())


def test_triangles_beyond_the_points(tmp_path):
    made = Gltf()
    made.box("a")
    made.tables["meshes"][0]["primitives"][0]["indices"] = made.accessor(np.full((3, 1), 60000, np.uint16), "SCALAR")
    with pytest.raises(InputError, match="points that it does not have"):
        opened(tmp_path, made.bytes())


def test_no_triangles(tmp_path):
    made = Gltf()
    made.box("a")
    made.tables["meshes"][0]["primitives"][0]["mode"] = 0
    with pytest.raises(InputError, match="no triangles"):
        opened(tmp_path, made.bytes())


def test_more_triangles_than_are_worked_on(tmp_path):
    """An accessor without a view takes no byte of the file: its count alone must be believed or not."""
    made = Gltf()
    made.box("a")
    row = {"componentType": 5125, "count": 30_000_000, "type": "SCALAR"}
    made.tables["meshes"][0]["primitives"][0]["indices"] = made.append("accessors", row)
    tracemalloc.start()
    with pytest.raises(InputError, match="10,000,000 triangles"):
        opened(tmp_path, made.bytes())
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_the_same_mesh_at_a_thousand_nodes_counts_a_thousand_times(tmp_path):
    made = Gltf()
    made.box("a")
    row = {"componentType": 5125, "count": 3_000_000, "type": "SCALAR"}
    made.tables["meshes"][0]["primitives"][0]["indices"] = made.append("accessors", row)
    for _ in range(10):
        made.node({"mesh": 0})
    with pytest.raises(InputError, match="triangles"):
        opened(tmp_path, made.bytes())


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/passwd", "http://a.b/c.bin", "file:///etc/passwd", "%2e%2e/secret.bin"]
)
def test_other_files_are_read_beside_the_model_only(tmp_path, uri):
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    folder = tmp_path / "models"
    folder.mkdir()
    made = man()
    tables = {**made.tables, "buffers": [{"byteLength": len(made.binary), "uri": uri}]}
    (folder / "model.gltf").write_text(json.dumps(tables))
    with pytest.raises(InputError, match=r"beside the model|outside the model's own folder"):
        open_model(folder / "model.gltf")


def test_a_gltf_with_its_buffer_beside_it_or_in_it(tmp_path):
    import base64

    made = man()
    (tmp_path / "a b.bin").write_bytes(made.binary)
    for name, uri in (("x", "a%20b.bin"), ("y", "data:;base64," + base64.b64encode(made.binary).decode())):
        tables = {**made.tables, "buffers": [{"byteLength": len(made.binary), "uri": uri}]}
        path = tmp_path / f"{name}.gltf"
        path.write_text(json.dumps(tables))
        assert open_model(path).nodes == ["Body", "Red_Cap.001", "Backpack"]


def test_deep_json_is_no_crash(tmp_path):
    head = b'{"asset":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    head += b" " * (-len(head) % 4)
    data = struct.pack("<4sII", b"glTF", 2, 20 + len(head)) + struct.pack("<II", len(head), 0x4E4F534A) + head
    with pytest.raises(InputError):
        opened(tmp_path, data)


@pytest.mark.parametrize(
    "name, data, words",
    [
        ("a.stl", bytes(80) + (10**9).to_bytes(4, "little"), "cut short"),
        ("a.stl", b"x" * 50, "cut short"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 999999999999\nproperty float x\nend_header\n", "announces"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 3\n", "no header"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no triangles"),
        ("a.obj", b"v 0 0 0\nv 1 nan 0\nv 0 1 0\nf 1 2 3\n", r"no finite numbers|cannot be read|can be read"),
        ("a.obj", b"\xff\xfe\x00garbage", r"no triangles|can be read"),
        ("a.fbx", b"Kaydara", "Blender"),
        ("a.txt", b"hello", "a run folder, GLB"),
    ],
)  # fmt: skip
def test_other_kinds_of_files(tmp_path, name, data, words):
    with pytest.raises(InputError, match=words):
        opened(tmp_path, data, name)


def test_an_obj_names_a_file_elsewhere(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "x.mtl").write_text("newmtl a\n")
    (folder / "a.obj").write_text("mtllib ../x.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(InputError, match="outside its own folder"):
        open_model(folder / "a.obj")


def test_what_is_not_there(tmp_path):
    (tmp_path / "dragon.glb").write_bytes(man().bytes())
    with pytest.raises(InputError, match=r"did you mean 'dragon\.glb'"):
        open_model(tmp_path / "dragn.glb")
    with pytest.raises(InputError, match="not the folder of a run"):
        open_model(tmp_path)
