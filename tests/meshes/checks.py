"""What an independent library says of a mesh."""

from __future__ import annotations

import numpy as np
import trimesh

from cast3d.meshes import Mesh


def read(mesh: Mesh) -> trimesh.Trimesh:
    """The mesh as trimesh takes it from a file without shared vertices, such as STL: equal places are one vertex."""
    return trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=True)


def faults(mesh: Mesh) -> dict[str, int | bool]:
    """What keeps a mesh from being a solid; empty where nothing does."""
    plain = trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False)
    found: dict[str, int | bool] = {}
    for name, one in (("as it is", plain), ("merged", read(mesh))):
        edges = np.sort(one.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        _, count = np.unique(edges, axis=0, return_counts=True)
        _, same = np.unique(np.sort(one.faces, axis=1), axis=0, return_counts=True)
        found |= {
            f"{name}: edges without two faces": int((count != 2).sum()),
            f"{name}: folded pairs": int((same > 1).sum()),
            f"{name}: open": not one.is_watertight,
            f"{name}: turned": not one.is_winding_consistent,
            f"{name}: no volume": not one.is_volume,
        }
    return {name: value for name, value in found.items() if value}
