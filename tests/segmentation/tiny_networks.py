"""Random GroundingDINO, SAM 2 and SAM 3 of a few hundred thousand weights, saved in the layout of their releases."""

from __future__ import annotations

from pathlib import Path

import torch

from cast3d.segmentation.detections import Thresholds

EVERYTHING, NOTHING = Thresholds(0.0, 0.0), Thresholds(1.0, 0.0)
WORDS = ("a", "red", "cap", "back", "##pack", "figure", ".")


def save_grounding_dino(folder: Path) -> None:
    from transformers import BertConfig, BertTokenizer, GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    torch.manual_seed(0)
    heads = dict(encoder_attention_heads=2, decoder_attention_heads=2)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=128, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(
            vocab_size=5 + len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        ),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=10,
        max_text_len=16, encoder_n_points=2, decoder_n_points=2, **heads,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS))}
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)


def sam2_parts() -> dict:
    """Arguments of `Sam2Config` and of `Sam2VideoConfig`."""
    from transformers import Sam2HieraDetConfig, Sam2MaskDecoderConfig, Sam2PromptEncoderConfig, Sam2VisionConfig

    trunk = Sam2HieraDetConfig(
        hidden_size=8, image_size=[64, 64], window_positional_embedding_background_size=[4, 4],
        blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1] * 4,
        window_size_per_stage=[8, 4, 2, 2], global_attention_blocks=[3], num_attention_heads=1,
    )  # fmt: skip
    sizes = [[16, 16], [8, 8], [4, 4]]
    return dict(
        vision_config=Sam2VisionConfig(
            backbone_config=trunk, backbone_channel_list=[64, 32, 16, 8], backbone_feature_sizes=sizes,
            fpn_hidden_size=32,
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(hidden_size=32, image_size=64, mask_input_channels=4),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=32, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
        ),
    )  # fmt: skip


def save_sam2(folder: Path) -> None:
    from transformers import Sam2Config, Sam2Model

    torch.manual_seed(1)
    Sam2Model(Sam2Config(**sam2_parts())).save_pretrained(folder)


def sam3_config():
    from transformers import Sam3Config

    sizes = dict(hidden_size=32, num_attention_heads=2)
    layers = dict(sizes, num_layers=1, intermediate_size=32)
    trunk = dict(
        sizes, model_type="sam3_vit_model", intermediate_size=32, num_hidden_layers=2, image_size=56, window_size=2,
        global_attn_indexes=[1], pretrain_image_size=28,
    )  # fmt: skip
    maps = [[16, 16], [8, 8], [4, 4]]
    return Sam3Config(
        vision_config=dict(backbone_config=trunk, fpn_hidden_size=32, backbone_feature_sizes=maps),
        text_config=dict(
            vocab_size=514, hidden_size=16, intermediate_size=32, projection_dim=16, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=32, bos_token_id=512, eos_token_id=513,
        ),
        geometry_encoder_config=layers,
        detr_encoder_config=layers,
        detr_decoder_config=dict(layers, num_layers=2, num_queries=6),
        mask_decoder_config=sizes,
    )  # fmt: skip


def save_sam3(folder: Path) -> None:
    from transformers import CLIPTokenizer, Sam3Model

    torch.manual_seed(2)
    Sam3Model(sam3_config()).save_pretrained(folder)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [f"<unused{i}>" for i in range(512 - len(words))] + ["<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[]).save_pretrained(folder)


def names(weights) -> dict[str, str]:
    return {"grounded-sam2": f"grounded-sam2:{weights}/dino+{weights}/sam2", "sam3": f"sam3:{weights}/sam3"}


def small(segmenter):
    segmenter.side, segmenter.longest = 128, 200  # of GroundingDINO's pictures, which is 800 as released
    return segmenter


def view(height: int = 128, width: int = 96, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    alpha = torch.zeros(height, width)
    alpha[10:-10, 20:-20] = 1
    return image, alpha


def views(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.stack(one) for one in zip(*(view(seed=seed) for seed in range(count))))


def lively(net: torch.nn.Module, seed: int) -> None:
    """Matrices drawn so that signals keep their size, as trained ones do: else masks are the sign of rounding."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim > 1:
                spread = parameter[0].numel() ** -0.5
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
