"""STL: one solid in millimetres, z up."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ...files import atomic_write
from ...version import __version__
from .content import Content, Written, told
from .placing import Placement


def write_stl(path: Path, content: Content, place: Placement) -> Written:
    """One solid."""
    (mesh,) = (place(one) for one in content.meshes.values())
    corners = mesh.vertices.numpy()[mesh.faces.numpy()]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    table = np.zeros(len(corners), np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")]))
    table["normal"], table["corners"] = normals, corners
    head = f"cast3d {__version__}, millimetres, z up".encode("ascii").ljust(80)  # must not begin with "solid"
    atomic_write(path, head + struct.pack("<I", len(table)) + table.tobytes())
    return told(path, "stl", content.terms, [mesh])
