"""Sinusoidal embeddings of time and of voxel positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TIME_CHANNELS = 256


def timestep_embedding(
    t: Tensor,  # [B], 1000 * time
    channels: int = TIME_CHANNELS,
) -> Tensor:
    """[B, channels] float32: cosines, then sines, at frequencies 10000^(-k / half)."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
    angles = t[:, None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimestepEmbedder(nn.Module):
    """Time -> [B, C], always in float32."""

    def __init__(self, channels: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(TIME_CHANNELS, channels), nn.SiLU(), nn.Linear(channels, channels))

    def forward(
        self,
        t: Tensor,  # [B], 1000 * time
    ) -> Tensor:
        return self.mlp(timestep_embedding(t))


def position_embedding(
    coords: Tensor,  # [..., 3] integer voxel indices (x, y, z)
    channels: int,
) -> Tensor:
    """[..., channels] float32: per axis sines then cosines at frequencies 10000^(-k / F), F = channels // 6.

    Zeros fill what is left when `channels` is no multiple of six.
    """
    count = channels // 3 // 2
    frequencies = 1.0 / 10000 ** (torch.arange(count, dtype=torch.float32, device=coords.device) / count)
    angles = coords[..., None].float() * frequencies  # [..., 3, F]
    embedding = torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)
    return F.pad(embedding, (0, channels - embedding.shape[-1]))


def grid_position_embedding(resolution: int, channels: int) -> Tensor:
    """[resolution^3, channels] of all cells of a cube, x slowest."""
    axis = torch.arange(resolution, device="cpu")  # see `shapes_only`
    coords = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    return position_embedding(coords.reshape(-1, 3), channels)
