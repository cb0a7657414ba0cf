"""A triangle mesh with vertex colours."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Mesh:
    """V vertices and F triangles in the world frame (z up, objects face -y, the unit cube is [-0.5, 0.5]^3).

    Triangles are counter-clockwise seen from outside.
    """

    vertices: Tensor  # [V, 3] float32
    faces: Tensor  # [F, 3] int64
    colors: Tensor | None = None  # [V, 3] RGB in (0, 1)
    normals: Tensor | None = None  # [V, 3] as decoded in (0, 1) (TRELLIS) or unit vectors; see the producing function
