"""A full-size backbone of random weights whose decisions are forced: noise shapes would measure nothing.

Every network runs as it would with real weights; only what the structure decoder and the segmenter say is replaced, by
the voxels of a known composition and their outlines in the views.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cast3d.backbones import Backbone
from cast3d.backbones.residency import Offloaded, Resident
from cast3d.backbones.trellis.clip_text import ClipText
from cast3d.backbones.trellis.dinov2 import Dinov2
from cast3d.backbones.trellis.loading import ENCODER, TrellisDescriber
from cast3d.backbones.trellis.random_encoders import random_clip_text, random_dinov2, write_tokenizer
from cast3d.backbones.trellis.random_folder import DECODERS, FLOWS, IMAGE, NORMALIZATION, TEXT, random_network
from cast3d.backbones.trellis.tiny import TINY
from cast3d.meshes import Mesh
from cast3d.models.released import RELEASED
from cast3d.scene import Scene
from cast3d.segmentation.detections import Detections
from cast3d.settings import Settings
from cast3d.splats import Camera
from cast3d.voxels import canonical, dilate, resample, to_coords, to_world

from .segmenter import random_grounded_sam2


@dataclass(frozen=True)
class Case:
    """A composition whose voxels are known."""

    scene: Scene
    grids: dict[str, Tensor]  # bool [64, 64, 64] by term

    @property
    def whole(self) -> Tensor:
        return torch.stack(list(self.grids.values())).any(0)

    def decoded(self) -> list[Tensor]:
        """What the structure decoder is to say, in the order in which the composer asks."""
        parts = [grid for term, grid in self.grids.items() if term != self.scene.main]
        return [self.grids[self.scene.main], self.whole, *parts, self.whole]


def read_case(suite: Path, name: str, extent: float = 0.98, thick: int = 0) -> Case:
    """A case of an evaluation suite, its longest side made `extent` of the grid's, `thick` voxels put on each side."""
    entry = next(one for one in json.loads((suite / "suite.json").read_text()) if one["id"] == name)
    pictures = {asset["term"]: suite / asset["image"] for asset in entry["assets"]}
    scene = Scene.make(entry["prompt"], pictures, main=entry["main"])
    grids = {term: torch.from_numpy(np.load(suite / file)["visible"]) for term, file in entry["truth"].items()}
    similarity = canonical(torch.stack(list(grids.values())).any(0), extent)
    return Case(scene, {term: dilate(resample(grids[term], similarity), thick) for term in scene.terms})


@dataclass
class Script:
    """What is to be said next; the copies of a backbone that stages get share it."""

    answers: Iterator[Tensor] = field(default_factory=lambda: iter(()))
    cameras: Sequence[Camera] = ()
    segmenting: dict[str, float] = field(default_factory=dict)  # questions to the segmenter, and its seconds


@dataclass
class Forced(Backbone):
    """Its structure decoder runs, and says the voxels of `case`; its segmenter runs, and says their outlines."""

    case: Case | None = None
    extract: bool = True  # surfaces, too; those of noise are a million crumbs
    script: Script = field(default_factory=Script)

    def restart(self, cameras: Sequence[Camera]) -> None:
        """Before a composition."""
        self.script.cameras, self.script.segmenting = cameras, {}
        self.script.answers = iter(self.case.decoded())

    def clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def decode_structure(self, latent: Tensor) -> Tensor:
        super().decode_structure(latent)
        return next(self.script.answers).to(self.device)

    def detect(self, images: Tensor, alphas: Tensor, terms: Sequence[str]) -> Iterator[list[Detections]]:
        start = self.clock()
        asked = sum(map(len, super().detect(images, alphas, terms)))
        self.script.segmenting = {"questions": asked, "seconds": self.clock() - start}
        for alpha, camera in zip(alphas, self.script.cameras, strict=True):
            masks = [outline(self.case.grids[term], camera, len(alpha)).to(alpha.device) for term in terms]
            yield [Detections(mask & (alpha > 0.5)) for mask in masks]

    def meshes(self, coords: Tensor, feats: Tensor, owner: Tensor, count: int, *rest: Any) -> list[Mesh | None]:
        if self.extract:
            return super().meshes(coords, feats, owner, count, *rest)
        with self.residency(self.mesh_decoder):
            self.mesh_decoder.features(self.denormalised(coords, feats))
        return [None] * count


def outline(grid: Tensor, camera: Camera, size: int) -> Tensor:
    """bool [size, size]: where the voxels are in a picture, thickened until neighbours touch."""
    points = camera.to_picture(to_world(to_coords(grid)).float())
    pixels = (points * size).long().clamp(0, size - 1)
    mask = torch.zeros(size, size, dtype=torch.bool)
    mask[pixels[:, 1], pixels[:, 0]] = True
    return dilate(mask[None], size // 100)[0]


def random_backbone(device: torch.device, tiny: bool, offload: bool, case: Case) -> Forced:
    """Both released models and their encoders with random weights, made on the device."""
    networks = TINY if tiny else RELEASED
    residency = Offloaded(device) if offload else Resident()

    def network(stem: str, seed: int = 0) -> nn.Module:
        name, arguments = networks[stem]
        net = random_network(name, arguments, device, seed)
        return settle(net.convert_to(torch.float32) if device.type == "cpu" else net)

    def settle(net: nn.Module) -> nn.Module:
        if offload:
            residency.send_home(net)
        return net

    with TemporaryDirectory() as folder:
        tokenizer = write_tokenizer(Path(folder), tiny)
    pictures = settle(Dinov2(random_dinov2(tiny, device)))
    text = settle(ClipText(random_clip_text(tiny, device), tokenizer))
    segmenter = random_grounded_sam2(tiny, device)
    for net in segmenter.networks:
        settle(net)
    flows = {"image": FLOWS[IMAGE], "text": FLOWS[TEXT]}
    return Forced(
        name="trellis, random weights",
        device=device,
        structure_encoder=network(ENCODER),
        structure_decoder=network(DECODERS["sparse_structure_decoder"]),
        structure_flows={kind: network(stems[0]) for kind, stems in flows.items()},
        slat_flows={kind: network(stems[1]) for kind, stems in flows.items()},
        gaussian_decoder=network(DECODERS["slat_decoder_gs"]),
        mesh_decoder=network(DECODERS["slat_decoder_mesh"]),
        slat_mean=torch.tensor(NORMALIZATION["mean"], device=device),
        slat_std=torch.tensor(NORMALIZATION["std"], device=device),
        describer=TrellisDescriber(device, residency, pictures, text),
        segmenter=segmenter,
        defaults=Settings(),
        residency=residency,
        case=case,
    )
