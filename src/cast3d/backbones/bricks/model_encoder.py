"""Structured latents of models that exist: what each voxel of the shell looks like, told to a small encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...existing.seen import Existing, Surface
from ...voxels import cells_of, to_grid
from ..batching import sparse_batch

FEATURES = 3 + 6 + 3 + 8 + 24
_UPPER = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


class BricksModelEncoder:
    """Wraps the encoder that the shipped decoders were trained with."""

    def __init__(self, net: nn.Module):
        self.networks: Sequence[nn.Module] = (net,)

    def __call__(self, coords: Tensor, surface: Surface, model: Existing) -> Tensor:
        """[N, C] latents as the decoders take them, of voxels [N, 3] that the surface passes."""
        device = next(self.networks[0].parameters()).device
        told = voxel_features(coords.cpu(), surface.position, surface.normal, surface.color)
        return self.networks[0](sparse_batch([coords.to(device)], told.to(device)))[0].float()


def voxel_features(
    coords: Tensor,  # [N, 3]
    position: Tensor,  # [P, 3] in the cube; points in other voxels say nothing
    normal: Tensor,  # [P, 3] unit, sign arbitrary
    color: Tensor,  # [P, 3] sRGB
    resolution: int = 64,
) -> Tensor:
    """[N, 44]: mean colour, mean outer product of normals, mean offset, and per octant the share of points and colour.

    Colours are told as 2c - 1, offsets from the voxel's middle in half voxels. A voxel without points is all zero.
    """
    grid = to_grid(coords, resolution)
    row = torch.full(grid.shape, -1, dtype=torch.int64)
    row[tuple(coords.long().unbind(1))] = torch.arange(len(coords))
    cell = cells_of(position, resolution)
    owner = row[tuple(cell.unbind(1))]
    known = owner >= 0
    offset = ((position + 0.5) * resolution - cell - 0.5)[known]
    owner, normal, color = owner[known], normal[known], color[known]
    count = torch.bincount(owner, minlength=len(coords))
    total = count.clamp_min(1)[:, None]

    def mean(values: Tensor) -> Tensor:
        return torch.zeros(len(coords), values.shape[1]).index_add_(0, owner, values) / total

    octant = owner * 8 + ((offset > 0).long() * torch.tensor([4, 2, 1])).sum(1)
    number = torch.bincount(octant, minlength=8 * len(coords)).view(-1, 8)
    outer = torch.stack([normal[:, i] * normal[:, j] for i, j in _UPPER], 1)
    average = mean(color)
    tint = torch.zeros(8 * len(coords), 3).index_add_(0, octant, color).view(-1, 8, 3) / number[..., None].clamp_min(1)
    tint = torch.where((number > 0)[..., None], tint, average[:, None])
    told = [2 * average - 1, mean(outer), 2 * mean(offset), number / total, (2 * tint - 1).flatten(1)]
    return torch.cat(told, 1) * (count > 0)[:, None]
