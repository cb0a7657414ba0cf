"""Closed triangle surfaces from signed distances, and what is done to them before export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from torch import Tensor

from ..errors import InputError
from .collapse import collapse
from .mesh import Mesh

# Taubin's pair of weights (SIGGRAPH 1995): |mu| slightly above lambda gives a pass band of 1/lambda + 1/mu = 0.1,
# so a shrinking step is undone by the growing step that follows it.
TAUBIN_LAMBDA, TAUBIN_MU = 0.5, -0.5263
FAINT = 0.1  # share of the largest weight below which a point lends no colour


def from_sdf(
    values: Tensor,  # [R, R, R] signed distance indexed [x, y, z], below `level` inside
    level: float = 0.0,
) -> Mesh:
    """The closed level surface by marching cubes (Lewiner et al. 2003), with unit normals averaged over faces.

    Sample i of R sits at (i + 0.5) / R - 0.5 on its axis. A body that leaves the grid is capped on the faces of the
    unit cube. A field without an inside gives a mesh without faces.
    """
    if values.ndim != 3 or len(set(values.shape)) != 1:
        raise InputError(f"a signed distance grid is a cube [R, R, R], not {list(values.shape)}")
    field = _capped(values.detach().float().cpu().numpy() - level)
    if not np.isfinite(field).all():
        raise InputError("the signed distance grid contains NaN or infinite values")
    if not (field < 0).any():
        return Mesh(torch.zeros(0, 3, device=values.device), torch.zeros(0, 3, dtype=torch.long, device=values.device))
    vertices, faces, _, _ = marching_cubes(field, 0.0)
    world = (vertices - 0.5) / values.shape[0] - 0.5  # the padding shifts index 0 to 1
    return _mesh(world, faces, device=values.device)


def _capped(
    field: np.ndarray,  # [R, R, R] negative inside
) -> np.ndarray:  # [R + 2, R + 2, R + 2]
    """Adds a border that mirrors inside samples to outside ones: the surface crosses half a sample beyond the grid."""
    padded = np.pad(field, 1, mode="edge")
    border = np.ones(padded.shape, dtype=bool)
    border[1:-1, 1:-1, 1:-1] = False
    padded[border] = np.abs(padded[border])
    # A sample exactly on the surface would collapse triangles to points and could open the mesh.
    smallest = np.float32(1e-6) * max(np.abs(padded).max(), np.float32(1e-20))
    return np.where(np.abs(padded) < smallest, smallest, padded)


def smooth(mesh: Mesh, iterations: int) -> Mesh:
    """Taubin's lambda|mu smoothing with uniform weights: removes staircases, keeps the volume; colours stay."""
    if iterations == 0 or not len(mesh.faces):
        return mesh
    average = _neighbour_average(mesh.faces.cpu().numpy(), len(mesh.vertices))
    vertices = mesh.vertices.double().cpu().numpy()
    for _ in range(iterations):
        for weight in (TAUBIN_LAMBDA, TAUBIN_MU):
            vertices = vertices + weight * (average @ vertices - vertices)
    smoothed = torch.from_numpy(vertices).to(mesh.vertices)
    return replace(mesh, vertices=smoothed, normals=vertex_normals(smoothed, mesh.faces))


def _neighbour_average(
    faces: np.ndarray,  # [F, 3]
    count: int,
) -> csr_array:
    """The row-stochastic matrix [V, V] that replaces each vertex by the mean of its neighbours."""
    edges = directed_edges(faces)
    both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    degree = np.bincount(both[:, 0], minlength=count)
    matrix = coo_array((1.0 / degree[both[:, 0]], (both[:, 0], both[:, 1])), shape=(count, count)).tocsr()
    alone = (degree == 0).astype(float)
    return matrix + coo_array((alone, (np.arange(count), np.arange(count))), shape=(count, count)).tocsr()


def simplify(mesh: Mesh, faces: int) -> Mesh:
    """At most about `faces` triangles by edge collapse; each vertex takes the colour of the nearest old one.

    A closed surface stays closed, with two triangles at every edge (see `meshes.collapse`). If so few triangles are not
    possible, more are left.
    """
    if faces < 4:
        raise InputError(f"a closed mesh has at least 4 faces; simplify was asked for {faces}")
    if len(mesh.faces) <= faces:
        return mesh
    old = mesh.vertices.double().cpu().numpy()
    vertices, triangles = collapse(old, mesh.faces.cpu().numpy(), faces)
    simplified = _mesh(vertices, triangles, device=mesh.vertices.device)
    if mesh.colors is None:
        return simplified
    _, nearest = cKDTree(old).query(vertices)
    return replace(simplified, colors=mesh.colors[torch.from_numpy(nearest).to(mesh.colors.device)])


