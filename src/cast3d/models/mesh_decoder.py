"""Structured latents -> a triangle mesh, through signed distances on a grid four times finer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..meshes.mesh import Mesh
from .initialise import zero
from .slat_vae import SLatTransformer
from .sparse.convolution import PointConvolution, SubmanifoldConvolution
from .sparse.resampling import subdivide
from .sparse.tensor import SparseTensor

UPSCALE = 4
CHANNELS, COLOR_CHANNELS = 8 + 8 * 3 + 21, 8 * 6  # distances, offsets, cell weights; corner colours and normals


class SparseGroupNorm(nn.GroupNorm):
    """Group norm over the voxels of each batch item, in float32."""

    def forward(self, x: SparseTensor) -> SparseTensor:  # type: ignore[override]  # sparse tensors in place of dense ones
        if not len(x):
            return x
        items = [x.feats[rows].T[None].float() for rows, length in zip(x.layout, x.lengths) if length]  # [1, C, n]
        return x.replace(torch.cat([super(SparseGroupNorm, self).forward(item)[0].T for item in items]).to(x.dtype))


class SparseActivation(nn.SiLU):
    def forward(self, x: SparseTensor) -> SparseTensor:  # type: ignore[override]  # sparse tensors in place of dense ones
        return x.replace(F.silu(x.feats))


class SubdivideBlock(nn.Module):
    """Residual block of two 3^3 convolutions on the eight halves of every voxel."""

    def __init__(self, channels: int, out_channels: int, groups: int = 32):
        super().__init__()
        self.act_layers = nn.Sequential(SparseGroupNorm(groups, channels), SparseActivation())
        self.out_layers = nn.Sequential(
            SubmanifoldConvolution(channels, out_channels),
            SparseGroupNorm(groups, out_channels),
            SparseActivation(),
            SubmanifoldConvolution(out_channels, out_channels),
        )
        zero(self.out_layers[3].get_submodule("conv"))
        same = channels == out_channels
        self.skip_connection = nn.Identity() if same else PointConvolution(channels, out_channels)

    def forward(self, x: SparseTensor) -> SparseTensor:
        h = self.out_layers(subdivide(self.act_layers(x)))
        # Before subdividing, not after: the same numbers for an eighth of the work.
        return h.replace(h.feats + subdivide(self.skip_connection(x)).feats)


class SLatMeshDecoder(SLatTransformer):
    """Decodes signed distances, corner offsets and cell weights, extracted as a mesh by FlexiCubes."""

    torso: ClassVar[tuple[str, ...]] = ("blocks", "upsample")

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
        channels = CHANNELS + (COLOR_CHANNELS if representation_config.get("use_color") else 0)
        super().__init__(locals(), latent_channels, model_channels // 8, channels)
        self.upsample = nn.ModuleList(
            [
                SubdivideBlock(model_channels, model_channels // 4),
                SubdivideBlock(model_channels // 4, model_channels // 8),
            ]
        )
        if use_fp16:
            self.convert_to(torch.float16)

    def features(self, x: SparseTensor) -> SparseTensor:
        """Raw channels [64 N, 101 or 53] on voxels of a quarter of the size."""
        h = self.trunk(x)
        for block in self.upsample:
            h = block(h)
        return h.replace(self.head(h).to(x.dtype))

    def head(self, h: SparseTensor) -> Tensor:
        """The final linear layer in float32; this decoder alone has no norm before it."""
        return self.out_layer(h.feats.float())

    def forward(self, x: SparseTensor) -> list[Mesh]:
        """One mesh per batch item."""
        features = self.features(x)
        return [self.mesh(features.coords[rows, 1:], features.feats[rows]) for rows in features.layout]

    def mesh(
        self,
        fine: Tensor,  # [M, 3] voxels of a quarter of the size
        feats: Tensor,  # [M, 101 or 53]
    ) -> Mesh:
        """The surface as released, with an inner wall wherever voxels end."""
        from ..meshes.flexicubes import extract  # not needed to load or run the network

        return extract(fine, feats.float(), self.config["resolution"] * UPSCALE)

    def solids(
        self,
        coords: Tensor,  # [N, 3]
        features: SparseTensor,
        owner: Tensor,  # [N] in 0 .. count - 1
        count: int,
        base: int | None = None,
        shapes: Tensor | None = None,  # [count, R, R, R] bool
    ) -> list[Mesh | None]:
        """The closed surface of every part, see `meshes.solids.part_distances`; None for a part without voxels."""
        from ..meshes.flexicubes import extract_parts
        from ..meshes.solids import Distances, part_distances

        resolution = self.config["resolution"] * UPSCALE
        places, owners = coords.long().cpu().numpy(), owner.cpu().numpy()
        whole_shapes = None if shapes is None else shapes.cpu().numpy()

        def split(value: np.ndarray, known: np.ndarray) -> list[np.ndarray | None]:
            told = Distances(value, known, UPSCALE, offset=0.0, unit=1 / resolution, pool=2)
            return part_distances(told, places, owners, count, base, whole_shapes)

        return extract_parts(features.coords[:, 1:], features.feats.float(), resolution, split)
