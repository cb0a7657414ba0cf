"""Unwrapping, baking, and textures inside GLB files."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pygltflib
import pytest
import torch
import torch.nn.functional as F
import trimesh
from PIL import Image
from torch import Tensor

from cast3d.errors import InputError
from cast3d.meshes import Mesh
from cast3d.meshes.glb import read_glb, write_glb
from cast3d.meshes.surface import from_sdf, simplify
from cast3d.meshes.texture import Textured, bake, texels

from .shapes import ball, tetrahedron


def rainbow(positions: Tensor, normals: Tensor | None = None) -> Tensor:
    """A colour that differs everywhere on a ball around the origin."""
    return (positions + 0.5).clamp(0, 1)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return simplify(from_sdf(ball(24)), 500)


@pytest.fixture(scope="module")
def textured(mesh: Mesh) -> Textured:
    return bake(mesh, rainbow, size=256)


def sampled(textured: Textured, uv: Tensor) -> Tensor:
    """The picture read bilinearly at uv [K, 2]."""
    image = textured.image.permute(2, 0, 1)[None].float() / 255
    return F.grid_sample(image, uv[None, None] * 2 - 1, align_corners=False, padding_mode="border")[0, :, 0].T


def test_two_triangles_cover_every_texel_of_a_square():
    square = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], dtype=float)
    face, weights, row, column = texels(square, (4, 6))
    assert {(r, c) for r, c in zip(row, column, strict=True)} == {(r, c) for r in range(4) for c in range(6)}
    uv = (square[face] * weights[..., None]).sum(axis=1)
    assert np.allclose(uv, np.stack([(column + 0.5) / 6, (row + 0.5) / 4], axis=1))


def test_triangles_without_area_cover_nothing():
    flat = np.array([[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]])
    assert len(texels(flat, (8, 8))[0]) == 0


def test_unwrapping_keeps_every_triangle_where_it_was(mesh, textured):
    before = {tuple(sorted(map(tuple, t))) for t in mesh.vertices[mesh.faces].tolist()}
    after = {tuple(sorted(map(tuple, t))) for t in textured.mesh.vertices[textured.mesh.faces].tolist()}
    assert before == after
    assert max(textured.image.shape[:2]) == 256
    assert textured.uv.min() >= 0 and textured.uv.max() <= 1


def test_the_picture_read_at_uv_is_the_colour_at_the_point(textured):
    faces = textured.mesh.faces
    weights = torch.rand(len(faces), 3, generator=torch.Generator().manual_seed(0))
    weights /= weights.sum(dim=1, keepdim=True)
    points = (textured.mesh.vertices[faces] * weights[..., None]).sum(dim=1)
    uv = (textured.uv[faces] * weights[..., None]).sum(dim=1)
    assert (sampled(textured, uv) - rainbow(points)).abs().max() < 0.02


def test_chart_borders_do_not_bleed(textured):
    """At vertices, bilinear reads reach beyond the chart into the gutter."""
    assert (sampled(textured, textured.uv) - rainbow(textured.mesh.vertices)).abs().max() < 0.03
    assert textured.image.float().sum(dim=2).min() > 0  # nothing is left black


def test_baking_is_repeatable(mesh, textured):
    again = bake(mesh, rainbow, size=256)
    assert torch.equal(again.image, textured.image) and torch.equal(again.uv, textured.uv)


def test_an_empty_mesh_is_refused():
    with pytest.raises(InputError):
        bake(from_sdf(torch.ones(4, 4, 4)), rainbow)


def test_textured_parts_travel_through_glb_beside_plain_ones(tmp_path, textured):
    path = tmp_path / "a.glb"
    write_glb(path, {"boy": textured, "cap": tetrahedron(colors=torch.ones(4, 3))}, {})
    parts, _ = read_glb(path)
    assert torch.equal(parts["boy"].image, textured.image) and torch.allclose(parts["boy"].uv, textured.uv)
    assert torch.equal(parts["boy"].mesh.faces, textured.mesh.faces)
    assert isinstance(parts["cap"], Mesh)
    boy = trimesh.load_scene(path, process=False).geometry["boy"]
    assert np.array_equal(np.asarray(boy.visual.material.baseColorTexture), textured.image.numpy())
    assert np.allclose(boy.visual.uv[:, 1], 1 - textured.uv[:, 1].numpy(), atol=1e-6)  # trimesh counts v from below


def test_textures_do_not_multiply_with_vertex_colours_and_stay_aligned(tmp_path, textured):
    path = tmp_path / "a.glb"
    colored = replace(textured, mesh=replace(textured.mesh, colors=torch.ones_like(textured.mesh.vertices)))
    write_glb(path, {"boy": colored, "cap": textured}, {})
    gltf = pygltflib.GLTF2().load(str(path))
    assert all(mesh.primitives[0].attributes.COLOR_0 is None for mesh in gltf.meshes)
    assert all(view.byteOffset % 4 == 0 for view in gltf.bufferViews)
    view = gltf.bufferViews[gltf.images[1].bufferView]
    png = gltf.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    assert np.array_equal(np.array(Image.open(io.BytesIO(png))), textured.image.numpy())


def test_a_damaged_picture_is_refused(tmp_path, textured):
    path = tmp_path / "a.glb"
    write_glb(path, {"boy": textured}, {})
    path.write_bytes(path.read_bytes().replace(b"\x89PNG", b"\x89GNP"))
    with pytest.raises(InputError, match=r"a\.glb"):
        read_glb(path)
