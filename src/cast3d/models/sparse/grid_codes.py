"""Voxel coordinates as single integers whose order is the lexicographic order of (batch, x, y, z)."""

from __future__ import annotations

import torch
from torch import Tensor

BITS = 16  # per spatial axis


def ravel(
    coords: Tensor,  # [N, 4]
) -> Tensor:
    """[N] int64."""
    batch, x, y, z = coords.long().unbind(1)
    return (batch << 3 * BITS) | (x << 2 * BITS) | (y << BITS) | z


def unravel(
    codes: Tensor,  # [N]
) -> Tensor:
    """[N, 4] int32: inverse of `ravel`."""
    low = (1 << BITS) - 1
    axes = [codes >> 3 * BITS, (codes >> 2 * BITS) & low, (codes >> BITS) & low, codes & low]
    return torch.stack(axes, dim=1).int()
