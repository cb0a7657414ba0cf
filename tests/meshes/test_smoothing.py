"""Bumps go, edges stay: shapes whose smooth form is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from skimage.measure import marching_cubes

from cast3d.meshes.facts import facts
from cast3d.meshes.mesh import Mesh
from cast3d.meshes.smoothing import smoothed
from cast3d.meshes.surface import unit_normals


def block(bumps: float = 0.0) -> Mesh:
    """A box of 20,000 triangles, its vertices off by `bumps` of an edge's length along the normals."""
    box = trimesh.creation.box((0.6, 0.4, 0.5))
    for _ in range(5):
        box = box.subdivide()
    return bumpy(box, bumps)


def ball(bumps: float = 0.0) -> Mesh:
    return bumpy(trimesh.creation.icosphere(5, 0.3), bumps)


def bumpy(shape: trimesh.Trimesh, bumps: float) -> Mesh:
    noise = np.random.default_rng(0).normal(size=(len(shape.vertices), 1))
    vertices = shape.vertices + bumps * shape.edges_unique_length.mean() * noise * shape.vertex_normals
    colors = torch.rand(len(vertices), 3, generator=torch.Generator().manual_seed(0))
    return Mesh(torch.from_numpy(np.array(vertices)).float(), torch.from_numpy(np.array(shape.faces)).long(), colors)


def cells() -> np.ndarray:
    """Coordinates [3, 64, 64, 64] of a grid's nodes about a point near its middle."""
    return np.stack(np.meshgrid(*[np.arange(64.0)] * 3, indexing="ij")) - 31.6


def surface(distance: np.ndarray) -> Mesh:
    """Of a field [64, 64, 64], by marching cubes."""
    vertices, faces, _, _ = marching_cubes(distance, 0)
    return Mesh(torch.from_numpy(vertices / 64 - 0.5).float(), torch.from_numpy(faces.copy()).long())


def off_box(mesh: Mesh) -> np.ndarray:
    """Distances of vertices to the box."""
    half, at = np.array([0.3, 0.2, 0.25]), mesh.vertices.double().numpy()
    beyond = np.abs(at) - half
    return np.abs(np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(1), 0))


def test_bumps_of_a_box_go_and_its_edges_stay():
    rough, smooth = block(0.15), smoothed(block(0.15), 8)
    assert off_box(smooth).mean() < 0.4 * off_box(rough).mean()
    clean = block()
    corners = np.abs(clean.vertices.numpy()) > np.array([0.2999, 0.1999, 0.2499])
    edge = corners.sum(1) >= 2
    length = 0.6 / 32
    assert np.linalg.norm((smooth.vertices - clean.vertices).numpy()[edge], axis=1).mean() < 0.15 * length


def test_bumps_of_a_ball_go_and_its_size_stays():
    rough, smooth = ball(0.15), smoothed(ball(0.15), 8)
    spread = [float(mesh.vertices.norm(dim=1).std()) for mesh in (rough, smooth)]
    assert spread[1] < 0.4 * spread[0]
    assert facts(smooth).volume == pytest.approx(facts(ball()).volume, rel=0.01)


def test_what_is_smooth_stays():
    """Flat faces exactly; edges and corners but for what crosses them, a fiftieth of a triangle."""
    clean = block()
    moved = (smoothed(clean, 8).vertices - clean.vertices).norm(dim=1)
    near = (clean.vertices.abs() > torch.tensor([0.3, 0.2, 0.25]) - 9 * 0.6 / 32).sum(1) >= 2
    assert moved[~near].max() < 1e-6 and moved.max() < 0.05 * 0.6 / 32
    assert smoothed(clean, 0) is clean


def test_triangles_and_colours_stay_and_the_mesh_is_closed():
    field = np.linalg.norm(cells(), axis=0) - 12
    rough = surface(field + 0.3 * np.random.default_rng(0).normal(size=field.shape))  # 39 triangles would turn over
    rough = replace(rough, colors=torch.rand(len(rough.vertices), 3))
    smooth = smoothed(rough, 20)
    assert torch.equal(smooth.faces, rough.faces) and torch.equal(smooth.colors, rough.colors)
    assert facts(smooth).watertight

    def normals(mesh: Mesh) -> torch.Tensor:
        a, b, c = mesh.vertices[mesh.faces].unbind(1)
        return torch.linalg.cross(b - a, c - a)

    assert ((normals(smooth) * normals(rough)).sum(1) >= 0).all()
    assert unit_normals(smooth).isfinite().all()


def test_vertices_at_one_place_move_together():
    """Every triangle with corners of its own, as a texture's seams are."""
    rough = ball(0.1)
    soup = Mesh(rough.vertices[rough.faces].reshape(-1, 3), torch.arange(3 * len(rough.faces)).reshape(-1, 3))
    assert torch.equal(smoothed(soup, 5).vertices, smoothed(rough, 5).vertices[rough.faces].reshape(-1, 3))


def test_the_sides_of_a_thin_sheet_keep_their_distance():
    sheet = trimesh.creation.box((0.6, 0.6, 0.01))
    for _ in range(5):
        sheet = sheet.subdivide()
    thick = smoothed(bumpy(sheet, 0.05), 8)
    assert facts(thick).volume == pytest.approx(facts(bumpy(sheet, 0.05)).volume, rel=0.011)
    middle = thick.vertices[(thick.vertices[:, :2].abs() < 0.2).all(1)]
    assert middle[middle[:, 2] > 0][:, 2].min() > 0.002 and middle[middle[:, 2] < 0][:, 2].max() < -0.002


def test_a_thin_rod_keeps_its_volume_and_what_stands_beside_it_is_smoothed():
    """A rod a cell thick would lose a fifth; it stays as it was."""
    x, y, z = cells()
    thin, thick = surface(np.maximum(np.hypot(x, y) - 1, abs(z) - 20)), ball(0.15)
    apart = torch.tensor([0.45, 0.0, 0.0])
    both = Mesh(
        torch.cat([thin.vertices + apart, thick.vertices]), torch.cat([thin.faces, thick.faces + len(thin.vertices)])
    )
    smooth = smoothed(both, 30).vertices
    own = Mesh(smooth[: len(thin.vertices)], thin.faces)
    assert facts(own).volume == pytest.approx(facts(thin).volume, rel=0.011)
    assert smooth[len(thin.vertices) :].norm(dim=1).std() < 0.4 * thick.vertices.norm(dim=1).std()


def test_an_empty_mesh_stays():
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.long))
    assert smoothed(empty, 5) is empty
