"""Grounded SAM 2, the paper's LangSAM: GroundingDINO finds boxes for a phrase, SAM 2 draws a mask in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .detections import Detections, Thresholds, nothing, union

if TYPE_CHECKING:
    from transformers import GroundingDinoForObjectDetection, Sam2Model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of both networks' pictures
SIDE, LONGEST = 800, 1333  # GroundingDINO's pictures: shorter side, and the most for the longer one
OWN = Thresholds(detection=0.3, mask=0.0)  # LangSAM's


class GroundedSam2:
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
    ):
        self.detector, self.tokenizer, self.masker = detector, tokenizer, masker
        self.thresholds, self.side, self.longest = thresholds.over(OWN), side, longest
        self._seen: tuple[Tensor, list[Tensor]] | None = None

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """For whoever moves them between devices."""
        return self.detector, self.masker

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        return self.detect(image, alpha, term).mask

    @torch.no_grad()
    def detect(self, image: Tensor, alpha: Tensor, term: str, thresholds: Thresholds | None = None) -> Detections:
        """Boxes above the detection threshold, masks in them above the mask threshold, and the union of those."""
        least = (thresholds or Thresholds()).over(self.thresholds)
        boxes, scores = self.boxes(image, term)
        best = float(scores.max())
        boxes, scores = boxes[scores > least.detection], scores[scores > least.detection]
        if not len(boxes):
            return nothing(alpha, best)
        masks, ratings = self.masks(image, boxes)
        kept = ratings >= least.mask
        if not kept.any():
            return nothing(alpha, best)
        kept = kept.nonzero().squeeze(1)
        kept = kept[scores[kept].argsort(descending=True, stable=True)]
        return Detections(
            union(masks[kept], alpha),
            boxes[kept].to(alpha.device),
            tuple(scores[kept].tolist()),
            tuple(ratings[kept].tolist()),
            best,
        )

    def boxes(
        self,
        image: Tensor,  # [3, H, W]
        term: str,
    ) -> tuple[Tensor, Tensor]:
        """All candidates [Q, 4] in pixels (left, top, right, bottom) and their scores [Q]: the best word's."""
        device = self.detector.device
        height, width = image.shape[1:]
        scale = min(self.side / min(height, width), self.longest / max(height, width))
        pixels = normalised(image, (round(height * scale), round(width * scale)), device).to(self.detector.dtype)
        # The phrase has to be in lower case and to end with a full stop.
        words = self.tokenizer(f"{term.lower().strip(' .')}.", return_tensors="pt").to(device)
        out = self.detector(
            pixel_values=pixels,
            pixel_mask=torch.ones_like(pixels[:, 0], dtype=torch.long),
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
            token_type_ids=torch.zeros_like(words["input_ids"]),
        )
        x, y, w, h = out.pred_boxes[0].float().unbind(-1)
        corners = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)
        return corners * corners.new_tensor([width, height, width, height]), out.logits[0].float().sigmoid().amax(-1)

    def masks(
        self,
        image: Tensor,  # [3, H, W]
        boxes: Tensor,  # [D, 4] pixels
    ) -> tuple[Tensor, Tensor]:
        """One mask [D, H, W] bool per box, and the IoU [D] that SAM 2 expects of it."""
        height, width = image.shape[1:]
        prompted: Any = self.masker.config.prompt_encoder_config  # transformers types it as a dict or None, too
        side = prompted.image_size
        scale = boxes.new_tensor([side / width, side / height]).repeat(2)
        embeddings = self._embeddings(image, side)
        prompts = (boxes * scale)[None].to(embeddings[-1])
        out = self.masker(image_embeddings=embeddings, input_boxes=prompts, multimask_output=False)
        logits = F.interpolate(out.pred_masks[0].float(), (height, width), mode="bilinear", align_corners=False)
        return logits[:, 0] > 0, out.iou_scores[0, :, 0].float().to(boxes)

    def _embeddings(self, image: Tensor, side: int) -> list[Tensor]:
        """SAM 2's view of the picture, which does not depend on the term: computed once per view."""
        if self._seen is None or self._seen[0] is not image:
            pixels = normalised(image, (side, side), self.masker.device).to(self.masker.dtype)
            self._seen = image, self.masker.get_image_embeddings(pixels)
        return self._seen[1]


def normalised(
    image: Tensor,  # [3, H, W] in [0, 1]
    size: tuple[int, int],
    device: torch.device,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> Tensor:
    """[1, 3, *size] as the released preprocessing makes it: stretched bilinearly, then mean and deviation per channel.

    Done here because the image processors of these networks need torchvision.
    """
    resized = F.interpolate(image[None].to(device).float(), size, mode="bilinear", align_corners=False, antialias=True)
    offset, scale = (resized.new_tensor(values).view(3, 1, 1) for values in (mean, std))
    return (resized.clamp(0, 1) - offset) / scale
