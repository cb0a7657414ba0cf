"""Normalisation in float32 whatever the precision of the features; parameters stay float32."""

from __future__ import annotations

from torch import Tensor, nn, ones
from torch.nn import functional as F


class LayerNorm(nn.LayerNorm):
    """Layer norm over the last axis, computed in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


class GroupNorm(nn.GroupNorm):
    """Group norm of [B, C, ...], computed in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channel axis of [B, C, X, Y, Z], computed in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1).float()).movedim(-1, 1).to(x.dtype)


class HeadRMSNorm(nn.Module):
    """x / |x| * sqrt(d) * gamma per head, in float32 (the "QK norm" of the released flow models)."""

    def __init__(self, heads: int, head_channels: int):
        super().__init__()
        self.scale = head_channels**0.5
        self.gamma = nn.Parameter(ones(heads, head_channels))

    def forward(
        self,
        x: Tensor,  # [..., H, d]
    ) -> Tensor:
        return (F.normalize(x.float(), dim=-1) * self.gamma * self.scale).to(x.dtype)
