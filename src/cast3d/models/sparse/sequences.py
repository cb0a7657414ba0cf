"""Rows of a sparse tensor grouped in sequences of different lengths, bucketed for batched attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHORT = 16  # sequences up to this length share one bucket
LONG = 512  # on a CPU longer ones only share a bucket with their equals: no padding, no mask, the fastest kernels
FILL = 0.75  # in between, the shortest member of a bucket has at least this share of its longest
CUDA_FILL = 0.5  # a GPU prefers few large kernels to little padding
CUDA_LONG = 2048  # up to here: a longer sequence is a large kernel by itself, and padding costs its square


@dataclass(frozen=True)
class Bucket:
    """S sequences of similar length, padded to the longest."""

    members: Tensor  # [S] which sequences
    rows: Tensor  # [S, L] their rows; padding points at the sequence's last row
    mask: Tensor | None  # [S, 1, 1, L] True where not padding; None when nothing is padded


@dataclass(frozen=True)
class Sequences:
    """Which rows attend to each other."""

    index: Tensor  # [T] sequence of each row
    buckets: list[Bucket]
    places: Tensor  # [T] where each row lies in the concatenation of all padded buckets

    def gather(self, outputs: list[Tensor]) -> Tensor:
        """Rows [T, ...] in their original order, from one padded output [S, L, ...] per bucket."""
        return torch.cat([x.flatten(0, 1) for x in outputs]).index_select(0, self.places)


def take(
    x: Tensor,  # [T, ...]
    index: Tensor,  # any shape, rows of x
) -> Tensor:
    """x[index]; the gradient is one scattered sum, many times faster than that of advanced indexing."""
    return x.index_select(0, index.flatten()).unflatten(0, index.shape)


def bucket_bounds(lengths: list[int], fill: float = FILL, long: int = LONG) -> list[tuple[int, int]]:
    """(start, stop) of each bucket in a descending list of sequence lengths."""
    bounds: list[tuple[int, int]] = []
    start = 0
    for i, length in enumerate(lengths):
        longest = lengths[start]
        fits = length == longest or (longest <= long and length >= fill * longest) or longest <= SHORT
        if not fits:
            bounds.append((start, i))
            start = i
    return [*bounds, (start, len(lengths))]


def group_rows(
    index: Tensor,  # [T] int64, the sequence of each row
    count: int = 0,  # of sequences, where the last ones may have no row
) -> Sequences:
    """Buckets of rows with equal `index`. Reads the lengths back once: cache the result per coordinate set."""
    counts = torch.bincount(index, minlength=count)
    order = torch.argsort(index, stable=True)
    starts = counts.cumsum(0) - counts
    descending, by_length = counts.sort(descending=True, stable=True)
    lengths = [n for n in descending.tolist() if n > 0]
    buckets, places, offset = [], torch.empty_like(order), 0
    bounds = bucket_bounds(lengths, CUDA_FILL, CUDA_LONG) if index.is_cuda else bucket_bounds(lengths)
    for first, last in bounds if lengths else []:
        members = by_length[first:last]
        longest = lengths[first]
        steps = torch.arange(longest, device=index.device)
        inside = steps < counts[members, None]
        rows = order[starts[members, None] + torch.minimum(steps, counts[members, None] - 1)]
        slots = offset + torch.arange(rows.numel(), device=index.device).view_as(rows)
        places[rows[inside]] = slots[inside]
        mask = None if lengths[last - 1] == longest else inside[:, None, None]
        buckets.append(Bucket(members, rows, mask))
        offset += rows.numel()
    return Sequences(index, buckets, places)
