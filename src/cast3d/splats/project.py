"""World Gaussians -> elliptical footprints on the picture (EWA splatting)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .cameras import Camera
from .gaussians import Gaussians
from .rotations import quaternion_to_matrix

SCREEN_FILTER = 0.1  # px^2 added to the screen covariance, the released 2D filter
ALPHA_MIN = 1 / 255  # contributions below are dropped
ALPHA_MAX = 0.99
TRANSMITTANCE_MIN = 1e-4  # a pixel is finished before it gets darker than this
LINEAR_RANGE = 1.3  # in half-pictures from the centre; the perspective is linearised no farther out


@dataclass(frozen=True)
class Footprints:
    """The K Gaussians that touch a picture, front to back. Pixel centres are at integers, x right and y down."""

    index: Tensor  # [K] int64 rows of the Gaussians
    means: Tensor  # [K, 2] px
    conics: Tensor  # [K, 3] a, b, c of the inverse screen covariance: q = a dx^2 + 2 b dx dy + c dy^2
    opacities: Tensor  # [K] with the screen filter's compensation
    depths: Tensor  # [K] along the camera's z axis, world units
    extents: Tensor  # [K, 2] px, half sizes of the box outside of which alpha < 1/255

    def __len__(self) -> int:
        return self.index.shape[0]


def project(
    gaussians: Gaussians, camera: Camera, size: tuple[int, int], screen_filter: float = SCREEN_FILTER
) -> Footprints:
    """Footprints on a picture of `size` (height, width), differentiable in the Gaussians' values.

    The screen filter widens every footprint by `screen_filter` px^2 and lowers its opacity by
    sqrt(det before / det after), so that thin Gaussians keep their total weight (the 2D filter of Mip-Splatting).
    """
    height, width = size
    points = camera.to_camera(gaussians.positions)
    jacobian, means = _linearise(points, camera, size)
    axes = (
        quaternion_to_matrix(gaussians.rotations) * gaussians.scales[:, None, :]
    )  # [J, 3, 3], covariance = axes axes^T
    rotation = camera.extrinsics[:3, :3].to(points)
    screen_axes = jacobian @ (rotation @ axes)  # [J, 2, 3]
    covariance = screen_axes @ screen_axes.mT
    xx, xy, yy = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    # Lagrange's identity: never negative, unlike xx yy - xy^2 of nearly flat footprints.
    before = torch.linalg.cross(screen_axes[:, 0], screen_axes[:, 1]).square().sum(-1)
    xx, yy = xx + screen_filter, yy + screen_filter
    after = before + screen_filter * (xx + yy - screen_filter)
    # The smallest normal number keeps flat Gaussians without a filter finite; they are culled below.
    after = after.clamp_min(torch.finfo(after.dtype).tiny)
    opacities = gaussians.opacities * _safe_sqrt(before / after)
    # alpha = opacity exp(-q / 2) >= ALPHA_MIN  <=>  q <= reach; the ellipse's box is sqrt(reach * variance).
    reach = 2 * (opacities.detach() / ALPHA_MIN).clamp_min(1).log()
    extents = torch.stack([(reach * xx.detach()).sqrt(), (reach * yy.detach()).sqrt()], dim=-1)

    center = means.detach()
    corner = center.new_tensor([width - 1, height - 1])
    on_picture = ((center + extents >= 0) & (center - extents <= corner)).all(-1)
    visible = on_picture & (points[:, 2] > camera.near) & (opacities >= ALPHA_MIN)
    index = visible.nonzero().squeeze(1)
    depths = points[:, 2]
    index = index[depths.detach()[index].argsort(stable=True)]
    conics = torch.stack([yy, -xy, xx], dim=-1)[index] / after[index, None]
    return Footprints(index, means[index], conics, opacities[index], depths[index], extents[index])


def _linearise(points: Tensor, camera: Camera, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Jacobian [J, 2, 3] and value [J, 2] of camera axes -> pixels at `points` [J, 3]."""
    x, y, z = points.unbind(-1)
    scale = points.new_tensor([size[1], size[0]])
    intrinsics = camera.intrinsics.to(points)
    focal = intrinsics.diagonal()[:2] * scale
    center = intrinsics[:2, 2] * scale - 0.5
    zero, one = torch.zeros_like(z), torch.ones_like(z)
    if camera.orthographic:
        plane = torch.stack([x, y], dim=-1)
        rows = [one, zero, zero, zero, one, zero]
    else:
        z = torch.where(z > camera.near, z, one)  # the others are culled; this keeps their gradients finite
        plane = torch.stack([x / z, y / z], dim=-1)
        limit = LINEAR_RANGE * 0.5 * scale / focal
        slope_x, slope_y = plane.clamp(-limit, limit).unbind(-1)
        rows = [1 / z, zero, -slope_x / z, zero, 1 / z, -slope_y / z]
    jacobian = torch.stack(rows, dim=-1).unflatten(-1, (2, 3)) * focal[:, None]
    return jacobian, plane * focal + center


def _safe_sqrt(x: Tensor) -> Tensor:
    """sqrt whose gradient at 0 is finite."""
    return x.clamp_min(torch.finfo(x.dtype).tiny).sqrt()
