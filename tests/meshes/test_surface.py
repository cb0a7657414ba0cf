"""Surfaces from signed distances: closed, outward, in the right place and of the right size."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from cast3d.errors import InputError
from cast3d.meshes.surface import color_field, color_from_points, from_sdf, is_closed, simplify, smooth, vertex_normals

from .shapes import ball, grid, tetrahedron, volume


def test_a_ball_is_closed_outward_and_has_its_volume():
    mesh = from_sdf(ball(radius=0.3))
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(4 / 3 * math.pi * 0.3**3, rel=5e-3)
    assert mesh.faces.dtype == torch.int64 and mesh.vertices.dtype == torch.float32


def test_vertices_are_in_world_units_around_the_body():
    center = torch.tensor([0.11, -0.07, 0.2])
    mesh = from_sdf(ball(radius=0.21, center=tuple(center.tolist())))
    distance = (mesh.vertices - center).norm(dim=1)
    assert (distance - 0.21).abs().max() < 1e-3  # linear interpolation of an exact distance at 1/48


def test_a_plane_lies_exactly_where_the_samples_say():
    mesh = from_sdf(grid(16)[..., 2] - 0.123)
    top = mesh.vertices[mesh.vertices[:, 2] > -0.4]
    assert (top[:, 2].max() - 0.123).abs() < 1e-6


def test_normals_are_unit_and_point_away_from_the_center():
    mesh = from_sdf(ball())
    assert torch.allclose(mesh.normals.norm(dim=1), torch.ones(len(mesh.normals)), atol=1e-5)
    outward = mesh.vertices / mesh.vertices.norm(dim=1, keepdim=True)
    assert (mesh.normals * outward).sum(dim=1).min() > 0.99


@pytest.mark.parametrize("values", [-torch.ones(5, 5, 5), ball(16, radius=0.7), grid(12)[..., 0]])
def test_bodies_that_leave_the_grid_are_capped_at_the_unit_cube(values):
    mesh = from_sdf(values)
    assert is_closed(mesh) and volume(mesh) > 0
    assert mesh.vertices.abs().max() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_noise_with_samples_exactly_on_the_surface_stays_closed(seed):
    values = torch.randn(12, 12, 12, generator=torch.Generator().manual_seed(seed))
    values[values.abs() < 0.3] = 0.0
    assert is_closed(from_sdf(values))


def test_level_moves_the_surface():
    assert volume(from_sdf(ball(radius=0.2), level=0.1)) == pytest.approx(volume(from_sdf(ball(radius=0.3))), rel=1e-4)


def test_a_field_without_inside_gives_an_empty_mesh():
    mesh = from_sdf(torch.ones(8, 8, 8))
    assert mesh.vertices.shape == (0, 3) and mesh.faces.shape == (0, 3) and not is_closed(mesh)


@pytest.mark.parametrize("values", [torch.ones(4, 4), torch.ones(4, 4, 5), torch.full((4, 4, 4), float("nan"))])
def test_fields_that_are_not_cubes_of_numbers_are_refused(values):
    with pytest.raises(InputError):
        from_sdf(values)


def test_is_closed_sees_a_missing_and_a_turned_triangle():
    mesh = tetrahedron()
    assert is_closed(mesh) and volume(mesh) == pytest.approx(1 / 6)
    assert not is_closed(replace(mesh, faces=mesh.faces[1:]))
    assert not is_closed(replace(mesh, faces=torch.cat([mesh.faces[:1].flip(1), mesh.faces[1:]])))


def test_smoothing_removes_the_staircase_and_keeps_the_volume():
    stairs = from_sdf(torch.where(ball(24) < 0, -1.0, 1.0))
    smoothed = smooth(stairs, iterations=10)
    assert smoothed.vertices.norm(dim=1).std() < 0.6 * stairs.vertices.norm(dim=1).std()
    assert volume(smoothed) == pytest.approx(volume(stairs), rel=0.02)
    assert is_closed(smoothed)
    assert torch.equal(smoothed.normals, vertex_normals(smoothed.vertices, smoothed.faces))


def test_smoothing_leaves_a_vertex_of_no_face_where_it_is():
    mesh = tetrahedron()
    stray = replace(mesh, vertices=torch.cat([mesh.vertices, torch.tensor([[9.0, 8.0, 7.0]])]))
    assert smooth(stray, 3).vertices[4].tolist() == [9.0, 8.0, 7.0]


def test_simplification_reaches_its_count_and_keeps_shape_and_colors():
    mesh = from_sdf(ball())
    painted = replace(mesh, colors=(mesh.vertices[:, :1] > 0).float().expand(-1, 3) * 0.8)
    small = simplify(painted, 800)
    assert len(small.faces) <= 800 and is_closed(small)
    assert volume(small) == pytest.approx(volume(mesh), rel=0.02)
    clear = small.vertices[:, 0].abs() > 0.02
    assert torch.equal(small.colors[clear, 0] > 0.5, small.vertices[clear, 0] > 0)


def test_simplification_is_repeatable_and_leaves_small_meshes_alone():
    mesh = from_sdf(ball(24))
    first, second = simplify(mesh, 300), simplify(mesh, 300)
    assert torch.equal(first.vertices, second.vertices) and torch.equal(first.faces, second.faces)
    assert simplify(mesh, len(mesh.faces)) is mesh
    with pytest.raises(InputError):
        simplify(mesh, 3)


def test_colors_come_from_the_nearest_points():
    mesh = from_sdf(ball(24))
    points = torch.tensor([[-0.3, 0.0, 0.0], [0.3, 0.0, 0.0]])
    red, blue = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    nearest = color_from_points(mesh, points, torch.tensor([red, blue]), k=1)
    assert torch.equal(nearest.colors[:, 0] == 1, mesh.vertices[:, 0] < 0)
    blended = color_from_points(mesh, points, torch.tensor([red, blue]), k=4)
    share = 1 / (mesh.vertices - points[0]).norm(dim=1)
    other = 1 / (mesh.vertices - points[1]).norm(dim=1)
    assert torch.allclose(blended.colors[:, 0], share / (share + other), atol=1e-4)


def test_points_without_trust_lose_their_say():
    mesh = from_sdf(ball(16))
    points = torch.tensor([[-0.1, 0.0, 0.0], [0.1, 0.0, 0.0]])
    colors = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    painted = color_from_points(mesh, points, colors, weights=torch.tensor([0.0, 1.0]))
    assert painted.colors[:, 2].min() > 0.999
    with pytest.raises(InputError):
        color_from_points(mesh, points[:0], colors[:0])


def test_a_field_of_colours_returns_a_points_own_colour_at_its_place():
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    colors = torch.rand(50, 3, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(color_field(points, colors)(points), colors, atol=1e-3)


def test_faint_points_lend_no_colour():
    red, blue = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1.0])
    points = torch.tensor([[0.01, 0, 0], [0, 0.01, 0], [0, 0, 0.01], [-0.01, 0, 0], [0.05, 0, 0]])
    colors = torch.stack([red] * 4 + [blue])
    color = color_field(points, colors, weights=torch.tensor([0.02] * 4 + [0.9]))
    assert torch.equal(color(torch.zeros(1, 3))[0], blue)
    faint = color_field(points, colors, weights=torch.tensor([0.02] * 5))  # if all are, all count
    assert faint(torch.zeros(1, 3))[0, 0] > 0.9
