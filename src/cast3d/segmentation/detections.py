"""What a segmenter finds for one term in one view, and with which confidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """A segmenter that looks at many views and terms together, tells scores and takes thresholds."""

    def detect_all(
        self, images: Tensor, alphas: Tensor, terms: Sequence[str], thresholds: Thresholds
    ) -> Iterator[list[Detections]]:
        """`images` [V, 3, H, W] in [0, 1] on white, `alphas` [V, H, W] -> view by view the findings of every term."""
        ...


def detect_all(
    segmenter: Segmenter,
    images: Tensor,  # [V, 3, H, W]
    alphas: Tensor,  # [V, H, W]
    terms: Sequence[str],
    thresholds: Thresholds,
) -> Iterator[list[Detections]]:
    """View by view what the segmenter finds for every term; from one that has no scores, its masks alone."""
    if isinstance(segmenter, Detector):
        yield from segmenter.detect_all(images, alphas, terms, thresholds)
        return
    for image, alpha in zip(images, alphas):
        yield [Detections(segmenter(image, alpha, term)) for term in terms]


def union(masks: Tensor, alpha: Tensor) -> Tensor:
    """Masks [D, H, W] bool -> [H, W] on the view's device: in any of them, and on the object."""
    return masks.any(0).to(alpha.device) & (alpha > 0.5)


def nothing(alpha: Tensor, best: float) -> Detections:
    """No candidate reached its threshold."""
    return Detections(torch.zeros_like(alpha, dtype=torch.bool), alpha.new_zeros(0, 4), best=best)
