"""Which triangles of a model lie in a region of voxels; those across its border are divided along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .limits import MAX_FACES
from .model import Floats, Integers, Piece
from .surface import SPACING, lattice

FINE = 0.6  # voxels: triangles across the border are divided until their edges are shorter
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """What of a piece stays: whole triangles, and pieces of those that the border crosses."""

    keep: Bools  # [F]
    corners: Integers  # [K, 3] vertices of the piece between which a new vertex lies
    weights: Floats  # [K, 3]
    faces: Integers  # [G, 3] of new triangles; K new vertices count on after the piece's own
    lost: Integers  # [L, 3] of the divided triangles that went, likewise

    @property
    def nothing(self) -> bool:
        """Whether nothing is taken away."""
        return bool(self.keep.all())

    @property
    def everything(self) -> bool:
        """Whether nothing is left."""
        return not self.keep.any() and not len(self.faces)


def all_of(piece: Piece) -> Cut:
    """The cut that leaves nothing."""
    none = np.zeros((0, 3), np.int64)
    return Cut(np.zeros(len(piece.faces), bool), none, np.zeros((0, 3)), none, none)


def cut(piece: Piece, cube: Floats, region: Bools) -> Cut:
    """Takes the triangles away that lie in `region` [R, R, R].

    `cube` [V, 3] are the piece's vertices in the cube.
    """
    inside, total = np.zeros(len(piece.faces), np.int64), np.zeros(len(piece.faces), np.int64)
    resolution = len(region)
    for points in lattice(piece, cube, SPACING / resolution):
        total += np.bincount(points.face, minlength=len(total))
        inside += np.bincount(points.face, _within(points.position, region), minlength=len(total)).astype(np.int64)
    bare = total == 0  # all of it transparent: where its middle is decides
    inside[bare] = _within(cube[piece.faces[bare]].mean(1), region)
    total[bare] = 1
    crossed = (inside > 0) & (inside < total)
    keep = inside == 0
    corners, weights, faces, within = _divided(piece.faces[crossed], cube, region, len(piece.vertices))
    return Cut(keep, corners, weights, faces[~within], faces[within])


def _within(points: Floats, region: Bools) -> Bools:
    cells = np.floor((points + 0.5) * len(region)).astype(np.int64)
    ok = ((cells >= 0) & (cells < len(region))).all(1)
    found = np.zeros(len(points), bool)
    found[ok] = region[tuple(cells[ok].T)]
    return found


def _divided(
    faces: Integers,  # [C, 3]
    cube: Floats,
    region: Bools,
    count: int,  # of the piece's vertices
) -> tuple[Integers, Floats, Integers, Bools]:
    """Each triangle halved at its edges' middles until it is small: new vertices, triangles, and which lie inside."""
    owner = faces  # [C, 3] the piece's vertices between which all corners of a triangle lie
    local = np.broadcast_to(np.eye(3), (len(faces), 3, 3)).copy()  # [C, 3 corners, 3 weights]
    done: list[tuple[Integers, Floats]] = []
    limit = FINE / len(region)
    total = 0
    while len(owner):
        points = np.einsum("fcw,fwd->fcd", local, cube[owner])
        longest = np.linalg.norm(np.roll(points, -1, 1) - points, axis=2).max(1)
        # Small enough, or all corners and the middle on one side with no room for the border to pass between.
        sides = np.stack([_within(p, region) for p in (*points.transpose(1, 0, 2), points.mean(1))])
        settled = (longest <= limit) | ((sides.all(0) | ~sides.any(0)) & (longest <= 2 * limit))
        settled |= total + 4 * len(owner) > MAX_FACES
        done.append((owner[settled], local[settled]))
        total += int(settled.sum())
        owner, local = owner[~settled], local[~settled]
        a, b, c = local[:, 0], local[:, 1], local[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        local = np.concatenate([np.stack(corner, axis=1) for corner in quarters]) if len(owner) else local
        owner = np.tile(owner, (4, 1)) if len(owner) else owner
    if not done:
        return np.zeros((0, 3), np.int64), np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros(0, bool)
    owner, local = (np.concatenate(parts) for parts in zip(*done))
    within = _within(np.einsum("fcw,fwd->fcd", local, cube[owner]).mean(1), region)
    return *_numbered(owner, local, count), within


def _numbered(owner: Integers, local: Floats, count: int) -> tuple[Integers, Floats, Integers]:
    """New vertices, each once, and the triangles between them; corners of old triangles stay the old vertices."""
    corners = np.repeat(owner, 3, axis=0)  # [3F, 3]
    weights = local.reshape(-1, 3)
    whole = weights.max(1) == 1
    index = np.full(len(weights), -1, np.int64)
    index[whole] = corners[whole][np.arange(int(whole.sum())), weights[whole].argmax(1)]
    fresh = np.flatnonzero(~whole)
    key = np.concatenate([corners[fresh], np.round(weights[fresh] * 2**20).astype(np.int64)], axis=1)
    # A vertex on an edge is the same for both triangles there: it is named by the corners that it lies between.
    order = np.argsort(np.where(key[:, 3:] > 0, key[:, :3], -1), axis=1)
    named = np.concatenate(
        [
            np.take_along_axis(np.where(key[:, 3:] > 0, key[:, :3], -1), order, 1),
            np.take_along_axis(key[:, 3:], order, 1),
        ],
        axis=1,
    )
    _, first, inverse = np.unique(named, axis=0, return_index=True, return_inverse=True)
    index[fresh] = count + inverse.reshape(-1)
    return corners[fresh[first]], weights[fresh[first]], index.reshape(-1, 3)
