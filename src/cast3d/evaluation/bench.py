"""What a method is given: a case, a seed, a backbone, and stages that it may share with other methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..backbones import Backbone
from ..composition import Composition, lift
from ..meshes.mesh import Mesh
from ..pictures.cutout import open_cut_out
from ..pictures.opening import Picture, open_picture
from ..result.making import alone, composed
from ..result.part import Part
from ..result.result import Result
from ..run.staging import Staging
from ..scene import Scene
from ..scene.sentence import Sentence
from ..settings import Settings
from ..stages.appearance import Appearance
from ..stages.kit import Kit, Seeds
from ..stages.layout import MainGeometry, Slat
from ..stages.table import MAIN, SLAT
from .cache import StageCache
from .outcome import Outcome, of_result
from .suite import Case


@dataclass(frozen=True)
class Bench:
    """Methods read the case's prompt, terms and pictures; its truth is for measuring and for the oracles."""

    backbone: Backbone
    case: Case
    seed: int
    cache: StageCache
    others: tuple[Case, ...] = ()  # the rest of the suite
    changes: Mapping[str, Any] = field(default_factory=dict)  # settings of every method of this evaluation
    _cut: dict[str, dict[str, tuple[Picture, ...]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def settings(self, **changes: Any) -> Settings:
        return self.backbone.defaults.changed({**self.changes, **changes})

    def pictures(self, background: str) -> dict[str, tuple[Picture, ...]]:
        """Of every term, cut out as the setting `background` says; methods may have one of their own."""
        if background not in self._cut:
            self._cut[background] = {
                term: (open_cut_out(path, background, f"the picture of {term!r}"),)
                for term, path in self.case.images.items()
            }
        return self._cut[background]

    def kit(self, settings: Mapping[str, Any] | None = None) -> Kit:
        """What stages may touch on this case."""
        chosen = self.settings(**(settings or {}))
        seeds = Seeds(self.seed, dict.fromkeys(self.case.terms, self.seed))
        return Kit(self.backbone, chosen, self.pictures(chosen.background), seeds)

    def staging(
        self, settings: Mapping[str, Any] | None = None, swapped: Mapping[str, Callable[..., Any]] | None = None
    ) -> Staging[Kit]:
        """The method's stages on this case; `swapped` puts other functions in place of some, by name."""
        return Staging(self.kit(settings), self.cache, slugs=self.scene.slugs, swapped=swapped or {})

    @property
    def scene(self) -> Scene:
        return self.case.scene(self.seed)

    @property
    def sentence(self) -> Sentence:
        return self.scene.sentence

    def composed(self, run: Staging[Kit], made: Composition) -> Outcome:
        """The outcome of a composition, with its p_B and its hints."""
        result = on_cpu(composed(run, self.scene, made))
        return of_result(
            result,
            self.case.main,
            main_geometry=made.hinted.main.grid.cpu(),
            hints=dict(zip(self.case.terms, made.hinted.hints.grids.cpu())),
            notes=tuple(result.warnings),
        )

    def main_geometry(self) -> MainGeometry:
        """p_B, which most methods share."""
        return self.staging()(MAIN, self.case.main)

    def lifted(self, pictures: list[Image.Image], term: str, frame: str) -> Result:
        """One picture or several views to 3D, as `Composer.lift` does it."""
        shown = {term: tuple(map(open_picture, pictures))}
        kit = Kit(self.backbone, self.settings(), shown, Seeds(self.seed, {term: self.seed}))
        run = Staging(kit, self.cache)
        return on_cpu(alone(run, term, *lift(run, term, frame)))

    def base(self) -> Base:
        """p_B with its appearance: the base as its picture alone makes it."""
        run, term = self.staging(), self.case.main
        main = run(MAIN, term)
        return Base(run, main, run.each(SLAT, {term: (main,)})[term])

    def decoded(self, coords: Tensor, feats: Tensor) -> Result:
        """One object without parts, under the base's term."""
        owner = torch.zeros(len(coords), dtype=torch.long, device=coords.device)
        made = Appearance(coords, feats, owner)
        return on_cpu(Result.decode(self.backbone, [self.case.main], 0, made, smooth=self.settings().smooth))

    def picture(self, term: str) -> Image.Image:
        """The picture of a term, cut out as the evaluation's settings say."""
        return self.pictures(self.settings().background)[term][0].rgba


@dataclass(frozen=True)
class Base:
    """p_B and its latents, and the run that made them."""

    run: Staging[Kit]
    main: MainGeometry
    slat: Slat


def on_cpu(result: Result) -> Result:
    """The result with its parts in host memory, where outcomes are put together and measured."""

    def moved(mesh: Mesh | None) -> Mesh | None:
        if mesh is None:
            return None
        tensors: dict[str, Any] = {f.name: getattr(mesh, f.name) for f in fields(mesh)}
        tensors = {name: None if tensor is None else tensor.cpu() for name, tensor in tensors.items()}
        return Mesh(**tensors)

    parts = {
        term: Part(part.term, moved(part.mesh), part.gaussians.to("cpu"), part.voxels.cpu())
        for term, part in result.parts.items()
    }
    return replace(result, parts=parts, gaussians=result.gaussians.to("cpu"))


def digests(pictures: list[Image.Image]) -> list[str]:
    """Hashes of pictures in memory."""
    return [open_picture(picture).sha256 for picture in pictures]
