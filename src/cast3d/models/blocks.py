"""Transformer blocks shared by the dense and the sparse networks.

Each takes x as [B, N, C] (every item one sequence), or as the rows [T, C] of a sparse tensor with their `Sequences`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import CrossAttention, SelfAttention
from .norms import LayerNorm
from .sparse.sequences import Sequences

BLOCK_EPS = 1e-6  # inside blocks; the final norms use 1e-5


class FeedForward(nn.Module):
    def __init__(self, channels: int, ratio: float):
        super().__init__()
        hidden = int(channels * ratio)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class PlainBlock(nn.Module):
    """x += attention(norm(x)); x += mlp(norm(x))."""

    def __init__(self, channels: int, heads: int, mlp_ratio: float, qk_rms_norm: bool = False):
        super().__init__()
        self.norm1 = LayerNorm(channels, eps=BLOCK_EPS, elementwise_affine=False)
        self.attn = SelfAttention(channels, heads, qk_rms_norm)
        self.norm2 = LayerNorm(channels, eps=BLOCK_EPS, elementwise_affine=False)
        self.mlp = FeedForward(channels, mlp_ratio)

    def forward(self, x: Tensor, sequences: Sequences | None = None) -> Tensor:
        x = x + self.attn(self.norm1(x), sequences)
        return x + self.mlp(self.norm2(x))


class ModulatedBlock(nn.Module):
    """Self attention and mlp shifted, scaled and gated by time; cross attention to the condition in between (DiT)."""

    def __init__(
        self,
        channels: int,
        context_channels: int,
        heads: int,
        mlp_ratio: float,
        share_mod: bool = False,
        qk_rms_norm: bool = False,
        qk_rms_norm_cross: bool = False,
    ):
        super().__init__()
        self.norm1 = LayerNorm(channels, eps=BLOCK_EPS, elementwise_affine=False)
        self.norm2 = LayerNorm(channels, eps=BLOCK_EPS)
        self.norm3 = LayerNorm(channels, eps=BLOCK_EPS, elementwise_affine=False)
        self.self_attn = SelfAttention(channels, heads, qk_rms_norm)
        self.cross_attn = CrossAttention(channels, context_channels, heads, qk_rms_norm_cross)
        self.mlp = FeedForward(channels, mlp_ratio)
        self.adaLN_modulation = nn.Identity() if share_mod else modulation(channels)

    def forward(
        self,
        x: Tensor,  # [B, N, C] or [T, C]
        time: Tensor,  # [B, C] embedded time, or [B, 6 C] the shared modulation
        context: Tensor,  # [B, L, context_channels]
        sequences: Sequences | None = None,  # of rows: one per batch item
    ) -> Tensor:
        m = self.adaLN_modulation(time)
        m = m[:, None] if sequences is None else m.index_select(0, sequences.index)
        shift1, scale1, gate1, shift2, scale2, gate2 = m.chunk(6, dim=-1)
        h = torch.addcmul(shift1, self.norm1(x), 1 + scale1)
        x = torch.addcmul(x, gate1, self.self_attn(h, sequences))
        x = x + self.cross_attn(self.norm2(x), context, sequences)
        h = torch.addcmul(shift2, self.norm3(x), 1 + scale2)
        return torch.addcmul(x, gate2, self.mlp(h))


def modulation(channels: int) -> nn.Sequential:
    """Embedded time -> six modulation vectors: (shift, scale, gate) of self attention, then of the mlp."""
    return nn.Sequential(nn.SiLU(), nn.Linear(channels, 6 * channels))
