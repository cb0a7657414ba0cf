"""From a condition and the settings to what a velocity follows."""

from __future__ import annotations

from .. import flow
from ..backbones import Condition, Guided
from ..settings import Settings


def structure_guide(condition: Condition, scale: float, settings: Settings) -> Guided:
    """The condition in the first stage, at guidance `scale`."""
    return _guide(condition, scale, settings, settings.structure_steps)


def slat_guide(condition: Condition, scale: float, settings: Settings) -> Guided:
    """The condition in the second stage, at guidance `scale`."""
    return _guide(condition, scale, settings, settings.slat_steps)


def _guide(condition: Condition, scale: float, settings: Settings, steps: int) -> Guided:
    in_turn = settings.multi_image == "stochastic" and len(condition.tokens) > 1
    turns = flow.times(steps, settings.rescale).tolist() if in_turn else None
    low, high = settings.guidance_interval
    return Guided(condition, scale, (low, high), turns)
