"""Where glTF differs from our world: axes and the meaning of colour numbers."""

from __future__ import annotations

import torch
from torch import Tensor


def to_gltf_axes(
    vectors: Tensor,  # [..., 3] world: z up, front -y
) -> Tensor:  # [..., 3] glTF: y up, front +z
    """(x, y, z) -> (x, z, -y), a rotation by -90 degrees about x."""
    return torch.stack([vectors[..., 0], vectors[..., 2], -vectors[..., 1]], dim=-1)


def from_gltf_axes(
    vectors: Tensor,  # [..., 3] glTF: y up, front +z
) -> Tensor:  # [..., 3] world: z up, front -y
    """The inverse of `to_gltf_axes`."""
    return torch.stack([vectors[..., 0], -vectors[..., 2], vectors[..., 1]], dim=-1)


def to_linear(
    srgb: Tensor,  # any shape, 0..1
) -> Tensor:
    """IEC 61966-2-1 decoding."""
    srgb = srgb.clamp(0, 1)
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(
    linear: Tensor,  # any shape, 0..1
) -> Tensor:
    """IEC 61966-2-1 encoding, the inverse of `to_linear`."""
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-12) ** (1 / 2.4) - 0.055)
