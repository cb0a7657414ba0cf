"""Bumps taken off a mesh while its edges stay: bilateral filtering of normals (Zheng et al. 2011, "Bilateral Normal
Filtering for Mesh Denoising"), then vertices that follow them (Sun et al. 2007, "Fast and Effective Feature-Preserving
Mesh Denoising").

A round makes each triangle's normal the mean of its neighbours',

    n_i <- normalised sum_j A_j exp(-|c_i - c_j|^2 / 2 s^2) exp(-|n_i - n_j|^2 / 2 EDGE^2) n_j,

with areas A, centres c and s their mean distance; across an edge n_i and n_j differ, so edges stay. Then a vertex moves
by the mean of n (n . (c - v)) over its triangles, a few times. Triangles and their order stay, so a closed mesh stays
closed. What is hardly thicker than a triangle would shrink: a piece whose volume changes stays as it was.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .mesh import Mesh
from .pieces import pieces, volumes

Array = NDArray[np.float64]

EDGE = 0.45  # difference of unit normals that counts as an edge
FOLLOWING = 10  # rounds in which vertices follow their normals
KEPT = 0.01  # share of its volume by which a piece may change


def smoothed(mesh: Mesh, rounds: int) -> Mesh:
    """The mesh with vertices moved, its normals dropped; colours stay at their vertices. 0 rounds: as it was.

    Vertices at one place move together, no triangle turns over, and pieces keep their volumes.
    """
    if not rounds or not len(mesh.faces):
        return mesh
    places, index = np.unique(mesh.vertices.double().cpu().numpy(), axis=0, return_inverse=True)
    index = index.reshape(-1)
    faces = index[mesh.faces.cpu().numpy()]
    moved = _following(places, faces, _filtered(places, faces, rounds))
    piece = pieces(faces, len(places))
    before, after = (volumes(at, faces, piece) for at in (places, moved))
    other = np.abs(after - before) > KEPT * np.abs(before)
    moved[other[piece]] = places[other[piece]]
    normals, _ = _normals(places, faces)
    while (turned := (_normals(moved, faces)[0] * normals).sum(1) < 0).any():  # it ends: at home none is turned
        back = np.unique(faces[turned])
        moved[back] = places[back]
    return replace(mesh, vertices=torch.from_numpy(moved[index]).to(mesh.vertices), normals=None)


def _filtered(vertices: Array, faces: NDArray[np.int64], rounds: int) -> Array:
    """[F, 3] normals after some rounds among triangles that share a vertex."""
    count, corners = len(faces), np.repeat(np.arange(len(faces)), 3)
    at = csr_array((np.ones(3 * count, np.float32), (corners, faces.ravel())), shape=(count, len(vertices)))
    pairs = (at @ at.T).tocoo()
    one, other = pairs.row, pairs.col
    centers = vertices[faces].mean(1)
    normals, areas = _normals(vertices, faces)
    apart = ((centers[one] - centers[other]) ** 2).sum(1)
    typical = np.sqrt(apart[one != other]).mean() if (one != other).any() else 1.0
    near = areas[other] * np.exp(-apart / (2 * max(typical, 1e-12) ** 2))
    for _ in range(rounds):
        alike = np.exp(-((normals[one] - normals[other]) ** 2).sum(1) / (2 * EDGE**2))
        normals = _unit(csr_array((near * alike, (one, other)), shape=(count, count)) @ normals)
    return normals


def _following(vertices: Array, faces: NDArray[np.int64], normals: Array) -> Array:
    """[V, 3] vertices moved until their triangles have about these normals."""
    count = np.maximum(np.bincount(faces.ravel(), minlength=len(vertices)), 1)[:, None]
    for _ in range(FOLLOWING):
        centers, step = vertices[faces].mean(1), np.zeros_like(vertices)
        for corner in faces.T:
            off = ((centers - vertices[corner]) * normals).sum(1, keepdims=True) * normals
            step += np.stack([np.bincount(corner, one, len(vertices)) for one in off.T], 1)
        vertices = vertices + step / count
    return vertices


def _normals(vertices: Array, faces: NDArray[np.int64]) -> tuple[Array, Array]:
    """Unit normals [F, 3], 0 where a triangle has no area, and areas [F]."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    across = np.cross(b - a, c - a)
    return _unit(across), np.linalg.norm(across, axis=1) / 2


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
