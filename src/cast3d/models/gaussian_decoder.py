"""Structured latents -> 3D Gaussians, a fixed number per voxel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ..splats import Gaussians
from ..splats.views import hammersley
from .slat_vae import SLatTransformer
from .sparse.tensor import SparseTensor

PARTS = {"_xyz": 3, "_features_dc": 3, "_scaling": 3, "_rotation": 4, "_opacity": 1}  # channel order, per Gaussian


class RawGaussians(NamedTuple):
    """What the released code stores before activation; `xyz` in the unit cube [0, 1]^3. J = voxels * num_gaussians."""

    xyz: Tensor  # [J, 3]
    features_dc: Tensor  # [J, 3]
    scaling: Tensor  # [J, 3]
    rotation: Tensor  # [J, 4]
    opacity: Tensor  # [J]


class SLatGaussianDecoder(SLatTransformer):
    """Decodes `representation_config["num_gaussians"]` Gaussians around each voxel centre."""

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
        count = representation_config["num_gaussians"]
        super().__init__(locals(), latent_channels, model_channels, count * sum(PARTS.values()))
        if representation_config["scaling_activation"] not in INVERSE_ACTIVATIONS:
            raise InputError(f"scaling_activation must be one of {', '.join(INVERSE_ACTIVATIONS)}")
        for name, value in self.constants().items():
            self.register_buffer(name, value)
        if use_fp16:
            self.convert_to(torch.float16)

    def constants(self) -> dict[str, Tensor]:
        """Buffers that follow from the arguments; `load` builds them when a file leaves them out."""
        settings = self.config["representation_config"]
        return {"offset_perturbation": offset_perturbation(settings["num_gaussians"], settings["voxel_size"])}

    def features(self, x: SparseTensor) -> SparseTensor:
        """Raw channels [N, 14 * num_gaussians]."""
        return x.replace(self.head(self.trunk(x)).to(x.dtype))

    def forward(self, x: SparseTensor) -> list[Gaussians]:
        """One set of Gaussians per batch item, voxel by voxel."""
        features = self.features(x)
        count = self.config["representation_config"]["num_gaussians"]
        result = []
        for rows, length in zip(x.layout, x.lengths):
            voxel = torch.arange(length, device=x.device).repeat_interleave(count)
            result.append(self.activate(self.raw(features.feats[rows], x.coords[rows, 1:]), voxel))
        return result

    def raw(
        self,
        feats: Tensor,  # [N, 14 * num_gaussians]
        coords: Tensor,  # [N, 3]
    ) -> RawGaussians:
        """The released attributes, before activation."""
        settings = self.config["representation_config"]
        count, rate = settings["num_gaussians"], settings["lr"]
        parts = feats.split([count * width for width in PARTS.values()], dim=-1)
        xyz, color, scaling, rotation, opacity = (
            part.unflatten(-1, (count, width)) * rate[name] for part, (name, width) in zip(parts, PARTS.items())
        )
        if settings["perturb_offset"]:
            xyz = xyz + self.offset_perturbation
        resolution = self.config["resolution"]
        centre = (coords.float()[:, None] + 0.5) / resolution
        xyz = centre + torch.tanh(xyz) / resolution * 0.5 * settings["voxel_size"]
        return RawGaussians(
            xyz.flatten(0, 1), color.flatten(0, 1), scaling.flatten(0, 1), rotation.flatten(0, 1), opacity.flatten()
        )

    def activate(self, raw: RawGaussians, voxel: Tensor) -> Gaussians:
        """World positions, standard deviations with the 3D smoothing filter, unit rotations, opacities."""
        settings = self.config["representation_config"]
        activation, inverse = INVERSE_ACTIVATIONS[settings["scaling_activation"]]
        scales = activation(raw.scaling + inverse(settings["scaling_bias"]))
        bias = settings["opacity_bias"]
        return Gaussians(
            positions=raw.xyz - 0.5,
            features_dc=raw.features_dc,
            scales=(scales.square() + settings["3d_filter_kernel_size"] ** 2).sqrt(),
            rotations=F.normalize(raw.rotation + raw.rotation.new_tensor([1.0, 0.0, 0.0, 0.0]), dim=-1),
            opacities=torch.sigmoid(raw.opacity + math.log(bias / (1 - bias))),
            voxel=voxel,
        )


INVERSE_ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[float], float]]] = {
    "softplus": (F.softplus, lambda y: y + math.log(-math.expm1(-y))),
    "exp": (torch.exp, math.log),
}


def offset_perturbation(count: int, voxel_size: float) -> Tensor:
    """[count, 3] arguments of tanh that spread the Gaussians of a voxel over a Hammersley point set."""
    points = torch.tensor([hammersley(i, count) for i in range(count)], device="cpu")  # see `shapes_only`
    return torch.atanh((2 * points - 1) / voxel_size)
