"""FlexiCubes against the released extraction, and properties that hold for any input."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from scipy.spatial import cKDTree
from torch import Tensor

from cast3d.errors import InputError
from cast3d.meshes import Mesh
from cast3d.meshes.dual_tables import CORNERS
from cast3d.meshes.flexicubes import extract
from cast3d.meshes.surface import is_closed
from tests.golden_data import golden

from .shapes import volume


def attributes(mesh: Mesh) -> Tensor:  # [V, 6]
    return torch.cat([mesh.colors, mesh.normals], dim=1)


def ball_voxels(resolution: int, radius: float, width: int = 101) -> tuple[Tensor, Tensor]:
    """Voxels of a ball with the distances that the decoder would give, and otherwise zeros."""
    axis = torch.arange(resolution)
    coords = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    coords = coords[((coords + 0.5) / resolution - 0.5).norm(dim=1) - radius < 1.5 / resolution]
    feats = torch.zeros(len(coords), width)
    corners = (coords[:, None] + torch.tensor(CORNERS)) / resolution - 0.5
    feats[:, :8] = corners.norm(dim=2) - radius + 1 / resolution  # the extraction subtracts 1 / resolution
    return coords, feats


def test_the_released_mesh_of_a_smooth_shape_is_equal():
    data = load_file(golden("trellis/cube2mesh") / "io.safetensors")
    mesh = extract(data["in.coords"][:, 1:], data["in.feats_f16"], resolution=24)
    assert torch.equal(mesh.faces, data["out.faces"])
    assert torch.allclose(mesh.vertices, data["out.vertices"], atol=1e-6)
    assert torch.allclose(attributes(mesh), data["out.vertex_attrs"], atol=2e-6)


@pytest.mark.parametrize("item", [0, 1])
def test_the_released_mesh_of_a_rough_shape_is_equal(item):
    data = load_file(golden("trellis/slat_dec_mesh") / "io.safetensors")
    mine = data["out.raw.coords"][:, 0] == item
    mesh = extract(data["out.raw.coords"][mine, 1:], data["out.raw.feats"][mine], resolution=32)
    assert torch.equal(mesh.faces, data[f"out.{item}.faces"])
    assert torch.allclose(mesh.vertices, data[f"out.{item}.vertices"], atol=1e-6)
    assert torch.allclose(attributes(mesh), data[f"out.{item}.vertex_attrs"], atol=2e-6)


def test_the_inner_part_of_a_cropped_released_mesh_is_equal():
    """The crop holds all the cells of the rough shape that take their complement's patches."""
    data = load_file(golden("trellis/slat_dec_mesh_crop") / "io.safetensors")
    mesh = extract(data["in.coords"], data["in.feats"], resolution=32)
    distance, index = cKDTree(mesh.vertices.numpy()).query(data["inner.vertices"].numpy())
    index = torch.from_numpy(index)
    assert distance.max() < 1e-6 and len(index.unique()) == len(index)
    assert torch.allclose(attributes(mesh)[index], data["inner.vertex_attrs"], atol=2e-6)
    inner = torch.zeros(len(mesh.vertices), dtype=torch.bool)
    inner[index] = True
    expected = {tuple(face) for face in index[data["inner.faces"].long()].tolist()}
    assert {tuple(face) for face in mesh.faces[inner[mesh.faces].all(dim=1)].tolist()} == expected


def test_a_ball_is_closed_outward_and_of_its_size():
    mesh = extract(*ball_voxels(32, radius=0.3), resolution=32)
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(4 / 3 * torch.pi * 0.3**3, rel=0.02)
    assert torch.allclose(mesh.colors, torch.full_like(mesh.colors, 0.5))


def test_features_without_colour_give_the_same_surface():
    colored = extract(*ball_voxels(16, 0.3), resolution=16)
    plain = extract(*ball_voxels(16, 0.3, width=53), resolution=16)
    assert plain.colors is None and plain.normals is None
    assert torch.equal(plain.vertices, colored.vertices) and torch.equal(plain.faces, colored.faces)


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_holes_inside_the_grid_and_no_edge_of_four_triangles(seed):
    """Random signs meet every ambiguous configuration; complementing both cells keeps the mesh manifold."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(2, 10)
    coords = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    lattice = torch.randn(12, 12, 12, generator=generator)
    at = coords[:, None] + torch.tensor(CORNERS)
    feats = torch.zeros(len(coords), 53)
    feats[:, :8] = lattice[at[..., 0], at[..., 1], at[..., 2]] + 1 / 12
    mesh = extract(coords, feats, resolution=12)
    assert is_closed(mesh)
    edges = torch.cat([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]).sort(dim=1).values
    _, count = torch.unique(edges, dim=0, return_counts=True)
    assert (count == 2).all()


def test_the_order_of_voxels_does_not_matter():
    coords, feats = ball_voxels(16, 0.3)
    turned = extract(coords.flip(0), feats.flip(0), resolution=16)
    mesh = extract(coords, feats, resolution=16)
    assert torch.equal(turned.faces, mesh.faces) and torch.allclose(turned.vertices, mesh.vertices, atol=1e-6)


@pytest.mark.parametrize("count", [0, 5])
def test_voxels_without_inside_give_an_empty_mesh(count):
    coords = torch.arange(count)[:, None].expand(-1, 3)
    mesh = extract(coords, torch.ones(count, 101), resolution=8)
    assert mesh.vertices.shape == (0, 3) and mesh.faces.shape == (0, 3) and mesh.colors.shape == (0, 3)


@pytest.mark.parametrize(
    ("coords", "feats"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 100)),
        (torch.zeros(2, 4), torch.zeros(2, 101)),
        (torch.full((2, 3), 8), torch.zeros(2, 101)),
        (torch.full((2, 3), -1), torch.zeros(2, 53)),
    ],
)
def test_features_that_are_not_the_decoders_are_refused(coords, feats):
    with pytest.raises(InputError):
        extract(coords, feats, resolution=8)
