"""One solid made of several that touch, by the booleans of Manifold (manifoldcad.org)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from .mesh import Mesh
from .pieces import pieces, volumes

SCRAP = 1e-4  # pieces with a smaller share of the whole, and rooms inside, are what inexact contact leaves
APART = 2e-5  # of the size: how far vertices that came to lie at one place are moved apart


class OpenSolid(InputError):
    """What was to be joined is no closed solid."""


def united(meshes: Sequence[Mesh]) -> Mesh:
    """The union of closed meshes, without colours. One mesh is returned as it is.

    Faces where two meshes touch are gone, and so are the slits between them. Different vertices lie at different
    places: a format that knows vertices by their place only (STL) keeps two triangles at every edge.
    """
    if len(meshes) == 1:
        return meshes[0]
    import manifold3d  # only here: files of single parts do without it

    solids = []
    for mesh in meshes:
        corners = np.ascontiguousarray(mesh.vertices.cpu().numpy(), np.float32)
        solid = manifold3d.Manifold(manifold3d.Mesh(corners, mesh.faces.cpu().numpy().astype(np.uint32)))
        if solid.status() != manifold3d.Error.NoError:
            raise OpenSolid(
                f"a part is no closed solid ({solid.status().name}): the run is of an earlier version; "
                "`cast3d resume` makes its files anew"
            )
        solids.append(solid)
    result = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add).to_mesh()
    vertices = np.asarray(result.vert_properties)[:, :3].astype(np.float64)
    faces = _whole_pieces(vertices, np.asarray(result.tri_verts).astype(np.int64))
    used, index = np.unique(faces, return_inverse=True)
    faces = index.reshape(-1, 3)
    vertices = _apart(vertices[used], faces)
    return Mesh(torch.from_numpy(vertices.astype(np.float32)), torch.from_numpy(faces))


def _whole_pieces(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """The faces without those of scraps and of rooms inside, which have a negative volume."""
    piece = pieces(faces, len(vertices))
    volume = volumes(vertices, faces, piece)
    return faces[(volume > SCRAP * volume.sum())[piece[faces[:, 0]]]]


def _apart(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Vertices that share their place are moved a little into their own side's material."""
    size = float(np.ptp(vertices, axis=0).max())
    grain = np.round(vertices / (APART * size / 4)).astype(np.int64)
    _, index, times = np.unique(grain, axis=0, return_inverse=True, return_counts=True)
    shared = times[index.reshape(-1)] > 1
    if not shared.any():
        return vertices
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    outward = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(outward, faces[:, corner], np.cross(b - a, c - a))
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-300)
    return np.where(shared[:, None], vertices - APART * size * outward, vertices)
