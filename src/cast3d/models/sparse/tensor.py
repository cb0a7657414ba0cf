"""Features on a set of voxels, with what was derived from the coordinates kept beside them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from ...errors import InputError
from .sequences import Sequences, group_rows

T = TypeVar("T")


class SparseTensor:
    """N voxels with features; rows of one batch item are contiguous, items in ascending order.

    Row order inside an item is free and every operation keeps it; no voxel appears twice. Tensors made by `replace`
    share one cache of everything that only depends on coordinates (neighbour tables, windows, coarser levels): a
    sampler that calls `x.replace(feats)` at each step pays for them once.
    """

    def __init__(
        self,
        feats: Tensor,  # [N, C]
        coords: Tensor,  # [N, 4] int32 (batch, x, y, z), all at least 0
        batch_size: int | None = None,  # default: the last batch index + 1
        cache: dict[Any, Any] | None = None,  # of tensors with these coordinates
    ):
        if coords.ndim != 2 or coords.shape[1] != 4 or feats.shape[:1] != coords.shape[:1]:
            raise InputError(
                f"a sparse tensor needs feats [N, C] and coords [N, 4] (batch, x, y, z); "
                f"got feats {list(feats.shape)} and coords {list(coords.shape)}"
            )
        self.feats = feats
        self.coords = coords
        self.cache = {} if cache is None else cache
        if cache is None:
            self.cache["lengths"] = item_lengths(coords, batch_size)

    def replace(self, feats: Tensor) -> SparseTensor:
        """The same voxels with other features [N, C']."""
        return SparseTensor(feats, self.coords, cache=self.cache)

    def cached(self, key: Any, build: Callable[[], T]) -> T:
        """What `build` makes from the coordinates, built at most once per coordinate set."""
        if key not in self.cache:
            self.cache[key] = build()
        return self.cache[key]

    @property
    def lengths(self) -> list[int]:
        """Voxels per batch item."""
        return self.cache["lengths"]

    @property
    def batch_size(self) -> int:
        return len(self.lengths)

    @property
    def layout(self) -> list[slice]:
        """Rows of each batch item."""
        stops = itertools.accumulate(self.lengths)
        return [slice(stop - length, stop) for stop, length in zip(stops, self.lengths)]

    @property
    def is_uniform(self) -> bool:
        """Whether all batch items have equally many voxels, so that feats can be viewed as [B, N / B, C]."""
        return len(set(self.lengths)) == 1

    def spread(
        self,
        values: Tensor,  # [B, C], one row per batch item
    ) -> Tensor:
        """[N, C], or [1, C] for a single item: each voxel's value of its batch item."""
        return values if self.batch_size == 1 else values.index_select(0, self.items.index)

    @property
    def items(self) -> Sequences:
        """The rows grouped by batch item."""
        return self.cached("items", lambda: group_rows(self.coords[:, 0].long(), self.batch_size))

    @property
    def device(self) -> torch.device:
        return self.feats.device

    @property
    def dtype(self) -> torch.dtype:
        return self.feats.dtype

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """Tensor.to of the features; coordinates follow to their device, the cache only if it stays the same."""
        feats = self.feats.to(*args, **kwargs)
        if feats.device == self.coords.device:
            return self.replace(feats)
        return SparseTensor(feats, self.coords.to(feats.device), self.batch_size)

    def __len__(self) -> int:
        return self.feats.shape[0]

    def __getitem__(self, item: int) -> SparseTensor:
        """One batch item as a sparse tensor of batch size one."""
        rows = self.layout[item]
        coords = self.coords[rows].clone()
        coords[:, 0] = 0
        return SparseTensor(self.feats[rows], coords, 1)

    def __repr__(self) -> str:
        return (
            f"SparseTensor(feats={list(self.feats.shape)} {self.dtype}, voxels per item={self.lengths}, {self.device})"
        )


def item_lengths(coords: Tensor, batch_size: int | None) -> list[int]:
    """Voxels per batch item; reads them back to the host once."""
    index = coords[:, 0].long()
    if len(index) and bool((index.diff() < 0).any() | (coords < 0).any()):
        raise InputError("coords of a sparse tensor must be at least 0 and grouped by batch item, in ascending order")
    counts = torch.bincount(index, minlength=batch_size or 0).tolist()
    if batch_size is not None and len(counts) > batch_size:
        raise InputError(f"coords name {len(counts)} batch items, but batch_size is {batch_size}")
    return counts
