"""Pictures of finished objects for people: lit, softly shadowed, standing on the ground, filling the frame.

The light is that of the report's viewer: a sky brighter than the ground, a key light at the viewer's upper left, a weak
fill light opposite and a rim. What the viewer's screen cannot do in time is added: the sky is shaded by what stands in
its way (ambient occlusion), and the key light throws shadows. Everything is drawn by `meshes.raster`.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from ..meshes.conventions import to_linear, to_srgb
from ..meshes.mesh import Mesh
from ..meshes.raster import joined, on_screen, rasterise
from ..meshes.surface import unit_normals
from ..splats import Camera, orbit
from .shading import blocked, shade

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]  # [S, S, 3]

YAW, PITCH, MARGIN = 25.0, 15.0, 0.07  # degrees of the usual view; empty share of the picture on each side
FIELD = 0.55  # radians, angle of view that sets the distance
SAMPLES = 3  # per pixel and axis
THREADS = 2  # frames at a time; more would take memory and the cores of other work
SKY, SKY_SIZE = 64, 160  # directions from which the sky is looked at, and pixels of each look
GOLDEN = np.pi * (3 - np.sqrt(5))  # directions that far apart are spread evenly
KEY_SIZE = 384  # pixels of the key light's shadow map
GROUND, REACH = 96, 1.6  # samples a side of the ground's shadow, and half its side in radii of the object
SOFTNESS = 2.2  # samples by which the ground's shadow is blurred
STEPS = 1 << 14  # of brightness


class Studio:
    """Meshes with all of the light that does not depend on the camera, ready for any number of pictures."""

    def __init__(self, meshes: Sequence[Mesh]):
        """Takes meshes in the world frame, with sRGB colours or grey."""
        self.points, self.faces, colors, _ = joined(meshes)
        normals = [unit_normals(mesh).detach().float().cpu().numpy() for mesh in meshes if len(mesh.vertices)]
        self.normals = np.concatenate([np.zeros((0, 3), np.float32), *normals])
        self.colors = to_linear(torch.from_numpy(colors)).numpy()
        self.low, self.high = _bounds(self.points)
        self.middle = (self.low + self.high) / 2
        self.radius = max(float(np.linalg.norm(self.high - self.low)) / 2, 1e-6)
        axis = np.linspace(-REACH * self.radius, REACH * self.radius, GROUND)
        x, y = np.meshgrid(axis, axis, indexing="ij")
        floor = np.stack([x + self.middle[0], y + self.middle[1], np.full_like(x, self.low[2])], axis=-1)
        self.ground = floor.reshape(-1, 3).astype(np.float32)
        self.sky, self.ground_sky = self._sky()

    def _sky(self) -> tuple[Floats, Floats]:
        """The share of the sky that each vertex [V] and each sample of the ground [G, G] sees.

        A direction counts by its cosine to the normal.
        """
        points = np.concatenate([self.points, self.ground])
        upright = np.tile(np.array([0, 0, 1], np.float32), (len(self.ground), 1))
        normals = np.concatenate([self.normals, upright])
        seen, total = np.zeros(len(points), np.float32), np.full(len(points), 1e-6, np.float32)
        for k in range(SKY):
            height = 1 - (2 * k + 1) / SKY
            side = np.sqrt(1 - height * height)
            direction = np.array([side * np.cos(GOLDEN * k), side * np.sin(GOLDEN * k), height], np.float32)
            light, depth = self._shadow_map(direction, SKY_SIZE)
            weight = np.maximum(normals @ direction, 0)
            seen += weight * (1 - blocked(depth, on_screen(points, light, SKY_SIZE), 4 * self.radius / SKY_SIZE, 0, 1))
            total += weight
        share = seen / total
        return share[: len(self.points)], share[len(self.points) :].reshape(GROUND, GROUND)

    def _shadow_map(self, direction: Floats, size: int) -> tuple[Camera, Floats]:
        """An orthographic camera that looks from a direction at all of the object, and the depths that it sees."""
        helper = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.9 else np.array([0.0, 1.0, 0.0])
        right = np.cross(-direction, helper)
        right /= np.linalg.norm(right)
        turn = np.stack([right, np.cross(-direction, right), -direction])
        extrinsics = torch.eye(4)
        extrinsics[:3, :3] = torch.from_numpy(turn)
        extrinsics[:3, 3] = torch.from_numpy(-turn @ self.middle + [0.0, 0.0, 2 * self.radius])
        width = 2.04 * self.radius
        intrinsics = torch.tensor([[1 / width, 0.0, 0.5], [0.0, 1 / width, 0.5], [0.0, 0.0, 1.0]])
        camera = Camera(extrinsics, intrinsics, orthographic=True)
        return camera, rasterise(on_screen(self.points, camera, size), self.faces, size, size).depth

    def picture(self, camera: Camera, size: int, background: float = 1.0) -> Picture:
        """What the camera sees, before a plain background of this sRGB grey."""
        fine = size * SAMPLES
        cover = rasterise(on_screen(self.points, camera, fine), self.faces, fine, fine)
        key = _key(camera)
        light, depth = self._shadow_map(key, KEY_SIZE)
        shadow = on_screen(self.points, light, KEY_SIZE)
        attributes = np.concatenate([self.points, self.normals, self.colors, self.sky[:, None], shadow], axis=1)
        texel = 2.04 * self.radius / KEY_SIZE
        eye = camera.position.numpy()
        drawn = shade(cover.index, cover.weights, self.faces, attributes, eye, key, depth, texel, SAMPLES)
        covered = drawn[..., 3:]
        divisor: Floats = np.maximum(covered, 1e-6)
        color = covered * _encoded(drawn[..., :3] / divisor)
        paper = background * (1 - self._on_the_ground(camera, size, light, depth))[..., None]
        return ((color + (1 - covered) * paper).clip(0, 1) * 255 + 0.5).astype(np.uint8)

    def _on_the_ground(self, camera: Camera, size: int, light: Camera, depth: Floats) -> Floats:  # [size, size]
        """How dark the ground is at each pixel: the sky that is hidden from it, and the key light's wide shadow."""
        hidden = blocked(depth, on_screen(self.ground, light, KEY_SIZE), 0.01 * self.radius, 6.0, 24)
        dark = 0.75 * (1 - self.ground_sky) + 0.13 * hidden.reshape(GROUND, GROUND)
        edge = np.linspace(-1, 1, GROUND)
        fade = np.clip((1 - np.hypot(*np.meshgrid(edge, edge))) / 0.4, 0, 1)
        dark = gaussian_filter(dark, SOFTNESS) * fade
        axis = (np.arange(size) + 0.5) / size
        plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        focal, centre = camera.intrinsics.diagonal()[:2].numpy(), camera.intrinsics[:2, 2].numpy()
        plane = np.concatenate([(plane - centre) / focal, np.ones((size * size, 1))], axis=1)
        turn, eye = camera.extrinsics[:3, :3].numpy(), camera.position.numpy()
        start = eye + plane[:, :2] @ turn[:2] if camera.orthographic else eye[None]
        ray = turn[2:] if camera.orthographic else plane @ turn
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (self.low[2] - start[:, 2:]) / ray[:, 2:]
            spot = ((start + far * ray)[:, :2] - self.middle[:2]) / (REACH * self.radius)
        spot = np.where((far > 0) & np.isfinite(spot), spot, 9.0).clip(-9, 9)
        place = (spot.T + 1) / 2 * (GROUND - 1)
        return map_coordinates(dark, place, order=1, mode="constant").reshape(size, size)


