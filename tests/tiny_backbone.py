"""A whole backbone of the real classes at tiny sizes, with drawn weights: its objects are blocks of noise."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from cast3d.backbones import Backbone
from cast3d.backbones.bricks.encoders import PictureEncoder, WordEncoder
from cast3d.backbones.bricks.loading import BricksDescriber
from cast3d.backbones.bricks.model_encoder import FEATURES, BricksModelEncoder
from cast3d.backbones.bricks.namer import PictureNamer
from cast3d.backbones.bricks.sdf_decoder import SLatSdfDecoder
from cast3d.backbones.bricks.slat_clean_flow import SLatCleanFlowModel
from cast3d.backbones.bricks.structure_patch import PatchStructureDecoder, PatchStructureEncoder
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.models import SLatEncoder, SparseStructureFlowModel
from cast3d.models.gaussian_decoder import SLatGaussianDecoder
from cast3d.models.released import GAUSSIANS
from cast3d.settings import Settings

WORDS = ("a", "figure", "cap", "backpack", "and", "wearing", "red")
TRUNK = dict(model_channels=24, num_blocks=1, num_heads=2, mlp_ratio=2)
FLOW = dict(TRUNK, in_channels=8, out_channels=8, cond_channels=16)
SLAT = dict(TRUNK, resolution=64, latent_channels=8)
OCCUPIED = 0.008  # share of the grid

DEFAULTS = Settings(
    structure_steps=5, slat_steps=3, layout_starts=(2, 5), part_start=3, refine_start=2,
    image_guidance=3.0, text_guidance=3.0, slat_image_guidance=0.0, slat_text_guidance=0.0,
    view_pitches=(0.0,), view_size=64, mask_threshold=0.5, minimum_hint=16, free_fraction=0.34,
)  # fmt: skip


class Bands:
    """A segmenter that finds each term in a band of the view's height: `bands[term]` = (low, high), 0 at the top.

    The first `blind` calls for a term find nothing.
    """

    def __init__(self, bands: dict[str, tuple[float, float]], blind: dict[str, int] | None = None):
        self.bands, self.blind = bands, dict(blind or {})

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        mask = torch.zeros_like(alpha, dtype=torch.bool)
        if self.blind.get(term, 0) > 0:
            self.blind[term] -= 1
        elif term in self.bands:
            low, high = (round(share * len(alpha)) for share in self.bands[term])
            mask[low:high] = True
        return mask & (alpha > 0.5)


BANDS = {"figure": (0.0, 1.0), "cap": (0.0, 0.35), "backpack": (0.65, 1.0)}


def drawn(net: nn.Module, seed: int, loudness: float = 1.0) -> nn.Module:
    """The network with every weight drawn, so that zero-initialised layers take part too; the last layer's scaled."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.2
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
        net.out_layer.weight.mul_(loudness)
    return net.eval().requires_grad_(False)  # as `load` does


@cache
def networks() -> dict[str, Any]:
    vocabulary = Vocabulary(WORDS)
    decoder = drawn(PatchStructureDecoder(8, 16, 1), 1)
    with torch.no_grad():  # whole patches of 4^3 voxels, few of them
        decoder.out_layer.weight.copy_(decoder.out_layer.weight[:1].expand_as(decoder.out_layer.weight).clone())
        decoder.out_layer.bias.zero_()
        logits = decoder(torch.randn(1, 8, 16, 16, 16, generator=torch.Generator().manual_seed(2)))
        decoder.out_layer.bias -= logits.flatten().quantile(1 - OCCUPIED)
    mesher = drawn(SLatSdfDecoder(**SLAT), 7, 0.1)
    with torch.no_grad():  # inside at every voxel, or nearly
        mesher.out_layer.bias.fill_(-0.3)
    gaussians = GAUSSIANS | {"num_gaussians": 2, "scaling_bias": 0.008, "opacity_bias": 0.8}
    structure_flow = drawn(SparseStructureFlowModel(resolution=16, patch_size=4, **FLOW), 4, 2.0)
    slat_flow = drawn(SLatCleanFlowModel(resolution=64, io_block_channels=[8], num_io_res_blocks=1, **FLOW), 5)
    return dict(
        structure_encoder=drawn(PatchStructureEncoder(8, 16, 1), 3, 4.0),
        structure_decoder=decoder,
        structure_flows={"image": structure_flow, "text": structure_flow},
        slat_flows={"image": slat_flow, "text": slat_flow},
        gaussian_decoder=drawn(SLatGaussianDecoder(representation_config=gaussians, **SLAT), 6, 0.2),
        mesh_decoder=mesher,
        model_encoder=BricksModelEncoder(drawn(SLatEncoder(in_channels=FEATURES, **SLAT), 10)),
        describer=BricksDescriber(
            drawn(PictureEncoder(32, 32, 16, 1, 2), 8),
            drawn(WordEncoder(len(vocabulary), 32, 16, 16, 1, 2), 9),
            vocabulary,
        ),
    )


def tiny_backbone(segmenter: Bands | None = None, **settings: Any) -> Backbone:
    """Everything but the segmenter is shared between calls."""
    return Backbone(
        name="tiny",
        device=torch.device("cpu"),
        slat_mean=torch.linspace(-0.1, 0.1, 8),
        slat_std=torch.linspace(0.9, 1.1, 8),
        segmenter=segmenter or Bands(BANDS),
        defaults=DEFAULTS.changed(settings),
        hashes={"all": "0"},
        orthographic=True,
        **networks(),
    )


def with_namer(backbone: Backbone, *names: str) -> Backbone:
    """It calls every worn thing `names`, the last one first."""
    namer = PictureNamer(names, names, [False] * len(names), in_channels=32, channels=2)
    with torch.no_grad():
        namer.project.weight.zero_()
        namer.project.bias.copy_(torch.tensor([1.0, 1.0]))
        namer.centers.copy_(torch.stack([torch.tensor([1.0, share]) for share in torch.linspace(0, 1, len(names))]))
    describer = copy(backbone.describer)
    describer.namer = namer.requires_grad_(False)
    return replace(backbone, describer=describer)


def with_bias(backbone: Backbone, bias: float) -> Backbone:
    """Its structure decoder finds more (or, below 0, fewer) voxels."""
    decoder = deepcopy(backbone.structure_decoder)
    decoder.out_layer.bias += bias
    return replace(backbone, structure_decoder=decoder)


def picture(color: str, shape: str = "ellipse", size: int = 64) -> Image.Image:
    """A flat shape on nothing."""
    image = Image.new("RGBA", (size, size))
    getattr(ImageDraw.Draw(image), shape)((size // 5, size // 4, size * 4 // 5, size * 3 // 4), fill=color)
    return image


PROMPT = "a figure wearing a cap and a backpack"


def pictures() -> dict[str, Image.Image]:
    return {"figure": picture("gold"), "cap": picture("crimson", "rectangle"), "backpack": picture("navy")}
