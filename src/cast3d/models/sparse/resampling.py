"""Coarser and finer sets of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .grid_codes import ravel, unravel
from .sequences import take
from .tensor import SparseTensor


@dataclass(frozen=True)
class Coarsening:
    """How N voxels fall into M cells of twice the size."""

    coarse: SparseTensor  # the cells, without features: holds their cache
    parent: Tensor  # [N] cell of each voxel
    children: Tensor  # [M, 8] voxels of each cell, N = none
    divisor: Tensor  # [M, 1] float32, the number of children + 1


def coarsening(x: SparseTensor) -> Coarsening:
    """The plan of `downsample` and `upsample`, made once per coordinate set."""
    return x.cached("coarsening", lambda: plan_coarsening(x))


def plan_coarsening(x: SparseTensor) -> Coarsening:
    halved = torch.cat([x.coords[:, :1], x.coords[:, 1:] >> 1], dim=1)
    cells, parent, counts = torch.unique(ravel(halved), return_inverse=True, return_counts=True)
    octant = ((x.coords[:, 1:] & 1) * x.coords.new_tensor([4, 2, 1])).sum(1)
    children = torch.full((len(cells), 8), len(x), device=x.coords.device)
    children[parent, octant] = torch.arange(len(x), device=x.coords.device)
    coords = unravel(cells)
    empty = torch.empty(len(cells), 0, device=x.coords.device)
    return Coarsening(SparseTensor(empty, coords, x.batch_size), parent, children, (counts + 1)[:, None].float())


def downsample(x: SparseTensor) -> SparseTensor:
    """Cells of twice the size, in lexicographic order; features are the sum of the n voxels divided by n + 1.

    Not a plain mean: the released networks were trained with a reduction that counts its zero start value.
    """
    plan = coarsening(x)
    padded = torch.cat([x.feats, x.feats.new_zeros(1, x.feats.shape[1])])
    total = take(padded, plan.children).sum(1)
    return plan.coarse.replace(total / plan.divisor.to(total.dtype))


def upsample(x: SparseTensor, fine: SparseTensor) -> SparseTensor:
    """Inverse of `downsample(fine)` on coordinates: every voxel of `fine` takes the features of its cell."""
    return fine.replace(x.feats.index_select(0, coarsening(fine).parent))


def subdivide(x: SparseTensor) -> SparseTensor:
    """Every voxel becomes its eight halves, parent by parent, z fastest, with the parent's features."""
    finer = x.cached("finer", lambda: subdivide_coords(x))
    return finer.replace(x.feats.repeat_interleave(8, dim=0))


def subdivide_coords(x: SparseTensor) -> SparseTensor:
    half = torch.arange(2, dtype=torch.int32, device=x.coords.device)
    offsets = torch.cartesian_prod(half.new_zeros(1), half, half, half)
    coords = (x.coords[:, None] * x.coords.new_tensor([1, 2, 2, 2]) + offsets).flatten(0, 1)
    return SparseTensor(torch.empty(len(coords), 0, device=coords.device), coords, x.batch_size)


class SparseDownsample(nn.Module):
    def forward(self, x: SparseTensor, fine: SparseTensor) -> SparseTensor:
        return downsample(x)


class SparseUpsample(nn.Module):
    def forward(self, x: SparseTensor, fine: SparseTensor) -> SparseTensor:
        return upsample(x, fine)