def lit(meshes: Sequence[Mesh], camera: Camera, size: int, background: float = 1.0) -> Picture:
    """One picture of meshes; `portrait` gives a camera that they fill."""
    return Studio(meshes).picture(camera, size, background)


def turntable(meshes: Sequence[Mesh], size: int = 256, frames: int = 24, pitch: float = PITCH) -> list[Picture]:
    """One turn, the front first. The object keeps its size and its place in the frame."""
    return alike([meshes], around(frames), size, pitch)[0]


def around(frames: int = 24) -> list[float]:
    """The yaws of one turn, the front first."""
    return [360 * k / frames for k in range(frames)]


def alike(
    objects: Sequence[Sequence[Mesh]], yaws: Sequence[float], size: int, pitch: float = PITCH
) -> list[list[Picture]]:
    """Per object a picture from each yaw, in degrees from the front, all in one frame that holds the largest."""
    studios = [Studio(meshes) for meshes in objects]
    points = np.concatenate([studio.points for studio in studios])
    cameras = [_around(points, yaw, pitch) for yaw in yaws]
    spans = np.array([_span(points, camera) for camera in cameras])  # [F, 2, 2] lowest and highest x, y
    low, high = spans[:, 0].min(axis=0), spans[:, 1].max(axis=0)
    framed = [_filled(camera, low, high, MARGIN) for camera in cameras]
    with ThreadPoolExecutor(THREADS) as pool:
        return [list(pool.map(lambda camera, s=studio: s.picture(camera, size), framed)) for studio in studios]


