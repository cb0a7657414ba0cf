"""Pictures of objects from their triangles: a z-buffer rasteriser on the CPU, transparent background.

Shading is the model of the training renderer: color * (0.45 + 0.55 max(0, n.l)) on sRGB values as they are, normals
turned towards the viewer, light from the camera's upper left. World coordinates: the grid is the cube
[-0.5, 0.5]^3, z up, objects face -y.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.bricks import assembly, placement
from training.bricks.assembly import SKIN, Shape
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog
from training.bricks.colors import RGB
from training.bricks.grids import SIZE
from training.bricks.ldraw import INHERIT, Library, Triangles
from training.bricks.objects import Objects

AMBIENT = 0.45
LIGHT = (-0.4, 0.7, 0.6)  # towards the light, in camera axes: right, up, towards the viewer
CROP_MARGIN = 1.2  # picture width over the larger side of the object


@dataclass(frozen=True)
class Camera:
    """A camera on an orbit around `center`.

    Yaw counts from the front in degrees; positive moves the camera to the viewer's right, so at yaw 90 it stands on +x.
    Pitch lifts it. `width` is the world width seen at `center`; `distance` None means orthographic.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    center: tuple[float, float, float] = (0.0, 0.0, 0.0)
    width: float = 1.0
    distance: float | None = None

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """Rows: right, up, towards the viewer."""
        yaw, pitch = np.radians(self.yaw), np.radians(self.pitch)
        back = np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
        right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        return np.stack([right, np.cross(back, right), back])

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """[..., 3] world -> (right, up) in -0.5..0.5 of the picture, and a depth that grows towards the viewer."""
        local = (np.asarray(points, np.float64) - self.center) @ self.axes.T
        if self.distance is None:
            return local / (self.width, self.width, 1.0)
        near = self.distance / np.maximum(self.distance - local[..., 2:], 1e-6)
        return np.concatenate([local[..., :2] * near / self.width, near], axis=-1)

    def framing(self, points: NDArray[np.floating], margin: float = CROP_MARGIN) -> Camera:
        """The same view direction, moved and zoomed so that `points` fill the picture up to `margin`."""
        local = (np.asarray(points, np.float64) - self.center) @ self.axes.T
        local = local.reshape(-1, 3)
        low, high = local.min(axis=0), local.max(axis=0)
        middle = np.append((low + high)[:2] / 2, 0.0) @ self.axes + self.center
        return replace(self, center=tuple(middle), width=margin * float((high - low)[:2].max()))


def render(
    vertices: NDArray[np.floating],  # [T, 3, 3] world
    rgb: NDArray[np.uint8],  # [T, 3]
    camera: Camera,
    size: int = 512,
    light: Sequence[float] = LIGHT,
    supersample: int = 3,
) -> Image.Image:
    """An RGBA picture; alpha is the covered share of each pixel."""
    side = size * supersample
    corners = camera.project(vertices)
    screen = np.stack([(corners[..., 0] + 0.5) * side, (0.5 - corners[..., 1]) * side, corners[..., 2]], axis=-1)
    shaded = np.asarray(rgb, np.float64) * _brightness(vertices, camera, light)[:, None]
    color = np.zeros((side, side, 4), np.float32)
    _rasterise(screen, shaded.astype(np.float32), np.full((side, side), -np.inf, np.float64), color)
    pixels = color.reshape(size, supersample, size, supersample, 4).mean(axis=(1, 3))
    pixels[..., :3] /= np.maximum(pixels[..., 3:], 1e-6)
    pixels[..., 3] *= 255
    return Image.fromarray(np.round(pixels).clip(0, 255).astype(np.uint8), "RGBA")


