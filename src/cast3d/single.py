"""One object without parts, from one condition: what `Composer.lift` and `Composer.imagine` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from . import flow
from .backbones import Backbone, Condition
from .result import previews
from .result.result import Result
from .run.staging import Staging
from .settings import Settings
from .stages.appearance import Appearance, Slat
from .stages.layout import MainGeometry, generate_slat, generate_structure, sampling_depends
from .voxels import to_coords


@dataclass(frozen=True)
class Single:
    """An object to be."""

    backbone: Backbone
    term: str
    condition: Condition
    kind: str  # "image" or "text": whose guidance counts
    settings: Settings
    seed: int
    given: Mapping[str, Any]  # plain data that tells the condition from any other

    def run(self, staging: Staging) -> Result:
        """Structure and appearance from noise. Raises TermNotFound where no voxel comes out."""
        main = self.geometry(staging).require(self.term)
        slat = self.appearance(main, staging)
        owner = torch.zeros(len(slat.coords), dtype=torch.long, device=slat.coords.device)
        staging.tell("meshes", 0, 1)
        result = Result.decode(self.backbone, [self.term], 0, Appearance(slat.coords, slat.feats, owner))
        staging.tell("meshes", 1, 1)
        result.prompt, result.seed = self.term, self.seed
        return result

    def geometry(self, staging: Staging) -> MainGeometry:
        guidance = f"{self.kind}_guidance"
        noise = flow.noise((1, *self.backbone.structure_shape), self.seed, ("main", self.term))
        return staging.stage(
            "main", 1, MainGeometry,
            lambda on: generate_structure(
                self.backbone, self.condition, getattr(self.settings, guidance), self.settings, noise, on
            ),
            self.depends(guidance),
            previews=lambda m: {"geometry": previews.of_voxels(m.grid)},
        )  # fmt: skip

    def appearance(self, main: MainGeometry, staging: Staging) -> Slat:
        guidance = f"slat_{self.kind}_guidance"
        coords = to_coords(main.grid)
        noise = flow.noise((len(coords), self.backbone.slat_channels), self.seed, ("slat", self.term))
        return staging.stage(
            "appearance", 2, Slat,
            lambda on: Slat(coords, generate_slat(
                self.backbone, coords, self.condition, getattr(self.settings, guidance), self.settings, noise, on
            )),
            self.depends(guidance, "slat_steps"),
            after=("main",),
            previews=lambda s: {"object": previews.of_gaussians(self.backbone.gaussians(s.coords, s.feats))},
        )  # fmt: skip

    def depends(self, *settings: str) -> dict[str, Any]:
        return sampling_depends(self.backbone, self.settings, *settings, **self.given, term=self.term, seed=self.seed)
