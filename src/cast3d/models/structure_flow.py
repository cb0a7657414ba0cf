"""Sparse structure flow: a diffusion transformer over the dense latent grid of the structure VAE."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from .blocks import ModulatedBlock, modulation
from .embeddings import TimestepEmbedder, grid_position_embedding
from .folding import patchify, unpatchify
from .initialise import initialise_transformer
from .network import Network


class SparseStructureFlowModel(Network):
    """Velocity of the rectified flow over structure latents [B, C, R, R, R].

    Every cell of the (patched) grid is a token; time modulates each block, the condition enters by cross attention.
    """

    torso: ClassVar = ("blocks",)

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
        pe_mode: str = "ape",
        use_fp16: bool = False,
        share_mod: bool = False,
        qk_rms_norm: bool = False,
        qk_rms_norm_cross: bool = False,
    ):
        super().__init__(locals())
        require_absolute_positions(pe_mode)
        if resolution % patch_size:
            raise InputError(f"resolution={resolution} is not a multiple of patch_size={patch_size}")
        self.patch_size = patch_size
        self.t_embedder = TimestepEmbedder(model_channels)
        self.adaLN_modulation = modulation(model_channels) if share_mod else nn.Identity()
        self.input_layer = nn.Linear(in_channels * patch_size**3, model_channels)
        heads = num_heads or model_channels // num_head_channels
        self.blocks = nn.ModuleList(
            ModulatedBlock(model_channels, cond_channels, heads, mlp_ratio, share_mod, qk_rms_norm, qk_rms_norm_cross)
            for _ in range(num_blocks)
        )
        self.out_layer = nn.Linear(model_channels, out_channels * patch_size**3)
        for name, value in self.constants().items():
            self.register_buffer(name, value)
        initialise_transformer(self)
        if use_fp16:
            self.convert_to(torch.float16)

    def constants(self) -> dict[str, Tensor]:
        """Buffers that follow from the arguments; `load` builds them when a file leaves them out."""
        grid = self.config["resolution"] // self.patch_size
        return {"pos_emb": grid_position_embedding(grid, self.config["model_channels"])}

    def forward(
        self,
        x: Tensor,  # [B, Cin, R, R, R]
        t: Tensor,  # [B] or [1] float32, 1000 * time
        cond: Tensor,  # [B or 1, L, cond_channels]
    ) -> Tensor:
        """[B, Cout, R, R, R] in the dtype of x."""
        expected = (self.config["in_channels"], *[self.config["resolution"]] * 3)
        if x.shape[1:] != expected:
            raise InputError(f"the structure flow takes x of shape {['B', *expected]}, got {list(x.shape)}")
        patches = patchify(x.float(), self.patch_size)
        grid = patches.shape[2:]
        h = self.input_layer(patches.flatten(2).transpose(1, 2)) + self.pos_emb
        h = h.to(self.dtype)
        time = self.adaLN_modulation(self.t_embedder(t.expand(len(x)))).to(self.dtype)
        cond = cond.to(self.dtype).expand(len(x), -1, -1)
        for block in self.blocks:
            h = block(h, time, cond)
        h = self.out_layer(F.layer_norm(h.float(), h.shape[-1:]))
        return unpatchify(h.transpose(1, 2).unflatten(2, grid), self.patch_size).to(x.dtype)


def require_absolute_positions(pe_mode: str) -> None:
    """No released model uses another mode, and the reference code cannot run them."""
    if pe_mode != "ape":
        raise InputError(f"pe_mode={pe_mode!r} is not supported; released models use 'ape'")
