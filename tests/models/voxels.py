"""Small sets of voxels for tests."""

from __future__ import annotations

import torch
from torch import Tensor

from cast3d.models import SparseTensor


def random_coords(*counts: int, size: int = 12, seed: int = 0) -> Tensor:
    """[N, 4] distinct voxels, `counts[b]` of batch item b, rows of an item shuffled."""
    generator = torch.Generator().manual_seed(seed)
    items = []
    for b, count in enumerate(counts):
        cells = torch.randperm(size**3, generator=generator)[:count]
        xyz = torch.stack([cells // size**2, cells // size % size, cells % size], dim=1)
        items.append(torch.cat([torch.full((count, 1), b), xyz], dim=1))
    return torch.cat(items).int()


def random_sparse(*counts: int, channels: int = 8, size: int = 12, seed: int = 0) -> SparseTensor:
    generator = torch.Generator().manual_seed(seed + 1)
    coords = random_coords(*counts, size=size, seed=seed)
    return SparseTensor(torch.randn(len(coords), channels, generator=generator), coords, len(counts))
