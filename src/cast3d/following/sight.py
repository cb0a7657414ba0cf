"""A thing as a picture's camera sees it, pixel by pixel beside the picture: what colours are compared on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.sparse import csr_array

from ..splats import Camera, Gaussians
from ..splats.weights import compositing_matrix
from ..voxels import blur, cells_of, solid, to_grid
from .seen import Shown

Array = NDArray[np.float32]

ROUND = 2.0  # voxels of blur for the normals
GRAZING, FACING = 0.25, 0.6  # cosine of the view where pixels begin to count, and count fully
RIM = (1.0, 3.0)  # pixels from an outline or a depth edge where pixels begin to count, and count fully, of 128
STEP = 0.06  # world units of depth between neighbouring pixels that make an edge
LIGHTS = (0.35, 1.6)  # least and most light of a lit pixel


@dataclass(frozen=True)
class Sight:
    """A picture, and the render of the thing from its camera, both [S, S]."""

    rgb: Array  # [S, S, 3] the picture, sRGB in 0..1
    color: Array  # [S, S, 3] the render
    alpha: Array  # [S, S] of the render
    counts: Array  # [S, S] in 0..1, how far a pixel of both is of one surface
    light: Array  # [S, S] how bright the picture is lit, see `light_of`
    weights: csr_array  # [S * S, J] of the Gaussians in the pixels
    facing: Array  # [J] cosine of the view at the Gaussians

    @property
    def flat(self) -> Array:
        """The picture without its light."""
        return self.rgb / self.light[..., None]


def sighted(
    gaussians: Gaussians, colors: Array, normals: Array, picture: Image.Image, camera: Camera, size: int
) -> Sight:
    """The thing with `colors` [J, 3] from the camera of the picture's square crop, at `size` pixels a side."""
    shown = Shown.of(picture, size)
    weights = compositing_matrix(gaussians, camera, size)
    depths = camera.to_camera(gaussians.positions.detach().cpu()).numpy()[:, 2:]
    facing = facing_of(gaussians, normals, camera)
    drawn = (weights @ np.concatenate([colors, normals, facing[:, None], depths, np.ones_like(depths)], 1)).reshape(
        size, size, -1
    )
    alpha = drawn[..., -1]
    inside = np.maximum(alpha, 1e-3)[..., None]
    color, normal, cosine, depth = (
        part[..., 0] if part.shape[-1] == 1 else part for part in np.split(drawn[..., :-1] / inside, (3, 6, 7), axis=-1)
    )
    counts = trusted(shown, alpha, cosine, depth, size)
    return Sight(shown.rgb, color, alpha, counts, light_of(shown.rgb, color, normal, counts), weights, facing)


def trusted(shown: Shown, alpha: Array, cosine: Array, depth: Array, size: int) -> Array:
    """[S, S] weights: away from outlines and depth edges, on surfaces that face the camera."""
    thing = (shown.alpha > 0.9) & (alpha > 0.9)
    near = np.where(alpha > 0.5, depth, np.inf)
    jump = ndimage.maximum_filter(np.where(alpha > 0.5, depth, -np.inf), 3) - ndimage.minimum_filter(near, 3)
    away = ndimage.distance_transform_edt(thing & ~(jump > STEP * 192 / size))
    unit = size / 128
    rim = np.clip((away / unit - RIM[0]) / (RIM[1] - RIM[0]), 0, 1)
    turned = np.clip((cosine - GRAZING) / (FACING - GRAZING), 0, 1)
    # Where the outlines differ nearby, geometry or pose is off.
    differs = ndimage.gaussian_filter(np.abs((shown.alpha > 0.5) ^ (alpha > 0.5)).astype(np.float32), size / 40)
    return (rim * turned * np.clip(1 - 3 * differs, 0, 1)).astype(np.float32)


def light_of(rgb: Array, color: Array, normal: Array, pixels: Array) -> Array:
    """[S, S] how bright the picture is lit: picture over render as a quadratic function of the normal, robustly.

    Prints are far from the function and do not count: a few rounds of reweighted least squares.
    """
    ratio = (rgb * color).sum(-1) / np.maximum((color * color).sum(-1), 1e-3)
    basis = _harmonics(normal)
    counts = (pixels > 0) & ((color * color).sum(-1) > 0.02)
    if counts.sum() < 50:
        return np.ones_like(ratio)
    rows, values, weight = basis[counts], np.clip(ratio[counts], 0, 2), pixels[counts].astype(np.float64)
    robust = weight
    for _ in range(8):
        scaled = rows * robust[:, None]
        # A little pull towards no dependence at all, for things whose normals are all alike.
        normal_matrix = scaled.T @ rows + np.diag([1e-6, *[1e-2 * robust.sum()] * (basis.shape[-1] - 1)])
        found = np.linalg.solve(normal_matrix, scaled.T @ values)
        off = values - rows @ found
        spread = 1.5 * np.median(np.abs(off)) + 0.02
        robust = weight / (1 + (off / spread) ** 2) ** 2
    return np.clip(basis @ found, *LIGHTS).astype(np.float32)


def _harmonics(normal: Array) -> Array:
    """[..., 9] polynomials of a unit normal up to degree two."""
    n = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    x, y, z = np.moveaxis(n, -1, 0)
    one = np.ones_like(x)
    return np.stack([one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], -1).astype(np.float64)


def surface_normals(gaussians: Gaussians, resolution: int = 64) -> Array:
    """[J, 3] unit normals: out of the filled and blurred occupancy at each Gaussian; 0 where there is none."""
    positions = gaussians.positions.detach().cpu().float()
    cells = cells_of(positions, resolution)
    density = blur(solid(to_grid(cells, resolution)), ROUND).numpy()
    slopes = np.stack(np.gradient(density), -1)
    at = ((positions + 0.5) * resolution - 0.5).numpy().T
    found = np.stack([ndimage.map_coordinates(slopes[..., i], at, order=1, mode="nearest") for i in range(3)], -1)
    return (-found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def facing_of(gaussians: Gaussians, normals: Array, camera: Camera) -> Array:
    """[J] cosine between the normal and the way back to the camera."""
    if camera.orthographic:
        back = -camera.extrinsics[2, :3].cpu().numpy()[None]
    else:
        back = (camera.position.cpu() - gaussians.positions.detach().cpu()).numpy()
        back = back / np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-6)
    return (normals * back).sum(1).astype(np.float32)
