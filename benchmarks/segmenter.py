"""GroundingDINO and SAM 2 at their released sizes with random weights: what segmentation costs in time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cast3d.backbones.trellis.dinov2 import require_transformers
from cast3d.backbones.trellis.random_encoders import made
from cast3d.segmentation.batches import Batching
from cast3d.segmentation.grounded import GroundedSam2

BOXES = 2  # what a question finds

WORDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, ".": 5}
SWIN_BASE = dict(
    image_size=384, embed_dim=128, depths=[2, 2, 18, 2], num_heads=[4, 8, 16, 32], window_size=12,
    out_features=["stage2", "stage3", "stage4"],
)  # fmt: skip
HIERA_SMALL = dict(blocks_per_stage=[1, 2, 11, 2], global_attention_blocks=[7, 10, 13])
TINY_SIDE = 128


class TwoBoxes(GroundedSam2):
    """Random weights find hundreds of things or none. This finds the `BOXES` best per question, as real ones do."""

    def boxes(self, images: Tensor, terms: Sequence[str], questions: int = 1) -> tuple[Tensor, Tensor]:
        boxes, scores = super().boxes(images, terms, questions)
        return boxes, torch.zeros_like(scores).scatter_(-1, scores.topk(BOXES).indices, 1.0)


def random_grounded_sam2(tiny: bool, device: torch.device, batching: Batching | None = None) -> TwoBoxes:
    """grounding-dino-base and sam2.1-hiera-small (without its memory of videos), in float32 as `cast3d` loads them."""
    transformers = require_transformers()

    detector = made(transformers.GroundingDinoForObjectDetection, detector_config(tiny), device)
    masker = made(transformers.Sam2Model, masker_config(tiny), device)
    sides = dict(side=TINY_SIDE, longest=2 * TINY_SIDE) if tiny else {}
    return TwoBoxes(detector, transformers.BertTokenizer(vocab=WORDS), masker, batching=batching, **sides)


def detector_config(tiny: bool = False) -> Any:
    """That of IDEA-Research/grounding-dino-base."""
    from transformers import BertConfig, GroundingDinoConfig, SwinConfig

    if not tiny:
        return GroundingDinoConfig(backbone_config=SwinConfig(**SWIN_BASE), text_config=BertConfig())
    swin = dict(SWIN_BASE, image_size=TINY_SIDE, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4)
    text = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    return GroundingDinoConfig(
        backbone_config=SwinConfig(**swin), text_config=text, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=10,
        encoder_n_points=2, decoder_n_points=2,
    )  # fmt: skip


def masker_config(tiny: bool = False) -> Any:
    """That of facebook/sam2.1-hiera-small."""
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2MaskDecoderConfig,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    if not tiny:
        return Sam2Config(vision_config=Sam2VisionConfig(backbone_config=Sam2HieraDetConfig(**HIERA_SMALL)))
    trunk = Sam2HieraDetConfig(
        hidden_size=8, image_size=[64, 64], window_positional_embedding_background_size=[4, 4],
        blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1] * 4,
        window_size_per_stage=[8, 4, 2, 2], global_attention_blocks=[3], num_attention_heads=1,
    )  # fmt: skip
    return Sam2Config(
        vision_config=Sam2VisionConfig(
            backbone_config=trunk, backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], fpn_hidden_size=32,
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(hidden_size=32, image_size=64, mask_input_channels=4),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=32, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
        ),
    )  # fmt: skip
