"""The method, read along Fig. 3 of the paper: 3D layout hinting, then compositional generation.

composer = cast3d.load("bricks")
result = composer.compose("a figure wearing a cap", {"figure": "figure.png", "cap": "cap.png"})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import flow, previews
from .backbones import Backbone, Condition, load_backbone
from .conditioning.cutout import cut_out
from .conditioning.encoders import FRAMES
from .conditioning.pictures import Picture, open_picture
from .errors import InputError, TermNotFound, nearest
from .result import Result
from .runs import RunFolder, stage_fingerprint
from .scene import Asset, Pictures, Scene
from .settings import Settings
from .stages.appearance import Appearance, compose_appearance
from .stages.geometry import Geometry, compose_geometry, refine_geometry
from .stages.hints import Hints, extract_hints
from .stages.layout import Layout, MainGeometry, generate_slat, generate_structure, propose_layout
from .stages.parts import PartGeometry, chosen_frame, generate_part
from .staging import Progress, Staging
from .voxels import to_coords


@dataclass(frozen=True)
class Slat:
    """Normalised structured latents on voxels."""

    coords: Tensor  # [N, 3]
    feats: Tensor  # [N, C]


def load(backbone: str = "bricks", device: str | None = None) -> Composer:
    """A composer on the shipped backbone "bricks" or on a backbone folder; `device` "cpu" (default) or "cuda"."""
    return Composer(load_backbone(backbone, device or "cpu"))


class Composer:
    """Composes scenes with one backbone."""

    def __init__(self, backbone: Backbone):
        self.backbone = backbone

    def compose(
        self,
        prompt: str | Scene,
        assets: Mapping[str, Pictures] | None = None,
        main: str | None = None,
        seed: int = 0,
        *,
        settings: Mapping[str, Any] | None = None,
        out: RunFolder | str | Path | None = None,
        reseed: Mapping[str, int] | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """One object with named parts from a sentence and one picture (or several views) per named thing.

        `out` keeps every stage in a run folder as it finishes, and reuses those already there whose inputs are the
        same. `reseed` gives single terms another seed in the second stage. Raises InputError before any work for
        unusable input, TermNotFound when the layout shows no part for a term.
        """
        scene = prompt if isinstance(prompt, Scene) else Scene.make(prompt, assets or {}, main=main, seed=seed)
        require_terms(scene, reseed or {})
        pictures = {asset.term: tuple(cut_out(open_picture(i)) for i in asset.images) for asset in scene.assets}
        chosen = self.backbone.defaults.changed({**scene.settings, **(settings or {})})
        if isinstance(out, str | Path):
            with RunFolder(out) as run:
                return self.compose(scene, settings=settings, out=run, reseed=reseed, progress=progress)
        staging = Staging(out, progress, self.backbone.device)
        composition = _Composition(self.backbone, scene, chosen, pictures, dict(reseed or {}), staging)
        if out:
            out.keep_inputs(scene, pictures)
            out.record(settings=chosen.plain(), backbone=self.backbone.name, models=self.backbone.hashes)
            out.record(seeds={"scene": scene.seed, "terms": {term: composition.seed(term) for term in scene.terms}})
            out.record(warnings=[])  # of an earlier run in this folder
        result = composition.run()
        if out:
            composition.staging.tell("export", 0, 1)
            result.save(out)
            composition.staging.tell("export", 1, 1)
        return result

    def lift(
        self,
        picture: Pictures,
        term: str = "object",
        seed: int = 0,
        *,
        frame: str = "filled",
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """One picture or several views -> one 3D object; `frame` "filled" for a single part, "in_place" for a base."""
        if frame not in FRAMES:
            raise InputError(f"the frame {frame!r} is not known{nearest(frame, FRAMES)}; choose {' or '.join(FRAMES)}")
        opened = [cut_out(open_picture(image)) for image in Asset(term, picture).images]
        chosen = self.backbone.defaults.changed(settings or {})
        condition = self.backbone.of_pictures([view.rgba for view in opened], frame)
        result = self._single(
            term, condition, chosen, chosen.image_guidance, chosen.slat_image_guidance, seed, progress
        )
        result.warnings += [note for view in opened for note in view.notes]
        return result

    def imagine(
        self, text: str, seed: int = 0, *, settings: Mapping[str, Any] | None = None, progress: Progress | None = None
    ) -> Result:
        """A sentence -> one 3D object."""
        chosen = self.backbone.defaults.changed(settings or {})
        condition = self.backbone.of_text(text)
        result = self._single(text, condition, chosen, chosen.text_guidance, chosen.slat_text_guidance, seed, progress)
        result.prompt = text
        result.warnings += _unknown(self.backbone, text)
        return result

    def _single(self, term, condition, settings, guidance, slat_guidance, seed, progress) -> Result:
        b, staging = self.backbone, Staging(None, progress)
        noise = flow.noise((1, *b.structure_shape), seed, ("main", term))
        main = staging.stage(
            "main", 1, MainGeometry, lambda on: generate_structure(b, condition, guidance, settings, noise, on), {}
        )
        if not main.grid.any():
            raise TermNotFound(f"nothing came out for {term!r}; try another seed or picture")
        coords = to_coords(main.grid)
        noise = flow.noise((len(coords), b.slat_channels), seed, ("slat", term))
        slat = staging.stage(
            "appearance", 7, Slat,
            lambda on: Slat(coords, generate_slat(b, coords, condition, slat_guidance, settings, noise, on)), {},
        )  # fmt: skip
        owner = torch.zeros(len(coords), dtype=torch.long)
        result = Result.decode(b, [term], 0, Appearance(coords, slat.feats, owner))
        result.seed = seed
        return result


# Settings that the layout and the hints read.
_LAYOUT = (
    "text_guidance", "source_guidance", "target_negative", "target_negative_weight", "layout_generator", "diffusion",
)  # fmt: skip
_HINTS = ("view_yaws", "view_pitches", "view_size", "mask_threshold", "minimum_hint")


@dataclass
class _Composition:
    """One scene on its way through the stages."""

    backbone: Backbone
    scene: Scene
    settings: Settings
    pictures: dict[str, tuple[Picture, ...]]
    reseed: dict[str, int]
    staging: Staging

    def run(self) -> Result:
        scene = self.scene
        # 3D layout hinting
        main = self.main_geometry()
        hints = self.layout_hints(main)
        # Compositional generation
        parts = {term: self.part(term, hints.grids[i]) for i, term in enumerate(scene.terms) if i != self.base}
        geometry = self.geometry(main, hints, parts)
        slats = {term: self.part_appearance(term, main, parts) for term in scene.terms}
        appearance = self.appearance(geometry, slats)

        self.staging.tell("meshes", 0, 1)
        result = Result.decode(self.backbone, list(scene.terms), self.base, appearance)
        self.staging.tell("meshes", 1, 1)
        result.prompt, result.seed = scene.prompt, scene.seed
        result.warnings = self.warnings(geometry)
        return result

    # --- 3D layout hinting --------------------------------------------------------------------------------------

    def main_geometry(self) -> MainGeometry:
        """p_B (Eq. 10)."""
        return self.staging.stage(
            "main", 1, MainGeometry,
            lambda on: generate_structure(
                self.backbone, self.picture(self.scene.main), self.settings.image_guidance, self.settings,
                self.structure_noise("main", self.scene.main), on,
            ),
            self.depends("image_guidance", pictures=[self.scene.main], term=self.scene.main, seed=self.scene.seed),
            previews=lambda m: {"geometry": previews.of_voxels(m.grid)},
        )  # fmt: skip

    def layout_hints(self, main: MainGeometry) -> Hints:
        """p_C, z_C and h_i (Eq. 10-12); further starts n_max are tried until every term is found."""
        missing: list[int] = []
        ladder = self.ladder()
        for rung, start in enumerate(self.rungs(ladder)):
            layout = self.layout(main, start)
            coords = to_coords(layout.grid)
            if len(coords):
                hints = self.hints(self.layout_appearance(coords, start), start)
                missing = hints.missing(self.settings.minimum_hint, self.base)
                if not missing:
                    if rung and self.staging.run:
                        self.staging.run.record(ladder={ladder: start})
                    return hints
            self.staging.tell("retry", rung + 1, len(self.settings.layout_starts))
        raise self.not_found(missing, hints if len(coords) else None)

    def ladder(self) -> str:
        """Hash of all that decides which rung holds."""
        scene = self.scene
        depends = self.depends(
            *_LAYOUT, *_HINTS, "slat_text_guidance", "slat_steps", "layout_starts", prompt=scene.prompt,
            terms=list(scene.terms), main=scene.main, seed=scene.seed,
        )  # fmt: skip
        return stage_fingerprint("ladder", depends, {"main": self.staging.contents["main"]})

    def rungs(self, ladder: str) -> tuple[int, ...]:
        """Starts to try; a run that has climbed this ladder before goes straight to the rung that held."""
        starts = self.settings.layout_starts
        held = self.staging.run.info.get("ladder", {}).get(ladder) if self.staging.run else None
        return starts[starts.index(held) :] if held in starts else starts

    def layout(self, main: MainGeometry, start: int) -> Layout:
        """p_C (Eq. 10) by STM from the text o_B to the prompt c."""
        text = self.backbone.of_text
        return self.staging.stage(
            "layout", 2, Layout,
            lambda on: propose_layout(
                self.backbone, main, text(self.scene.main), text(self.scene.prompt), start, self.settings,
                self.structure_noise("layout", ""), on,
            ),
            self.depends(
                *_LAYOUT, start=start, prompt=self.scene.prompt, main=self.scene.main, seed=self.scene.seed,
            ),
            after=("main",),
            previews=lambda p: {"layout": previews.of_voxels(p.grid)},
        )  # fmt: skip

    def layout_appearance(self, coords: Tensor, start: int) -> Slat:
        """z_C (Eq. 11)."""
        noise = self.slat_noise(coords, "layout_appearance", "")
        return self.staging.stage(
            "layout_appearance", 3, Slat,
            lambda on: Slat(coords, generate_slat(
                self.backbone, coords, self.backbone.of_text(self.scene.prompt), self.settings.slat_text_guidance,
                self.settings, noise, on,
            )),
            self.depends("slat_text_guidance", "slat_steps", prompt=self.scene.prompt, seed=self.scene.seed),
            after=("layout",),
            previews=lambda s: {"layout": previews.of_gaussians(self.backbone.gaussians(s.coords, s.feats))},
        )  # fmt: skip

    def hints(self, slat: Slat, start: int) -> Hints:
        """h_i (Eq. 12)."""
        colors = previews.part_colors(len(self.scene.terms), self.base)
        return self.staging.stage(
            "hints", 4, Hints,
            lambda on: extract_hints(
                self.backbone, slat.coords, self.backbone.gaussians(slat.coords, slat.feats), self.scene.terms,
                self.base, self.settings, on,
            ),
            self.depends(*_HINTS, terms=list(self.scene.terms), main=self.scene.main),
            after=("layout_appearance",),
            previews=lambda h: {
                "masks": previews.of_masks(h.views, h.masks, self.base),
                "hints": previews.of_voxels(h.grids, colors),
            },
        )  # fmt: skip

    def not_found(self, missing: list[int], hints: Hints | None) -> TermNotFound:
        """Says which terms were found, and keeps the best view for people to look at."""
        terms = self.scene.terms
        lost = [terms[i] for i in missing] or [t for t in terms if t != self.scene.main]
        found = [t for t in terms if t not in lost]
        seen = ""
        if hints is not None and self.staging.run:
            best = hints.best_view()
            path = self.staging.run.path / "not-found.png"
            previews.of_masks(hints.views[best : best + 1], hints.masks[best : best + 1], self.base).save(path)
            seen = f"; the clearest view of the layout is {path}"
        return TermNotFound(
            f"the layout shows no {' and no '.join(map(repr, lost))} (found: {', '.join(map(repr, found))}){seen}. "
            "Try another seed, plainer words for the term, or further levels in layout_starts"
        )

    # --- Compositional generation -------------------------------------------------------------------------------

    def part(self, term: str, hint: Tensor) -> PartGeometry:
        """p_i (Eq. 13)."""
        frame = chosen_frame(hint, self.settings)
        return self.staging.stage(
            f"part-{self.scene.slugs[term]}", 5, PartGeometry,
            lambda on: generate_part(
                self.backbone, hint, self.picture(term, "filled" if frame == "canonical" else "in_place"), frame,
                self.settings, self.structure_noise("parts", term), on,
            ),
            self.depends(
                "image_guidance", "part_start", "part_frame", "canonical_below", "diffusion", "minimum_hint",
                pictures=[term], term=term, seed=self.seed(term),
            ),
            after=("hints",),
            previews=lambda p: {"part": previews.of_voxels(torch.stack([hint & ~p.grid, p.grid]))},
        )  # fmt: skip

    def geometry(self, main: MainGeometry, hints: Hints, parts: Mapping[str, PartGeometry]) -> Geometry:
        """p̂_B, p̂_GC and p_GC (Eq. 14 and the refinement)."""

        def compute(on: flow.OnStep) -> Geometry:
            grids = [parts[term].grid for term in self.scene.terms if term in parts]
            stack = torch.stack(grids) if grids else main.grid.new_zeros(0, *main.grid.shape)
            coarse = compose_geometry(main.grid, hints.grids, stack, self.base, self.settings)
            if not self.settings.refine:
                return coarse
            noise = self.structure_noise("refine", "")
            target = self.backbone.of_text(self.scene.prompt)
            return refine_geometry(self.backbone, coarse, target, self.settings, noise, on)

        return self.staging.stage(
            "geometry", 6, Geometry, compute,
            self.depends(
                "expand_sigma", "expand_threshold", "keep_hidden", "prune_absolute", "prune_relative",
                "prune_unchanged", "prune_connectivity", "refine", "refine_start", "refine_guard", "text_guidance",
                "diffusion",
                prompt=self.scene.prompt, seed=self.scene.seed,
            ),
            after=("main", "hints", *(f"part-{self.scene.slugs[term]}" for term in parts)),
            previews=lambda g: {"coarse": previews.of_voxels(g.coarse), "geometry": previews.of_voxels(g.grid)},
        )  # fmt: skip

    def part_appearance(self, term: str, main: MainGeometry, parts: Mapping[str, PartGeometry]) -> Slat:
        """z_i, from the part's own picture."""
        name = f"slat-{self.scene.slugs[term]}"
        coords = to_coords(parts[term].grid if term in parts else main.grid)
        return self.staging.stage(
            name, 7, Slat,
            lambda on: Slat(coords, generate_slat(
                self.backbone, coords, self.picture(term), self.settings.slat_image_guidance, self.settings,
                self.slat_noise(coords, "slat", term), on,
            )),
            self.depends("slat_image_guidance", "slat_steps", pictures=[term], term=term, seed=self.seed(term)),
            after=(f"part-{self.scene.slugs[term]}" if term in parts else "main",),
            previews=lambda s: {"part": previews.of_gaussians(self.backbone.gaussians(s.coords, s.feats))},
        )  # fmt: skip

    def appearance(self, geometry: Geometry, slats: Mapping[str, Slat]) -> Appearance:
        """z_o (Eq. 15)."""
        coords = to_coords(geometry.grid)
        return self.staging.stage(
            "appearance", 8, Appearance,
            lambda on: compose_appearance(
                self.backbone, coords, [(slats[t].coords, slats[t].feats) for t in self.scene.terms], self.base,
                self.backbone.of_text(self.scene.prompt), self.settings, self.slat_noise(coords, "appearance", ""), on,
            ),
            self.depends(
                "slat_text_guidance", "slat_steps", "boundary_sigma", "free_fraction",
                prompt=self.scene.prompt, seed=self.scene.seed,
            ),
            after=("geometry", *(f"slat-{self.scene.slugs[term]}" for term in self.scene.terms)),
            previews=lambda a: {"object": previews.of_gaussians(self.backbone.gaussians(a.coords, a.feats))},
        )  # fmt: skip

    # --- what stages are given ----------------------------------------------------------------------------------

    @property
    def base(self) -> int:
        """i_B."""
        return self.scene.terms.index(self.scene.main)

    def picture(self, term: str, frame: str = "in_place") -> Condition:
        return self.backbone.of_pictures([picture.rgba for picture in self.pictures[term]], frame)

    def seed(self, term: str) -> int:
        """The seed of a term in the second stage."""
        return self.reseed.get(term, self.scene.seed)

    def structure_noise(self, stage: str, term: str) -> flow.Draws:
        seed = self.seed(term) if stage == "parts" else self.scene.seed
        return flow.noise((1, *self.backbone.structure_shape), seed, (stage, term))

    def slat_noise(self, coords: Tensor, stage: str, term: str) -> flow.Draws:
        seed = self.seed(term) if stage == "slat" else self.scene.seed
        return flow.noise((len(coords), self.backbone.slat_channels), seed, (stage, term))

    def depends(self, *settings: str, pictures: list[str] = (), **more: Any) -> dict[str, Any]:
        """Plain data that a stage's result depends on."""
        plain = self.settings.plain()
        hashes = {term: [picture.sha256 for picture in self.pictures[term]] for term in pictures}
        return {
            **{name: plain[name] for name in ("structure_steps", "rescale", *settings)},
            **more,
            "pictures": hashes,
            "models": self.backbone.hashes,
            "device": self.backbone.device.type,
        }

    def warnings(self, geometry: Geometry) -> list[str]:
        notes = [note for pictures in self.pictures.values() for picture in pictures for note in picture.notes]
        # Pruned crumbs are everyday; they stay in the stage's own report.
        failed = [line for line in geometry.report if line.startswith("refinement dropped")]
        return [*notes, *_unknown(self.backbone, self.scene.prompt), *failed]


def _unknown(backbone: Backbone, text: str) -> list[str]:
    """A warning per word that the backbone does not know."""
    notes = []
    for word, near in backbone.describer.unknown_words(text).items():
        hint = f"; the nearest known word is {near!r}" if near else ""
        notes.append(f"the backbone {backbone.name} does not know the word {word!r} and ignores it{hint}")
    return notes


def require_terms(scene: Scene, reseed: Mapping[str, int]) -> None:
    """Re-seeded terms must be terms of the scene, their seeds seeds."""
    for term, seed in reseed.items():
        if term not in scene.terms:
            raise InputError(f"cannot re-seed {term!r}: the terms are {', '.join(map(repr, scene.terms))}")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise InputError(f"the seed of {term!r} is a whole number from 0 to 2^63 - 1, not {seed!r}")
