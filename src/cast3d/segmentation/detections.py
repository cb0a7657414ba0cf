"""What a segmenter finds for one term in one view, and with which confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


class Segmenter(Protocol):
    """Text-prompted 2D segmentation."""

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        """`image` [3, H, W] in [0, 1] on white, `alpha` [H, W] -> bool mask [H, W], empty where nothing is found."""
        ...


@dataclass(frozen=True)
class Thresholds:
    """Least scores, 0 to 1; a negative one stands for the segmenter's own."""

    detection: float = -1.0  # of a detected box or instance
    mask: float = -1.0  # of its mask, as the network that drew it rates it

    def over(self, own: Thresholds) -> Thresholds:
        """These, with `own` where they are negative."""
        return Thresholds(
            own.detection if self.detection < 0 else self.detection, own.mask if self.mask < 0 else self.mask
        )


@dataclass(frozen=True)
class Detections:
    """The D things that were taken for the term, best first, and the union of their masks."""

    mask: Tensor  # [H, W] bool, empty where nothing was found
    boxes: Tensor | None = None  # [D, 4] pixels: left, top, right, bottom; None from a segmenter without boxes
    box_scores: tuple[float, ...] = ()  # [D]
    mask_scores: tuple[float, ...] = ()  # [D], or none from a segmenter that does not rate its masks
    best: float | None = None  # box score of the best candidate, whether taken or not

    def line(self, view: int, term: str) -> str:
        """For the stage's report."""
        pixels = int(self.mask.sum())
        if self.boxes is None:
            return f"view {view}, {term}: {pixels} pixels"
        if not self.box_scores:
            return f"view {view}, {term}: nothing (best box {self.best or 0:.2f})"
        boxes = " ".join(f"{score:.2f}" for score in self.box_scores)
        masks = " ".join(f"{score:.2f}" for score in self.mask_scores)
        return f"view {view}, {term}: {pixels} pixels, boxes {boxes}" + (f", masks {masks}" if masks else "")


@runtime_checkable
class Detector(Protocol):
    """A segmenter that tells scores and takes thresholds."""

    def detect(self, image: Tensor, alpha: Tensor, term: str, thresholds: Thresholds) -> Detections:
        """As `Segmenter.__call__`: `image` [3, H, W] in [0, 1] on white, `alpha` [H, W]."""
        ...


def detect(segmenter: Segmenter, image: Tensor, alpha: Tensor, term: str, thresholds: Thresholds) -> Detections:
    """The segmenter's findings; from one that has no scores, its mask alone."""
    if isinstance(segmenter, Detector):
        return segmenter.detect(image, alpha, term, thresholds)
    return Detections(segmenter(image, alpha, term))


def union(masks: Tensor, alpha: Tensor) -> Tensor:
    """Masks [D, H, W] bool -> [H, W] on the view's device: in any of them, and on the object."""
    return masks.any(0).to(alpha.device) & (alpha > 0.5)


def nothing(alpha: Tensor, best: float) -> Detections:
    """No candidate reached its threshold."""
    return Detections(torch.zeros_like(alpha, dtype=torch.bool), alpha.new_zeros(0, 4), best=best)
