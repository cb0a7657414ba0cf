"""Solid boxes, and a body whose arm goes through a sleeve under a hat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def box(low: tuple[int, int, int], high: tuple[int, int, int], resolution: int = 64) -> Tensor:
    """Occupied from `low` to `high`, both included."""
    grid = torch.zeros(resolution, resolution, resolution, dtype=torch.bool)
    grid[tuple(slice(a, b + 1) for a, b in zip(low, high))] = True
    return grid


def noise(share: float, seed: int = 0, resolution: int = 24) -> Tensor:
    return torch.rand(resolution, resolution, resolution, generator=torch.Generator().manual_seed(seed)) < share


@dataclass(frozen=True)
class Dressed:
    """A composition as it comes to Eq. 14, and the details that have to stay or to go (numbers: voxels)."""

    main_geometry: Tensor
    base_hint: Tensor
    hints: Tensor  # [2, 64, 64, 64] hat, sleeve
    parts: Tensor  # [2, 64, 64, 64]
    eye_8: Tensor
    arm_tip_160: Tensor
    crumb_8: Tensor
    halo: Tensor


def dressed() -> Dressed:
    body = box((20, 24, 8), (43, 39, 40))
    eye = box((30, 20, 30), (31, 21, 31))  # floats before the face, from the start
    arm = box((44, 30, 22), (59, 33, 25))  # 16 voxels long, 4 x 4 thick, touches the body
    sleeve = box((44, 29, 21), (49, 34, 26))  # swallows the arm's inner part
    tip = box((50, 30, 22), (59, 33, 25))
    hat = box((20, 24, 41), (43, 39, 44))
    hat_hint = box((18, 22, 39), (45, 41, 45))  # the segmentation runs over the hat's edge and into the body
    crumb = box((30, 28, 46), (31, 31, 46))  # a scrap of the layout above the hat; only the halo joins it to anything
    main = body | eye | arm
    base_hint = (main & ~hat_hint & ~sleeve) | crumb
    parts = torch.stack([hat, sleeve])
    halo = hat_hint & ~main & ~hat
    return Dressed(main, base_hint, torch.stack([hat_hint, sleeve]), parts, eye, tip, crumb, halo)
