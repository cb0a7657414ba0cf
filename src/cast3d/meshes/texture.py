"""Texture pictures: unwrapping a mesh and baking a colour that is known everywhere on its surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import normalize

from ..errors import InputError
from .mesh import Mesh
from .raster import rasterise
from .surface import unit_normals

PADDING = 4  # texels between charts, so that bilinear reads and the first mip levels stay inside


@dataclass(frozen=True)
class Textured:
    """A mesh with a picture around it. Vertices on chart borders occur once per chart."""

    mesh: Mesh
    uv: Tensor  # [V, 2] in (0, 1), the origin at the picture's top left as in glTF
    image: Tensor  # [H, W, 3] uint8 sRGB


def reshaped(part: Mesh | Textured, change: Callable[[Mesh], Mesh]) -> Mesh | Textured:
    """The part with another mesh, its picture as it was."""
    return replace(part, mesh=change(part.mesh)) if isinstance(part, Textured) else change(part)


def bake(
    mesh: Mesh,
    color: Callable[[Tensor, Tensor], Tensor],  # world positions and unit normals [K, 3] -> sRGB in (0, 1) [K, 3]
    size: int = 1024,
) -> Textured:
    """Asks for the colour at the point of the surface under each texel; texels beyond charts repeat the nearest one.

    The picture's longer side has `size` texels.
    """
    unwrapped, uv, shape = unwrap(mesh, size)
    face, weights, row, column = texels(uv[unwrapped.faces].double().cpu().numpy(), shape)
    corners = unwrapped.faces[torch.from_numpy(face).to(unwrapped.faces.device)]  # [K, 3]
    share = torch.from_numpy(weights).to(unwrapped.vertices)[..., None]
    positions = (unwrapped.vertices[corners] * share).sum(dim=1)
    assert unwrapped.normals is not None  # `unwrap` sets them
    normals = normalize((unwrapped.normals[corners] * share).sum(dim=1), dim=1)
    image = np.zeros((*shape, 3), dtype=np.uint8)
    image[row, column] = (color(positions, normals).clamp(0, 1) * 255).round().byte().cpu().numpy()
    covered = np.zeros(shape, dtype=bool)
    covered[row, column] = True
    source = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return Textured(unwrapped, uv, torch.from_numpy(image[tuple(source)]))


def unwrap(mesh: Mesh, size: int) -> tuple[Mesh, Tensor, tuple[int, int]]:
    """Charts by xatlas: the mesh with its seams cut, uv [V, 2] and the picture's height and width."""
    if not len(mesh.faces):
        raise InputError("an empty mesh cannot be unwrapped")
    import xatlas  # only here: meshes without a texture do without it

    normals = unit_normals(mesh)
    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices.cpu().numpy(), mesh.faces.cpu().numpy().astype(np.uint32), normals.cpu().numpy())
    packing = xatlas.PackOptions()
    packing.padding, packing.bilinear = PADDING, True
    atlas.generate(pack_options=packing)
    old, faces, uv = atlas[0]
    old = torch.from_numpy(old.astype(np.int64)).to(mesh.vertices.device)
    cut = Mesh(
        vertices=mesh.vertices[old],
        faces=torch.from_numpy(faces.astype(np.int64)).to(mesh.faces.device),
        colors=None if mesh.colors is None else mesh.colors[old],
        normals=normals[old],
    )
    scale = size / max(atlas.width, atlas.height)
    shape = (max(1, round(atlas.height * scale)), max(1, round(atlas.width * scale)))
    return cut, torch.from_numpy(uv).to(mesh.vertices), shape


def texels(
    triangles: np.ndarray,  # [F, 3, 2] uv
    shape: tuple[int, int],  # height, width
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The texels whose centres lie in triangles: face [K], barycentric weights [K, 3], row [K], column [K]."""
    height, width = shape
    points = np.concatenate([triangles * (width, height), np.zeros((*triangles.shape[:2], 1))], axis=2)
    cover = rasterise(points.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3), height, width)
    row, column = np.nonzero(cover.index >= 0)
    others = cover.weights[row, column].astype(np.float64)
    weights = np.concatenate([1 - others.sum(axis=1, keepdims=True), others], axis=1)
    return cover.index[row, column], weights, row, column
