"""Where the camera of a picture was, found by drawing the thing from all sides until its outline is the picture's.

Coarse to fine: every direction of a grid is drawn small, placed by its box (centre and longest side); the best distinct
ones are followed, yaw, pitch, scale and shift together, by a pattern search that halves its steps.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..splats import Camera, Gaussians, orbit
from ..voxels import Similarity
from .seen import Points, Shown

YAWS, PITCHES = (-75.0, 75.0), (-10.0, 50.0)  # degrees searched; pictures of bricks are within 60 and 0 to 35
STEP = 15.0  # degrees of the coarse grid
COARSE, FINE = 40, 80  # pixels
SMALL, WIDE_STEP, MANY = 28, 22.5, 300  # pixels and degrees where there are so many directions
FOLLOWED = 4  # directions of the coarse grid that are refined
APART = 20.0  # degrees between poses that count as two
ALIKE = 0.02  # of score, within which another pose fits about as well
COLOR = 0.5  # score lost where colours have nothing in common
PULL, WIDE = 0.2, 30.0  # score lost at so many degrees from a certain guess
LEAST, SURE = 0.65, 0.9  # score at which a pose counts for nothing, and fully


@dataclass(frozen=True)
class Pose:
    """A camera for one picture, and how well the thing fits there.

    A world point is at 0.5 + shift + scale * (right, down) of the square crop's side; with a lens, at the origin's
    depth.
    """

    yaw: float  # degrees from the front, as `splats.orbit` counts
    pitch: float  # degrees up
    scale: float  # sides of the square crop per world unit
    shift: tuple[float, float] = (0.0, 0.0)  # of the origin from the crop's middle, right and down, in sides
    distance: float = 0.0  # of a perspective camera from the origin, world units; 0: orthographic
    iou: float = 0.0  # of the outlines
    color: float = 0.0  # mean colour distance where both are, light aside; 0 without colours
    roll: float = 0.0  # degrees by which the thing appears turned clockwise in the picture
    strain: float = 0.0  # score lost for turning away from what was told
    others: tuple[Pose, ...] = ()  # further poses, at least `APART` away, that fit about as well

    @property
    def score(self) -> float:
        """What the search makes as large as it can."""
        return self.iou - COLOR * self.color - self.strain

    @property
    def confidence(self) -> float:
        """0 where the thing looks like the picture from nowhere, 1 where the fit leaves no doubt."""
        return min(max((self.score - LEAST) / (SURE - LEAST), 0.0), 1.0)

    @property
    def ambiguous(self) -> bool:
        """Whether other poses fit about as well: a symmetric thing."""
        return bool(self.others)

    @property
    def camera(self) -> Camera:
        """Sees exactly the square of `crop_square`."""
        if self.distance:
            looking = orbit(self.yaw, self.pitch, self.distance, fov=60.0, near=1e-3)
            focal = self.scale * self.distance
        else:
            looking = orbit(self.yaw, self.pitch, fov=None, width=1 / self.scale, near=1e-3)
            focal = self.scale
        x, y = self.shift
        extrinsics = looking.extrinsics.clone()
        if self.roll:
            c, s = math.cos(math.radians(self.roll)), math.sin(math.radians(self.roll))
            extrinsics[:2] = torch.tensor([[c, -s], [s, c]]) @ extrinsics[:2]
        return replace(
            looking,
            extrinsics=extrinsics,
            intrinsics=torch.tensor([[focal, 0, 0.5 + x], [0, focal, 0.5 + y], [0, 0, 1.0]]),
        )


def carried(camera: Camera, similarity: Similarity) -> Camera:
    """The camera that sees a thing moved by `similarity` as `camera` sees the thing itself."""
    move = camera.extrinsics.new_tensor(similarity.translation)
    extrinsics = camera.extrinsics.clone()
    extrinsics[:3, 3] = similarity.scale * extrinsics[:3, 3] - extrinsics[:3, :3] @ move
    intrinsics = camera.intrinsics.clone()
    if camera.orthographic:
        # Depth does not change the picture, so the eye keeps its distance and nothing comes nearer than `near`.
        extrinsics[2, 3] = camera.extrinsics[2, 3] - extrinsics[2, :3] @ move
        intrinsics[:2, :2] /= similarity.scale
    return replace(camera, extrinsics=extrinsics, intrinsics=intrinsics)


def lens(fov: float) -> float:
    """How far away a camera of angle `fov` in degrees stands so that the unit cube's ball fills its picture."""
    return math.sqrt(3) / 2 / math.sin(math.radians(fov) / 2)


