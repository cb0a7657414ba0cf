"""What a method is given: a case, a seed, a backbone, and stages that it may share with other methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from ..backbones import Backbone
from ..composition import Composition
from ..meshes.mesh import Mesh
from ..pictures.cutout import open_cut_out
from ..pictures.opening import Picture, open_picture
from ..result.result import Part, Result
from ..run.staging import Staging
from ..settings import Settings
from ..single import Single
from ..stages.appearance import Appearance, Slat
from ..stages.hints import Hints
from ..stages.layout import MainGeometry, generate_slat
from ..voxels import to_coords
from .cache import StageCache
from .outcome import Outcome, of_result
from .suite import Case

C = TypeVar("C", bound=Composition)


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

    def staging(self) -> Staging:
        return Staging(self.cache, device=self.backbone.device, previews=False)

    def composition(
        self, kind: Callable[..., C] = Composition, settings: Mapping[str, Any] | None = None, **more: Any
    ) -> C:
        """The pipeline on this case, or a variant of it."""
        scene = self.case.scene(self.seed)
        seeds = dict.fromkeys(scene.terms, self.seed)
        chosen = self.settings(**(settings or {}))
        return kind(self.backbone, scene, chosen, self.pictures(chosen.background), seeds, self.staging(), **more)

    def composed(self, composition: Composition) -> Outcome:
        """The outcome of a pipeline, with its p_B and its hints."""
        result = on_cpu(composition.run())
        main, hints = first_half(composition)
        return of_result(
            result,
            self.case.main,
            main_geometry=main.grid.cpu(),
            hints=dict(zip(self.case.terms, hints.grids.cpu())),
            notes=tuple(result.warnings),
        )

    def lifted(self, pictures: list[Image.Image], term: str, frame: str) -> Result:
        """One picture or several views to 3D, as `Composer.lift` does it."""
        given = {"pictures": digests(pictures), "frame": frame}
        condition = self.backbone.of_pictures(pictures, frame)
        single = Single(self.backbone, term, condition, "image", self.settings(), self.seed, given)
        return on_cpu(single.run(self.staging()))

    def base(self) -> Base:
        """p_B with its appearance: the base as its picture alone makes it."""
        composition = self.composition()
        main, term = composition.main_geometry(), self.case.main
        coords = to_coords(main.grid)
        slat = composition.staging.stage(
            "base_appearance", 7, Slat,
            lambda on: Slat(coords, generate_slat(
                self.backbone, coords, composition.picture(term), composition.settings.slat_image_guidance,
                composition.settings, composition.slat_noise(coords, "slat", term), on,
            )),
            composition.depends("slat_image_guidance", "slat_steps", pictures=[term], seed=self.seed),
            after=("main",),
        )  # fmt: skip
        return Base(composition, main, slat)

    def decoded(self, coords: Tensor, feats: Tensor) -> Result:
        """One object without parts, under the base's term."""
        owner = torch.zeros(len(coords), dtype=torch.long, device=coords.device)
        return on_cpu(Result.decode(self.backbone, [self.case.main], 0, Appearance(coords, feats, owner)))

    def picture(self, term: str) -> Image.Image:
        """The picture of a term, cut out as the evaluation's settings say."""
        return self.pictures(self.settings().background)[term][0].rgba


@dataclass(frozen=True)
class Base:
    """p_B and its latents, and the composition that they come from."""

    composition: Composition
    main: MainGeometry
    slat: Slat


def on_cpu(result: Result) -> Result:
    """The result with its parts in host memory, where outcomes are put together and measured."""

    def moved(mesh: Mesh | None) -> Mesh | None:
        if mesh is None:
            return None
        tensors = {f.name: getattr(mesh, f.name) for f in fields(mesh)}
        return Mesh(**{name: None if tensor is None else tensor.cpu() for name, tensor in tensors.items()})

    parts = {
        term: Part(part.term, moved(part.mesh), part.gaussians.to("cpu"), part.voxels.cpu())
        for term, part in result.parts.items()
    }
    return replace(result, parts=parts, gaussians=result.gaussians.to("cpu"))


def digests(pictures: list[Image.Image]) -> list[str]:
    """Hashes of pictures in memory."""
    return [open_picture(picture).sha256 for picture in pictures]


def first_half(composition: Composition) -> tuple[MainGeometry, Hints]:
    """p_B and the hints; found in the cache where the composition has run already."""
    main = composition.main_geometry()
    return main, composition.layout_hints(main)