def portrait(meshes: Sequence[Mesh], yaw: float = YAW, pitch: float = PITCH, margin: float = MARGIN) -> Camera:
    """A perspective camera whose picture the meshes fill, whatever their size and place."""
    points, *_ = joined(meshes)
    camera = _around(points, yaw, pitch)
    return _filled(camera, *_span(points, camera), margin)


def _around(points: Floats, yaw: float, pitch: float) -> Camera:
    """Looks at the middle of points from where they fit the angle of view."""
    low, high = _bounds(points)
    camera = orbit(yaw, pitch, radius=max(float(np.linalg.norm(high - low)) / 2, 1e-6) / np.sin(FIELD / 2))
    extrinsics = camera.extrinsics.clone()
    extrinsics[:3, 3] -= extrinsics[:3, :3] @ torch.from_numpy((low + high) / 2)
    return replace(camera, extrinsics=extrinsics, near=0.0)


def _span(points: Floats, camera: Camera) -> tuple[Floats, Floats]:  # [2] and [2]
    """Lowest and highest x and y of points one unit before the camera."""
    if not len(points):
        return np.full(2, -0.3, np.float32), np.full(2, 0.3, np.float32)
    seen = on_screen(points, replace(camera, intrinsics=torch.eye(3)), 1)
    low, high = _bounds(seen)
    return low[:2], high[:2]


def _filled(camera: Camera, low: Floats, high: Floats, margin: float) -> Camera:
    """The camera with the picture that holds this span."""
    focal = (1 - 2 * margin) / max(float((high - low).max()), 1e-6)
    x, y = (0.5 - focal * (low + high) / 2).tolist()
    return replace(camera, intrinsics=torch.tensor([[focal, 0.0, x], [0.0, focal, y], [0.0, 0.0, 1.0]]))


@cache
def _srgb_table() -> Floats:
    return to_srgb(torch.linspace(0, 1, STEPS + 1)).numpy()


def _encoded(linear: Floats) -> Floats:
    """sRGB, far finer than a byte."""
    return _srgb_table()[(linear.clip(0, 1) * STEPS + 0.5).astype(np.int32)]


def _key(camera: Camera) -> Floats:
    """Towards the key light, at the viewer's upper left."""
    right, forward = camera.extrinsics[0, :3].numpy(), camera.extrinsics[2, :3].numpy()
    level = np.array([-forward[0], -forward[1], 0.0])
    level /= max(np.linalg.norm(level), 1e-9)
    key = level * np.cos(0.5) - right * np.sin(0.5) + [0.0, 0.0, 0.7]
    return (key / np.linalg.norm(key)).astype(np.float32)


def _bounds(points: Floats) -> tuple[Floats, Floats]:
    if not len(points):
        return np.full(3, -0.5, np.float32), np.full(3, 0.5, np.float32)
    axes = np.ascontiguousarray(points.T)  # a row at a time is several times as fast as all columns at once
    return axes.min(axis=1), axes.max(axis=1)
