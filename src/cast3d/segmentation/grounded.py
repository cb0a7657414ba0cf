"""Grounded SAM 2, the paper's LangSAM: GroundingDINO finds boxes for a phrase, SAM 2 draws a mask in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .batches import Batching, OpenVocabulary, in_chunks
from .detections import Detections, Thresholds, nothing, union

if TYPE_CHECKING:
    from transformers import GroundingDinoForObjectDetection, Sam2Model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of both networks' pictures
SIDE, LONGEST = 800, 1333  # GroundingDINO's pictures: shorter side, and the most for the longer one
OWN = Thresholds(detection=0.3, mask=0.0)  # LangSAM's
BOXES = 32  # most boxes that SAM 2 draws masks for at a time, each with its view's features: 16 MB


class GroundedSam2(OpenVocabulary):
    """A `Segmenter` for any noun phrase.

    LangSAM's text threshold only chooses which words label a box; with one phrase per question it decides nothing,
    and there is none here. Relations ("the one in the back") and instructions ("all wheels") are not understood.
    """

    def __init__(
        self,
        detector: GroundingDinoForObjectDetection,
        tokenizer: Any,
        masker: Sam2Model,
        thresholds: Thresholds = OWN,
        side: int = SIDE,
        longest: int = LONGEST,
        batching: Batching | None = None,
    ):
        super().__init__(thresholds.over(OWN), batching)
        self.detector, self.tokenizer, self.masker = detector, tokenizer, masker
        self.side, self.longest = side, longest

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.detector, self.masker

    def views(
        self, images: Tensor, alphas: Tensor, terms: Sequence[str], least: Thresholds, questions: int
    ) -> list[list[Detections]]:
        """Boxes above the detection threshold, masks in them above the mask threshold, and the union of those."""
        boxes, scores = self.boxes(images, terms, questions)
        best = scores.amax(-1).tolist()
        asked, taken = (scores > least.detection).flatten(0, 1).nonzero().unbind(1)  # rows of questions, boxes in them
        boxes, scores = boxes.flatten(0, 1)[asked, taken], scores.flatten(0, 1)[asked, taken]
        masks, ratings = self.masks(images, asked // len(terms), boxes)
        kept = ~(ratings < least.mask)  # one that is no number is kept: it tells of an overflow

        def found(view: int, term: int) -> Detections:
            rows = ((asked == view * len(terms) + term) & kept).nonzero().squeeze(1)
            if not len(rows):
                return nothing(alphas[view], best[view][term])
            rows = rows[scores[rows].argsort(descending=True, stable=True)]
            return Detections(
                union(masks[rows], alphas[view]),
                boxes[rows].to(alphas.device),
                tuple(scores[rows].tolist()),
                tuple(ratings[rows].tolist()),
                best[view][term],
            )

        return [[found(view, term) for term in range(len(terms))] for view in range(len(images))]

    def boxes(
        self,
        images: Tensor,  # [V, 3, H, W]
        terms: Sequence[str],
        questions: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """All candidates [V, N, Q, 4] in pixels (left, top, right, bottom) and their scores [V, N, Q]: the best word's.

        The picture's features depend on the words from the first layers on, so that every term is a forward pass of
        its own, or a row in one.
        """
        height, width = images.shape[2:]
        scale = min(self.side / min(height, width), self.longest / max(height, width))
        pixels = normalised(images, (round(height * scale), round(width * scale)), self.detector.device)
        pixels = pixels.to(self.detector.dtype)
        # A phrase has to be in lower case and to end with a full stop.
        phrases = [f"{term.lower().strip(' .')}." for term in terms]

        def asked(part: slice) -> tuple[Tensor, Tensor]:
            rows = range(len(images) * len(terms))[part]
            seen = pixels[[row // len(terms) for row in rows]]
            words = self.tokenizer([phrases[row % len(terms)] for row in rows], return_tensors="pt", padding=True)
            words = words.to(seen.device)
            out = self.detector(
                pixel_values=seen,
                pixel_mask=torch.ones_like(seen[:, 0], dtype=torch.long),
                input_ids=words["input_ids"],
                attention_mask=words["attention_mask"],
                token_type_ids=torch.zeros_like(words["input_ids"]),
            )
            return out.pred_boxes.float(), out.logits.float().sigmoid().amax(-1)

        shares, scores = map(torch.cat, zip(*in_chunks(len(images) * len(terms), questions, asked)))
        x, y, w, h = shares.unbind(-1)
        corners = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)
        shape = len(images), len(terms), -1
        return (corners * corners.new_tensor([width, height, width, height])).view(*shape, 4), scores.view(shape)

    def masks(
        self,
        images: Tensor,  # [V, 3, H, W]
        view: Tensor,  # [D] int64
        boxes: Tensor,  # [D, 4] pixels, in those views
    ) -> tuple[Tensor, Tensor]:
        """One mask [D, H, W] bool per box, and the IoU [D] that SAM 2 expects of it. A view is looked at once."""
        height, width = images.shape[2:]
        if not len(boxes):
            return images.new_zeros(0, height, width, dtype=torch.bool), boxes[:, 0]
        prompted: Any = self.masker.config.prompt_encoder_config  # transformers types it as a dict or None, too
        side = prompted.image_size
        shown, view = view.unique(return_inverse=True)
        pixels = normalised(images[shown.to(images.device)], (side, side), self.masker.device).to(self.masker.dtype)
        maps = self.masker.get_image_embeddings(pixels)
        prompts = (boxes * boxes.new_tensor([side / width, side / height]).repeat(2))[:, None]

        def drawn(part: slice) -> tuple[Tensor, Tensor]:
            embeddings = [one[view[part]] for one in maps]
            out = self.masker(image_embeddings=embeddings, input_boxes=prompts[part], multimask_output=False)
            logits = F.interpolate(out.pred_masks[:, 0].float(), (height, width), mode="bilinear", align_corners=False)
            return logits[:, 0] > 0, out.iou_scores[:, 0, 0].float()

        masks, ratings = map(torch.cat, zip(*in_chunks(len(boxes), BOXES, drawn)))
        return masks, ratings


def normalised(
    images: Tensor,  # [V, 3, H, W] in [0, 1]
    size: tuple[int, int],
    device: torch.device,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> Tensor:
    """[V, 3, *size] as the released preprocessing makes it: stretched bilinearly, then mean and deviation per channel.

    Done here because the image processors of these networks need torchvision.
    """
    resized = F.interpolate(images.to(device).float(), size, mode="bilinear", align_corners=False, antialias=True)
    offset, scale = (resized.new_tensor(values).view(3, 1, 1) for values in (mean, std))
    return (resized.clamp(0, 1) - offset) / scale
