"""Known names for what a picture shows: for things whose words the small text encoder never learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IN_HAND = {"holding": True, "wearing": False}  # other words ("with", "carrying", "on") go with either


class PictureNamer(nn.Module):
    """Pooled picture tokens [B, in_channels] -> likeness [B, N] to each of N named things, a cosine in [-1, 1].

    A linear discriminant: `project` spreads things apart where views of one thing agree, `centers` are their means.
    """

    def __init__(
        self,
        names: Sequence[str],
        kinds: Sequence[str],  # of the things, such as "hat" or "sword"
        held: Sequence[bool],  # whether in a hand
        in_channels: int = 256,
        channels: int = 64,
    ):
        super().__init__()
        self.config = dict(
            names=list(names), kinds=list(kinds), held=list(held), in_channels=in_channels, channels=channels
        )
        self.names, self.kinds, self.held = names, kinds, held
        self.project = nn.Linear(in_channels, channels)
        self.centers = nn.Parameter(torch.randn(len(self.names), channels))

    def forward(self, pooled: Tensor) -> Tensor:
        return F.normalize(self.project(pooled), dim=-1) @ F.normalize(self.centers, dim=-1).T

    def ranked(self, pooled: Tensor, relation: str = "") -> list[str]:
        """The likest name of every kind, the likest kind first; `pooled` [B, in_channels] are pictures of one thing.

        `relation`, the word that ties the thing to its base, may keep to things in hands or to the others.
        """
        best: dict[str, str] = {}
        for i in self(pooled).mean(0).argsort(descending=True, stable=True).tolist():
            if self.held[i] == IN_HAND.get(relation, self.held[i]):
                best.setdefault(self.kinds[i], self.names[i])
        return list(best.values())