def _brightness(vertices: NDArray[np.floating], camera: Camera, light: Sequence[float]) -> NDArray[np.float64]:
    """[T] shade of each triangle, lit on the side that the viewer sees."""
    soup = np.asarray(vertices, np.float64)
    normal = np.cross(soup[:, 1] - soup[:, 0], soup[:, 2] - soup[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    view = camera.axes[2]
    if camera.distance is not None:
        view = camera.distance * camera.axes[2] + camera.center - soup.mean(axis=1)
    facing = np.where((normal * view).sum(axis=1) < 0, -1.0, 1.0)
    direction = np.asarray(light, np.float64) / np.linalg.norm(light) @ camera.axes
    return AMBIENT + (1 - AMBIENT) * np.maximum(0.0, facing * (normal @ direction))


@numba.njit(cache=True)
def _rasterise(screen, shaded, depth, color):  # pragma: no cover - compiled
    """Flat triangles into `color` [S, S, 4] (0..255, coverage 1), nearest (largest depth) first; y runs down."""
    side = depth.shape[0]
    for t in range(screen.shape[0]):
        ax, ay, az = screen[t, 0]
        bx, by, bz = screen[t, 1]
        cx, cy, cz = screen[t, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        left = max(0, int(np.floor(min(ax, bx, cx) - 0.5)))
        right = min(side - 1, int(np.ceil(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.floor(min(ay, by, cy) - 0.5)))
        bottom = min(side - 1, int(np.ceil(max(ay, by, cy) - 0.5)))
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                if v < 0.0 or w < 0.0 or v + w > 1.0:
                    continue
                z = az + v * (bz - az) + w * (cz - az)
                if z > depth[row, column]:
                    depth[row, column] = z
                    color[row, column, 0] = shaded[t, 0]
                    color[row, column, 1] = shaded[t, 1]
                    color[row, column, 2] = shaded[t, 2]
                    color[row, column, 3] = 1.0


class Studio:
    """Draws sampled objects: finds the triangles behind a bank's placements."""

    def __init__(self, library: Library, catalog: Catalog, bank: Bank) -> None:
        self.library, self.catalog, self.bank = library, catalog, bank
        self._shapes: dict[str, Shape] = {shape.key: shape for shape in assembly.shapes(catalog, library)}

    def draw(
        self,
        objects: Objects,
        index: int,
        camera: Camera | None = None,
        crop: bool = True,
        role: int | None = None,
        size: int = 512,
        light: Sequence[float] = LIGHT,
        supersample: int = 3,
    ) -> Image.Image:
        """One object, whole or one role alone (0 = the bare base); cropped to it, or framed by `camera` as it is."""
        vertices, rgb = self.triangles(objects, index, None if role is None else (lambda r: r == role))
        camera = camera or Camera()
        camera = camera.framing(vertices) if crop else camera
        return render(vertices, rgb, camera, size, light, supersample)

    def triangles(
        self, objects: Objects, index: int, wanted: Callable[[int], bool] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """World vertices [T, 3, 3] and sRGB [T, 3] of the pieces whose role is wanted (default: all)."""
        vertices, rgb = [], []
        for m in np.flatnonzero(objects.placement[index] >= 0):
            if wanted is None or wanted(int(objects.role[index, m])):
                v, soup = self.placed(int(objects.placement[index, m]))
                vertices.append(v)
                rgb.append(self.paint(soup, tuple(objects.main_rgb[index, m]), tuple(objects.skin_rgb[index, m])))
        return np.concatenate(vertices), np.concatenate(rgb)

    def placed(self, row: int) -> tuple[NDArray[np.float32], Triangles]:
        """World vertices of one placement, and its soup in the shape frame."""
        shape = self._shapes[str(self.bank.shape_key[self.bank.shape_index[row]])]
        soup = shape.triangles(self.library)
        voxels = placement.apply(self.bank.transform[row], soup.vertices)
        return voxels / SIZE - 0.5, soup

    def paint(self, soup: Triangles, main: RGB, skin: RGB) -> NDArray[np.uint8]:
        """[T, 3] sRGB of each triangle."""
        codes, inverse = np.unique(soup.color, return_inverse=True)
        table = {INHERIT: main, SKIN: skin}
        return np.array([table.get(int(c)) or self.catalog.colors.rgb(int(c)) for c in codes], np.uint8)[inverse]


def contact_sheet(pictures: Iterable[Image.Image], columns: int, background: RGB = (255, 255, 255)) -> Image.Image:
    """Pictures of one size side by side."""
    pictures = list(pictures)
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), background)
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i % columns * width, i // columns * height), picture)
    return sheet
