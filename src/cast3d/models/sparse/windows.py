"""Shifted cubic windows: voxels of one batch item and one window attend to each other, to nothing else."""

from __future__ import annotations

import torch

from .grid_codes import ravel
from .sequences import Sequences, group_rows
from .tensor import SparseTensor


def windows(x: SparseTensor, size: int, shift: int) -> Sequences:
    """Voxels grouped by floor((coordinate + shift) / size) on each axis; windows ordered by (batch, x, y, z)."""
    return x.cached(("windows", size, shift), lambda: group_windows(x, size, shift))


def group_windows(x: SparseTensor, size: int, shift: int) -> Sequences:
    spatial = torch.div(x.coords[:, 1:] + shift, size, rounding_mode="floor")
    _, index = torch.unique(ravel(torch.cat([x.coords[:, :1], spatial], dim=1)), return_inverse=True)
    return group_rows(index)
