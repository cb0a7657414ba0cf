"""Unit arrows through the whole chain: voxel index -> every decoder -> world -> every file."""

from __future__ import annotations

import gzip

import numpy as np
import pygltflib
import pytest
import torch

from cast3d.backbones.bricks.sdf_decoder import SLatSdfDecoder
from cast3d.meshes.glb import write_glb
from cast3d.models import SparseTensor
from cast3d.splats import orbit, render, write_ply, write_spz
from cast3d.voxels import to_coords
from tests.models.tiny import SLAT, tiny

SIDE = 16  # of the tiny decoders' grid
ARROWS = {  # voxel index, and direction in the world: z up, objects face -y, +x right of whoever looks at the front
    "right": ((15, 8, 8), (1, 0, 0)),
    "front": ((8, 0, 8), (0, -1, 0)),
    "up": ((8, 8, 15), (0, 0, 1)),
}
FILES = {  # the same arrows in the frames of the files
    "ply": {"right": (1, 0, 0), "front": (0, 0, -1), "up": (0, -1, 0)},  # y down, z away
    "glb": {"right": (1, 0, 0), "front": (0, 0, 1), "up": (0, 1, 0)},  # y up, z to the viewer
    "spz": {"right": (1, 0, 0), "front": (0, 0, 1), "up": (0, 1, 0)},
}


def slat(index: tuple[int, int, int]) -> SparseTensor:
    feats = torch.randn(1, 4, generator=torch.Generator().manual_seed(0))
    return SparseTensor(feats, torch.tensor([[0, *index]], dtype=torch.int32))


@torch.no_grad()
def decoded(decoder: str, index: tuple[int, int, int]):
    if decoder == "SLatSdfDecoder":
        net = SLatSdfDecoder(**SLAT)
        (out,) = net.features(slat(index)).feats
        return net.mesh(torch.tensor([index]), -torch.ones_like(out)[None])
    return tiny(decoder)(slat(index))[0]


def place(thing) -> torch.Tensor:
    """[3] the middle of what was decoded."""
    points = thing.positions if hasattr(thing, "positions") else thing.vertices
    return (points.amin(0) + points.amax(0)) / 2


def towards(point, arrow) -> bool:
    """Whether the point lies far out along the arrow, and near the axes across it."""
    along = np.asarray(point, float)[np.asarray(arrow) != 0][0] * sum(arrow)
    across = np.abs(np.asarray(point, float)[np.asarray(arrow) == 0]).max()
    return 0.35 < along < 0.6 and across < 0.15


@pytest.mark.parametrize("arrow", ARROWS)
@pytest.mark.parametrize(
    "decoder", ["SLatGaussianDecoder", "SLatRadianceFieldDecoder", "SLatMeshDecoder", "SLatSdfDecoder"]
)
def test_every_decoder_puts_a_voxel_at_its_place(decoder, arrow):
    index, direction = ARROWS[arrow]
    assert towards(place(decoded(decoder, index)), direction)


def test_a_radiance_field_s_cubes_are_its_voxels():
    field = decoded("SLatRadianceFieldDecoder", (15, 8, 0))
    assert field.positions.tolist() == [[15.5 / 16 - 0.5, 8.5 / 16 - 0.5, 0.5 / 16 - 0.5]]
    assert 2.0 ** -field.depth.item() == 1 / SIDE  # the side of the cube
    assert field.trivec.shape == (1, 2, 3, 3)  # rank, axis x y z, samples


@pytest.mark.parametrize("arrow", ARROWS)
def test_occupancy_is_indexed_x_y_z(arrow):
    index, _ = ARROWS[arrow]
    grid = torch.zeros(SIDE, SIDE, SIDE, dtype=torch.bool)
    grid[index] = True
    assert to_coords(grid).tolist() == [list(index)]


@pytest.mark.parametrize("arrow", ARROWS)
def test_files_turn_as_documented(tmp_path, arrow):
    index, _ = ARROWS[arrow]
    gaussians, mesh = decoded("SLatGaussianDecoder", index), decoded("SLatSdfDecoder", index)
    write_ply(tmp_path / "a.ply", gaussians)
    write_spz(tmp_path / "a.spz", gaussians)
    write_glb(tmp_path / "a.glb", {"arrow": mesh}, {})
    table = np.frombuffer((tmp_path / "a.ply").read_bytes().partition(b"end_header\n")[2], "<f4").reshape(-1, 17)
    data = gzip.decompress((tmp_path / "a.spz").read_bytes())[16 : 16 + 9 * len(gaussians)]
    fixed = [int.from_bytes(data[i : i + 3], "little", signed=True) / 65536 for i in range(0, len(data), 3)]
    gltf = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    position = gltf.accessors[gltf.meshes[0].primitives[0].attributes.POSITION]
    raw = {
        "ply": table[:, :3].mean(0),
        "spz": np.reshape(fixed, (-1, 3)).mean(0),
        "glb": (np.array(position.min) + position.max) / 2,
    }
    for kind, point in raw.items():
        assert towards(point, FILES[kind][arrow]), kind


def test_the_front_view_shows_right_on_the_right_and_up_at_the_top():
    size = 64
    middle = {}
    for arrow, (index, _) in ARROWS.items():
        gaussians = decoded("SLatGaussianDecoder", index)
        alpha = render(gaussians, orbit(fov=None, width=1.0), size).alpha
        row, column = np.unravel_index(alpha.argmax().item(), alpha.shape)
        middle[arrow] = (row / size, column / size)
    assert middle["right"][1] > 0.8 and abs(middle["right"][0] - 0.5) < 0.15
    assert middle["up"][0] < 0.2 and abs(middle["up"][1] - 0.5) < 0.15
    assert max(abs(value - 0.5) for value in middle["front"]) < 0.15
