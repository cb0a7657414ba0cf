"""Features of a small network that has seen pictures of the wide world: the first blocks of EfficientNet-Lite0.

Tan and Le 2019, https://arxiv.org/abs/1905.11946; the Lite variants (Liu 2020) have no squeeze-and-excitation and use
ReLU6. The weights are Google's, Apache-2.0, trained on ImageNet. Only the blocks down to a sixteenth of the picture are
kept, with their batch norms folded into the convolutions; they are never trained on.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Expansion, kernel, stride, channels of each block of EfficientNet-Lite0, down to a sixteenth.
BLOCKS = (
    (1, 3, 1, 16),
    (6, 3, 2, 24),
    (6, 3, 1, 24),
    (6, 5, 2, 40),
    (6, 5, 1, 40),
    (6, 3, 2, 80),
    (6, 3, 1, 80),
    (6, 3, 1, 80),
    (6, 5, 1, 112),
    (6, 5, 1, 112),
    (6, 5, 1, 112),
)
STEM = 32
EIGHTH, SIXTEENTH = 4, 10  # blocks whose outputs are told
CHANNELS = 4 * BLOCKS[EIGHTH][3] + BLOCKS[SIXTEENTH][3]
MEAN, SPREAD = 127 / 255, 128 / 255  # of the pictures that the network was trained on
EPSILON = 1e-3  # of its batch norms


class PictureFeatures(nn.Module):
    """Premultiplied RGB on black plus alpha [B, 4, S, S] in [0, 1] -> features [B, CHANNELS, S/8, S/8].

    The picture is laid on grey, where the network's input is zero, and doubled in size, so that a sixteenth of it is an
    eighth of the picture. S must be a multiple of 16.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, stride=2)
        widths = [STEM, *(channels for *_, channels in BLOCKS)]
        self.blocks = nn.ModuleList(_Block(width, *block) for width, block in zip(widths, BLOCKS))
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        image = image.to(self.stem.weight.dtype)
        rgb, alpha = image[:, :3], image[:, 3:]
        x = (rgb + (1 - alpha) * MEAN - MEAN) / SPREAD
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
        x = F.relu6(self.stem(_padded(x, 3, 2)))
        told = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == EIGHTH:
                told.append(F.pixel_unshuffle(x, 2))
        return torch.cat([*told, x], 1)


class _Block(nn.Module):
    """Inverted residual: expand, filter each channel, project (Sandler et al. 2018)."""

    def __init__(self, width: int, expansion: int, kernel: int, stride: int, channels: int):
        super().__init__()
        wide = width * expansion
        self.kernel, self.stride = kernel, stride
        self.expand = nn.Conv2d(width, wide, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, kernel, stride=stride, groups=wide)
        self.project = nn.Conv2d(wide, channels, 1)
        self.skip = stride == 1 and width == channels

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.expand is None else F.relu6(self.expand(x))
        h = F.relu6(self.depthwise(_padded(h, self.kernel, self.stride)))
        h = self.project(h)
        return x + h if self.skip else h


def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around x so that a convolution divides its size by `stride`; the odd one comes last, as in TensorFlow."""
    more = kernel - stride
    before = more // 2
    return F.pad(x, (before, more - before, before, more - before))


def released(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `PictureFeatures` from those of the whole network as released for PyTorch.

    Raises KeyError where `weights` is not such a file.
    """

    def folded(name: str, conv: str, norm: str) -> dict[str, Tensor]:
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + EPSILON).sqrt()
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        return {f"{name}.weight": weights[f"{conv}.weight"] * scale[:, None, None, None], f"{name}.bias": bias}

    found = folded("stem", "_conv_stem", "_bn0")
    for i, (expansion, *_) in enumerate(BLOCKS):
        here, there = f"blocks.{i}", f"_blocks.{i}"
        if expansion > 1:
            found |= folded(f"{here}.expand", f"{there}._expand_conv", f"{there}._bn0")
        found |= folded(f"{here}.depthwise", f"{there}._depthwise_conv", f"{there}._bn1")
        found |= folded(f"{here}.project", f"{there}._project_conv", f"{there}._bn2")
    return found
