"""What is told of a mesh: triangles, volume, whether it is a closed solid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .mesh import Mesh
from .surface import directed_edges


class Facts(NamedTuple):
    """`volume` is in the mesh's units cubed; it means something for closed meshes only."""

    triangles: int
    volume: float
    watertight: bool


def facts(mesh: Mesh) -> Facts:
    """Vertices at the same place count as one: the seams of a texture are no holes."""
    places, index = np.unique(mesh.vertices.cpu().numpy(), axis=0, return_inverse=True)
    faces = index.reshape(-1)[mesh.faces.cpu().numpy()]
    a, b, c = np.moveaxis(places.astype(np.float64)[faces], 1, 0)
    volume = float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
    return Facts(len(mesh.faces), volume, _two_faces_each(faces, len(places)))


def _two_faces_each(
    faces: np.ndarray,  # [F, 3]
    count: int,
) -> bool:
    """Whether every edge has two triangles that walk it in opposite directions."""
    if not len(faces):
        return False
    edges = directed_edges(faces)
    if (edges[:, 0] == edges[:, 1]).any():
        return False
    there, times = np.unique(edges[:, 0] * count + edges[:, 1], return_counts=True)
    back = np.sort(edges[:, 1] * count + edges[:, 0])
    return bool((times == 1).all()) and np.array_equal(there, back)
