"""SAM 3: every instance of a noun phrase in a picture, found and masked by one network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .detections import Detections, Thresholds, nothing, union
from .grounded import normalised

if TYPE_CHECKING:
    from transformers import Sam3Model

HALF = (0.5, 0.5, 0.5)  # mean and deviation of its pictures
WORDS = 32  # tokens of a phrase, padding included, as trained
OWN = Thresholds(detection=0.5, mask=0.0)  # Meta's


class Sam3:
    """A `Segmenter` for any noun phrase. It rates instances, not masks: the mask threshold does nothing."""

    def __init__(self, net: Sam3Model, tokenizer: Any, thresholds: Thresholds = OWN):
        self.net, self.tokenizer, self.thresholds = net, tokenizer, thresholds.over(OWN)
        self._seen: tuple[Tensor, Any] | None = None

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """For whoever moves them between devices."""
        return (self.net,)

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        return self.detect(image, alpha, term).mask

    @torch.no_grad()
    def detect(self, image: Tensor, alpha: Tensor, term: str, thresholds: Thresholds | None = None) -> Detections:
        """Instances whose score, times that of the phrase being in the picture at all, is above the threshold."""
        least = (thresholds or Thresholds()).over(self.thresholds).detection
        words = self.tokenizer(
            term.strip(), return_tensors="pt", padding="max_length", max_length=WORDS, truncation=True
        ).to(self.net.device)
        out = self.net(
            vision_embeds=self._embeddings(image),
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
        )
        scores = (out.pred_logits.sigmoid() * out.presence_logits.sigmoid())[0].float()
        best = float(scores.max())
        kept = scores.argsort(descending=True, stable=True)[: int((scores > least).sum())]
        if not len(kept):
            return nothing(alpha, best)
        height, width = image.shape[1:]
        shares = out.pred_masks[0, kept].float().sigmoid()  # enlarged after the sigmoid, as released
        shares = F.interpolate(shares[None], (height, width), mode="bilinear", align_corners=False)[0]
        boxes = out.pred_boxes[0, kept].float() * scores.new_tensor([width, height, width, height])
        return Detections(union(shares > 0.5, alpha), boxes.to(alpha.device), tuple(scores[kept].tolist()), (), best)

    def _embeddings(self, image: Tensor) -> Any:
        """The picture's features, which do not depend on the term: computed once per view."""
        if self._seen is None or self._seen[0] is not image:
            seeing: Any = self.net.config.vision_config  # transformers types it as a dict or None, too
            side = seeing.image_size
            pixels = normalised(image, (side, side), self.net.device, HALF, HALF).to(self.net.dtype)
            self._seen = image, self.net.get_vision_features(pixels)
        return self._seen[1]
