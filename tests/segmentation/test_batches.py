"""Several views and terms in one forward pass, and half precision: the answers stay."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
import torch

from cast3d.segmentation.batches import Batching, in_chunks
from cast3d.segmentation.detections import Detections

from .tiny_networks import EVERYTHING, lively, views

pytest.importorskip("transformers")

TERMS = ("cap", "red figure back")  # of different lengths, so that one is padded


def test_a_view_is_embedded_once_for_all_terms(segmenter):
    images, alphas = views(3)
    seen = []
    segmenter.networks[-1].vision_encoder.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    one_by_one = answers(segmenter, images, alphas)
    assert seen == [1, 1, 1]
    assert one_by_one[0].box_scores != one_by_one[1].box_scores  # the phrase matters
    segmenter.batching = Batching(questions=6)
    answers(segmenter, images, alphas)
    assert seen == [1, 1, 1, 3]


def answers(segmenter, images: torch.Tensor, alphas: torch.Tensor) -> list[Detections]:
    """To every term about every view, in turn."""
    return list(chain.from_iterable(segmenter.detect_all(images, alphas, TERMS, EVERYTHING)))


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a & b).sum() / (a | b).sum().clamp_min(1))


@pytest.mark.parametrize("questions", [2, 4, 5, 64])
def test_questions_together_are_answered_as_one_by_one(segmenter, questions):
    images, alphas = views(3)
    alone = answers(segmenter, images, alphas)
    segmenter.batching = Batching(questions)
    together = answers(segmenter, images, alphas)
    for one, other in zip(alone, together, strict=True):
        assert one.box_scores == pytest.approx(other.box_scores, abs=1e-5)
        assert one.mask_scores == pytest.approx(other.mask_scores, abs=1e-4)
        torch.testing.assert_close(one.boxes, other.boxes, atol=1e-2, rtol=0)
        assert iou(one.mask, other.mask) > 0.999


def test_half_precision_draws_the_same_masks(segmenter):
    """An IoU of .98 with the one-by-one float32 path, by what a view and a term get in all."""
    images, alphas = views(3)
    for seed, net in enumerate(segmenter.networks):
        lively(net, seed)
    alone = answers(segmenter, images, alphas)
    segmenter.batching = Batching(6, torch.float16)
    together = answers(segmenter, images, alphas)
    assert all(one.mask.any() for one in alone)
    assert min(iou(one.mask, other.mask) for one, other in zip(alone, together)) > 0.98


def test_half_precision_finds_the_same_boxes_and_masks_in_them(grounded):
    images, _ = views(3)
    for seed, net in enumerate(grounded.networks):
        lively(net, seed)
    batching, device = Batching(6, torch.float16), torch.device("cpu")
    with torch.no_grad():
        boxes, scores = grounded.boxes(images, TERMS)
        given = images, torch.arange(3).repeat_interleave(boxes[0, ..., 0].numel()), boxes.flatten(0, 2)
        masks, ratings = grounded.masks(*given)
        with batching.lowered(device):
            half_boxes, half_scores = grounded.boxes(images, TERMS, batching.questions)
            half_masks, half_ratings = grounded.masks(*given)
    assert 0.1 < masks.float().mean() < 0.9
    torch.testing.assert_close(half_boxes, boxes, atol=1.0, rtol=0)  # pixels
    torch.testing.assert_close(half_scores, scores, atol=0.02, rtol=0)
    assert min(iou(one, other) for one, other in zip(half_masks, masks)) > 0.95
    torch.testing.assert_close(half_ratings, ratings, atol=0.002, rtol=0)


def test_what_overflows_in_half_precision_is_asked_again(segmenter, monkeypatch):
    images, alphas = views(2)
    exact = answers(segmenter, images, alphas)
    asked, plain = [], segmenter.views

    def overflowing(*given):
        asked.append(torch.is_autocast_enabled("cpu"))
        found = plain(*given)
        return [[replace(one, best=float("nan")) for one in view] for view in found] if asked[-1] else found

    monkeypatch.setattr(segmenter, "views", overflowing)
    segmenter.batching = Batching(4, torch.float16)
    again = answers(segmenter, images, alphas)
    assert asked == [True, False]
    assert all(one.best == pytest.approx(other.best, abs=1e-5) for one, other in zip(exact, again))


def test_a_full_memory_means_fewer_at_a_time():
    asked = []

    def work(part: slice) -> list[int]:
        asked.append((part.start, part.stop))
        if part.stop - part.start > 2:
            raise torch.OutOfMemoryError
        return list(range(10))[part]

    assert list(chain.from_iterable(in_chunks(10, 8, work))) == list(range(10))
    assert asked == [(0, 8), (0, 4), (0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
    with pytest.raises(torch.OutOfMemoryError):
        list(in_chunks(1, 8, lambda part: work(slice(0, 3))))


def test_a_cpu_is_asked_one_by_one_and_a_card_as_its_memory_allows(monkeypatch):
    assert Batching.on(torch.device("cpu")) == Batching(1, None)
    asked = []
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3 << 30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 1 << 30)
    for free, questions in ((100, 8), (4, 6), (0, 2)):
        monkeypatch.setattr(
            torch.cuda, "mem_get_info", lambda device, free=free: asked.append(device) or (free << 30, 0)
        )
        assert Batching.on(torch.device("cuda:1")) == Batching(questions, torch.float16)
    assert set(asked) == {torch.device("cuda:1")}