def find_poses(
    thing: Points | Gaussians,
    pictures: Sequence[Image.Image],
    *,
    yaws: tuple[float, float] = YAWS,
    pitches: tuple[float, float] = PITCHES,
    rolls: tuple[float, float] = (0.0, 0.0),
    fov: float | None = None,
    told: Sequence[Pose | None] | None = None,
) -> list[Pose]:
    """`find_pose` of each picture."""
    told = [None] * len(pictures) if told is None else told
    return [
        find_pose(thing, one, yaws=yaws, pitches=pitches, rolls=rolls, fov=fov, told=t)
        for one, t in zip(pictures, told)
    ]


def find_pose(
    thing: Points | Gaussians,
    picture: Image.Image,  # RGBA, cut out
    *,
    yaws: tuple[float, float] = YAWS,
    pitches: tuple[float, float] = PITCHES,
    rolls: tuple[float, float] = (0.0, 0.0),
    fov: float | None = None,
    told: Pose | None = None,
) -> Pose:
    """The pose from which the thing looks most like the picture; yaws and pitches in degrees, ends included.

    `fov` in degrees is the angle of view of a perspective camera; without it the camera is orthographic. Give
    (-180, 180) as `yaws` to search all around. Scale and shift are found, so where the picture is cropped is the same.
    `told` is a guess that does not come from the thing's shape (`told.pose_of_places`): directions away from it lose
    `PULL` of score times the square of the angle over `WIDE`, as far as it is certain.
    """
    points = thing if isinstance(thing, Points) else Points.of_gaussians(thing)
    distance = lens(fov) if fov else 0.0
    every = [yaws, pitches, rolls]
    directions = list(product(*(_steps(*ends) for ends in every)))
    many = len(directions) >= MANY
    if many:
        directions = list(product(*(_steps(*ends, WIDE_STEP) for ends in every)))
    coarse = _Search.of(points, picture, SMALL if many else COARSE, distance, told)
    grid = [coarse.boxed(*direction) for direction in directions]
    if told is not None:
        grid.append(coarse.boxed(min(max(told.yaw, yaws[0]), yaws[1]), min(max(told.pitch, pitches[0]), pitches[1])))
    limits = (yaws, pitches, rolls)
    followed = [coarse.refined(pose, 8.0, 2.0, limits) for pose in _distinct(grid)]
    fine = _Search.of(points, picture, FINE, distance, told)
    rated = sorted((fine.rated(pose) for pose in followed), key=lambda pose: -pose.score)
    near = [pose for pose in rated if pose.score >= rated[0].score - 2 * ALIKE]
    found = _distinct([fine.refined(pose, 2.0, 0.5, limits) for pose in near])
    return replace(found[0], others=tuple(pose for pose in found[1:] if pose.score >= found[0].score - ALIKE))


def _steps(low: float, high: float, step: float = STEP) -> list[float]:
    """Evenly from `low` to `high`, about `step` apart; a full turn once."""
    count = max(1, math.ceil((high - low) / step - 1e-9))
    full = high - low >= 360
    return [low + (high - low) * i / count for i in range(count if full or high == low else count + 1)]


def _distinct(poses: Sequence[Pose], most: int = FOLLOWED) -> list[Pose]:
    """The `most` best, the best first, without those that are near a better one."""
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda pose: -pose.score):
        if len(kept) < most and all(angle(pose, other) >= APART for other in kept):
            kept.append(pose)
    return kept


def angle(a: Pose, b: Pose) -> float:
    """Degrees of the turn from one camera to another."""
    one, other = (view_axes(pose.yaw, pose.pitch, pose.roll) for pose in (a, b))
    cosine = (float((one * other).sum()) - 1) / 2
    return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


def view_axes(yaw: float, pitch: float, roll: float = 0.0) -> NDArray[np.float64]:
    """Rows right, down and forward of the camera at `yaw` and `pitch` in degrees: the rotation of `orbit`, rolled."""
    y, p = math.radians(yaw), math.radians(pitch)
    # Written out, and without numpy's products of small arrays: a search asks for it a thousand times.
    right: Sequence[float] = (math.cos(y), -math.sin(y), 0.0)
    down: Sequence[float] = (-math.sin(p) * math.sin(y), -math.sin(p) * math.cos(y), -math.cos(p))
    forward = math.sin(y) * math.cos(p), math.cos(y) * math.cos(p), -math.sin(p)
    if roll:
        c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
        right, down = [c * r - s * d for r, d in zip(right, down)], [s * r + c * d for r, d in zip(right, down)]
    return np.array([right, down, forward])


