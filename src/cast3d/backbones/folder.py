"""Backbone folders on disk: `pipeline.json` and the networks it names."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from ..models import load
from ..settings import Settings
from .backbone import Backbone

DEFAULT_ENCODER = "ckpts/ss_enc_conv3d_16l8_fp16"  # released folders hold it without listing it


def shipped() -> Path:
    """The folder of the weights inside the package."""
    return Path(str(resources.files("cast3d") / "weights" / "bricks"))


def load_backbone(name: str = "bricks", device: str | torch.device = "cpu") -> Backbone:
    """The backbone `name`: "bricks", or the path of a folder in the same layout."""
    folder = shipped() if name == "bricks" else Path(name)
    config = read_pipeline(folder)
    if "cast3d" not in config:
        raise CheckpointError(
            f"{folder} is a released TRELLIS folder; this version of cast3d runs folders of the bricks kind only "
            '(pipeline.json with a "cast3d" key)'
        )
    return _bricks(folder, config, torch.device(device))


def read_pipeline(folder: Path) -> dict[str, Any]:
    """The content of `pipeline.json`."""
    path = folder / "pipeline.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} holds no pipeline.json; a backbone folder has one beside ckpts/") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(config, dict) or "models" not in config.get("args", {}):
        raise CheckpointError(f'{path} has no "args": {{"models": ...}}')
    return config


def _bricks(folder: Path, config: dict[str, Any], device: torch.device) -> Backbone:
    from ..conditioning.words import Vocabulary
    from .bricks import BricksDescriber, BricksSegmenter

    args, own = config["args"], config["cast3d"]
    names = {"sparse_structure_encoder": DEFAULT_ENCODER, **args["models"]}
    torso = torch.bfloat16 if device.type == "cpu" and fast_bfloat16() else None

    def network(key: str, dtype: torch.dtype | None = None):
        if key not in names:
            raise CheckpointError(f"{folder}/pipeline.json names no {key}")
        return load(folder / names[key], device, dtype)

    vocabulary = Vocabulary(own["words"])
    structure_flow, slat_flow = network("sparse_structure_flow_model", torso), network("slat_flow_model", torso)
    normalization = args["slat_normalization"]
    return Backbone(
        name="bricks",
        device=device,
        structure_encoder=network("sparse_structure_encoder"),
        structure_decoder=network("sparse_structure_decoder"),
        structure_flows={"image": structure_flow, "text": structure_flow},
        slat_flows={"image": slat_flow, "text": slat_flow},
        gaussian_decoder=network("slat_decoder_gs"),
        mesh_decoder=network("slat_decoder_mesh"),
        slat_mean=torch.tensor(normalization["mean"], device=device),
        slat_std=torch.tensor(normalization["std"], device=device),
        describer=BricksDescriber(
            load(folder / args["image_cond_model"], device), load(folder / args["text_cond_model"], device), vocabulary
        ),
        segmenter=BricksSegmenter(load(folder / own["segmenter"], device), vocabulary),
        defaults=Settings().changed(own["defaults"]),
        hashes=weight_hashes(folder),
        about=own.get("about", {}),
        orthographic=True,
    )


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively; elsewhere float32 is faster and exact."""
    return torch.cpu._is_avx512_bf16_supported() if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False


def weight_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each weight file by its stem."""
    return {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("ckpts/*.safetensors"))
    }
