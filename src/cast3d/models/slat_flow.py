"""Structured latent flow: a diffusion transformer over sparse voxels, sparse convolutions before and after."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from .blocks import BLOCK_EPS, ModulatedBlock, modulation
from .embeddings import TimestepEmbedder, position_embedding
from .initialise import initialise_transformer, zero
from .network import Network
from .norms import LayerNorm
from .sparse.convolution import SubmanifoldConvolution
from .sparse.resampling import SparseDownsample, SparseUpsample
from .sparse.sequences import Sequences
from .sparse.tensor import SparseTensor
from .structure_flow import require_absolute_positions


class SparseResBlock(nn.Module):
    """Two 3^3 submanifold convolutions modulated by time, after an optional change of resolution."""

    def __init__(self, channels: int, time_channels: int, out_channels: int, updown: nn.Module | None = None):
        super().__init__()
        self.norm1 = LayerNorm(channels, eps=BLOCK_EPS)
        self.norm2 = LayerNorm(out_channels, eps=BLOCK_EPS, elementwise_affine=False)
        self.conv1 = SubmanifoldConvolution(channels, out_channels)
        self.conv2 = SubmanifoldConvolution(out_channels, out_channels)
        zero(self.conv2.conv)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time_channels, 2 * out_channels))
        self.skip_connection = nn.Identity() if channels == out_channels else nn.Linear(channels, out_channels)
        self.updown = updown

    def forward(
        self,
        x: SparseTensor,
        time: Tensor,  # [B, C]
        fine: SparseTensor,  # full-resolution voxels, where an upsampling block leads back to
    ) -> SparseTensor:
        # (scale, shift), unlike the (shift, scale) of the transformer blocks.
        scale, shift = self.emb_layers(time).chunk(2, dim=-1)
        if self.updown is not None:
            x = self.updown(x, fine)
        h = self.conv1(x.replace(F.silu(self.norm1(x.feats))))
        h = torch.addcmul(x.spread(shift), self.norm2(h.feats), 1 + x.spread(scale))
        h = self.conv2(x.replace(F.silu(h)))
        return x.replace(h.feats + self.skip_connection(x.feats))


class SLatFlowModel(Network):
    """Velocity of the rectified flow over structured latents: features of active voxels.

    Input blocks halve the resolution, transformer blocks work on the coarse voxels, output blocks return; features of
    every input block are concatenated before the matching output block.
    """

    torso: ClassVar = ("input_blocks", "blocks", "out_blocks")

    def __init__(
        self,
        resolution: int,
        in_channels: int,
        model_channels: int,
        cond_channels: int,
        out_channels: int,
        num_blocks: int,
        num_heads: int | None = None,
        num_head_channels: int = 64,
        mlp_ratio: float = 4,
        patch_size: int = 2,
        num_io_res_blocks: int = 2,
        io_block_channels: list[int] | None = None,
        pe_mode: str = "ape",
        use_fp16: bool = False,
        use_skip_connection: bool = True,
        share_mod: bool = False,
        qk_rms_norm: bool = False,
        qk_rms_norm_cross: bool = False,
    ):
        super().__init__(locals())
        require_absolute_positions(pe_mode)
        width = outer_width(io_block_channels, patch_size, model_channels)
        self.use_skip_connection = use_skip_connection
        self.t_embedder = TimestepEmbedder(model_channels)
        self.adaLN_modulation = modulation(model_channels) if share_mod else nn.Identity()
        self.input_layer = nn.Linear(in_channels, width)
        self.input_blocks = nn.ModuleList()
        self.out_blocks = nn.ModuleList()
        if io_block_channels is not None:
            inner, twice = num_io_res_blocks - 1, 2 if use_skip_connection else 1
            self.input_blocks.extend(SparseResBlock(width, model_channels, width) for _ in range(inner))
            self.input_blocks.append(SparseResBlock(width, model_channels, model_channels, SparseDownsample()))
            self.out_blocks.append(SparseResBlock(twice * model_channels, model_channels, width, SparseUpsample()))
            self.out_blocks.extend(SparseResBlock(twice * width, model_channels, width) for _ in range(inner))
        heads = num_heads or model_channels // num_head_channels
        self.blocks = nn.ModuleList(
            ModulatedBlock(model_channels, cond_channels, heads, mlp_ratio, share_mod, qk_rms_norm, qk_rms_norm_cross)
            for _ in range(num_blocks)
        )
        self.out_layer = nn.Linear(width, out_channels)
        initialise_transformer(self)
        if use_fp16:
            self.convert_to(torch.float16)

    def forward(
        self,
        x: SparseTensor,  # [N, Cin]
        t: Tensor,  # [B] or [1] float32, 1000 * time
        cond: Tensor,  # [B or 1, L, cond_channels]
    ) -> SparseTensor:
        """[N, Cout] on the same voxels, in the dtype of x."""
        time = self.t_embedder(t.expand(x.batch_size))
        cond = cond.expand(x.batch_size, -1, -1)
        h = x.replace(self.input_layer(x.feats.float()).to(self.dtype))
        skips: list[Tensor] = []
        for block in self.input_blocks:
            h = block(h, time.to(self.dtype), x)
            skips.append(h.feats)
        h = self.transform(h, self.adaLN_modulation(time).to(self.dtype), cond.to(self.dtype))
        for block in self.out_blocks:
            if self.use_skip_connection:
                h = h.replace(torch.cat([h.feats, skips.pop()], dim=1))
            h = block(h, time.to(self.dtype), x)
        # The norm sees half-precision features; the structure flow casts to float32 first.
        feats = F.layer_norm(h.feats, h.feats.shape[-1:])
        return x.replace(self.out_layer(feats.float()).to(x.dtype))

    def transform(self, x: SparseTensor, time: Tensor, cond: Tensor) -> SparseTensor:
        """The transformer blocks, on batches [B, n, C] if all items have n voxels."""
        channels = x.feats.shape[1]
        position = x.cached(("position", channels), lambda: position_embedding(x.coords[:, 1:], channels))
        h = x.feats + position.to(x.dtype)
        sequences: Sequences | None = x.items
        if x.is_uniform:
            h, sequences = h.unflatten(0, (x.batch_size, x.lengths[0])), None
        for block in self.blocks:
            h = block(h, time, cond, sequences)
        return x.replace(h.reshape(-1, channels))


def outer_width(io_block_channels: list[int] | None, patch_size: int, model_channels: int) -> int:
    """Channels at full resolution; refuses what the reference code cannot run either."""
    if io_block_channels is None:
        return model_channels
    if len(io_block_channels) != 1 or patch_size != 2:
        raise InputError(
            f"io_block_channels={io_block_channels} with patch_size={patch_size} is not supported; "
            "use one width and patch_size 2, or io_block_channels null"
        )
    return io_block_channels[0]