def color_from_points(
    mesh: Mesh,
    positions: Tensor,  # [J, 3] world
    colors: Tensor,  # [J, 3]
    k: int = 4,
    weights: Tensor | None = None,  # [J] trust in each point, for instance its opacity
) -> Mesh:
    """Gives each vertex the colour of `color_field` at its place."""
    return replace(mesh, colors=color_field(positions, colors, k, weights)(mesh.vertices))


def color_field(
    positions: Tensor,  # [J, 3] world
    colors: Tensor,  # [J, 3]
    k: int = 4,
    weights: Tensor | None = None,  # [J]
) -> Callable[[Tensor], Tensor]:
    """Colour anywhere: the mean of the `k` nearest points, weighted by inverse distance (times `weights`).

    Points with less than the share `FAINT` of the largest weight are left out.
    """
    if not len(positions):
        raise InputError("there are no points to take colours from")
    if weights is not None:
        clear = weights >= FAINT * weights.max()
        positions, colors, weights = positions[clear], colors[clear], weights[clear]
    points = positions.double().cpu().numpy()
    values = colors.double().cpu().numpy()
    trust = np.ones(len(points)) if weights is None else np.maximum(weights.double().cpu().numpy(), 1e-6)
    tree = cKDTree(points)
    nearest = range(1, min(k, len(points)) + 1)

    def color_at(
        queries: Tensor,  # [K, 3]
    ) -> Tensor:  # [K, 3]
        distance, index = tree.query(queries.double().cpu().numpy(), k=nearest)
        share = trust[index] / np.maximum(distance, 1e-6)
        share /= share.sum(axis=1, keepdims=True)
        return torch.from_numpy((share[..., None] * values[index]).sum(axis=1)).to(queries).clamp(0, 1)

    return color_at


def vertex_normals(
    vertices: Tensor,  # [V, 3]
    faces: Tensor,  # [F, 3]
) -> Tensor:  # [V, 3] unit
    """Sum of the adjoining faces' normals weighted by their area; +z where a vertex has none."""
    a, b, c = vertices.double()[faces].unbind(dim=1)
    doubled = torch.linalg.cross(b - a, c - a)  # [F, 3] length = twice the area
    total = torch.zeros_like(vertices, dtype=torch.float64)
    for corner in range(3):
        total.index_add_(0, faces[:, corner], doubled)
    length = total.norm(dim=1, keepdim=True)
    up = total.new_tensor([0.0, 0.0, 1.0])
    return torch.where(length > 0, total / length.clamp_min(1e-300), up).to(vertices.dtype)


def unit_normals(mesh: Mesh) -> Tensor:  # [V, 3]
    """The mesh's own normals where they can shade it, else those of its faces."""
    if mesh.normals is not None and bool(((mesh.normals.norm(dim=1) - 1).abs() < 1e-3).all()):
        return mesh.normals
    return vertex_normals(mesh.vertices, mesh.faces)


def is_closed(mesh: Mesh) -> bool:
    """Whether the mesh has faces and every edge is walked as often in one direction as in the other: no holes."""
    if not len(mesh.faces):
        return False
    edges = directed_edges(mesh.faces.cpu().numpy())
    if (edges[:, 0] == edges[:, 1]).any():
        return False
    key = len(mesh.vertices)
    forward = np.sort(edges[:, 0] * key + edges[:, 1])
    return np.array_equal(forward, np.sort(edges[:, 1] * key + edges[:, 0]))


def directed_edges(
    faces: np.ndarray,  # [F, 3]
) -> np.ndarray:  # [3F, 2] int64
    """The three sides of every triangle, in its direction."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)


def _mesh(vertices: np.ndarray, faces: np.ndarray, device: torch.device) -> Mesh:
    points = torch.from_numpy(np.ascontiguousarray(vertices, dtype=np.float32)).to(device)
    triangles = torch.from_numpy(np.ascontiguousarray(faces, dtype=np.int64)).to(device)
    return Mesh(points, triangles, normals=vertex_normals(points, triangles))
