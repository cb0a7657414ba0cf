"""Where parts sit: LDraw attachment frames, arm poses, grips, and the voxel frames they end in.

A transform is a [3, 4] float64 matrix; `compose(a, b)` applies b first. LDraw frames are in LDU with -y up; voxel
frames are continuous, voxel i covering [i, i + 1), z up, the object facing -y, its own right hand at low x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bricks.catalog import Grip
from training.bricks.grids import SIZE

Transform = NDArray[np.float64]  # [3, 4]

WORLD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # LDraw (x, y, z) -> (x, z, -y)
FIGURE_LDU = 128.0  # side of the figure frame
FIGURE_BOTTOM = 76.0  # LDraw y of the floor of the figure frame: 4 LDU under the soles
MARGIN = 2.0  # voxels under the base in every base frame
CREATURE_SIDE = 50.0  # voxels of a creature's longest side
FILLED_SHARE = 0.94  # of the grid, for the longest side of a single part


def compose(a: Transform, b: Transform) -> Transform:
    """x -> a(b(x))."""
    return np.concatenate([a[:, :3] @ b[:, :3], (a[:, :3] @ b[:, 3] + a[:, 3])[:, None]], axis=1)


def transform(rotation: object = None, translation: Sequence[float] = (0.0, 0.0, 0.0)) -> Transform:
    """[R | t]; the identity rotation by default."""
    linear = np.eye(3) if rotation is None else np.asarray(rotation, np.float64)
    return np.concatenate([linear, np.asarray(translation, np.float64)[:, None]], axis=1)


def mirror_x(t: Transform) -> Transform:
    """The same placement on the other side: M t M with M = diag(-1, 1, 1)."""
    flip = np.array([-1.0, 1, 1])
    return t * flip[:, None] * np.append(flip, 1.0)


def apply(t: Transform, points: NDArray[np.floating]) -> NDArray[np.float32]:
    """[..., 3] points under `t`, in float32."""
    matrix = t.astype(np.float32)
    return np.asarray(points, np.float32) @ matrix[:, :3].T + matrix[:, 3]


IDENTITY = transform()


def rotation_x(degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def rotation_z(degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


# --- voxel frames: LDU -> voxels ------------------------------------------------------------------------------------


def frame(scale: float, anchor: Sequence[float], target: Sequence[float]) -> Transform:
    """Voxel frame of `scale` voxels per LDU that maps the LDraw point `anchor` to the voxel position `target`."""
    linear = scale * WORLD
    return transform(linear, np.asarray(target, np.float64) - linear @ np.asarray(anchor, np.float64))


FIGURE = frame(SIZE / FIGURE_LDU, (0.0, FIGURE_BOTTOM, 0.0), (SIZE / 2, SIZE / 2, 0.0))


def filled(low: NDArray[np.floating], high: NDArray[np.floating]) -> Transform:
    """A single part alone: bounding box centred, longest side 0.94 of the grid."""
    scale = FILLED_SHARE * SIZE / float(np.max(np.subtract(high, low)))
    return frame(scale, (np.asarray(low, float) + high) / 2, (SIZE / 2,) * 3)


def creature(low: NDArray[np.floating], high: NDArray[np.floating]) -> Transform:
    """A horse, dragon or animal as base: longest side 50 voxels, centred in x and depth, bottom 2 voxels up."""
    scale = CREATURE_SIDE / float(np.max(np.subtract(high, low)))
    middle = (np.asarray(low, float) + high) / 2
    return frame(scale, (middle[0], high[1], middle[2]), (SIZE / 2, SIZE / 2, MARGIN))


# --- arms and grips: everything in the figure frame of LDraw (origin at the top centre of the torso) ------------------

_ARM_RIGHT = transform([[0.985, -0.17, 0], [0.17, 0.985, 0], [0, 0, 1]], (-15.552, 9, 0))
_HAND_IN_ARM = transform(rotation_x(45), (-4.995, 18.891, -9.898))
_GRIP_TILT = np.array([[1, 0, 0], [0, 0.968148, -0.25038], [0, 0.25038, 0.968148]])  # 14.5 degrees about x
_GRIP_POINT = np.array([0, -0.8229, -9.8948])  # where the fist closes, hand frame


@dataclass(frozen=True)
class Pose:
    """One arm: `pitch` lifts the hand forwards, `wrist` turns the hand about its own axis (degrees)."""

    pitch: int = 45
    wrist: int = 0


HANGING = Pose(0, 0)


def arm(side: str, pose: Pose) -> Transform:
    """Arm part (3818 right, 3819 left) -> figure."""
    right = compose(_ARM_RIGHT, transform(rotation_x(-pose.pitch)))
    return right if side == "right" else mirror_x(right)


def hand(side: str, pose: Pose) -> Transform:
    """Hand part 3820 -> figure."""
    hand_in_arm = _HAND_IN_ARM if side == "right" else mirror_x(_HAND_IN_ARM)
    return compose(arm(side, pose), compose(hand_in_arm, transform(rotation_z(pose.wrist))))


def held(side: str, grip: Grip) -> Transform:
    """A held part -> figure, in the arm pose that the part wants: G grip_rot (p - grip) + grip origin.

    The grip axis is y of the grip frame, -y its working end, -z forwards.
    """
    fist = hand(side, Pose(grip.arm_pitch, grip.wrist))
    rotation = fist[:, :3] @ _GRIP_TILT @ grip.rotation
    origin = fist[:, :3] @ _GRIP_POINT + fist[:, 3]
    return transform(rotation, origin - rotation @ grip.point)
