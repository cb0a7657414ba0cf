"""Guided velocities of several items: all predictions of one step in as few forward passes as memory allows.

With a batch of 1 every prediction is a pass of its own. On a CPU that is as fast, and results are the same to the bit,
however many items there are. On a GPU guidance branches, source and target, and all parts share a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .. import flow
from ..models import SparseTensor
from .conditions import Guided

# (items, their states one after the other, their tokens [B, L, C], t) -> predictions, one after the other.
Predict = Callable[[tuple[int, ...], Tensor, Tensor, float], Tensor]


def guided_velocity(predict: Predict, guided: Sequence[Guided], lengths: Sequence[int], batch: int) -> flow.Velocity:
    """v(x, t) of all items: x holds `lengths[k]` rows for item k, which follows `guided[k]`."""

    def velocity(x: Tensor, t: float) -> Tensor:
        states = x.split(list(lengths))
        rows = [(k, weight, tokens) for k, one in enumerate(guided) for weight, tokens in one.terms(t)]
        sums: list[Tensor | None] = [None] * len(states)
        for start in range(0, len(rows), batch):
            items, weights, tokens = zip(*rows[start : start + batch])
            together = predict(items, torch.cat([states[k] for k in items]), torch.cat(tokens), t)
            for k, weight, v in zip(items, weights, together.split([lengths[k] for k in items])):
                sums[k] = weight * v if sums[k] is None else sums[k] + weight * v
        return torch.cat(cast(list[Tensor], sums))  # every item has a term

    return velocity


def predict_dense(net: nn.Module) -> Predict:
    """Predictions of a flow over dense latents [1, C, r, r, r] per item."""
    return lambda items, x, tokens, t: net(x, thousandfold(t, x), tokens)


def predict_sparse(net: nn.Module, coords: Sequence[Tensor]) -> Predict:
    """Predictions of a flow over the features [N_k, C] of the voxels `coords[k]` [N_k, 3] per item.

    What depends on coordinates alone is built once per combination of items.
    """
    batches: dict[tuple[int, ...], SparseTensor] = {}

    def predict(items: tuple[int, ...], x: Tensor, tokens: Tensor, t: float) -> Tensor:
        if items not in batches:
            batches[items] = sparse_batch([coords[k] for k in items], x)
        return net(batches[items].replace(x), thousandfold(t, x), tokens).feats

    return predict


def sparse_batch(coords: Sequence[Tensor], feats: Tensor) -> SparseTensor:
    """One sparse tensor of several sets of voxels [N_k, 3]; `feats` [sum N_k, C] in the same order."""
    numbered = [torch.cat([one.new_full((len(one), 1), k), one], dim=1) for k, one in enumerate(coords)]
    return SparseTensor(feats, torch.cat(numbered).int(), len(coords))


def thousandfold(t: float, x: Tensor) -> Tensor:
    """[1] float32: time as the networks count it."""
    return torch.full((1,), 1000 * t, dtype=torch.float32, device=x.device)
