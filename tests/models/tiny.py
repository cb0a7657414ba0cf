"""The real classes at tiny sizes, with weights that are nowhere zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cast3d.models import CLASSES
from cast3d.models.released import GAUSSIANS

TRUNK = dict(model_channels=24, num_blocks=2, num_heads=2, mlp_ratio=2)
FLOW = dict(TRUNK, in_channels=4, out_channels=4, cond_channels=10, qk_rms_norm=True)
SLAT = dict(TRUNK, resolution=16, latent_channels=4)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "SparseStructureEncoder": dict(in_channels=1, latent_channels=4, num_res_blocks=1, channels=[8, 16]),
    "SparseStructureDecoder": dict(out_channels=1, latent_channels=4, num_res_blocks=1, channels=[16, 8]),
    "SparseStructureFlowModel": dict(FLOW, resolution=4, patch_size=2),
    "SLatFlowModel": dict(FLOW, resolution=16, io_block_channels=[12]),
    "SLatEncoder": dict(SLAT, in_channels=6),
    "SLatGaussianDecoder": dict(SLAT, representation_config=GAUSSIANS | {"num_gaussians": 2}),
    "SLatRadianceFieldDecoder": dict(SLAT, representation_config={"rank": 2, "dim": 3}),
    "SLatMeshDecoder": dict(SLAT, model_channels=256, num_blocks=1, representation_config={"use_color": True}),
}


def tiny(name: str, seed: int = 0, **changes: Any) -> nn.Module:
    """A network of class `name`; every weight is drawn, so that zero-initialised layers take part too."""
    net = CLASSES[name](**ARGUMENTS[name] | changes).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.2
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    return net
