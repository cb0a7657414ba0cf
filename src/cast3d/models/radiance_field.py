"""Structured latents -> a radiance field of low-rank local volumes (Strivec)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .slat_vae import SLatTransformer
from .sparse.tensor import SparseTensor


@dataclass(frozen=True)
class RadianceField:
    """J cubes, each a sum over `rank` of separable volumes: three vectors, one density and one colour per rank."""

    positions: Tensor  # [J, 3] centres, world units
    depth: Tensor  # [J] uint8 octree depth: a cube's side is 2^-depth
    trivec: Tensor  # [J, rank, 3, dim] one vector per axis, the +1 included
    density: Tensor  # [J, rank]
    features_dc: Tensor  # [J, rank, 1, 3] degree-0 spherical harmonics

    def __len__(self) -> int:
        return self.positions.shape[0]


class SLatRadianceFieldDecoder(SLatTransformer):
    """Decodes one cube per voxel."""

    def __init__(
        self,
        resolution: int,
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
        *,
        representation_config: dict[str, Any],
    ):
        rank, dim = representation_config["rank"], representation_config["dim"]
        super().__init__(locals(), latent_channels, model_channels, rank * (3 * dim + 4))
        if use_fp16:
            self.convert_to(torch.float16)

    def features(self, x: SparseTensor) -> SparseTensor:
        """Raw channels [N, rank * (3 * dim + 4)]."""
        return x.replace(self.head(self.trunk(x)).to(x.dtype))

    def forward(self, x: SparseTensor) -> list[RadianceField]:
        """One field per batch item, cubes in the order of its voxels."""
        features = self.features(x)
        return [self.field(features.feats[rows], x.coords[rows, 1:]) for rows in x.layout]

    def field(
        self,
        feats: Tensor,  # [N, rank * (3 * dim + 4)]
        coords: Tensor,  # [N, 3]
    ) -> RadianceField:
        settings, resolution = self.config["representation_config"], self.config["resolution"]
        rank, dim = settings["rank"], settings["dim"]
        trivec, density, color = feats.split([rank * 3 * dim, rank, rank * 3], dim=-1)
        depth = resolution.bit_length() - 1
        return RadianceField(
            positions=(coords.float() + 0.5) / resolution - 0.5,
            depth=torch.full((len(coords),), depth, dtype=torch.uint8, device=coords.device),
            trivec=trivec.unflatten(-1, (rank, 3, dim)) + 1,
            density=density,
            features_dc=color.unflatten(-1, (rank, 1, 3)),
        )
