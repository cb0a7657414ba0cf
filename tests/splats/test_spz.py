"""SPZ files: bytes by the format's description, axes, quantisation there and back, files that are refused."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from cast3d.errors import InputError
from cast3d.meshes.conventions import to_gltf_axes
from cast3d.splats import read_ply, write_ply
from cast3d.splats.rotations import quaternion_to_matrix
from cast3d.splats.spz import read_spz, write_spz

from .scenes import balls, cloud


def content(path) -> bytes:
    return gzip.decompress(path.read_bytes())


def test_one_gaussian_byte_by_byte(tmp_path):
    half = 0.5**0.5
    one = replace(
        balls([[0.25, -0.5, 0.125]], opacity=0.5),
        features_dc=torch.tensor([[0.0, 1.0, -9.0]]),
        scales=torch.tensor([[1.0, np.exp(-4.0), 1e-9]]),
        rotations=torch.tensor([[half, half, 0.0, 0.0]]),  # undoes the turn: in the file it is the identity
    )
    write_spz(tmp_path / "one.spz", one)
    second = content(tmp_path / "one.spz")
    assert second[:16] == b"NGSP" + struct.pack("<IIBBBB", 2, 1, 0, 16, 1, 0) and len(second) == 16 + 19
    assert list(second[-3:]) == [128, 128, 128]  # 127.5 (1 + x)
    write_spz(tmp_path / "one.spz", one, version=3)
    data = content(tmp_path / "one.spz")
    assert second[4] == 2 and second[5:-3] == data[5:-4]
    assert data[:16] == b"NGSP" + struct.pack("<IIBBBB", 3, 1, 0, 16, 1, 0)
    rest = data[16:]
    assert len(rest) == 20
    fixed = [int.from_bytes(rest[i : i + 3], "little", signed=True) / 65536 for i in (0, 3, 6)]
    assert fixed == [0.25, 0.125, 0.5]  # (x, z, -y)
    assert rest[9] == 128 and list(rest[10:13]) == [128, 166, 0]  # alpha; 0.15 * 255 f_dc + 127.5
    assert list(rest[13:16]) == [160, 96, 0]  # 16 (log scale + 10)
    packed = int.from_bytes(rest[16:], "little")
    assert packed >> 30 == 3 and all(packed >> shift & 0x1FF == 0 for shift in (20, 10, 0))  # w = 1 is left out


def test_arrows_turn_as_in_a_glb(tmp_path):
    """World right, front, up -> +x, +z, +y; the PLY turns the other way."""
    right, front, up = [1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]
    arrows = balls([right, front, up])
    write_spz(tmp_path / "arrows.spz", arrows)
    raw = np.frombuffer(content(tmp_path / "arrows.spz")[16 : 16 + 27], np.uint8).reshape(9, 3)
    fixed = [int.from_bytes(bytes(row), "little", signed=True) / 65536 for row in raw]
    assert np.reshape(fixed, (3, 3)).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert np.reshape(fixed, (3, 3)).tolist() == to_gltf_axes(arrows.positions).tolist()


@pytest.mark.parametrize("axis", range(3))
def test_needles_keep_their_direction(tmp_path, axis):
    """Each arrow as a long Gaussian: after the turn its long axis is the turned arrow."""
    needle = cloud(1)
    scales = torch.full((1, 3), 0.01)
    scales[0, axis] = 0.3
    needle = replace(needle, scales=scales)
    write_spz(tmp_path / "needle.spz", needle)
    back = read_spz(tmp_path / "needle.spz")
    want, got = (quaternion_to_matrix(g.rotations)[0, :, axis] for g in (needle, back))
    assert (want @ got).abs() > 0.9999
    assert back.scales[0].argmax() == axis


@pytest.mark.parametrize(("version", "mean", "most"), [(2, 0.03, 0.2), (3, 0.003, 0.006)])
def test_round_trip_within_the_steps_of_the_format(tmp_path, version, mean, most):
    """Version 2 leaves w out, which is inexact where it is small."""
    gaussians = cloud(500)
    write_spz(tmp_path / "cloud.spz", gaussians, version)
    back = read_spz(tmp_path / "cloud.spz")
    assert len(back) == 500
    assert (back.positions - gaussians.positions).abs().max() <= 0.5 / 65536 + 1e-7
    assert (back.opacities - gaussians.opacities).abs().max() <= 0.5 / 255 + 1e-6
    assert (back.features_dc - gaussians.features_dc).abs().max() <= 0.5 / (255 * 0.15) + 1e-5
    assert (back.scales.log() - gaussians.scales.log()).abs().max() <= 0.5 / 16 + 1e-5
    angle = 2 * (back.rotations * gaussians.rotations).sum(1).abs().clamp(max=1).acos()
    assert angle.mean() < mean and angle.max() < most
    torch.testing.assert_close(back.rotations.norm(dim=1), torch.ones(500))


def test_it_is_far_smaller_than_the_ply(tmp_path):
    gaussians = cloud(5000)
    write_spz(tmp_path / "a.spz", gaussians)
    write_ply(tmp_path / "a.ply", gaussians)
    assert (tmp_path / "a.spz").stat().st_size < 0.3 * (tmp_path / "a.ply").stat().st_size  # noise: the worst case
    torch.testing.assert_close(
        read_spz(tmp_path / "a.spz").positions, read_ply(tmp_path / "a.ply").positions, atol=2e-5, rtol=0
    )


def test_same_input_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_spz(tmp_path / f"{name}.spz", cloud(50))
    assert (tmp_path / "a.spz").read_bytes() == (tmp_path / "b.spz").read_bytes()


def test_extremes_stay_in_their_bytes(tmp_path):
    loud = replace(
        cloud(2),
        features_dc=torch.tensor([[99.0] * 3, [-99.0] * 3]),
        scales=torch.tensor([[1e9] * 3, [1e-30] * 3]),
        opacities=torch.tensor([1.0, 0.0]),
    )
    write_spz(tmp_path / "a.spz", loud)
    back = read_spz(tmp_path / "a.spz")
    assert back.opacities.tolist() == [1.0, 0.0]
    assert back.scales[0, 0] > 300 and back.scales[1, 0] < 1e-4
    assert back.features_dc[0, 0] > 3 and back.features_dc[1, 0] < -3


@pytest.mark.parametrize("value", [128.0, float("nan"), float("inf")])
def test_positions_that_do_not_fit_are_refused(tmp_path, value):
    with pytest.raises(InputError, match="within 128 world units"):
        write_spz(tmp_path / "a.spz", balls([[value, 0.0, 0.0]]))
    with pytest.raises(InputError, match="version 2 or 3, not 4"):
        write_spz(tmp_path / "a.spz", balls([[0.0, 0.0, 0.0]]), version=4)
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_explained(tmp_path):
    write_spz(tmp_path / "a.spz", cloud(20))
    whole, file = (tmp_path / "a.spz").read_bytes(), tmp_path / "bad.spz"
    data = gzip.decompress(whole)
    cases = [
        (b"", "not an SPZ file"),
        (b"ply\n", "not an SPZ file"),
        (whole[:-20], "cut short"),
        (gzip.compress(b"NGSP"), "not an SPZ file"),
        (gzip.compress(data[:-1]), "20 Gaussians need 380 bytes"),
        (gzip.compress(data[:4] + b"\x04" + data[5:]), "version 4; versions 2 and 3 are read"),
    ]
    for content_, message in cases:
        file.write_bytes(content_)
        with pytest.raises(InputError, match=message):
            read_spz(file)
