"""The one triangle rasteriser: which triangle lies in front at each pixel, and where in it.

It serves pictures (`shoot`, `result.pictures`) and textures (`meshes.texture`). `shoot` draws coloured meshes without
light, so that results of all methods are drawn alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..splats import Camera, orbit
from .mesh import Mesh


class Cover(NamedTuple):
    """What covers the pixels [H, W] of a picture. Pixel (row, column) is asked at (row + 0.5, column + 0.5)."""

    # [H, W] the triangle, -1 = none
    index: NDArray[np.int64]  # type: ignore[assignment]  # hides tuple.index, which nobody asks a Cover for
    weights: NDArray[np.float32]  # [H, W, 2] of the triangle's second and third corner; the first has the rest
    depth: NDArray[np.float32]  # [H, W] infinite where there is nothing

    def mix(
        self,
        values: NDArray,  # [V, C] at the points
        faces: NDArray[np.int64],  # [T, 3]
    ) -> NDArray:  # [K, C] at the pixels that are covered, row by row
        """Values between the corners, linear in the picture."""
        covered = self.index >= 0
        a, b, c = values[faces[self.index[covered]].T]
        v, w = self.weights[covered].T[..., None]
        return a + v * (b - a) + w * (c - a)


def rasterise(
    points: NDArray,  # [V, 3] (x, y, depth); x and y in pixels from the top left
    faces: NDArray[np.int64],  # [T, 3]
    height: int,
    width: int,
) -> Cover:
    """Draws triangles with a depth buffer; of several at the same depth the first one stays."""
    scan, _ = _kernels()
    return Cover(*scan(np.ascontiguousarray(points, dtype=np.float32), faces, height, width))


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
    points, faces, colors, part = joined(meshes)
    cover = rasterise(on_screen(points, camera, size), faces, size, size)
    color = np.zeros((size, size, 3), np.float32)
    color[cover.index >= 0] = cover.mix(colors, faces)
    return Shot(color, np.append(part, -1)[cover.index])


def joined(meshes: Sequence[Mesh]) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray]:
    """Several meshes as one: vertices [V, 3], faces [T, 3], colours [V, 3] and the mesh [T] of every triangle."""
    points, colors = [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.float32)]
    faces, part, start = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)], 0
    for i, mesh in enumerate(meshes):
        tint = torch.full_like(mesh.vertices, 0.6) if mesh.colors is None else mesh.colors
        points.append(mesh.vertices.detach().float().cpu().numpy())
        colors.append(tint.detach().float().cpu().numpy())
        faces.append(mesh.faces.cpu().numpy() + start)
        part.append(np.full(len(mesh.faces), i))
        start += len(mesh.vertices)
    return np.concatenate(points), np.concatenate(faces), np.concatenate(colors), np.concatenate(part)


def on_screen(
    points: NDArray[np.float32],  # [V, 3] world
    camera: Camera,
    size: int,
) -> NDArray[np.float32]:  # [V, 3] x and y in pixels, depth
    """Where a camera sees points in a square picture."""
    _, project = _kernels()  # a matrix product would be cut up among threads, which wait for each other on busy cores
    extrinsics, intrinsics = camera.extrinsics.double().cpu().numpy(), camera.intrinsics.double().cpu().numpy()
    return project(np.ascontiguousarray(points, np.float32), extrinsics, size * intrinsics, camera.orthographic)


def framed(meshes: Sequence[Mesh], yaw: float, pitch: float, margin: float = 1.2) -> Camera:
    """An orthographic camera whose picture holds the meshes, `margin` times their larger side wide.

    Pictures of single things are cropped alike (`pictures.crops`): both show a thing equally large.
    """
    camera = orbit(yaw, pitch, fov=None, width=1.0)
    at = camera.to_camera(torch.cat([mesh.vertices for mesh in meshes]).float())[:, :2]
    low, high = at.amin(0), at.amax(0)
    extrinsics = camera.extrinsics.clone()
    extrinsics[:2, 3] -= (low + high) / 2
    width = margin * float((high - low).max().clamp_min(1e-3))
    intrinsics = torch.tensor([[1 / width, 0.0, 0.5], [0.0, 1 / width, 0.5], [0.0, 0.0, 1.0]])
    return Camera(extrinsics, intrinsics, camera.near, camera.far, orthographic=True)


EDGE = 1e-6  # share of a triangle by which a pixel's centre may miss it: no seam between two triangles


@cache
def _kernels():
    """Compiled at first use."""
    from ..splats.compiling import compiled

    @compiled(nogil=True)
    def scan(points, faces, height, width):
        depth = np.full((height, width), np.inf, np.float32)
        weights = np.zeros((height, width, 2), np.float32)
        index = np.full((height, width), -1, np.int64)
        for t in range(faces.shape[0]):
            i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
            ax, ay, az = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
            bx, by, bz = np.float64(points[j, 0]), np.float64(points[j, 1]), np.float64(points[j, 2])
            cx, cy, cz = np.float64(points[k, 0]), np.float64(points[k, 1]), np.float64(points[k, 2])
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if not abs(area) > 0.0:  # not a number included
                continue
            left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5 - EDGE)))
            right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5 + EDGE)))
            top = max(0, int(np.ceil(min(ay, by, cy) - 0.5 - EDGE)))
            bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5 + EDGE)))
            for row in range(top, bottom + 1):
                y = row + 0.5
                for column in range(left, right + 1):
                    x = column + 0.5
                    v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                    w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                    if v < -EDGE or w < -EDGE or v + w > 1.0 + EDGE:
                        continue
                    z = np.float32(az + v * (bz - az) + w * (cz - az))
                    if z < depth[row, column]:
                        depth[row, column] = z
                        index[row, column] = t
                        weights[row, column, 0] = v
                        weights[row, column, 1] = w
        return index, weights, depth

    @compiled(nogil=True)
    def project(points, extrinsics, intrinsics, orthographic):
        result = np.empty_like(points)
        for i in range(len(points)):
            x, y, z = points[i, 0], points[i, 1], points[i, 2]
            u = extrinsics[0, 0] * x + extrinsics[0, 1] * y + extrinsics[0, 2] * z + extrinsics[0, 3]
            v = extrinsics[1, 0] * x + extrinsics[1, 1] * y + extrinsics[1, 2] * z + extrinsics[1, 3]
            w = extrinsics[2, 0] * x + extrinsics[2, 1] * y + extrinsics[2, 2] * z + extrinsics[2, 3]
            far = 1.0 if orthographic else w
            if far != 0.0:
                result[i, 0] = intrinsics[0, 0] * u / far + intrinsics[0, 2]
                result[i, 1] = intrinsics[1, 1] * v / far + intrinsics[1, 2]
            else:
                result[i, 0] = result[i, 1] = np.nan
            result[i, 2] = w
        return result

    return scan, project