@dataclass(frozen=True)
class _Search:
    """A thing and a picture at one size."""

    points: Points
    shown: Shown
    box: tuple[float, float, float]  # middle, right and down from the crop's, and longest side; in sides of the crop
    distance: float
    told: Pose | None = None

    @staticmethod
    def of(points: Points, picture: Image.Image, size: int, distance: float, told: Pose | None = None) -> _Search:
        shown = Shown.of(picture, size)
        # About a point a pixel: the thing fills the picture, so its largest extent is about `size` pixels.
        side = float(np.ptp(points.positions, axis=0).max()) + 2 * points.half
        cell = 1.2 * side / size
        return _Search(
            points.thinned(cell) if cell > 2 * points.half else points, shown, _box(shown.alpha), distance, told
        )

    def boxed(self, yaw: float, pitch: float, roll: float = 0.0) -> Pose:
        """Seen from a direction, with the box of the thing on the box of the picture."""
        left, top, right, bottom = _kernels().extent(
            self.points.positions, self.points.half, view_axes(yaw, pitch, roll), self.distance
        )
        x, y, side = self.box
        scale = side / max(right - left, bottom - top)
        shift = (float(x - scale * (left + right) / 2), float(y - scale * (top + bottom) / 2))
        return self.rated(Pose(yaw, pitch, float(scale), shift, self.distance, roll=roll))

    def rated(self, pose: Pose) -> Pose:
        """The pose with its IoU and colour distance."""
        axes = view_axes(pose.yaw, pose.pitch, pose.roll)
        at = (self.distance, pose.scale, *pose.shift, self.shown.size)
        nearest = _kernels().draw(self.points.positions, self.points.half, axes, *at)
        colors = np.zeros((0, 3), np.float32) if self.points.colors is None else self.points.colors
        iou, color = _kernels().compare(nearest, colors, self.shown.alpha, self.shown.rgb)
        strain = 0.0
        if self.told is not None:
            strain = PULL * self.told.iou * (angle(pose, self.told) / WIDE) ** 2
        return replace(pose, iou=iou, color=color, strain=strain)

    @cached_property
    def middle(self) -> NDArray[np.float64]:
        """Of the thing's box, in the world."""
        return (self.points.positions.max(0) + self.points.positions.min(0)) / 2.0

    def middle_at(self, pose: Pose) -> NDArray[np.float64]:
        """Where the thing's middle falls, [2] right and down from the picture's."""
        x, y, z = view_axes(pose.yaw, pose.pitch, pose.roll) @ self.middle
        near = self.distance / (self.distance + z) if self.distance else 1.0
        return np.array([x, y]) * (near * pose.scale) + pose.shift

    def placed(self, pose: Pose, at: NDArray[np.float64]) -> Pose:
        """The pose with its shift such that the thing's middle falls on `at`."""
        x, y = at - self.middle_at(replace(pose, shift=(0.0, 0.0)))
        return replace(pose, shift=(float(x), float(y)))

    def refined(self, pose: Pose, step: float, last: float, limits: Sequence[tuple[float, float]]) -> Pose:
        """Pattern search from `step` down to `last` degrees; scale and shift move by as much of the outline."""
        best = self.rated(pose)
        free = [high > low for low, high in limits]
        moves = [move for move in _MOVES if all(open or not by for open, by in zip(free, move))]
        while step >= last:
            part = math.radians(step) / 4
            moved, skipped = False, None
            for move in moves:
                if move == skipped:  # the way back
                    continue
                yaw, pitch, roll = (at + by * step for at, by in zip((best.yaw, best.pitch, best.roll), move))
                if not all(
                    low <= at <= high or high - low >= 360 for at, (low, high) in zip((yaw, pitch, roll), limits)
                ):
                    continue
                scale = best.scale * (1 + move[3] * part)
                at = self.middle_at(best) + part * np.array(move[4:])  # what turns, turns about the thing's middle
                tried = replace(best, yaw=yaw, pitch=pitch, roll=roll, scale=scale)
                tried = self.rated(self.placed(tried, at))
                if tried.score > best.score + 1e-6:
                    best, moved, skipped = tried, True, tuple(-value for value in move)
            step = step if moved else step / 2
        return best


# Along each axis both ways: yaw, pitch, roll, zoom, right, down.
_MOVES = [tuple(sign if i == axis else 0 for i in range(6)) for axis in range(6) for sign in (1, -1)]


def _box(alpha: NDArray[np.float32]) -> tuple[float, float, float]:
    """Middle, right and down from the picture's middle, and longest side of what is opaque; in sides of the picture.

    A stick may be thinner than a pixel: opaque is what is half as opaque as anything is.
    """
    rows, columns = (np.nonzero((alpha > 0.5 * min(1.0, alpha.max())).any(axis=axis))[0] for axis in (1, 0))
    size = len(alpha)
    top, bottom, left, right = rows[0] / size, (rows[-1] + 1) / size, columns[0] / size, (columns[-1] + 1) / size
    return (left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5, max(right - left, bottom - top)


def _kernels() -> ModuleType:
    return importlib.import_module("._kernels", __package__)
