"""Bodies with known volume and small meshes that the tests share."""

from __future__ import annotations

import torch
from torch import Tensor

from cast3d.meshes import Mesh


def grid(resolution: int) -> Tensor:  # [R, R, R, 3]
    """World positions of the samples of an SDF grid."""
    axis = (torch.arange(resolution) + 0.5) / resolution - 0.5
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)


def ball(resolution: int = 48, radius: float = 0.3, center: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Signed distance to a ball."""
    return (grid(resolution) - torch.tensor(center)).norm(dim=-1) - radius


def volume(mesh: Mesh) -> float:
    """Signed volume by the divergence theorem: positive when triangles are counter-clockwise from outside."""
    a, b, c = mesh.vertices.double()[mesh.faces].unbind(dim=1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


def tetrahedron(**attributes: Tensor) -> Mesh:
    """Four vertices, the origin and one on each axis."""
    vertices = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    faces = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    return Mesh(vertices, faces, **attributes)
