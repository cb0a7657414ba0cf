"""What a rasteriser returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rendering:
    """A picture with its alpha and depth."""

    color: Tensor  # [H, W, 3] RGB over the background, at least 0
    alpha: Tensor  # [H, W] sum of alpha T
    depth: Tensor  # [H, W] mean depth weighted by alpha T, world units; 0 where nothing is drawn


def finish(blended: Tensor, background: Tensor | float) -> Rendering:
    """Blended (RGB, depth, 1) [H, W, 5] and a background (number, RGB [3] or picture [H, W, 3]) -> rendering."""
    color, depth, alpha = blended.split([3, 1, 1], dim=-1)
    background = torch.as_tensor(background).to(color)
    seen = torch.where(alpha > 0, alpha, 1)
    return Rendering(color + (1 - alpha) * background, alpha.squeeze(-1), (depth / seen).squeeze(-1))
