"""Features of pictures lifted to points: read where views show a point, and averaged over the views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..splats import Camera


def patch_maps(tokens: Tensor) -> Tensor:
    """Tokens [B, 1 + R + P * P, C], of which the patches are the last, as pictures [B, C, P, P]."""
    side = int((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, -side * side :].transpose(1, 2).unflatten(2, (side, side))


def lifted(
    points: Tensor,  # [N, 3] world
    cameras: Sequence[Camera],
    maps: Iterable[Tensor],  # per camera [C, P, P]
    shown: Iterable[Tensor] | None = None,  # per camera [N] bool, the points that it sees; None: all of them
) -> Tensor:
    """[N, C] the mean over the views that show a point of the features there, read bilinearly; 0 where none does.

    Points beside a picture read 0 there, as in the released toolkit.
    """
    total: Tensor | None = None
    count = points.new_zeros(len(points), 1)
    everywhere = (torch.ones(len(points), dtype=torch.bool, device=points.device) for _ in cameras)
    for camera, features, seen in zip(cameras, maps, everywhere if shown is None else shown, strict=True):
        at = 2 * camera.to_picture(points) - 1
        read = F.grid_sample(features[None], at[None, None], align_corners=False)[0, :, 0].T
        weight = seen.to(read)[:, None]
        total = read * weight if total is None else total + read * weight
        count += weight
    assert total is not None  # there is at least one view
    return total / count.clamp_min(1)


def in_sight(
    points: Tensor,  # [N, 3] world
    camera: Camera,
    depth: Tensor,  # [H, W] of what the camera sees, infinite where that is nothing
    reach: float,
) -> Tensor:
    """[N] bool: points in the picture that lie at most `reach` behind what is seen there."""
    height, width = depth.shape
    x, y = (camera.to_picture(points) * points.new_tensor([width, height])).floor().long().unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    there = depth.to(points)[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    return inside & (camera.to_camera(points)[:, 2] - there <= reach)
