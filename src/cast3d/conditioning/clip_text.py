"""CLIP's text tower: sentences to the tokens that the released text models attend to (Radford et al. 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
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
    transformers = require_transformers()
    try:
        model, info = transformers.CLIPTextModel.from_pretrained(
            source, revision=revision, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = transformers.CLIPTokenizer.from_pretrained(source, revision=revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"text encoder {str(source)!r} cannot be loaded: {_first_line(error)}") from error
    if missing := sorted(info["missing_keys"]):  # transformers would draw them at random
        raise CheckpointError(f"text encoder {str(source)!r} lacks {len(missing)} weights, such as {missing[0]}")
    return ClipText(model, tokenizer).to(device).eval().requires_grad_(False)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
