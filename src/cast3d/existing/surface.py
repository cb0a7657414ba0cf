"""Points all over the surface of a model, with normals and colours: a lattice over triangles, never random.

Random points leave gaps, through which the outside leaks into a shell of voxels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Floats, Integers, Paint, Piece

SPACING = 0.3  # voxels between neighbours of the lattice at most
AT_ONCE = 2_000_000  # points
FINEST = 4096  # steps along the longest edge: a triangle larger than the cube is cut before


@dataclass(frozen=True)
class Points:
    """Of one piece, in the frame in which it was asked for."""

    position: Floats  # [P, 3]
    normal: Floats  # [P, 3] unit, of the triangle
    color: Floats  # [P, 3] sRGB
    face: Integers  # [P]


def lattice(piece: Piece, vertices: Floats, spacing: float) -> Iterator[Points]:
    """Points at most `spacing` apart over every triangle of a piece whose vertices are moved to `vertices` [V, 3].

    Where the paint lets nothing be seen (a leaf cut out of a quad) there are none.
    """
    corners = vertices[piece.faces]
    edges = np.roll(corners, -1, 1) - corners
    steps = np.ceil(np.linalg.norm(edges, axis=2).max(1) / spacing).clip(1, FINEST).astype(np.int64)
    normal = np.cross(edges[:, 0], -edges[:, 2])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.where(length > 0, normal / np.maximum(length, 1e-300), [0.0, 0.0, 1.0])
    for count in np.unique(steps):  # triangles of equal size share their lattice
        i, j = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        keep = i + j <= count
        u, v = i[keep] / count, j[keep] / count
        weights = np.stack([1 - u - v, u, v], axis=1)  # [K, 3]
        rows = np.flatnonzero(steps == count)
        batch = max(1, AT_ONCE // len(weights))
        for start in range(0, len(rows), batch):
            yield _points(piece, corners, normal, rows[start : start + batch], weights)


def _points(piece: Piece, corners: Floats, normal: Floats, rows: Integers, weights: Floats) -> Points:
    position = np.einsum("kc,fcd->fkd", weights, corners[rows]).reshape(-1, 3)
    face = np.repeat(rows, len(weights))
    rgba = colors_at(piece, piece.faces[face], np.tile(weights, (len(rows), 1)))
    seen = piece.paint.shows(rgba[:, 3])
    return Points(position[seen], normal[face[seen]], rgba[seen, :3], face[seen])


def colors_at(piece: Piece, corners: Integers, weights: Floats) -> Floats:
    """sRGB and alpha [P, 4] at points of triangles with `corners` [P, 3], mixed by `weights` [P, 3]."""
    linear = np.broadcast_to(piece.paint.factor, (len(corners), 4))
    if piece.colors is not None:
        linear = linear * np.einsum("pc,pcd->pd", weights, piece.colors[corners])
    if piece.paint.picture is not None and piece.uv is not None:
        linear = linear * texels(piece.paint.picture, np.einsum("pc,pcd->pd", weights, piece.uv[corners]))
    return np.concatenate([encoded(linear[:, :3]), linear[:, 3:]], axis=1)


def texels(picture: NDArray[np.uint8], uv: Floats) -> Floats:
    """[P, 4] linear, of the nearest texel; pictures repeat."""
    height, width = picture.shape[:2]
    uv = np.nan_to_num(uv)
    share = uv % 1
    share[(share == 0) & (uv > 0)] = 1 - 1e-9  # the far edge of a picture, not the near one of the next
    x = np.floor(share[:, 0] * width).astype(np.int64).clip(0, width - 1)
    y = np.floor(share[:, 1] * height).astype(np.int64).clip(0, height - 1)
    read = picture[y, x] / 255.0
    return np.concatenate([decoded(read[:, :3]), read[:, 3:]], axis=1)


def decoded(srgb: Floats) -> Floats:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0) + 0.055) / 1.055) ** 2.4)


def encoded(linear: Floats) -> Floats:
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-12) ** (1 / 2.4) - 0.055)


def plain(color: Floats | None = None) -> Paint:
    """One colour [4], linear; white where none is given."""
    return Paint(np.ones(4) if color is None else color)
