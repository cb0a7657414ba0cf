"""Cameras: OpenCV axes (x right, y down, z forward), perspective or orthographic.

Two countings of yaw meet here. The public `orbit` counts degrees from the front: objects face -y, so yaw 0 looks
from -y and +x is on the viewer's right. `extrinsics_from_yaw_pitch` is the TRELLIS primitive, in radians, whose yaw 0
looks from +y; the front is its yaw pi. Both grow in the same direction: at public yaw 90 the camera stands on -x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError

NEAR, FAR = 0.8, 1.6  # of the released Gaussian renderer


@dataclass(frozen=True)
class Camera:
    """A pinhole camera, or an orthographic one, for pictures of any size."""

    extrinsics: Tensor  # [4, 4] world to camera
    intrinsics: (
        Tensor  # [3, 3] of a picture of size 1: focal length (orthographic: 1 / width in world units) and centre
    )
    near: float = NEAR  # Gaussians with a centre nearer than this are not drawn
    far: float = FAR  # enters `projection` only; nothing is cut off behind it
    orthographic: bool = False

    def to(self, device: torch.device | str) -> Camera:
        return replace(self, extrinsics=self.extrinsics.to(device), intrinsics=self.intrinsics.to(device))

    @property
    def position(self) -> Tensor:
        """[3] the camera's place in the world."""
        rotation, translation = self.extrinsics[:3, :3], self.extrinsics[:3, 3]
        return -rotation.T @ translation

    def to_camera(self, points: Tensor) -> Tensor:
        """World points [..., 3] -> camera axes [..., 3]; the last one is the depth."""
        extrinsics = self.extrinsics.to(points)
        return points @ extrinsics[:3, :3].T + extrinsics[:3, 3]

    def to_picture(self, points: Tensor) -> Tensor:
        """World points [..., 3] -> picture coordinates [..., 2] in [0, 1], x right and y down."""
        x, y, z = self.to_camera(points).unbind(-1)
        plane = torch.stack([x, y] if self.orthographic else [x / z, y / z], dim=-1)
        intrinsics = self.intrinsics.to(points)
        return plane * intrinsics.diagonal()[:2] + intrinsics[:2, 2]

    def to_world(self, at: Tensor, depth: Tensor) -> Tensor:
        """Picture coordinates [..., 2] in [0, 1] and depths [...] -> world points [..., 3]: `to_picture` undone."""
        intrinsics, extrinsics = self.intrinsics.to(at), self.extrinsics.to(at)
        plane = (at - intrinsics[:2, 2]) / intrinsics.diagonal()[:2]
        if not self.orthographic:
            plane = plane * depth[..., None]
        return (torch.cat([plane, depth[..., None]], dim=-1) - extrinsics[:3, 3]) @ extrinsics[:3, :3]


def orbit(
    yaw: float = 0.0,
    pitch: float = 0.0,
    radius: float = 2.0,
    fov: float | None = 40.0,
    *,
    width: float | None = None,
    near: float = NEAR,
    far: float = FAR,
) -> Camera:
    """The camera that looks at the origin from `yaw` degrees off the front, `pitch` degrees up, `radius` away.

    `fov` is the angle of view in degrees; `fov=None` with `width` in world units gives an orthographic camera.
    """
    if (fov is None) == (width is None):
        raise InputError(
            f"orbit() was given fov={fov} and width={width}: pass `fov` in degrees for a perspective camera, "
            "or fov=None and `width` in world units for an orthographic one"
        )
    if width is not None:
        intrinsics = _intrinsics(1 / width)
    else:
        assert fov is not None  # else both were missing
        intrinsics = intrinsics_from_fov(fov)
    return Camera(
        extrinsics=extrinsics_from_yaw_pitch(math.radians(yaw + 180), math.radians(pitch), radius),
        intrinsics=intrinsics,
        near=near,
        far=far,
        orthographic=fov is None,
    )


def extrinsics_from_yaw_pitch(yaw: float, pitch: float, radius: float) -> Tensor:
    """[4, 4] world to camera, TRELLIS yaw and pitch in radians; looks at the origin with z up.

    float32 throughout, as released: straight up or down, where up and view are parallel, the rounding of cos(pi / 2)
    decides which way the picture turns.
    """
    turn, tilt = torch.tensor(yaw, dtype=torch.float32), torch.tensor(pitch, dtype=torch.float32)
    eye = radius * torch.stack([turn.sin() * tilt.cos(), turn.cos() * tilt.cos(), tilt.sin()])
    down = torch.tensor([0.0, 0.0, -1.0])
    forward = F.normalize(-eye, dim=0)
    right = F.normalize(torch.linalg.cross(down, forward), dim=0)
    below = F.normalize(torch.linalg.cross(forward, right), dim=0)
    extrinsics = torch.eye(4)
    extrinsics[:3, :3] = torch.stack([right, below, forward])
    extrinsics[:3, 3] = -extrinsics[:3, :3] @ eye
    return extrinsics


def intrinsics_from_fov(fov: float) -> Tensor:
    """[3, 3] for an angle of view in degrees, normalised to picture size 1."""
    return _intrinsics(0.5 / math.tan(math.radians(fov) / 2))


def projection(intrinsics: Tensor, near: float = NEAR, far: float = FAR) -> Tensor:
    """[4, 4] camera to clip space as in the released renderers: y down, depth 0 at `near` and 1 at `far`."""
    clip = intrinsics.new_zeros(4, 4)
    clip[0, 0], clip[1, 1] = 2 * intrinsics[0, 0], 2 * intrinsics[1, 1]
    clip[0, 2], clip[1, 2] = 2 * intrinsics[0, 2] - 1, 1 - 2 * intrinsics[1, 2]
    clip[2, 2], clip[2, 3] = far / (far - near), near * far / (near - far)
    clip[3, 2] = 1
    return clip


def _intrinsics(focal: float) -> Tensor:
    return torch.tensor([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]])
