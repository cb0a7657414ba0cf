"""The small backbone's text-prompted segmenter: a U-Net whose every scale is modulated by the prompt."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PromptEncoder(nn.Module):
    """Word indices [B, L] (0 = padding) -> one vector [B, C]: word vectors, an order-aware mix, mean over words."""

    def __init__(self, num_words: int, channels: int):
        super().__init__()
        self.words = nn.Embedding(num_words, channels, padding_idx=0)
        self.mix = nn.Conv1d(channels, channels, 3, padding=1)
        self.mlp = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, channels))

    def forward(self, words: Tensor) -> Tensor:
        present = (words != 0).to(self.mix.weight.dtype)[:, None]
        h = self.words(words).transpose(1, 2)
        h = F.silu(h + self.mix(h)) * present
        return self.mlp(h.sum(2) / present.sum(2).clamp_min(1))


class ModulatedBlock(nn.Module):
    """Residual 3x3 block; scale and shift come from the prompt."""

    def __init__(self, in_channels: int, channels: int, prompt_channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(8, channels)
        self.modulation = nn.Linear(prompt_channels, 2 * channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, channels, 1) if in_channels != channels else nn.Identity()

    def forward(self, x: Tensor, prompt: Tensor) -> Tensor:
        scale, shift = self.modulation(prompt)[:, :, None, None].chunk(2, dim=1)
        h = self.norm(self.conv1(F.silu(x))) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class PromptedSegmenter(nn.Module):
    """Picture [B, 4, S, S] (premultiplied RGB on black, alpha) and words [B, L] -> mask logits [B, S, S].

    S is a multiple of 16. A pixel belongs to the prompted thing where the logit is positive.
    """

    def __init__(self, num_words: int, channels: tuple[int, ...] = (24, 48, 96, 128), prompt_channels: int = 96):
        super().__init__()
        channels = tuple(channels)
        self.config = dict(num_words=num_words, channels=list(channels), prompt_channels=prompt_channels)
        self.prompt = PromptEncoder(num_words, prompt_channels)
        self.input_layer = nn.Conv2d(4, channels[0], 3, padding=1)
        down, width = [], channels[0]
        for c in channels:
            down.append(ModulatedBlock(width, c, prompt_channels))
            width = c
        self.down = nn.ModuleList(down)
        self.middle = ModulatedBlock(width, width, prompt_channels)
        up = []
        for c in reversed(channels):
            up.append(ModulatedBlock(width + c, c, prompt_channels))
            width = c
        self.up = nn.ModuleList(up)
        self.out_layer = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, image: Tensor, words: Tensor) -> Tensor:
        prompt = self.prompt(words)
        h = self.input_layer(image.to(self.out_layer.weight.dtype))
        skips = []
        for block in self.down:
            h = block(h, prompt)
            skips.append(h)
            h = F.avg_pool2d(h, 2)
        h = self.middle(h, prompt)
        for block in self.up:
            h = F.interpolate(h, scale_factor=2, mode="nearest")
            h = block(torch.cat([h, skips.pop()], dim=1), prompt)
        return self.out_layer(F.silu(h))[:, 0].float()
