"""The connected pieces of a mesh, and their volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def pieces(faces: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """[V] the number of the piece that each of `count` vertices is of; a vertex without triangles is one by itself."""
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    joined = csr_array((np.ones(len(edges), np.int8), edges.T), shape=(count, count))
    return connected_components(joined, directed=False)[1]


def volumes(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], piece: NDArray[np.int32]
) -> NDArray[np.float64]:  # of each piece
    """What each closed piece encloses, negative where it is turned inside out (a room)."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    parts = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    return np.bincount(piece[faces[:, 0]], parts, int(piece.max()) + 1).astype(np.float64)
