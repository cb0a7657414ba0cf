"""Step 6: the trained networks as the package's backbone folder, 8-bit where that pays.

    python -m training.bricks.package --checkpoints checkpoints --data data/bricks

Writes src/cast3d/weights/bricks: pipeline.json in the released form and ckpts/*.json + *.safetensors.gz. The namer
is made and added afterwards, from the packaged picture encoder (`train_namer`). --squeeze compresses harder (0.7%
smaller, two minutes, needs the package zopfli); what is read is the same.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

import cast3d.backbones.bricks.loading  # noqa: F401  (registers the small classes)
from cast3d.backbones.bricks.prompted import PromptedSegmenter
from cast3d.models import eight_bit
from cast3d.models.registry import name_of
from cast3d.models.weights import deflate

from . import train_appearance, train_slat_flow, train_structure_flow, train_structure_vae
from .common import load_half

STEMS = {
    "encoder": "structure_encoder",
    "decoder": "structure_decoder",
    "flow": "structure_flow",
    "picture": "picture_encoder",
    "words": "word_encoder",
    "slat_flow": "slat_flow",
    "gaussians": "slat_decoder_gs",
    "sdf": "slat_decoder_sdf",
    "appearance_encoder": "appearance_encoder",
    "segmenter": "segmenter",
}

# What a sweep on the development split says; everything else is the paper's.
DEFAULTS = {
    "structure_steps": 12,
    "slat_steps": 4,
    "image_guidance": 3.0,
    "text_guidance": 3.0,
    "slat_image_guidance": 1.0,
    "slat_text_guidance": 0.0,
    "layout_generator": "static",
    "layout_starts": [10, 11, 12],
    "layout_colors": True,
    "lookalikes": 3,
    "mask_threshold": 0.4,
    "part_start": 5,
    "part_frame": "canonical",
    "replace_hint": "layout",
    "refine_start": 4,
    "seal": 0.03,
    "view_size": 224,
    "view_pitches": [-5.0, 25.0],
    "minimum_hint": 12,
    "base_in_hint": 0.5,
    "keep_hidden": True,
    "prune_connectivity": 26,
    "free_fraction": 0.0,
    "outline": 1.0,
    "candidates": 2,
    "place_missing": True,
    "recolor": 1.0,
    "refit": 1.0,
    "smooth": 6,
    "crumbs": 0.01,
}

ABOUT = {
    "knows": "minifigure-world objects: figures with headwear, packs, capes and tools, riders, animals, small props; "
    "clothed people who wear and hold such things; everyday objects, roughly",
    "licence": "CC BY 4.0, derived from the LDraw Parts Library and openly licensed models of everyday objects and "
    "people; the picture encoder's features are EfficientNet-Lite0's (Apache-2.0); see NOTICE",
}


def networks(num_words: int, features: bool = True) -> dict[str, dict[str, nn.Module]]:
    """All networks at their shipped sizes, by checkpoint; `features`: see `PictureEncoder`."""
    return {
        "structure_vae": train_structure_vae.networks(),
        "structure_flow": train_structure_flow.networks(num_words, features),
        "appearance": train_appearance.networks(),
        "slat_flow": {"slat_flow": train_slat_flow.flow_network()},
        "segmenter": {"segmenter": PromptedSegmenter(num_words)},
    }


def trained(checkpoints: Path, num_words: int) -> dict[str, nn.Module]:
    """All shipped networks with their averaged weights."""
    groups = networks(num_words, train_structure_flow.with_features(checkpoints))
    for name, group in groups.items():
        if not load_half(group, checkpoints / name):
            raise SystemExit(f"{checkpoints} holds no {name} weights")
    groups["appearance"]["appearance_encoder"] = groups["appearance"].pop("encoder")  # there are two encoders
    return {key: net for group in groups.values() for key, net in group.items()}


def pipeline(words: list[str], unread: list[str]) -> dict:
    """The content of pipeline.json; `unread` are words that no training caption held."""

    def sampler(steps: int, guidance: float) -> dict:
        params = {"steps": steps, "cfg_strength": guidance, "cfg_interval": [0.0, 1.0], "rescale_t": 3.0}
        return {"name": "FlowEulerGuidanceIntervalSampler", "args": {"sigma_min": 0.0}, "params": params}

    return {
        "name": "TrellisImageTo3DPipeline",
        "args": {
            "models": {
                "sparse_structure_encoder": "ckpts/structure_encoder",
                "sparse_structure_decoder": "ckpts/structure_decoder",
                "sparse_structure_flow_model": "ckpts/structure_flow",
                "slat_decoder_gs": "ckpts/slat_decoder_gs",
                "slat_decoder_mesh": "ckpts/slat_decoder_sdf",
                "slat_flow_model": "ckpts/slat_flow",
            },
            "sparse_structure_sampler": sampler(DEFAULTS["structure_steps"], DEFAULTS["image_guidance"]),
            "slat_sampler": sampler(DEFAULTS["slat_steps"], DEFAULTS["slat_image_guidance"]),
            "slat_normalization": {"mean": [0.0] * 8, "std": [1.0] * 8},
            "image_cond_model": "ckpts/picture_encoder",
            "text_cond_model": "ckpts/word_encoder",
        },
        "cast3d": {
            "segmenter": "ckpts/segmenter",
            "appearance_encoder": "ckpts/appearance_encoder",
            "defaults": DEFAULTS,
            "about": ABOUT,
            "unread": unread,
            "words": words,
        },
    }


def squeeze(file: Path) -> None:
    """Compresses the same content again, by a longer search."""
    from zopfli.gzip import compress

    file.write_bytes(compress(gzip.decompress(file.read_bytes())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("src/cast3d/weights/bricks"))
    parser.add_argument("--squeeze", action="store_true", help="compress with zopfli")
    parser.add_argument("--half", action="store_true", help="no 8-bit matrices, to measure what they cost")
    args = parser.parse_args()

    if args.squeeze:
        import zopfli.gzip  # noqa: F401  (before any work, where it lacks)
    words, unread = (json.loads((args.data / name).read_text()) for name in ("words.json", "unread.json"))
    (args.out / "ckpts").mkdir(parents=True, exist_ok=True)
    total = 0
    for key, net in trained(args.checkpoints, len(words) + 2).items():
        stem = args.out / "ckpts" / STEMS[key]
        constants = set(net.constants()) if hasattr(net, "constants") else set()
        weights = {k: v for k, v in net.state_dict().items() if k not in constants}
        whole = args.half or key == "appearance_encoder"  # the flow of step 4 lives in the latents that it makes
        packed = {k: v.half() for k, v in weights.items()} if whole else eight_bit.pack(weights)
        packed = {k: v.contiguous() for k, v in packed.items()}
        Path(f"{stem}.safetensors.gz").unlink(missing_ok=True)
        save_file(packed, f"{stem}.safetensors")
        config = {"name": name_of(type(net)), "args": net.config}
        stem.with_suffix(".json").write_text(json.dumps(config, indent=1) + "\n")
        file = deflate(Path(f"{stem}.safetensors"))
        if args.squeeze:
            squeeze(file)
        size = file.stat().st_size
        total += size
        print(f"{STEMS[key]:<18} {sum(p.numel() for p in net.parameters()) / 1e6:6.2f} M  {size / 1e6:6.2f} MB")
    (args.out / "pipeline.json").write_text(json.dumps(pipeline(words, unread), indent=1) + "\n")
    print(f"{'together':<18} {'':>10} {total / 1e6:6.2f} MB")


if __name__ == "__main__":
    with torch.no_grad():
        main()
