"""The encoders of pictures and of text with random weights, in folders as transformers reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ...files import atomic_write
from .dinov2 import require_transformers
from .tiny import PICTURE_CHANNELS, TEXT_CHANNELS

DINOV2: dict[str, Any] = dict(image_size=518, patch_size=14, num_register_tokens=4, layer_norm_eps=1e-6)
DINOV2_LARGE = dict(DINOV2, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16)
DINOV2_TINY = dict(DINOV2, hidden_size=PICTURE_CHANNELS, num_hidden_layers=1, num_attention_heads=2)
CLIP: dict[str, Any] = dict(max_position_embeddings=77, hidden_act="quick_gelu", layer_norm_eps=1e-5)
CLIP_LARGE = dict(
    CLIP, vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    projection_dim=768, bos_token_id=49406, eos_token_id=49407, pad_token_id=49407,
)  # fmt: skip
CLIP_TINY = CLIP_LARGE | dict(
    vocab_size=514, hidden_size=TEXT_CHANNELS, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2,
    projection_dim=TEXT_CHANNELS, bos_token_id=512, eos_token_id=513, pad_token_id=513,
)  # fmt: skip
START, END = "<|startoftext|>", "<|endoftext|>"


def random_dinov2(tiny: bool = False, device: torch.device | str = "cpu", seed: int = 0) -> Any:
    """A `Dinov2WithRegistersModel`, large or tiny."""
    transformers = require_transformers()
    config = transformers.Dinov2WithRegistersConfig(**(DINOV2_TINY if tiny else DINOV2_LARGE))
    return made(transformers.Dinov2WithRegistersModel, config, device, seed)


def random_clip_text(tiny: bool = False, device: torch.device | str = "cpu", seed: int = 0) -> Any:
    """A `CLIPTextModel`, large or tiny."""
    transformers = require_transformers()
    config = transformers.CLIPTextConfig(**(CLIP_TINY if tiny else CLIP_LARGE))
    return made(transformers.CLIPTextModel, config, device, seed)


def made(cls: Any, config: Any, device: torch.device | str, seed: int = 0) -> Any:
    """A network of random weights, on its device from the start."""
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        net = cls(config)
    return net.to(device).eval().requires_grad_(False)  # GroundingDINO makes one of its parameters on the CPU


def letters(tiny: bool) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary of single bytes, alone and at a word's end, for CLIP's tokenizer: no merges."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    symbols = list(bytes_to_unicode().values())
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols)]
    first = (CLIP_TINY if tiny else CLIP_LARGE)["bos_token_id"]
    return {word: i for i, word in enumerate(words)} | {START: first, END: first + 1}, []


def write_tokenizer(folder: Path, tiny: bool = False) -> Any:
    """Writes a `CLIPTokenizer` that spells every word, and returns it."""
    vocabulary, merges = letters(tiny)
    special = dict(bos_token=START, eos_token=END, pad_token=END, unk_token=END, model_max_length=77)
    atomic_write(folder / "vocab.json", json.dumps(vocabulary, ensure_ascii=False))
    atomic_write(folder / "merges.txt", "\n".join(["#version: 0.2", *(" ".join(pair) for pair in merges)]) + "\n")
    atomic_write(folder / "tokenizer_config.json", json.dumps({"tokenizer_class": "CLIPTokenizer", **special}))
    return require_transformers().CLIPTokenizer.from_pretrained(folder)


def write_random_encoders(pictures: Path, text: Path, tiny: bool = False, seed: int = 0) -> None:
    """Both encoders and the tokenizer, as `from_pretrained` reads them."""
    random_dinov2(tiny, seed=seed).save_pretrained(pictures)
    random_clip_text(tiny, seed=seed).save_pretrained(text)
    write_tokenizer(text, tiny)
