"""What the condition encoders are asked while they learn: the parts, the colours, the view, and where things are.

An encoder that only serves a flow learns slowly, and for the objects it has seen. Questions with a dense answer teach
it to read: which parts and colours are there, from where they are seen, and which colours and places a patch shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cast3d.backbones.bricks.encoders import QUARTERS, PictureEncoder, by_quarters

from .condition_pool import MOST_PITCH, MOST_YAW, Conditions, Shown

YAWS, PITCHES = 24, 7  # bins of five degrees
WEIGHTS = {
    "picture_parts": 0.02,
    "picture_colors": 0.2,
    "picture_patches": 4.0,
    "picture_places": 4.0,
    "picture_views": 0.05,
    "words_parts": 0.01,
    "words_colors": 0.2,
}


class Questions(nn.Module):
    """Heads on the tokens of a condition; used in training only.

    The first token answers which catalogue parts are there, the main colour of each slot and, of a picture, the view.
    Every other token of a picture answers the colours of its patch: shapes need no colours, and an encoder that only
    serves shapes forgets them (two thirds of their variance were left), but the appearance flow reads them there.
    """

    def __init__(self, num_parts: int, num_slots: int, channels: int = 256):
        super().__init__()
        self.num_parts, self.num_slots = num_parts, num_slots
        self.trunk = nn.Sequential(nn.Linear(channels, 512), nn.GELU(approximate="tanh"))
        self.parts = nn.Linear(512, num_parts)
        self.colors = nn.Linear(512, 3 * num_slots)
        self.views = nn.Linear(512, YAWS + PITCHES)
        self.patches = nn.Linear(channels, 4 * QUARTERS**2)
        nn.init.constant_(self.parts.bias, -5.0)

    def of_picture(self, encoder: PictureEncoder, shown: Shown) -> tuple[Tensor, dict[str, Tensor]]:
        """Tokens of pictures, and the losses of what they answer."""
        tokens, found = encoder.look(shown.image, shown.frame)
        parts, colors = self.naming(tokens, shown.parts, shown.color, shown.color_ok)
        return tokens, {
            "picture_parts": parts,
            "picture_colors": colors,
            "picture_patches": self.patch_loss(tokens, shown.image),
            "picture_places": place_loss(found, shown.place),
            "picture_views": self.view_loss(tokens, shown.view),
        }

    def of_words(self, tokens: Tensor, told: Conditions, rows: Tensor) -> dict[str, Tensor]:
        """Losses of what the tokens of captions answer."""
        parts, colors = self.naming(tokens, told.parts[rows], told.color[rows], told.color_ok[rows])
        return {"words_parts": parts, "words_colors": colors}

    def naming(self, tokens: Tensor, parts: Tensor, color: Tensor, color_ok: Tensor) -> tuple[Tensor, Tensor]:
        """Binary cross-entropy over parts (summed, per object) and squared error of the used slots' colours."""
        h = self.trunk(tokens[:, 0])
        target = torch.zeros(len(h), self.num_parts + 1, device=h.device)
        target.scatter_(1, parts.where(parts >= 0, self.num_parts), 1.0)
        logits = self.parts(h).float()
        named = F.binary_cross_entropy_with_logits(logits, target[:, :-1], reduction="none").sum(1).mean()
        error = (self.colors(h).float().view(-1, self.num_slots, 3) - color).square().sum(-1)
        return named, (error * color_ok).sum() / color_ok.sum().clamp_min(1)

    def view_loss(self, tokens: Tensor, view: Tensor) -> Tensor:
        """Cross-entropy of yaw and pitch [B, 2] in bins: a picture that fits two views may say so."""
        yaw, pitch = self.views(self.trunk(tokens[:, 0])).float().split([YAWS, PITCHES], -1)
        yaw_bin = ((view[:, 0] / MOST_YAW + 1) / 2 * YAWS).long().clamp(0, YAWS - 1)
        pitch_bin = (view[:, 1] / MOST_PITCH * PITCHES).long().clamp(0, PITCHES - 1)
        return F.cross_entropy(yaw, yaw_bin) + F.cross_entropy(pitch, pitch_bin)

    def patch_loss(self, tokens: Tensor, image: Tensor) -> Tensor:
        """Squared error of the mean colours and alpha of each patch's quarters; `image` [B, 4, S, S] in [0, 1]."""
        found = by_quarters(self.patches(tokens[:, 1:]).float())
        return (found - F.adaptive_avg_pool2d(image, found.shape[-1])).square().mean()


def place_loss(found: Tensor, place: Tensor, soft: float = 1 / 256) -> Tensor:
    """Mean distance, in sides of the grid, of surfaces `found` [B, 6, S, S] from `place` [B, 7, S, S] (`places`).

    Where `place` has any. Distances, not their squares: of two views that fit a picture, squares ask for the one in the
    middle, which fits neither. Rounded off below `soft`.
    """
    share = place[:, 6:].float()
    error = (found - place[:, :6]).unflatten(1, (2, 3)).square().sum(2)
    distance = (error + soft**2).sqrt() - soft
    return (distance * share).sum() / (2 * share.sum()).clamp_min(1)


def weighted(losses: Mapping[str, Tensor]) -> Tensor:
    """The sum of the questions' losses, each by its weight; other losses do not count."""
    return sum(WEIGHTS[name] * loss for name, loss in losses.items() if name in WEIGHTS)
