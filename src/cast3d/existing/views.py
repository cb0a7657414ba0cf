"""A model as plain meshes with colours at their vertices, fine enough to look at; for pictures, pages and measures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ..meshes.mesh import Mesh
from .cutting import Cut
from .model import Floats, Integers, Piece
from .seen import Existing
from .surface import colors_at

EDGE = 1 / 96  # of the cube: longer edges are divided, so that vertices can carry a picture's colours
MOST = 300_000  # triangles of the whole; a model with more is made coarser
CELLS = 256  # per side of the cube, to which vertices are drawn together then


def meshes_of(existing: Existing, cuts: Mapping[int, Cut] | None = None) -> dict[str, Mesh]:
    """By name of the node, the model in the cube, in world axes, without what `cuts` take away."""
    model = existing.model
    total = sum(len(piece.faces) for piece in model.pieces)
    found: dict[str, list[Mesh]] = {}
    for index, piece in enumerate(model.pieces):
        one = (cuts or {}).get(index)
        if one is not None and one.everything:
            continue
        mesh = _mesh(piece, existing.cube[index], one, fine=total <= MOST)
        if len(mesh.faces):
            found.setdefault(piece.names[0] or "model", []).append(_coarse(mesh) if total > MOST else mesh)
    return {name: together(meshes) for name, meshes in found.items()}


def _mesh(piece: Piece, cube: Floats, one: Cut | None, fine: bool) -> Mesh:
    faces = piece.faces if one is None else piece.faces[one.keep]
    corners, weights = _divided(faces, cube if fine else None)
    if one is not None and len(one.faces):
        more = _of_divided(piece, one)
        corners, weights = np.concatenate([corners, more[0]]), np.concatenate([weights, more[1]])
    flat, share = corners.reshape(-1, 3), weights.reshape(-1, 3)
    points = np.einsum("pc,pcd->pd", share, cube[flat])
    rgba = colors_at(piece, flat, share)
    if piece.paint.transparent is not None:  # what is cut out of a quad by its picture is not there
        seen = (rgba[:, 3].reshape(-1, 3) >= piece.paint.transparent).any(1)
        points, rgba = points.reshape(-1, 3, 3)[seen].reshape(-1, 3), rgba.reshape(-1, 3, 4)[seen].reshape(-1, 4)
    table = np.concatenate([points, rgba[:, :3]], axis=1).astype(np.float32)
    known, inverse = np.unique(table, axis=0, return_inverse=True)
    return Mesh(
        torch.from_numpy(known[:, :3].copy()),
        torch.from_numpy(inverse.reshape(-1, 3).astype(np.int64)),
        torch.from_numpy(known[:, 3:].copy()),
    )


def _of_divided(piece: Piece, one: Cut) -> tuple[Integers, Floats]:
    """Corners [G, 3, 3] and weights [G, 3, 3] of the triangles that a cut made."""
    count = len(piece.vertices)
    own = np.arange(count)[:, None].repeat(3, 1)
    alone = np.zeros((count, 3))
    alone[:, 0] = 1
    corners, weights = np.concatenate([own, one.corners]), np.concatenate([alone, one.weights])
    return corners[one.faces], weights[one.faces]


def _divided(faces: Integers, cube: Floats | None) -> tuple[Integers, Floats]:
    """Corners [G, 3, 3] and weights [G, 3, 3]: triangles cut into n^2 where their longest edge is n times `EDGE`."""
    steps = np.ones(len(faces), np.int64)
    if cube is not None:
        points = cube[faces]
        longest = np.linalg.norm(np.roll(points, -1, 1) - points, axis=2).max(1, initial=0)
        steps = np.ceil(longest / EDGE).clip(1, 64).astype(np.int64)
    out = [(np.zeros((0, 3, 3), np.int64), np.zeros((0, 3, 3)))]
    for n in np.unique(steps):
        rows = faces[steps == n]
        local = _grid(int(n))
        corners = np.broadcast_to(rows[:, None, None, :], (len(rows), n * n, 3, 3)).reshape(-1, 3, 3)
        out.append((corners, np.tile(local, (len(rows), 1, 1))))
    corners, weights = (np.concatenate(parts) for parts in zip(*out))
    return corners, weights


def _grid(n: int) -> Floats:
    """[n^2, 3, 3] barycentric corners of the small triangles in a large one."""
    found = []
    for i in range(n):
        for j in range(n - i):
            a, b, c = (i, j), (i + 1, j), (i, j + 1)
            found.append([a, b, c])
            if i + j < n - 1:
                found.append([(i + 1, j), (i + 1, j + 1), (i, j + 1)])
    uv = np.array(found, np.float64) / n
    return np.concatenate([1 - uv.sum(2, keepdims=True), uv], axis=2)


def _coarse(mesh: Mesh) -> Mesh:
    """Vertices in one cell drawn together; triangles that fall together go."""
    assert mesh.colors is not None
    points = mesh.vertices.numpy()
    cell = np.floor((points + 0.5) * CELLS).astype(np.int64)
    _, inverse, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    sums = np.zeros((len(count), 6))
    np.add.at(sums, inverse, np.concatenate([points, mesh.colors.numpy()], axis=1))
    mean = (sums / count[:, None]).astype(np.float32)
    faces = inverse[mesh.faces.numpy()]
    sound = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = np.unique(faces[sound], axis=0)
    return Mesh(torch.from_numpy(mean[:, :3].copy()), torch.from_numpy(faces), torch.from_numpy(mean[:, 3:].copy()))


def together(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one, with colours where all have some."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = torch.cat([mesh.faces + int(start) for mesh, start in zip(meshes, starts)])
    colors = [mesh.colors for mesh in meshes if mesh.colors is not None]
    return Mesh(torch.cat([mesh.vertices for mesh in meshes]), faces, torch.cat(colors) if colors else None)
