"""Known names for what a picture shows: for things whose words the small text encoder never learned."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SHARPNESS = 20.0  # of likenesses when things of a kind count together; of 10 to 40, all do about as well
LEAST = 0.2  # likeness of what may stand in for a thing of the same noun: on bricks-dev .28 helped, -.01 did harm
IN_HAND = {"holding": True, "wearing": False}  # other words ("with", "carrying", "on") go with either


def pool(tokens: Tensor) -> Tensor:
    """Picture tokens [B, 1 + P, C] -> [B, 2 C]: the first, and the mean of the patches'."""
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=-1)


class PictureNamer(nn.Module):
    """Picture tokens, pooled [B, in_channels] -> likeness [B, N] to each of N named things, a cosine in [-1, 1].

    A linear discriminant: `project` spreads things apart where views of one thing agree, `centers` are their means.
    """

    def __init__(
        self,
        names: Sequence[str],
        kinds: Sequence[str],  # of the things, such as "hat" or "sword"
        held: Sequence[bool],  # whether in a hand
        in_channels: int = 512,
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

    def ranked(self, pooled: Tensor, relation: str = "", first: Collection[str] = ()) -> list[str]:
        """The likest name of every kind, the likest kind first; `pooled` [B, in_channels] are pictures of one thing.

        A kind is as likely as all of its things together: many fairly similar things count more than one very similar
        thing. `relation`, the word that ties the thing to its base, may allow only things in hands, or only others.
        Names in `first` go before all others.
        """
        best: dict[str, str] = {}
        total: dict[str, float] = defaultdict(float)
        for i, likeness in self._likest(pooled, relation, first):
            best.setdefault(self.kinds[i], self.names[i])
            total[self.kinds[i]] += math.exp(SHARPNESS * likeness)
        return [best[kind] for kind in sorted(best, key=lambda kind: (best[kind] not in first, -total[kind]))]

    def alike(self, pooled: Tensor, relation: str = "", first: Collection[str] = ()) -> list[str]:
        """Names of things with a likeness of at least `LEAST`, the likest first; all else as above."""
        return [self.names[i] for i, likeness in self._likest(pooled, relation, first) if likeness >= LEAST]

    def _likest(self, pooled: Tensor, relation: str, first: Collection[str]) -> list[tuple[int, float]]:
        """Things that go with the relation and their likeness, the likest first; before them those in `first`."""
        likeness = self(pooled).mean(0).tolist()
        order = sorted(range(len(likeness)), key=lambda i: (self.names[i] not in first, -likeness[i]))
        return [(i, likeness[i]) for i in order if self.held[i] == IN_HAND.get(relation, self.held[i])]
