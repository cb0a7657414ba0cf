"""SAM 3: every instance of a noun phrase in a picture, found and masked by one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .batches import Batching, OpenVocabulary, in_chunks
from .detections import Detections, Thresholds, nothing, union
from .grounded import normalised

if TYPE_CHECKING:
    from transformers import Sam3Model

HALF = (0.5, 0.5, 0.5)  # mean and deviation of its pictures
WORDS = 32  # tokens of a phrase, padding included, as trained
OWN = Thresholds(detection=0.5, mask=0.0)  # Meta's


class Sam3(OpenVocabulary):
    """A `Segmenter` for any noun phrase. It rates instances, not masks: the mask threshold does nothing."""

    def __init__(self, net: Sam3Model, tokenizer: Any, thresholds: Thresholds = OWN, batching: Batching | None = None):
        super().__init__(thresholds.over(OWN), batching)
        self.net, self.tokenizer = net, tokenizer

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net,)

    def views(
        self, images: Tensor, alphas: Tensor, terms: Sequence[str], least: Thresholds, questions: int
    ) -> list[list[Detections]]:
        """Instances whose score, times that of the phrase being in the picture at all, is above the threshold.

        The picture's features do not depend on the term: they are computed once per view.
        """
        seeing: Any = self.net.config.vision_config  # transformers types it as a dict or None, too
        side = seeing.image_size
        pixels = normalised(images, (side, side), self.net.device, HALF, HALF).to(self.net.dtype)
        seen = self.net.get_vision_features(pixels)
        words = self.tokenizer(
            [term.strip() for term in terms],
            return_tensors="pt", padding="max_length", max_length=WORDS, truncation=True,
        ).to(self.net.device)  # fmt: skip

        def asked(part: slice) -> list[Detections]:
            rows = torch.arange(len(images) * len(terms), device=self.net.device)[part]
            view, term = rows // len(terms), rows % len(terms)
            out = self.net(
                vision_embeds=type(seen)(
                    fpn_hidden_states=tuple(one[view] for one in seen.fpn_hidden_states),
                    fpn_position_encoding=tuple(one[view % len(one)] for one in seen.fpn_position_encoding),
                ),
                input_ids=words["input_ids"][term],
                attention_mask=words["attention_mask"][term],
            )
            scores = (out.pred_logits.float().sigmoid() * out.presence_logits.float().sigmoid()).cpu()
            masks, boxes = out.pred_masks.float(), out.pred_boxes.float()
            return [
                _instances(one, masks[row], boxes[row], alphas[int(view[row])], least.detection)
                for row, one in enumerate(scores)
            ]

        found = [one for part in in_chunks(len(images) * len(terms), questions, asked) for one in part]
        return [found[row : row + len(terms)] for row in range(0, len(found), len(terms))]


def _instances(
    scores: Tensor,  # [Q]
    masks: Tensor,  # [Q, h, w] logits
    boxes: Tensor,  # [Q, 4] shares of the picture
    alpha: Tensor,  # [H, W]
    least: float,
) -> Detections:
    """Those above the threshold, best first."""
    best = float(scores.max())
    kept = scores.argsort(descending=True, stable=True)[: int((scores > least).sum())]
    if not len(kept):
        return nothing(alpha, best)
    height, width = alpha.shape
    shares = masks[kept.to(masks.device)].sigmoid()  # enlarged after the sigmoid, as released
    shares = F.interpolate(shares[None], (height, width), mode="bilinear", align_corners=False)[0]
    pixels = boxes[kept.to(boxes.device)] * boxes.new_tensor([width, height, width, height])
    return Detections(union(shares > 0.5, alpha), pixels.to(alpha.device), tuple(scores[kept].tolist()), (), best)
