"""Sparse structure VAE: occupancy of a cube of voxels <-> a small dense latent grid."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ..errors import InputError
from .folding import unpatchify
from .initialise import zero
from .network import Network
from .norms import ChannelLayerNorm, GroupNorm


class ResBlock3d(nn.Module):
    """Pre-norm residual block of two 3^3 convolutions; the second starts at zero."""

    def __init__(self, channels: int):
        super().__init__()
        # Channel layer norm whatever `norm_type` says: the released option only reaches the output norm.
        self.norm1 = ChannelLayerNorm(channels)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm2 = ChannelLayerNorm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        zero(self.conv2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        return x + self.conv2(nn.functional.silu(self.norm2(h)))


class Downsample3d(nn.Module):
    """Halves the grid by a 2^3 convolution of stride 2."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsample3d(nn.Module):
    """Doubles the grid: a 3^3 convolution to eight times the channels, then a pixel shuffle."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv3d(in_channels, 8 * out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return unpatchify(self.conv(x), 2)


class SparseStructureEncoder(Network):
    """Occupancy in {0, 1} -> mean and log variance of the latent grid."""

    torso: ClassVar = ("blocks", "middle_block")

    def __init__(
        self,
        in_channels: int,
        latent_channels: int,
        num_res_blocks: int,
        channels: list[int],
        num_res_blocks_middle: int = 2,
        norm_type: str = "layer",
        use_fp16: bool = False,
    ):
        super().__init__(locals())
        self.input_layer = nn.Conv3d(in_channels, channels[0], 3, padding=1)
        self.blocks = levels(channels, num_res_blocks, Downsample3d)
        self.middle_block = nn.Sequential(*(ResBlock3d(channels[-1]) for _ in range(num_res_blocks_middle)))
        self.out_layer = output(channels[-1], 2 * latent_channels, norm_type)
        if use_fp16:
            self.convert_to(torch.float16)

    def forward(
        self,
        x: Tensor,  # [B, Cin, R, R, R]
    ) -> tuple[Tensor, Tensor]:
        """(mean, logvar), each [B, latent, r, r, r], r = R / 2^(levels - 1)."""
        h = self.input_layer(x.float()).to(self.dtype)
        for block in self.blocks:
            h = block(h)
        h = self.middle_block(h).float()
        mean, logvar = self.out_layer(h).to(x.dtype).chunk(2, dim=1)
        return mean, logvar


class SparseStructureDecoder(Network):
    """Latent grid -> occupancy logits; a voxel is occupied where the logit is above zero."""

    torso: ClassVar = ("blocks", "middle_block")

    def __init__(
        self,
        out_channels: int,
        latent_channels: int,
        num_res_blocks: int,
        channels: list[int],
        num_res_blocks_middle: int = 2,
        norm_type: str = "layer",
        use_fp16: bool = False,
    ):
        super().__init__(locals())
        self.input_layer = nn.Conv3d(latent_channels, channels[0], 3, padding=1)
        self.middle_block = nn.Sequential(*(ResBlock3d(channels[0]) for _ in range(num_res_blocks_middle)))
        self.blocks = levels(channels, num_res_blocks, Upsample3d)
        self.out_layer = output(channels[-1], out_channels, norm_type)
        if use_fp16:
            self.convert_to(torch.float16)

    def forward(
        self,
        z: Tensor,  # [B, latent, r, r, r]
    ) -> Tensor:
        """[B, Cout, R, R, R], R = r * 2^(levels - 1)."""
        h = self.middle_block(self.input_layer(z.float()).to(self.dtype))
        for block in self.blocks:
            h = block(h)
        return self.out_layer(h.float()).to(z.dtype)


def levels(channels: list[int], num_res_blocks: int, resample: type[nn.Module]) -> nn.ModuleList:
    """Residual blocks of every level with a resampling layer between levels, flat as in the released files."""
    blocks: list[nn.Module] = []
    for level, width in enumerate(channels):
        blocks.extend(ResBlock3d(width) for _ in range(num_res_blocks))
        if level < len(channels) - 1:
            blocks.append(resample(width, channels[level + 1]))
    return nn.ModuleList(blocks)


def output(in_channels: int, out_channels: int, norm_type: str) -> nn.Sequential:
    """Norm, SiLU, 3^3 convolution."""
    if norm_type not in ("layer", "group"):
        raise InputError(f"norm_type must be 'layer' or 'group', not {norm_type!r}")
    norm = GroupNorm(32, in_channels) if norm_type == "group" else ChannelLayerNorm(in_channels)
    return nn.Sequential(norm, nn.SiLU(), nn.Conv3d(in_channels, out_channels, 3, padding=1))
