"""Simplification: however few triangles are asked for, a closed surface stays one, near where it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from cast3d.meshes import Mesh
from cast3d.meshes.surface import from_sdf, simplify

from .checks import faults, read
from .shapes import ball, grid, tetrahedron, volume


def blob(seed: int = 0) -> Mesh:
    """A ball with a rough skin, tunnels and crumbs: what generation makes."""
    rough = gaussian_filter(np.random.default_rng(seed).normal(size=(40, 40, 40)), 1.2)
    return from_sdf(ball(40, 0.35) + torch.from_numpy(0.9 * rough).float())


def plate() -> Mesh:
    points = grid(40)
    return from_sdf(torch.maximum(points[..., :2].norm(dim=-1) - 0.4, points[..., 2].abs() - 0.03))


@pytest.mark.parametrize("count", [4000, 1000, 300, 60])
@pytest.mark.parametrize("shape", [blob, plate])
def test_no_edge_gets_more_or_fewer_than_two_triangles(shape, count):
    """Collapse without a look at the neighbours left edges with four and pairs of triangles on each other."""
    mesh = shape()
    assert faults(mesh) == {}
    small = simplify(mesh, count)
    assert faults(small) == {}
    assert len(small.faces) <= count or volume(small) == pytest.approx(volume(mesh), rel=0.2)
    assert read(small).euler_number == read(mesh).euler_number


def test_the_surface_hardly_moves():
    mesh = from_sdf(ball(48, 0.3))
    small = simplify(mesh, 500)
    assert len(small.faces) in (499, 500)
    assert (small.vertices.norm(dim=1) - 0.3).abs().max() < 0.004
    assert volume(small) == pytest.approx(4 / 3 * math.pi * 0.3**3, rel=0.015)
    flat = simplify(plate(), 400)
    distance, _ = cKDTree(plate().vertices.numpy()).query(flat.vertices.numpy())
    assert distance.max() < 0.02


def test_flat_sides_stay_flat_and_edges_sharp():
    points = grid(32)
    mesh = simplify(from_sdf(points.abs().amax(-1) - 0.3), 200)
    assert faults(mesh) == {} and (mesh.vertices.abs().amax(1) - 0.3).abs().max() < 0.01


def test_where_less_is_not_possible_more_is_left():
    assert len(simplify(tetrahedron(), 4).faces) == 4
    ring = grid(40)
    distance = ((ring[..., :2].norm(dim=-1) - 0.3) ** 2 + ring[..., 2] ** 2).sqrt() - 0.1
    small = simplify(from_sdf(distance), 4)
    assert faults(small) == {} and read(small).euler_number == 0 and 14 <= len(small.faces) < 400


def test_an_open_mesh_keeps_its_border():
    mesh = from_sdf(ball(32, 0.3))
    half = mesh.faces[(mesh.vertices[mesh.faces][..., 2] > 0).all(dim=1)]
    used, index = torch.unique(half, return_inverse=True)
    opened = Mesh(mesh.vertices[used], index)
    small = simplify(opened, 300)
    assert len(small.faces) < 600
    assert small.vertices[:, 2].min() == opened.vertices[:, 2].min()
