"""The readable rasteriser: alpha compositing in torch, differentiable, any device; twin and oracle of `fast`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .cameras import Camera
from .gaussians import Gaussians
from .project import ALPHA_MAX, ALPHA_MIN, SCREEN_FILTER, TRANSMITTANCE_MIN, Footprints, project
from .rendering import Rendering, finish

_CHUNK = 1 << 22  # (pixel, Gaussian) pairs in memory at a time


def render(
    gaussians: Gaussians,
    camera: Camera,
    size: int | tuple[int, int],
    background: Tensor | float = 0.0,
    screen_filter: float = SCREEN_FILTER,
) -> Rendering:
    """Colour, alpha and depth; see `Rasterizer.render`."""
    size = (size, size) if isinstance(size, int) else size
    footprints = project(gaussians, camera, size, screen_filter)
    features = torch.cat([gaussians.colors[footprints.index], footprints.depths[:, None]], dim=1)
    blended = blend(footprints, torch.cat([features, torch.ones_like(features[:, :1])], dim=1), size)
    return finish(blended, background)


def accumulate(
    gaussians: Gaussians,
    camera: Camera,
    masks: Tensor,  # [N, H, W] bool
    screen_filter: float = SCREEN_FILTER,
) -> Tensor:
    """[J, N + 1] sums of alpha T per mask and over the picture; see `Rasterizer.accumulate`."""
    size = (masks.shape[1], masks.shape[2])
    footprints = project(gaussians, camera, size, screen_filter)
    channels = torch.cat([masks, torch.ones_like(masks[:1])]).to(footprints.opacities)
    sums = channels.new_zeros(len(gaussians), len(channels))
    for top, bottom, rows, weights in compositing_weights(footprints, size):
        sums.index_add_(0, footprints.index[rows], weights.T @ channels[:, top:bottom].flatten(1).T)
    return sums


def blend(footprints: Footprints, features: Tensor, size: tuple[int, int]) -> Tensor:
    """Any features [K, C] of the footprints -> picture [H, W, C]: F(p) = sum_j alpha_j(p) T_j(p) f_j."""
    bands = [weights @ features[rows] for _, _, rows, weights in compositing_weights(footprints, size)]
    return torch.cat(bands).unflatten(0, size)


def compositing_weights(footprints: Footprints, size: tuple[int, int]) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """Per band of picture rows: top, bottom, the footprints' rows [k] and their weights alpha T [pixels, k]."""
    height, width = size
    rows_at_once = max(1, _CHUNK // max(1, width * len(footprints)))
    y, reach = footprints.means.detach()[:, 1], footprints.extents[:, 1]
    for top in range(0, height, rows_at_once):
        bottom = min(top + rows_at_once, height)
        rows = ((y + reach >= top) & (y - reach <= bottom - 1)).nonzero().squeeze(1)
        alpha = alphas(footprints, rows, top, bottom, width)
        after = (1 - alpha).cumprod(dim=1)
        before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], dim=1)
        # `after` never grows, so everything behind the first footprint that would cross the limit is dropped too.
        yield top, bottom, rows, alpha * before * (after >= TRANSMITTANCE_MIN)


def alphas(footprints: Footprints, rows: Tensor, top: int, bottom: int, width: int) -> Tensor:
    """[pixels, k] alpha of the footprints `rows` at every pixel of the picture rows top..bottom-1."""
    means, (a, b, c) = footprints.means[rows], footprints.conics[rows].unbind(-1)
    dx = torch.arange(width, device=means.device)[None, :, None] - means[:, 0]  # [1, W, k]
    dy = torch.arange(top, bottom, device=means.device)[:, None, None] - means[:, 1]  # [h, 1, k]
    q = (a * dx * dx + 2 * b * dx * dy + c * dy * dy).flatten(0, 1)
    alpha = (footprints.opacities[rows] * torch.exp(-0.5 * q)).clamp_max(ALPHA_MAX)
    return torch.where(alpha >= ALPHA_MIN, alpha, 0)
