"""Pictures of coloured meshes by a z-buffer: the same for every method, whatever it renders with itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..splats import Camera, orbit
from .mesh import Mesh


@dataclass(frozen=True)
class Shot:
    """What a camera sees."""

    color: NDArray[np.float32]  # [S, S, 3] sRGB in 0..1 as on the mesh, unlit; 0 where there is nothing
    part: NDArray[np.int64]  # [S, S] index of the mesh seen, -1 = none

    @property
    def mask(self) -> NDArray[np.bool_]:
        """[S, S] whether anything is seen."""
        return self.part >= 0


def shoot(meshes: Sequence[Mesh], camera: Camera, size: int) -> Shot:
    """Draws meshes into a square picture. A mesh without colours is grey."""
    triangles, colors, part = _soup(meshes)
    if not len(triangles):
        return Shot(np.zeros((size, size, 3), np.float32), np.full((size, size), -1))
    place = camera.to_picture(triangles).numpy() * size
    depth = camera.to_camera(triangles)[..., 2].numpy()
    color, index = _kernel()(np.concatenate([place, depth[..., None]], -1), colors.numpy(), size)
    return Shot(color, np.where(index >= 0, part.numpy()[index], -1))


def _soup(meshes: Sequence[Mesh]):
    """Corners [T, 3, 3], their colours [T, 3, 3] and the mesh [T] of every triangle."""
    corners, colors, part = [torch.zeros(0, 3, 3)], [torch.zeros(0, 3, 3)], [torch.zeros(0, dtype=torch.long)]
    for i, mesh in enumerate(meshes):
        tint = torch.full_like(mesh.vertices, 0.6) if mesh.colors is None else mesh.colors
        corners.append(mesh.vertices[mesh.faces].float())
        colors.append(tint[mesh.faces].float())
        part.append(torch.full((len(mesh.faces),), i))
    return torch.cat(corners), torch.cat(colors), torch.cat(part)


def framed(meshes: Sequence[Mesh], yaw: float, pitch: float, margin: float = 1.2) -> Camera:
    """An orthographic camera whose picture holds the meshes, `margin` times their larger side wide.

    As the pictures of single things are cropped (`pictures.crops`), so that both show it equally large.
    """
    camera = orbit(yaw, pitch, fov=None, width=1.0)
    at = camera.to_camera(torch.cat([mesh.vertices for mesh in meshes]).float())[:, :2]
    low, high = at.amin(0), at.amax(0)
    extrinsics = camera.extrinsics.clone()
    extrinsics[:2, 3] -= (low + high) / 2
    width = margin * float((high - low).max().clamp_min(1e-3))
    intrinsics = torch.tensor([[1 / width, 0.0, 0.5], [0.0, 1 / width, 0.5], [0.0, 0.0, 1.0]])
    return Camera(extrinsics, intrinsics, camera.near, camera.far, orthographic=True)


@cache
def _kernel():
    """Compiled at first use."""
    from ..splats.compiling import compiled

    @compiled()
    def rasterise(corners, colors, size):
        """The nearest triangle [S, S] (-1 = none) and its colour [S, S, 3]; corners are (x, y, depth) in pixels."""
        depth = np.full((size, size), np.inf)
        color = np.zeros((size, size, 3), np.float32)
        index = np.full((size, size), -1, np.int64)
        for t in range(corners.shape[0]):
            ax, ay, az = corners[t, 0]
            bx, by, bz = corners[t, 1]
            cx, cy, cz = corners[t, 2]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if area == 0.0:
                continue
            left, right = max(0, int(np.floor(min(ax, bx, cx) - 0.5))), min(size - 1, int(max(ax, bx, cx) + 0.5))
            top, bottom = max(0, int(np.floor(min(ay, by, cy) - 0.5))), min(size - 1, int(max(ay, by, cy) + 0.5))
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    x, y = column + 0.5, row + 0.5
                    v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                    w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                    if v < 0.0 or w < 0.0 or v + w > 1.0:
                        continue
                    z = az + v * (bz - az) + w * (cz - az)
                    if z < depth[row, column]:
                        depth[row, column] = z
                        index[row, column] = t
                        for k in range(3):
                            a, b, c = colors[t, 0, k], colors[t, 1, k], colors[t, 2, k]
                            color[row, column, k] = a + v * (b - a) + w * (c - a)
        return color, index

    return rasterise
