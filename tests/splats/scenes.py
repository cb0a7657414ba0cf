"""Small sets of Gaussians that the tests share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cast3d.splats import Gaussians


def cloud(count: int = 300, size: float = 0.05, seed: int = 0, dtype: torch.dtype = torch.float32) -> Gaussians:
    """Random, overlapping, partly transparent Gaussians in the unit cube."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    rotations = F.normalize(torch.randn(count, 4, generator=generator, dtype=torch.float64), dim=1)
    values = [
        0.8 * uniform(count, 3) - 0.4,
        3 * uniform(count, 3) - 1.5,
        size * (0.3 + uniform(count, 3)),
        rotations,
        0.05 + 0.9 * uniform(count),
    ]
    return Gaussians(*(value.to(dtype) for value in values))


def balls(
    positions: list[list[float]], opacity: float = 0.9, size: float = 0.02, dtype: torch.dtype = torch.float32
) -> Gaussians:
    """Round white Gaussians."""
    count = len(positions)
    return Gaussians(
        positions=torch.tensor(positions, dtype=dtype),
        features_dc=torch.full((count, 3), 0.5 / 0.28209479177387814, dtype=dtype),
        scales=torch.full((count, 3), size, dtype=dtype),
        rotations=torch.tensor([1.0, 0, 0, 0], dtype=dtype).expand(count, 4).contiguous(),
        opacities=torch.full((count,), opacity, dtype=dtype),
    )


def wall(y: float, opacity: float = 0.95, spacing: float = 0.02) -> Gaussians:
    """A dense square of white Gaussians facing the front camera, at depth y."""
    line = torch.arange(-0.3, 0.3, spacing).tolist()
    return balls([[x, y, z] for x in line for z in line], opacity, spacing)
