"""Multi-head attention over dense batches [B, N, C] or over the rows [T, C] of sparse tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from .norms import HeadRMSNorm
from .sparse.sequences import Sequences, take

PRODUCT_LIMIT = 1 << 20  # scores held at a time by `attend_by_products`: they fit a core's cache


def attend(
    q: Tensor,  # [B, N, H, d]
    k: Tensor,  # [B, L, H, d]
    v: Tensor,  # [B, L, H, d]
    mask: Tensor | None = None,  # broadcastable to [B, H, N, L], True = may look
) -> Tensor:
    """Softmax attention with scale 1 / sqrt(d): [B, N, H, d]."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        return attend_by_products(q, k, v, mask).transpose(1, 2)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def attend_by_products(
    q: Tensor,  # [B, H, N, d]
    k: Tensor,  # [B, H, L, d]
    v: Tensor,  # [B, H, L, d]
    mask: Tensor | None = None,
) -> Tensor:
    """[B, H, N, d], some queries at a time by plain matrix products.

    Two to three times faster than the fused kernel for bfloat16 on a CPU, where that one works in float32; network
    outputs measured equally far from float32.
    """
    keys = k.transpose(-1, -2)
    step = max(16, PRODUCT_LIMIT // (q.shape[0] * q.shape[1] * k.shape[2]))
    outputs = []
    for queries in (q * q.shape[-1] ** -0.5).split(step, dim=2):
        scores = queries @ keys
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        outputs.append(scores.softmax(-1) @ v)
    return torch.cat(outputs, dim=2)


@contextmanager
def without_cudnn() -> Iterator[None]:
    """Leaves cuDNN out of the attention kernels to choose from.

    It builds an execution plan for every new shape, about 50 ms each. Dense batches repeat theirs; the buckets of a
    sparse batch have other sizes at every training step and for every object.
    """
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def attend_within(
    q: Tensor,  # [T, H, d]
    k: Tensor,  # [T, H, d]
    v: Tensor,  # [T, H, d]
    sequences: Sequences,
) -> Tensor:
    """Self attention inside each sequence of rows: [T, H, d]."""
    if not sequences.buckets:
        return v
    with without_cudnn():
        return sequences.gather(
            [attend(take(q, b.rows), take(k, b.rows), take(v, b.rows), b.mask) for b in sequences.buckets]
        )


def attend_across(
    q: Tensor,  # [T, H, d]
    k: Tensor,  # [B, L, H, d]
    v: Tensor,  # [B, L, H, d]
    sequences: Sequences,  # sequence b = the rows of batch item b
) -> Tensor:
    """Rows of batch item b look at k[b], v[b] only: [T, H, d]."""
    if not sequences.buckets:
        return q
    with without_cudnn():
        return sequences.gather(
            [attend(take(q, b.rows), take(k, b.members), take(v, b.members)) for b in sequences.buckets]
        )


def require_divisible(channels: int, heads: int) -> int:
    """The number of heads, if the channels divide among them."""
    if heads < 1 or channels % heads:
        raise InputError(f"{channels} channels do not divide among {heads} heads; choose num_heads that divides them")
    return heads


class SelfAttention(nn.Module):
    def __init__(self, channels: int, heads: int, qk_rms_norm: bool = False):
        super().__init__()
        self.heads = require_divisible(channels, heads)
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.q_rms_norm = HeadRMSNorm(heads, channels // heads) if qk_rms_norm else nn.Identity()
        self.k_rms_norm = HeadRMSNorm(heads, channels // heads) if qk_rms_norm else nn.Identity()
        self.to_out = nn.Linear(channels, channels)

    def forward(
        self,
        x: Tensor,  # [B, N, C], or rows [T, C] with their sequences
        sequences: Sequences | None = None,
    ) -> Tensor:
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        q, k = self.q_rms_norm(q), self.k_rms_norm(k)
        h = attend(q, k, v) if sequences is None else attend_within(q, k, v, sequences)
        return self.to_out(h.flatten(-2))


class CrossAttention(nn.Module):
    def __init__(self, channels: int, context_channels: int, heads: int, qk_rms_norm: bool = False):
        super().__init__()
        self.heads = require_divisible(channels, heads)
        self.to_q = nn.Linear(channels, channels)
        self.to_kv = nn.Linear(context_channels, 2 * channels)
        self.q_rms_norm = HeadRMSNorm(heads, channels // heads) if qk_rms_norm else nn.Identity()
        self.k_rms_norm = HeadRMSNorm(heads, channels // heads) if qk_rms_norm else nn.Identity()
        self.to_out = nn.Linear(channels, channels)

    def forward(
        self,
        x: Tensor,  # [B, N, C], or rows [T, C] with their sequences (one per batch item)
        context: Tensor,  # [B, L, context_channels]
        sequences: Sequences | None = None,
    ) -> Tensor:
        q = self.to_q(x).unflatten(-1, (self.heads, -1))
        k, v = self.to_kv(context).unflatten(-1, (2, self.heads, -1)).unbind(-3)
        q, k = self.q_rms_norm(q), self.k_rms_norm(k)
        h = attend(q, k, v) if sequences is None else attend_across(q, k, v, sequences)
        return self.to_out(h.flatten(-2))
