"""Weights stored in 8 bits: each row of a matrix (each output channel) as int8 with a scale of its own.

A file may hold `KEY` as int8 beside `KEY.row_scale` (float32 [rows]); loading multiplies them. Half the bytes of half
precision; what it costs in quality is measured and stated where such weights are shipped.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SUFFIX = ".row_scale"


def pack(tensors: Mapping[str, Tensor], least: int = 4096) -> dict[str, Tensor]:
    """Weights of two or more axes with at least `least` elements in 8 bits, the rest in float16."""
    packed: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[key] = tensor
        elif tensor.ndim < 2 or tensor.numel() < least:
            packed[key] = tensor.half()
        else:
            rows = tensor.float().flatten(1)
            scale = rows.abs().amax(1).clamp_min(1e-12) / 127
            packed[key] = (rows / scale[:, None]).round().clamp(-127, 127).to(torch.int8).view(tensor.shape)
            packed[key + SUFFIX] = scale
    return packed


def unpack(tensor: Tensor, scale: Tensor) -> Tensor:
    """float32 weights from int8 rows."""
    return tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
