"""Glimpses of what is being sampled: the clean structure as the present state predicts it, decoded now and then.

They change nothing: the velocity is looked at, not asked again, and no random number is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from .. import flow
from ..backbones import Backbone
from ..run.staging import Progress

Preview = Callable[[str, int, Tensor], None]  # of a stage's name, the step, and voxels [64, 64, 64] bool
SHARE = 0.2  # most of the time that glimpses may take


class Glimpses:
    """Stands before a run's progress, and calls `show(stage, step, voxels)` every few steps of structure sampling."""

    def __init__(self, backbone: Backbone, show: Preview, progress: Progress | None, share: float = SHARE):
        self.backbone, self.show, self.progress, self.share = backbone, show, progress, share
        self._clean: Tensor | None = None  # [K, C, r, r, r], of the last step
        self._turn = 0  # of the objects that are sampled side by side, which tell their progress in their order
        self._rests_until = 0.0

    def saw(self, clean: Tensor) -> None:
        """The clean latents that the present states predict, [K, C, r, r, r]."""
        self._clean, self._turn = clean, 0

    def __call__(self, name: str, done: int, total: int) -> None:
        if self.progress:
            self.progress(name, done, total)
        clean, self._turn = self._clean, self._turn + 1
        if clean is None or not 0 < done <= total or self._turn > len(clean):
            return
        if self._turn == len(clean):
            self._clean = None
        if time.monotonic() < self._rests_until:
            return
        began = time.monotonic()
        with torch.no_grad():
            self.show(name, done, self.backbone.decode_structure(clean[self._turn - 1 : self._turn]))
        self._rests_until = time.monotonic() + (time.monotonic() - began) / self.share


def watched(velocity: flow.Velocity, saw: Callable[[Tensor], None] | None) -> flow.Velocity:
    """The velocity, which tells the clean prediction x_t - t v of each state that it is asked for."""
    if saw is None:
        return velocity

    def telling(x: Tensor, t: float) -> Tensor:
        v = velocity(x, t)
        saw(x - t * v)
        return v

    return telling


def watched_pair(pair: flow.Pair, saw: Callable[[Tensor], None] | None) -> flow.Pair:
    """The same for STM's pair of velocities: the target's prediction."""
    if saw is None:
        return pair

    def telling(x_src: Tensor, x_tgt: Tensor, t: float) -> tuple[Tensor, Tensor]:
        v_src, v_tgt = pair(x_src, x_tgt, t)
        saw(x_tgt - t * v_tgt)
        return v_src, v_tgt

    return telling
