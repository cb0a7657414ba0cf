"""Many views and terms in few forward passes, in half precision where the device is quick at it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import torch
from torch import Tensor, nn

from .detections import Detections, Thresholds

T = TypeVar("T")

MOST = 8  # questions in one forward pass
ROOM = 1 << 30  # bytes that a question takes: GroundingDINO at full size took 0.7 to 1.0 GiB in float32, on a CPU


@dataclass(frozen=True)
class Batching:
    """How the networks of a segmenter run."""

    questions: int = 1  # most questions (a term, asked of a view) in one forward pass
    half: torch.dtype | None = None  # of products of matrices; weights, norms and coordinates stay float32

    @classmethod
    def on(cls, device: torch.device) -> Batching:
        """What suits a device: on CUDA as many questions as its free memory takes, in float16; else one by one."""
        if device.type != "cuda":
            return cls()
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + kept
        return cls(max(1, min(MOST, free // ROOM)), torch.float16)

    def lowered(self, device: torch.device) -> AbstractContextManager:
        """Products of matrices run in `half` inside the block."""
        return nullcontext() if self.half is None else torch.autocast(device.type, self.half)


class OpenVocabulary(ABC):
    """A `Segmenter` and `Detector` of any noun phrase, by networks that run as `batching` says, or as suits."""

    def __init__(self, thresholds: Thresholds, batching: Batching | None = None):
        self.thresholds, self.batching = thresholds, batching

    @property
    @abstractmethod
    def networks(self) -> tuple[nn.Module, ...]:
        """For whoever moves them between devices."""

    @abstractmethod
    def views(
        self,
        images: Tensor,  # [V, 3, H, W]
        alphas: Tensor,  # [V, H, W]
        terms: Sequence[str],
        least: Thresholds,
        questions: int,
    ) -> list[list[Detections]]:
        """Findings [V][N] of N terms in V views, at most so many `questions` in a forward pass."""

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        return self.detect(image, alpha, term).mask

    def detect(self, image: Tensor, alpha: Tensor, term: str, thresholds: Thresholds | None = None) -> Detections:
        """The findings of one term in one view: `image` [3, H, W] in [0, 1] on white, `alpha` [H, W]."""
        return next(self.detect_all(image[None], alpha[None], (term,), thresholds))[0]

    def detect_all(
        self, images: Tensor, alphas: Tensor, terms: Sequence[str], thresholds: Thresholds | None = None
    ) -> Iterator[list[Detections]]:
        """As `Detector.detect_all`. Views whose scores overflow in half precision are asked again without it."""
        least = (thresholds or Thresholds()).over(self.thresholds)
        device = next(self.networks[0].parameters()).device
        batching = self.batching or Batching.on(device)

        def found(part: slice) -> list[list[Detections]]:
            given = images[part], alphas[part], terms, least, batching.questions
            with torch.no_grad(), batching.lowered(device):
                views = self.views(*given)
            if batching.half is None or all(_finite(one) for view in views for one in view):
                return views
            with torch.no_grad():
                return self.views(*given)

        for views in in_chunks(len(images), max(1, batching.questions // len(terms)), found):
            yield from views


def in_chunks(count: int, most: int, work: Callable[[slice], T]) -> Iterator[T]:
    """`work` on 0 .. count - 1, at most `most` together, and fewer where the memory of the device is full."""
    start = 0
    while start < count:
        size = min(most, count - start)
        try:
            done: T | None = work(slice(start, start + size))
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            done = None
        if done is None:  # only here: the exception holds what took the memory
            most = size // 2
            torch.cuda.empty_cache()
            continue
        yield done
        start += size


def _finite(one: Detections) -> bool:
    return one.best is not None and all(map(isfinite, (one.best, *one.mask_scores)))
