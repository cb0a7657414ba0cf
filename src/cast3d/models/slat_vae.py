"""Structured latent VAE: the transformer trunk that its encoder and decoders share, and the encoder."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from .blocks import PlainBlock
from .embeddings import position_embedding
from .initialise import initialise_transformer
from .network import Network
from .sparse.sequences import Sequences
from .sparse.tensor import SparseTensor
from .sparse.windows import windows
from .structure_flow import require_absolute_positions


class SLatTransformer(Network):
    """Voxel features -> transformer with shifted window (or full) attention -> a final linear layer."""

    torso: ClassVar[tuple[str, ...]] = ("blocks",)

    def __init__(self, arguments: dict[str, Any], in_channels: int, width: int, out_channels: int):
        """`arguments` are the locals() of the subclass's constructor; `width` is what `out_layer` reads."""
        super().__init__(arguments)
        config = self.config
        require_absolute_positions(config["pe_mode"])
        if config["attn_mode"] not in ("swin", "full"):
            raise InputError(f"attn_mode={config['attn_mode']!r} is not supported; use 'swin' (as released) or 'full'")
        channels = config["model_channels"]
        heads = config["num_heads"] or channels // config["num_head_channels"]
        self.input_layer = nn.Linear(in_channels, channels)
        self.blocks = nn.ModuleList(
            PlainBlock(channels, heads, config["mlp_ratio"], config["qk_rms_norm"]) for _ in range(config["num_blocks"])
        )
        self.out_layer = nn.Linear(width, out_channels)
        initialise_transformer(self)

    def trunk(self, x: SparseTensor) -> SparseTensor:
        """[N, model_channels] features in the torso's dtype."""
        channels = self.config["model_channels"]
        position = x.cached(("position", channels), lambda: position_embedding(x.coords[:, 1:], channels))
        h = (self.input_layer(x.feats.float()) + position).to(self.dtype)
        for i, block in enumerate(self.blocks):
            h = block(h, self.neighbourhood(x, i))
        return x.replace(h)

    def neighbourhood(self, x: SparseTensor, block: int) -> Sequences:
        """Who attends to whom in a block: every other one shifts the windows by half their size."""
        if self.config["attn_mode"] == "full":
            return x.items
        size = self.config["window_size"]
        return windows(x, size, size // 2 * (block % 2))

    def head(self, h: SparseTensor) -> Tensor:
        """Final norm and linear layer in float32: [N, out_channels]."""
        feats = h.feats.float()
        return self.out_layer(F.layer_norm(feats, feats.shape[-1:]))


class SLatEncoder(SLatTransformer):
    """Per-voxel picture features -> mean and log variance of the structured latents."""

    def __init__(
        self,
        resolution: int,
        in_channels: int,
        model_channels: int,
        latent_channels: int,
        num_blocks: int,
        num_heads: int | None = None,
        num_head_channels: int = 64,
        mlp_ratio: float = 4,
        attn_mode: str = "swin",
        window_size: int = 8,
        pe_mode: str = "ape",
        use_fp16: bool = False,
        qk_rms_norm: bool = False,
    ):
        super().__init__(locals(), in_channels, model_channels, 2 * latent_channels)
        if use_fp16:
            self.convert_to(torch.float16)

    def forward(
        self,
        x: SparseTensor,  # [N, Cin]
    ) -> tuple[Tensor, Tensor]:
        """(mean, logvar), each [N, latent_channels], rows as in x."""
        mean, logvar = self.head(self.trunk(x)).to(x.dtype).chunk(2, dim=-1)
        return mean, logvar
