"""The colours that Gaussians show at points of a surface, read from many views, as for baking a texture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .cameras import Camera
from .gaussians import Gaussians
from .rasterize import render

REACH = 1 / 64  # world units along the line of sight between a point and the drawn surface at which a view fades out
GRAZING = 0.2  # cosine up to which a view does not count
LEAST = 1e-3  # weight of all views below which a point counts as unseen


@torch.no_grad()
def seen_colors(
    gaussians: Gaussians,
    points: Tensor,  # [K, 3] world
    normals: Tensor,  # [K, 3] unit
    cameras: Sequence[Camera],
    size: int,
) -> tuple[Tensor, Tensor]:
    """Colours [K, 3] in [0, 1], and bool [K] whether any view shows the point (colour 0 where none does).

    The mean over views, weighted by opacity squared, by the squared cosine between normal and line of sight, and by
    how near the drawn depth is to the point's: exp(-(difference / REACH)^2).
    """
    total, weights = torch.zeros_like(points), points.new_zeros(len(points))
    for camera in cameras:
        facing = _facing(camera, points, normals)
        rows = (facing > GRAZING).nonzero().squeeze(1)
        if not len(rows):
            continue
        drawn = render(gaussians, camera, size)
        # Depth goes in times alpha, as colour does: both are divided by it after the bilinear read.
        layers = torch.cat([drawn.color, drawn.alpha[..., None], (drawn.depth * drawn.alpha)[..., None]], dim=-1)
        at = camera.to_picture(points[rows]) * 2 - 1
        read = F.grid_sample(layers.permute(2, 0, 1)[None], at[None, None], align_corners=False)[0, :, 0].T  # [k, 5]
        alpha = read[:, 3].clamp_min(1e-6)
        off = (read[:, 4] / alpha - camera.to_camera(points[rows])[:, 2]) / REACH
        weight = (alpha * facing[rows]) ** 2 * torch.exp(-off * off)
        total.index_add_(0, rows, (weight / alpha)[:, None] * read[:, :3])
        weights.index_add_(0, rows, weight)
    seen = weights > LEAST
    return torch.where(seen[:, None], total / weights.clamp_min(LEAST)[:, None], 0).clamp(0, 1), seen


def _facing(camera: Camera, points: Tensor, normals: Tensor) -> Tensor:
    """[K] cosine between the normal and the way back to the camera."""
    if camera.orthographic:
        back = -camera.extrinsics[2, :3].to(points).expand_as(points)
    else:
        back = F.normalize(camera.position.to(points) - points, dim=1)
    return (normals * back).sum(1)
