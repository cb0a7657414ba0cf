"""Which row of a sparse tensor lies at each of the 27 offsets around every voxel."""

from __future__ import annotations

import torch
from torch import Tensor

from .tensor import SparseTensor


def neighbour_table(x: SparseTensor) -> Tensor:
    """[N, 27] int32 rows at offsets (-1..1)^3, z fastest; N where no voxel is active. Batch items do not touch."""
    return x.cached("neighbours", lambda: find_neighbours(x.coords))


def find_neighbours(
    coords: Tensor,  # [N, 4]
) -> Tensor:
    """Looks all offsets up in one dense grid over the coordinates' bounding box, padded by one cell."""
    count = len(coords)
    if count == 0:
        return coords.new_empty(0, 27)
    low = coords.amin(0)
    low[0] = 0
    cells = (coords - low).long() + coords.new_tensor([0, 1, 1, 1])
    size = (cells.amax(0) + 2).tolist()
    stride = torch.tensor([size[1] * size[2] * size[3], size[2] * size[3], size[3], 1], device=coords.device)
    grid = torch.full((size[0] * size[1] * size[2] * size[3],), count, dtype=torch.int32, device=coords.device)
    flat = (cells * stride).sum(1)
    grid[flat] = torch.arange(count, dtype=torch.int32, device=coords.device)
    step = torch.arange(-1, 2, device=coords.device)
    offsets = (torch.cartesian_prod(step, step, step) * stride[1:]).sum(1)
    return grid[flat[:, None] + offsets]
