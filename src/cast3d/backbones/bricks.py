"""The small backbone's conditioner and segmenter: pictures of 112 pixels, a closed word list."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..conditioning.crops import preprocess_small
from ..conditioning.encoders import FRAMES, PictureEncoder, WordEncoder
from ..conditioning.words import Vocabulary
from ..models import register
from ..models.sdf_decoder import SLatSdfDecoder
from ..models.slat_clean_flow import SLatCleanFlowModel
from ..models.structure_patch import PatchStructureDecoder, PatchStructureEncoder
from ..segmentation.prompted import PromptedSegmenter

for _cls in (
    PatchStructureEncoder,
    PatchStructureDecoder,
    SLatCleanFlowModel,
    SLatSdfDecoder,
    PictureEncoder,
    WordEncoder,
    PromptedSegmenter,
):
    register(_cls.__name__, _cls)


class BricksDescriber:
    """Pictures and sentences to tokens."""

    def __init__(self, pictures: PictureEncoder, words: WordEncoder, vocabulary: Vocabulary):
        self.picture_encoder, self.word_encoder, self.vocabulary = pictures, words, vocabulary
        self.text = lru_cache(maxsize=64)(self._text)

    def pictures(self, rgba: Sequence[Image.Image], frame: str) -> tuple[Tensor, ...]:
        device = self.picture_encoder.position.device
        size = self.picture_encoder.config["image_size"]
        index = torch.tensor([FRAMES.index(frame)], device=device)
        images = (torch.as_tensor(preprocess_small(image, size))[None].to(device) for image in rgba)
        return tuple(self.picture_encoder(image, index) for image in images)

    def _text(self, text: str) -> Tensor:
        length = self.word_encoder.config["max_words"]
        indices = self.vocabulary.encode(text, length).indices
        return self.word_encoder(torch.tensor([indices], device=self.word_encoder.position.device))

    def unknown_words(self, text: str) -> dict[str, str | None]:
        """Words of `text` without a known form, each with the nearest known word."""
        return self.vocabulary.encode(text).unknown


class BricksSegmenter:
    """`PromptedSegmenter` on views of any size: shrunk to the trained size, masks enlarged again."""

    def __init__(self, net: PromptedSegmenter, vocabulary: Vocabulary, size: int = 112, least: int = 12):
        self.net, self.vocabulary, self.size, self.least = net, vocabulary, size, least

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        on_black = (image - (1 - alpha)).clamp(0, 1)  # views are composited on white
        rgba = torch.cat([on_black, alpha[None]])[None]
        small = F.interpolate(rgba, (self.size, self.size), mode="area")
        indices = torch.tensor([self.vocabulary.encode(term).indices], device=image.device)
        logits = self.net(small, indices)[:, None]
        mask = F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)[0, 0] > 0
        mask &= alpha > 0.5
        share = (self.size / image.shape[-1]) ** 2
        return mask if mask.sum() * share >= self.least else torch.zeros_like(mask)
