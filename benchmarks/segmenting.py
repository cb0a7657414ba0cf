"""What the masks of a full-size composition of three parts cost: two names in each of 24 views, question by question
in float32 and many together in half precision, and how far the two differ.

    python -m benchmarks.segmenting --device cuda [--json FILE]

Networks have the released sizes and random weights. A question finds two boxes, as real weights do.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cast3d.segmentation.batches import Batching
from cast3d.segmentation.detections import Thresholds

from .segmenter import TwoBoxes, random_grounded_sam2
from .timing import milliseconds

VIEWS, SIDE = 24, 512
TERMS = ("baseball cap", "small backpack")
ONE_BY_ONE = Batching()


def pictures(count: int, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Views [V, 3, side, side] of a few coloured ellipses on white, and their alpha [V, side, side]."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.linspace(-1, 1, side)
    images, alphas = torch.ones(count, 3, side, side), torch.zeros(count, side, side)
    for image, alpha in zip(images, alphas):
        for _ in range(6):
            x, y, a, b = (torch.rand(4, generator=generator) * torch.tensor([1.2, 1.2, 0.4, 0.4])).unbind()
            inside = ((grid - x + 0.6) / (a + 0.1)) ** 2 + ((grid[:, None] - y + 0.6) / (b + 0.1)) ** 2 < 1
            image[:, inside] = torch.rand(3, 1, generator=generator)
            alpha[inside] = 1.0
    return images.to(device), alphas.to(device)


def enliven(segmenter: TwoBoxes) -> None:
    """Matrices drawn so that signals keep their size through the layers, as trained ones do."""
    for seed, net in enumerate(segmenter.networks):
        for i, parameter in enumerate(net.parameters()):
            if parameter.ndim > 1:
                generator = torch.Generator(parameter.device).manual_seed(1000 * seed + i)
                parameter.data.normal_(0, parameter[0].numel() ** -0.5, generator=generator)


def timed(segmenter: TwoBoxes, batching: Batching, images: Tensor, alphas: Tensor, repeats: int) -> dict[str, Any]:
    """Milliseconds of all questions, and the most memory beside the weights."""
    cuda = images.is_cuda
    segmenter.batching = batching
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(images.device)
        before = torch.cuda.memory_allocated(images.device)

    def ask() -> None:
        assert len(list(segmenter.detect_all(images, alphas, TERMS, Thresholds()))) == len(images)

    times = milliseconds(ask, 1 + repeats, images.device)[1:]  # one warms up
    peak = torch.cuda.max_memory_allocated(images.device) - before if cuda else 0
    half = str(batching.half).removeprefix("torch.") if batching.half else "float32"
    row = dict(questions=batching.questions, precision=half, ms=min(times), peak_gib=peak / 2**30)
    print(f"{row['questions']:>4} together, {half:<8} {row['ms']:>8.0f} ms {row['peak_gib']:>7.2f} GiB", flush=True)
    return row


@torch.no_grad()
def agreement(segmenter: TwoBoxes, images: Tensor, half: torch.dtype) -> dict[str, float]:
    """Half precision in a batch against float32 one by one: boxes in pixels, and masks in the same boxes."""
    enliven(segmenter)
    plain = super(TwoBoxes, segmenter).boxes
    batching = Batching(len(images) * len(TERMS), half)
    boxes, scores = plain(images, TERMS)
    few = boxes[:, :, :16].flatten(0, 2)
    view = torch.arange(len(images), device=few.device).repeat_interleave(16 * len(TERMS))
    masks, _ = segmenter.masks(images, view, few)
    with batching.lowered(images.device):
        near, near_scores = plain(images, TERMS, batching.questions)
        drawn, _ = segmenter.masks(images, view, few)
    apart = torch.cdist(boxes.flatten(0, 1), near.flatten(0, 1), p=torch.inf).amin(-1).flatten()
    ious = (masks & drawn).flatten(1).sum(1) / (masks | drawn).flatten(1).sum(1).clamp_min(1)
    share = masks.float().mean((1, 2))
    ious = ious[(share > 0.02) & (share < 0.98)]  # others have no border to speak of
    found = dict(
        boxes=apart.numel(), within_1_px=float((apart < 1).float().mean()), box_median_px=float(apart.median()),
        best_score_off=float((scores.amax(-1) - near_scores.amax(-1)).abs().max()),
        masks=len(ious), iou_least=float(ious.min()), iou_median=float(ious.median()),
    )  # fmt: skip
    print(f"half precision against float32: {found}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="networks of toy size, few views")
    parser.add_argument("--json", type=Path, help="write the results here too")
    args = parser.parse_args()
    device = torch.device(args.device)
    images, alphas = pictures(*((4, 64) if args.tiny else (VIEWS, SIDE)), device)
    segmenter = random_grounded_sam2(args.tiny, device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    half = torch.float16
    report: dict[str, Any] = {"machine": f"torch {torch.__version__}, {name}", "questions": len(images) * len(TERMS)}
    print(report, flush=True)
    modes = [ONE_BY_ONE, Batching(16), Batching(2, half), *(Batching(count, half) for count in (4, 8, 16, 32))]
    report["times"] = [timed(segmenter, mode, images, alphas, 2) for mode in modes]
    report["chosen"] = str(Batching.on(device))
    report["agreement"] = agreement(segmenter, images[:4], half)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
