"""What an exported file holds: solids of all triangles or of fewer, with one vertex at each place; and what is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ...existing.views import together
from ...meshes.facts import facts
from ...meshes.mesh import Mesh
from ...meshes.surface import simplify
from ...meshes.texture import Textured
from ...meshes.union import OpenSolid, united
from .placing import Parts, mesh_of


@dataclass(frozen=True)
class Written:
    """A file, and what is in it."""

    path: Path
    format: str
    parts: tuple[str, ...]
    triangles: int
    size: tuple[float, float, float]  # millimetres: width, depth, height
    volume: float | None  # cubic millimetres, of closed solids
    closed: bool


@dataclass(frozen=True)
class Content:
    """What one file holds, not yet placed."""

    title: str
    terms: tuple[str, ...]
    meshes: Mapping[str, Mesh]  # by term; of an STL one, in which all terms are joined
    shown: Parts  # likewise, with textures where no triangle had to go


def one_solid(meshes: list[Mesh], share: float | None, open_too: bool) -> Mesh:
    """What touches is joined; a `share` of the triangles stays."""
    try:
        solid = united([by_place(one) for one in meshes] if open_too else meshes)
    except OpenSolid:
        if not open_too:
            raise
        solid = together([Mesh(one.vertices, one.faces) for one in meshes])
    return simplify(solid, max(4, round(share * sum(len(one.faces) for one in meshes)))) if share else solid


def by_place(mesh: Mesh, colors: Tensor | None = None) -> Mesh:
    """The mesh with one vertex at each place, which has the mean of the `colors` [V, 3] there.

    One that has no two at one place stays as it is.
    """
    joined = _joined(mesh, colors)
    return mesh if len(joined.vertices) == len(mesh.vertices) else joined


def _joined(mesh: Mesh, colors: Tensor | None) -> Mesh:
    vertices, index = torch.unique(mesh.vertices, dim=0, return_inverse=True)
    mean = None
    if colors is not None:
        count = torch.bincount(index, minlength=len(vertices))[:, None]
        mean = torch.zeros_like(vertices).index_add_(0, index, colors.to(vertices)) / count
    faces = index[mesh.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Mesh(vertices, faces[whole], mean)


def fewer(mesh: Mesh, share: float | None) -> Mesh:
    if share is None:
        return mesh
    smaller = simplify(mesh, max(4, round(share * len(mesh.faces))))
    return smaller if smaller is mesh else replace(smaller, normals=None)


def welded(part: Mesh | Textured) -> Mesh:
    """The mesh with one vertex at each place; a texture's colours go to the vertices."""
    mesh = mesh_of(part)
    if not isinstance(part, Textured):
        return mesh
    picture = part.image.permute(2, 0, 1)[None].float().cpu() / 255
    uv = part.uv.float()
    uv = torch.where((uv < 0) | (uv > 1), uv % 1, uv)  # pictures repeat
    read = F.grid_sample(picture, uv[None, None] * 2 - 1, padding_mode="border", align_corners=False)
    return _joined(mesh, read[0, :, 0].T)


def told(path: Path, kind: str, terms: tuple[str, ...], meshes: list[Mesh]) -> Written:
    points = torch.cat([mesh.vertices for mesh in meshes])
    known = [facts(mesh) for mesh in meshes]
    closed = all(one.watertight for one in known)
    width, depth, height = (points.amax(0) - points.amin(0)).tolist()
    volume = sum(one.volume for one in known) if closed else None
    return Written(path, kind, terms, sum(one.triangles for one in known), (width, depth, height), volume, closed)
