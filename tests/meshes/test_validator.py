"""Our GLB files before the Khronos validator, where Node and its module `gltf-validator` are there.

npm install --prefix /tmp/validator gltf-validator && NODE_PATH=/tmp/validator/node_modules pytest tests/meshes
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pygltflib
import pytest
import torch
import trimesh

from cast3d.meshes.glb import write_glb
from cast3d.meshes.surface import from_sdf, simplify
from cast3d.meshes.texture import bake
from cast3d.result.formats import export

from .checks import faults
from .shapes import ball, tetrahedron
from .test_solids import mesh_of, part_distances, two_boxes

RUNNER = Path(__file__).with_name("validate.js")


@cache
def node() -> str | None:
    """Node, if it finds the validator."""
    program = shutil.which("node")
    asked = [program, "-e", "require.resolve('gltf-validator')"]
    return program if program and subprocess.run(asked, capture_output=True, timeout=60).returncode == 0 else None


def test_the_validator_is_there_where_it_has_to_be():
    """CI sets GLTF_VALIDATOR: there, the tests below must not be skipped in silence."""
    if os.environ.get("GLTF_VALIDATOR"):
        assert node(), "GLTF_VALIDATOR is set, but node does not find the module gltf-validator; set NODE_PATH"


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    """A GLB of every kind that we write."""
    left, right = (mesh_of(field) for field in part_distances(*two_boxes(), 2))
    colored = {"a boy": left, '帽子 "hat"': right}
    textured = bake(simplify(from_sdf(ball(24)), 300), lambda points, normals: (points + 0.5).clamp(0, 1), 64)
    flat = tetrahedron(colors=torch.ones(4, 3))
    metadata = {"prompt": "é", "seed": 1, "images": {"a boy": ["00"]}, "version": "0"}
    write_glb(tmp_path / "colours.glb", colored, metadata)
    write_glb(tmp_path / "mixed.glb", {"ball": textured, "point": flat}, {})
    export({"ball": textured}, tmp_path / "textured", ["glb"])
    export(colored, tmp_path / "fewer", ["glb"], faces=200, title="two boxes")
    return {path.stem: path for path in sorted(tmp_path.rglob("*.glb"))} | {"fewer": tmp_path / "fewer" / "scene.glb"}


@pytest.mark.skipif(node() is None, reason="node with the module gltf-validator is not there")
def test_khronos_finds_nothing_wrong(files):
    for path in files.values():
        told = subprocess.run([node(), RUNNER, path], capture_output=True, text=True, timeout=120, check=True)
        messages = json.loads(told.stdout)["issues"]["messages"]
        # Sides of a texture that are no powers of two are allowed; the validator mentions them.
        assert [one for one in messages if one["code"] != "IMAGE_NPOT_DIMENSIONS"] == []


def test_two_other_readers_agree_on_names_and_solids(files):
    scene = trimesh.load_scene(files["colours"], process=False)
    assert set(scene.geometry) == {"a boy", '帽子 "hat"'}
    assert all(mesh.is_volume for mesh in scene.geometry.values())
    gltf = pygltflib.GLTF2().load(str(files["colours"]))
    assert [gltf.nodes[index].name for index in gltf.scenes[gltf.scene].nodes] == ["a boy", '帽子 "hat"']
    left, right = (mesh_of(field) for field in part_distances(*two_boxes(), 2))
    assert faults(left) == {} and faults(right) == {}
