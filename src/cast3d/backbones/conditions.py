"""What a flow is told, and how strongly it follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .. import flow


@dataclass(frozen=True)
class Condition:
    """What a flow is told: tokens of one or several pictures of a thing, or of a sentence, and their negative."""

    kind: str  # "image" or "text"
    tokens: tuple[Tensor, ...]  # each [1, L, C]
    negative: Tensor  # [1, L, C]

    @property
    def unconditional(self) -> Condition:
        """The negative condition itself: no picture, or the empty sentence."""
        return Condition(self.kind, (self.negative,), self.negative)


@dataclass(frozen=True)
class Guided:
    """A condition at a guidance scale. Its velocity is a weighted sum of plain predictions, see `terms`."""

    condition: Condition
    scale: float = 0.0  # w of (1 + w) c - w n
    interval: tuple[float, float] = (0.0, 1.0)  # times with guidance, ends included
    turns: Sequence[float] | None = None  # several views: None = their mean at each step; a time grid = one in turn

    def terms(self, t: float) -> list[tuple[float, Tensor]]:
        """(weight, tokens) of each prediction; the positive ones first.

        The same as `flow.guided` of `flow.mean_of` or `flow.cycled`, laid open so that predictions of one step can
        share a batch.
        """
        views, (low, high) = self.condition.tokens, self.interval
        if self.turns is not None:
            views = (views[flow.turn(len(views), self.turns, t)],)
        w = self.scale if low <= t <= high else 0.0
        positive = [((1 + w) / len(views), tokens) for tokens in views]
        return [*positive, (-w, self.condition.negative)] if w else positive
