"""PLY files: the released bytes, the turn, the way back, and files that are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cast3d.errors import InputError
from cast3d.splats import Gaussians, read_ply, write_ply
from cast3d.splats.ply import TURN
from cast3d.splats.rotations import matrix_to_quaternion, quaternion_to_matrix
from tests.golden_data import golden

from .scenes import balls, cloud


def released() -> Gaussians:
    case = load_file(golden("trellis/slat_dec_gs") / "io.safetensors")
    values = {name: case[f"out.0.get_{name}"] for name in ("xyz", "features", "scaling", "rotation", "opacity")}
    return Gaussians(
        values["xyz"], values["features"][:, 0], values["scaling"], values["rotation"], values["opacity"][:, 0]
    )


def body(path, header_end=b"end_header\n") -> tuple[bytes, np.ndarray]:
    head, _, data = path.read_bytes().partition(header_end)
    return head, np.frombuffer(data, "<f4").reshape(-1, head.count(b"property"))


def test_the_file_is_the_released_one(tmp_path):
    write_ply(tmp_path / "ours.ply", released())
    head, ours = body(tmp_path / "ours.ply")
    expected_head, expected = body(golden("trellis/slat_dec_gs") / "gaussian_0.ply")
    assert head == expected_head
    names = [line.split()[-1] for line in head.decode().splitlines() if line.startswith("property")]
    exact = [i for i, name in enumerate(names) if not name.startswith("rot")]
    np.testing.assert_allclose(ours[:, exact], expected[:, exact], rtol=1e-6, atol=2e-6)
    # The released rotations carry up to 8e-5 of rounding (square roots of small differences); the true ones are ours.
    np.testing.assert_allclose(ours[:, 13:], expected[:, 13:], rtol=0, atol=1e-4)
    turn = torch.tensor(TURN, dtype=torch.float64)
    exact_turn = matrix_to_quaternion(turn @ quaternion_to_matrix(released().rotations.double()))
    np.testing.assert_allclose(ours[:, 13:], exact_turn.numpy(), rtol=0, atol=5e-7)


def test_reading_the_released_file_gives_its_gaussians():
    gaussians, expected = read_ply(golden("trellis/slat_dec_gs") / "gaussian_0.ply"), released()
    for name in ("positions", "features_dc", "scales", "opacities"):
        torch.testing.assert_close(getattr(gaussians, name), getattr(expected, name), atol=1e-6, rtol=2e-6)
    matrices = [quaternion_to_matrix(g.rotations) for g in (gaussians, expected)]
    torch.testing.assert_close(*matrices, atol=2e-4, rtol=0)  # the released rounding
    assert gaussians.part is None


def test_arrows_turn_as_documented(tmp_path):
    """World right, back, up -> x, z, -y of the file: the viewers of such files draw y downwards."""
    write_ply(tmp_path / "arrows.ply", balls([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    _, table = body(tmp_path / "arrows.ply")
    np.testing.assert_allclose(table[:, :3], [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-7)


def test_long_axes_turn_with_the_positions(tmp_path):
    needle = balls([[0.0, 0.0, 0.0]])
    half = 0.5**0.5
    needle = replace(  # its local x axis points up in the world
        needle, scales=torch.tensor([[0.2, 0.01, 0.01]]), rotations=torch.tensor([[half, 0.0, -half, 0.0]])
    )
    torch.testing.assert_close(quaternion_to_matrix(needle.rotations)[0, :, 0], torch.tensor([0.0, 0, 1]))
    write_ply(tmp_path / "needle.ply", needle)
    _, table = body(tmp_path / "needle.ply")
    axis = quaternion_to_matrix(torch.tensor(table[0, 13:].copy()))[:, 0]
    torch.testing.assert_close(axis, torch.tensor([0.0, -1.0, 0.0]), atol=1e-6, rtol=0)


def test_round_trip_keeps_parts(tmp_path):
    gaussians = replace(cloud(200), part=torch.arange(200) % 4 - 1)
    write_ply(tmp_path / "scene.ply", gaussians)
    back = read_ply(tmp_path / "scene.ply")
    assert torch.equal(back.part, gaussians.part)
    for name in ("positions", "features_dc", "scales", "opacities"):
        torch.testing.assert_close(getattr(back, name), getattr(gaussians, name), atol=1e-6, rtol=1e-5)
    same = (back.rotations * gaussians.rotations).sum(1).abs()
    torch.testing.assert_close(same, torch.ones(200), atol=1e-5, rtol=0)


def test_every_property_is_a_float_and_the_part_comes_last(tmp_path):
    """Importers of Unity and converters to SPZ count on four bytes of float for each."""
    write_ply(tmp_path / "scene.ply", replace(cloud(7), part=torch.arange(7) - 1))
    head, table = body(tmp_path / "scene.ply")
    kinds, names = zip(*(line.split()[1:] for line in head.decode().splitlines() if line.startswith("property")))
    assert set(kinds) == {"float"} and names[-1] == "part"
    assert table[:, -1].tolist() == [-1, 0, 1, 2, 3, 4, 5]


def test_files_with_an_integer_part_are_read(tmp_path):
    """As earlier versions wrote them."""
    write_ply(tmp_path / "new.ply", replace(cloud(7), part=torch.arange(7) - 1))
    head, _, data = (tmp_path / "new.ply").read_bytes().partition(b"end_header\n")
    table = np.frombuffer(data, "<f4").reshape(7, -1).copy()
    table.view("<i4")[:, -1] = table[:, -1].astype(np.int32)
    head = head.replace(b"property float part", b"property int part")
    (tmp_path / "old.ply").write_bytes(head + b"end_header\n" + table.tobytes())
    assert read_ply(tmp_path / "old.ply").part.tolist() == [-1, 0, 1, 2, 3, 4, 5]


def test_files_of_others_are_read_by_name(tmp_path):
    write_ply(tmp_path / "a.ply", cloud(5))
    head, table = body(tmp_path / "a.ply")
    lines = head.decode().splitlines()
    properties = list(enumerate(line for line in lines if line.startswith("property")))[::-1]
    header = ["ply", "format binary_little_endian 1.0", "comment by another", "element vertex 5"]
    header += [line for _, line in properties] + ["element face 0", "property list uchar int vertex_indices"]
    data = "\n".join([*header, "end_header", ""]).encode() + table[:, [i for i, _ in properties]].tobytes()
    (tmp_path / "b.ply").write_bytes(data)
    torch.testing.assert_close(read_ply(tmp_path / "b.ply").positions, read_ply(tmp_path / "a.ply").positions)


def test_full_opacity_is_written_as_a_finite_number(tmp_path):
    write_ply(tmp_path / "a.ply", balls([[0.0, 0.0, 0.0]], opacity=1.0))
    assert np.isfinite(body(tmp_path / "a.ply")[1]).all()
    assert read_ply(tmp_path / "a.ply").opacities.item() == pytest.approx(1.0, abs=2e-6)


HEADER = b"ply\nformat binary_little_endian 1.0\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PLY"),
        (b"glTF" * 100, "not a PLY"),
        (HEADER, "not a PLY"),
        (b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "ascii"),
        (b"ply\nend_header\n", "nothing"),
        (HEADER + b"end_header\n", "vertex"),
        (HEADER + b"element vertex -1\nend_header\n", "vertex"),
        (HEADER + b"element vertex 1\nproperty list uchar int x\nend_header\n", "list"),
        (HEADER + b"element vertex 1\nproperty float x\nproperty float x\nend_header\n1234", "twice"),
        (HEADER + b"element vertex 99999999999999\nproperty float x\nend_header\n1234", "short"),
        (HEADER + b"element vertex 1\nproperty float x\nend_header\n1234", "lack y, z"),
    ],
)
def test_damaged_files_are_explained(tmp_path, data, message):
    (tmp_path / "bad.ply").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_ply(tmp_path / "bad.ply")


def test_parts_have_to_match(tmp_path):
    with pytest.raises(InputError, match="3 entries for 5"):
        write_ply(tmp_path / "a.ply", cloud(5), torch.zeros(3, dtype=torch.int64))
    assert not list(tmp_path.iterdir())
