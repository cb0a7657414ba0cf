"""Condition encoders of the small backbone: pictures and words to tokens that the flows attend to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .features import CHANNELS, PictureFeatures

FRAMES = ("filled", "in_place")
QUARTERS = 2  # per side of a patch, for which a picture's surfaces are told
OCTAVES = 6  # of positions as sines and cosines: from the whole grid down to four voxels


class EncoderBlock(nn.Module):
    """Pre-norm transformer block with an optional mask over padded tokens."""

    def __init__(self, channels: int, num_heads: int, mlp_ratio: float = 4):
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(channels)
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.to_out = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        hidden = int(channels * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, channels))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.to_qkv(self.norm1(x)).view(b, n, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.to_out(h.transpose(1, 2).reshape(b, n, c))
        return x + self.mlp(self.norm2(x))


class PictureEncoder(nn.Module):
    """Premultiplied RGB on black plus alpha [B, 4, S, S] in [0, 1] -> tokens [B, 1 + (S/8)^2, out_channels].

    The first token says which frame the picture's object is wanted in: "filled" (it fills the grid) or "in_place" (at
    its true place and scale in the frame of the base it belongs to); without it a cropped picture cannot tell.

    The others also tell where in that frame the surfaces of their patch are (`look`): as positions, which a flow can
    compare with the positions of its own tokens.

    With `features` it also reads the features of a network that knows pictures of the wide world (`PictureFeatures`),
    which stay as they are; S must then be a multiple of 16.
    """

    def __init__(
        self,
        image_size: int = 112,
        model_channels: int = 256,
        out_channels: int = 256,
        num_blocks: int = 6,
        num_heads: int = 4,
        features: bool = False,
    ):
        super().__init__()
        self.config = dict(
            image_size=image_size,
            model_channels=model_channels,
            out_channels=out_channels,
            num_blocks=num_blocks,
            num_heads=num_heads,
        )
        c = model_channels
        self.features = self.feature_layer = None
        if features:
            self.config["features"] = True
            self.features = PictureFeatures()
            heeding = nn.Linear(CHANNELS, c, bias=False)
            nn.init.zeros_(heeding.weight)
            self.feature_layer = nn.Sequential(nn.LayerNorm(CHANNELS), heeding)
        self.stem = nn.Sequential(
            nn.Conv2d(4, c // 4, 4, stride=2, padding=1),
            nn.GELU(approximate="tanh"),
            nn.GroupNorm(8, c // 4),
            nn.Conv2d(c // 4, c // 2, 4, stride=2, padding=1),
            nn.GELU(approximate="tanh"),
            nn.GroupNorm(8, c // 2),
            nn.Conv2d(c // 2, c, 4, stride=2, padding=1),
        )
        self.position = nn.Parameter(nn.init.normal_(torch.empty(1, (image_size // 8) ** 2, c), std=0.02))
        self.frame = nn.Embedding(len(FRAMES), c)
        self.blocks = nn.ModuleList(EncoderBlock(c, num_heads) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(c)
        self.out_layer = nn.Linear(c, out_channels)
        told = 6 * QUARTERS**2
        self.places = nn.Linear(c, told)
        self.place_layer = nn.Linear(2 * OCTAVES * told, out_channels, bias=False)
        nn.init.zeros_(self.place_layer.weight)

    def forward(self, image: Tensor, frame: Tensor) -> Tensor:
        """`image` [B, 4, S, S]; `frame` [B] int64, index into `FRAMES`."""
        return self.look(image, frame)[0]

    def look(self, image: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens, and x, y, z of the nearest and the farthest surface [B, 6, S/4, S/4], in [-0.5, 0.5] of the frame."""
        h = self.stem(image.to(self.position.dtype)).flatten(2).transpose(1, 2) + self.position
        if self.features is not None and self.feature_layer is not None:
            h = h + self.feature_layer(self.features(image).flatten(2).transpose(1, 2))
        h = torch.cat([self.frame(frame)[:, None], h], dim=1)
        for block in self.blocks:
            h = block(h)
        h = self.norm(h)
        told = self.places(h[:, 1:]).float()
        tokens = self.out_layer(h).float()
        # What the places mean is for their own loss to say, so no gradient goes back through them.
        at = self.place_layer(_waves(told.detach()).to(self.position.dtype)).float()
        tokens = torch.cat([tokens[:, :1], tokens[:, 1:] + at], dim=1)
        return tokens, by_quarters(told)


def by_quarters(told: Tensor) -> Tensor:
    """What patches say of their quarters, [B, P^2, C QUARTERS^2], as a picture [B, C, P QUARTERS, P QUARTERS]."""
    side = int(told.shape[1] ** 0.5)
    return F.pixel_shuffle(told.transpose(1, 2).unflatten(2, (side, side)), QUARTERS)


def _waves(position: Tensor) -> Tensor:
    """[..., C] in [-0.5, 0.5] -> [..., 2 OCTAVES C]: sines and cosines, the longest wave spans twice the grid."""
    angle = position[..., None] * (torch.pi * 2 ** torch.arange(OCTAVES, device=position.device))
    return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(-2)


class WordEncoder(nn.Module):
    """Word indices [B, L] (0 = padding) -> tokens [B, L, out_channels]; position 0 is always the start word.

    Padded positions give zero tokens that attention may still see, as the released text encoder's padding does.
    """

    def __init__(
        self,
        num_words: int,
        max_words: int = 32,
        model_channels: int = 256,
        out_channels: int = 256,
        num_blocks: int = 3,
        num_heads: int = 4,
    ):
        super().__init__()
        self.config = dict(
            num_words=num_words,
            max_words=max_words,
            model_channels=model_channels,
            out_channels=out_channels,
            num_blocks=num_blocks,
            num_heads=num_heads,
        )
        self.words = nn.Embedding(num_words, model_channels, padding_idx=0)
        self.position = nn.Parameter(nn.init.normal_(torch.empty(1, max_words, model_channels), std=0.02))
        self.blocks = nn.ModuleList(EncoderBlock(model_channels, num_heads) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(model_channels)
        self.out_layer = nn.Linear(model_channels, out_channels)

    def forward(self, words: Tensor) -> Tensor:
        present = words != 0
        h = self.words(words) + self.position[:, : words.shape[1]]
        for block in self.blocks:
            h = block(h, present[:, None, None, :])
        return (self.out_layer(self.norm(h)) * present[..., None]).float()
