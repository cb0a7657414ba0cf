"""CLIP's text tower: sentences to the tokens that the released text models attend to (Radford et al. 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...models.pretrained import load_network, load_tokenizer
from .dinov2 import require_transformers

if TYPE_CHECKING:
    from transformers import CLIPTextModel

LENGTH = 77  # tokens, start and end included


class ClipText(nn.Module):
    """Every token of the last layer, after the final norm; padding takes part, as the released models were trained."""

    def __init__(self, model: CLIPTextModel, tokenizer: Any):
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    @property
    def channels(self) -> int:
        return self.model.config.hidden_size

    @torch.inference_mode()
    def encode(self, text: str) -> Tensor:
        """[1, 77, C] float32 condition tokens; "" gives the negative condition."""
        ids = self.tokenizer(
            [text], max_length=LENGTH, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        device = next(self.model.parameters()).device
        return self.model(input_ids=ids.to(device)).last_hidden_state.float()

    def is_cut(self, text: str) -> bool:
        """Whether the sentence is longer than the model reads."""
        return len(self.tokenizer([text], verbose=False).input_ids[0]) > LENGTH


def load_clip_text(
    source: str | Path = "openai/clip-vit-large-patch14",
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> ClipText:
    """The text tower and the tokenizer of a transformers folder or hub id."""
    transformers, what = require_transformers(), f"text encoder {str(source)!r}"
    model = load_network(transformers.CLIPTextModel, source, revision, what, dtype=torch.float32)
    tokenizer = load_tokenizer(transformers.CLIPTokenizer, source, revision, what)
    return ClipText(model, tokenizer).to(device).eval().requires_grad_(False)
