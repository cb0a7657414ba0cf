"""A backbone folder in the released layout with random weights: same files, same sizes, objects of noise.

    python -m cast3d.backbones.trellis.random_folder DIR                 # as released: 9.1 GB, no network needed
    python -m cast3d.backbones.trellis.random_folder DIR --tiny          # the same classes and files in 4 MB
    cast3d doctor --backbone DIR/TRELLIS-image-large+DIR/TRELLIS-text-xlarge

For trying memory, speed and set-up without the released weights. Encoders of pictures and text lie in the folders too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...files import atomic_write
from ...models import CLASSES, SparseStructureDecoder, save
from ...models.checkpoints import constant_buffers
from ...models.released import RELEASED
from ...models.shapes import shapes_only
from .loading import ENCODER
from .tiny import TINY

IMAGE, TEXT = "TRELLIS-image-large", "TRELLIS-text-xlarge"
DECODERS = {
    "sparse_structure_decoder": "ss_dec_conv3d_16l8_fp16",
    "slat_decoder_gs": "slat_dec_gs_swin8_B_64l8gs32_fp16",
    "slat_decoder_rf": "slat_dec_rf_swin8_B_64l8r16_fp16",
    "slat_decoder_mesh": "slat_dec_mesh_swin8_B_64l8m256c_fp16",
}
FLOWS = {
    IMAGE: ("ss_flow_img_dit_L_16l8_fp16", "slat_flow_img_dit_L_64l8p2_fp16"),
    TEXT: ("ss_flow_txt_dit_XL_16l8_fp16", "slat_flow_txt_dit_XL_64l8p2_fp16"),
}
UNLISTED = (ENCODER, "slat_enc_swin8_B_64l8_fp16")  # released, named by no pipeline.json
NORMALIZATION = {
    "mean": [
        -2.1687545776367188, -0.004347046371549368, -0.13352349400520325, -0.08418072760105133,
        -0.5271206498146057, 0.7238689064979553, -1.1414450407028198, 1.2039363384246826,
    ],
    "std": [
        2.377650737762451, 2.386378288269043, 2.124418020248413, 2.1748552322387695,
        2.663944721221924, 2.371192216873169, 2.6217446327209473, 2.684523105621338,
    ],
}  # fmt: skip
GUIDANCE = {IMAGE: (5.0, [0.5, 1.0]), TEXT: (7.5, [0.5, 0.95])}
CONDITIONERS = {
    IMAGE: {"image_cond_model": "dinov2_vitl14_reg"},
    TEXT: {"text_cond_model": "openai/clip-vit-large-patch14"},
}
OCCUPIED = 0.02  # share of the voxels, about that of a surface
SPREAD = 0.02  # of biases and of what norms add to 1


def random_network(
    name: str, arguments: Mapping[str, Any], device: torch.device | str = "cpu", seed: int = 0
) -> nn.Module:
    """A network with every weight drawn, made where it is wanted; in the precision that its arguments say."""
    with shapes_only():
        net = CLASSES[name](**arguments)
    constants = constant_buffers(net)
    net.to_empty(device=device)
    draw_weights(net, seed)
    for key, value in constants.items():
        owner, _, buffer = key.rpartition(".")
        net.get_submodule(owner)._buffers[buffer] = value.to(device)
    return net.eval().requires_grad_(False)


@torch.no_grad()
def draw_weights(net: nn.Module, seed: int) -> None:
    """Weights that keep the size of what passes through them, norms near the identity."""
    device = next(net.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    for key, parameter in net.named_parameters():
        if parameter.ndim > 1 and not key.endswith("gamma"):
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
        else:
            parameter.normal_(0, SPREAD, generator=generator)
            if key.endswith(("gamma", "weight")):
                parameter.add_(1)


@torch.no_grad()
def thin_out(decoder: SparseStructureDecoder, share: float = OCCUPIED) -> None:
    """Lowers a structure decoder's logits until it finds a surface's worth of voxels in noise, not half of them all."""
    device, dtype = decoder.device, decoder.dtype
    generator = torch.Generator(device).manual_seed(0)
    latent = torch.randn(1, decoder.config["latent_channels"], 16, 16, 16, device=device, generator=generator)
    logits = decoder.convert_to(torch.float32)(latent).flatten()
    last = decoder.out_layer[-1]
    assert isinstance(last, nn.Conv3d) and last.bias is not None
    last.bias -= logits.kthvalue(int((1 - share) * len(logits))).values
    decoder.convert_to(dtype)


def pipeline(repository: str) -> dict[str, Any]:
    """`pipeline.json` of a repository, as released; the text one names the decoders of the other."""
    prefix = "ckpts" if repository == IMAGE else f"microsoft/{IMAGE}/ckpts"
    structure, slat = (f"ckpts/{stem}" for stem in FLOWS[repository])
    models = {key: f"{prefix}/{stem}" for key, stem in DECODERS.items()}
    strength, interval = GUIDANCE[repository]
    params = {"steps": 25, "cfg_strength": strength, "cfg_interval": interval, "rescale_t": 3.0}
    sampler = {"name": "FlowEulerGuidanceIntervalSampler", "args": {"sigma_min": 1e-5}, "params": params}
    return {
        "name": "TrellisImageTo3DPipeline" if repository == IMAGE else "TrellisTextTo3DPipeline",
        "args": {
            "models": models | {"sparse_structure_flow_model": structure, "slat_flow_model": slat},
            "sparse_structure_sampler": sampler,
            "slat_sampler": sampler,
            "slat_normalization": NORMALIZATION,
            **CONDITIONERS[repository],
        },
    }


def write_random_folder(folder: Path, tiny: bool = False, seed: int = 0) -> None:
    """Writes both repositories under `folder`, one network in memory at a time."""
    networks = TINY if tiny else RELEASED
    for repository, stems in {IMAGE: (*UNLISTED, *DECODERS.values(), *FLOWS[IMAGE]), TEXT: FLOWS[TEXT]}.items():
        for number, stem in enumerate(stems):
            target = folder / repository / "ckpts" / stem
            net = random_network(*networks[stem], seed=seed + number)
            if stem == DECODERS["sparse_structure_decoder"]:
                assert isinstance(net, SparseStructureDecoder)  # of its name, large or tiny
                thin_out(net)
            save(net, target)
            print(f"{target}.safetensors", f"{Path(f'{target}.safetensors').stat().st_size:,} bytes", flush=True)
        atomic_write(folder / repository / "pipeline.json", json.dumps(pipeline(repository), indent=4) + "\n")
    from .random_encoders import write_random_encoders

    write_random_encoders(folder / IMAGE / "dinov2_vitl14_reg", folder / TEXT / "clip-vit-large-patch14", tiny, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true", help="small networks in the same layout")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    write_random_folder(args.folder, args.tiny, args.seed)


if __name__ == "__main__":
    main()
