"""Models of other programs as plain meshes, and as files for printers."""

from __future__ import annotations

import numpy as np
import pytest

from cast3d.errors import InputError
from cast3d.existing.parts import read_parts
from cast3d.meshes.facts import facts
from cast3d.meshes.glb import write_glb
from cast3d.result import formats
from tests.existing.made import FACES, man
from tests.result.test_report import box


def test_nodes_are_closed_parts_in_world_axes(tmp_path):
    made = read_parts(man().write(tmp_path / "man.glb"))
    parts = made.parts
    assert list(parts) == ["Body", "Red_Cap.001", "Backpack"] and made.foreign and made.prompt == ""
    body = parts["Body"]
    np.testing.assert_allclose(body.vertices.amin(0), [0, -2, 0], atol=1e-6)  # 2 wide, 6 high, 2 deep; y up in the file
    np.testing.assert_allclose(body.vertices.amax(0), [2, 0, 6], atol=1e-6)
    assert facts(body).watertight and facts(body).volume == pytest.approx(24)
    assert body.colors.unique(dim=0).tolist() == [[0, 0, 1]]
    cap = parts["Red_Cap.001"].vertices  # it hangs at a node that is moved and scaled
    np.testing.assert_allclose(cap.amin(0)[2], 6.02, atol=1e-5)


def test_vertices_that_lie_together_are_joined(tmp_path):
    made = man()
    for one in made.tables["meshes"]:  # as programs write them: each triangle has its own corners
        one["primitives"][0].pop("indices")
        row = made.tables["accessors"][one["primitives"][0]["attributes"]["POSITION"]]
        view = made.tables["bufferViews"][row["bufferView"]]
        points = np.frombuffer(bytes(made.binary), np.float32, 24, view["byteOffset"]).reshape(8, 3)
        one["primitives"][0]["attributes"]["POSITION"] = made.accessor(points[FACES.reshape(-1)], "VEC3")
    read = read_parts(made.write(tmp_path / "loose.glb"))
    (written,) = formats.export(read.parts, tmp_path, ["stl"], height=80, open_too=read.foreign)
    assert written.closed


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_a_model_of_another_program_becomes_any_file(tmp_path, kind):
    made = read_parts(man().write(tmp_path / "man.glb"))
    (written,) = formats.export(made.parts, tmp_path, [kind], height=80, open_too=made.foreign)
    assert written.closed and written.size[2] == pytest.approx(80, rel=1e-4)


def test_our_own_files_are_read_as_ever(tmp_path):
    write_glb(tmp_path / "own.glb", {"a cap": box((0, 0, 0), 0.2, (1, 0, 0))}, {"prompt": "a cap"})
    made = read_parts(tmp_path / "own.glb")
    assert list(made.parts) == ["a cap"] and made.prompt == "a cap" and not made.foreign
    (tmp_path / "bad.glb").write_bytes(b"glTF and more")
    with pytest.raises(InputError):
        read_parts(tmp_path / "bad.glb")


def test_the_prompt_of_a_run_is_its_own(tmp_path):
    """Not that of the model which an edit began with."""
    write_glb(tmp_path / "scene.glb", {"hat": box((0, 0, 0), 0.2, (1, 0, 0))}, {"prompt": "a cap"})
    assert read_parts(tmp_path / "scene.glb").prompt == "a cap"
    (tmp_path / "run.json").write_text('{"prompt": "a hat"}')
    assert read_parts(tmp_path / "scene.glb").prompt == "a hat"
