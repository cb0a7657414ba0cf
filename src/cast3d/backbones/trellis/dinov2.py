"""DINOv2 with registers: pictures to the tokens that the released image models attend to (Oquab et al. 2023)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import INSTALL_TRELLIS, CheckpointError
from ...models.pretrained import DAMAGED, load_network, reason

if TYPE_CHECKING:
    from transformers import Dinov2WithRegistersModel

# What released pipelines call `image_cond_model`, and where the same weights are kept as safetensors.
RELEASED = {
    "dinov2_vits14_reg": "facebook/dinov2-with-registers-small",
    "dinov2_vitb14_reg": "facebook/dinov2-with-registers-base",
    "dinov2_vitl14_reg": "facebook/dinov2-with-registers-large",
    "dinov2_vitg14_reg": "facebook/dinov2-with-registers-giant",
}
PICTURE_SIZE = 518
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Dinov2(nn.Module):
    """A vision transformer whose class, register and patch tokens are the condition; none of them is dropped."""

    def __init__(self, vit: Dinov2WithRegistersModel):
        super().__init__()
        # The condition is the last block's output before the network's own final norm.
        vit.layernorm = nn.Identity()  # type: ignore[assignment]  # declared as a LayerNorm
        self.vit = vit

    @property
    def channels(self) -> int:
        return self.vit.config.hidden_size

    def features(
        self,
        images: Tensor,  # [B, 3, 518, 518] RGB in [0, 1]
    ) -> Tensor:
        """[B, 1 + 4 + 37 * 37, C] tokens before the final norm."""
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        return self.vit(((images - mean) / std).to(self.vit.dtype)).last_hidden_state

    @torch.inference_mode()
    def encode(
        self,
        images: Tensor,  # [B, 3, 518, 518] RGB in [0, 1], background black
    ) -> Tensor:
        """[B, 1374, C] float32 condition tokens: layer norm without weights, eps 1e-5."""
        tokens = self.features(images).float()
        return F.layer_norm(tokens, tokens.shape[-1:])


def load_dinov2(
    source: str | Path = "dinov2_vitl14_reg",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    revision: str | None = None,
) -> Dinov2:
    """The encoder named in a pipeline, or a transformers folder or hub id, or a stem of weights named as in torch.hub.

    A stem means STEM.json with the constructor arguments of the original code beside STEM.safetensors.
    """
    transformers = require_transformers()
    if Path(f"{source}.safetensors").exists():
        vit = from_original(Path(f"{source}.json"), Path(f"{source}.safetensors"))
    else:
        name = RELEASED.get(str(source), str(source))
        vit = load_network(
            transformers.Dinov2WithRegistersModel, name, revision, f"picture encoder {name!r}",
            spare=["embeddings.mask_token"],  # for training only
            dtype=dtype,
        )  # fmt: skip
    return Dinov2(vit).to(device, dtype).eval().requires_grad_(False)


def require_transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise CheckpointError(
            f"the encoders of TRELLIS need transformers; install it with: {INSTALL_TRELLIS}"
        ) from error
    return transformers


def from_original(config: Path, weights: Path) -> Dinov2WithRegistersModel:
    """A transformers model from weights and arguments named as in the original code."""
    transformers = require_transformers()
    try:
        arguments = json.loads(config.read_text(encoding="utf-8"))
        arguments = arguments.get("args", arguments)
        vit = transformers.Dinov2WithRegistersModel(
            transformers.Dinov2WithRegistersConfig(
                hidden_size=arguments["embed_dim"],
                num_hidden_layers=arguments["depth"],
                num_attention_heads=arguments["num_heads"],
                mlp_ratio=arguments["mlp_ratio"],
                image_size=arguments["img_size"],
                patch_size=arguments["patch_size"],
                num_register_tokens=arguments["num_register_tokens"],
            )
        )
        vit.load_state_dict(rename(load_file(weights)))
    except SafetensorError as error:
        raise CheckpointError(f"{weights} {DAMAGED}: {error}") from error
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"{weights} is not a DINOv2 encoder with registers as {config.name} describes it: {reason(error)}; "
            "fetch both again"
        ) from error
    return vit


# Original name -> transformers name, as patterns applied in order.
NAMES = (
    (r"^(cls_token|mask_token|register_tokens)$", r"embeddings.\1"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^norm\.", "layernorm."),
    (r"^blocks\.", "encoder.layer."),
    (r"\.attn\.proj\.", ".attention.o_proj."),
    (r"\.ls([12])\.gamma$", r".layer_scale\1.lambda1"),
)


def rename(original: dict[str, Tensor]) -> dict[str, Tensor]:
    """State of the original code -> state of the transformers class, which splits the joint q, k, v projection."""
    state = {}
    for key, value in original.items():
        for pattern, name in NAMES:
            key = re.sub(pattern, name, key)
        if ".attn.qkv." in key:
            for letter, part in zip("qkv", value.chunk(3)):
                state[key.replace("attn.qkv", f"attention.{letter}_proj")] = part
        else:
            state[key] = value
    return state
