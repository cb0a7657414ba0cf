"""The method, read along Fig. 3 of the paper: 3D layout hinting, then compositional generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from . import flow
from .backbones import Backbone, Condition
from .errors import TermNotFound
from .pictures.opening import Picture
from .result import previews
from .result.result import Result
from .run.folder import stage_fingerprint
from .run.recipe import NOT_FOUND, unread
from .run.staging import Job, Staging
from .scene import Scene
from .settings import Settings
from .stages.appearance import Appearance, Slat, compose_appearance
from .stages.geometry import Geometry, compose_geometry, refine_geometry, without_crumbs
from .stages.hints import Hints, extract_hints
from .stages.layout import (
    Layout,
    MainGeometry,
    generate_slat,
    generate_slats,
    generate_structure,
    propose_layout,
    sampling_depends,
)
from .stages.parts import PartGeometry, PartPlan, chosen_frame, generate_parts
from .stages.reading import Reading
from .voxels import to_coords

T = TypeVar("T")

# Settings that the layout and the hints read.
_LAYOUT = (
    "text_guidance", "source_guidance", "target_negative", "target_negative_weight", "layout_generator", "diffusion",
)  # fmt: skip
_HINTS = (
    "view_yaws", "view_pitches", "view_size", "detection_threshold", "mask_score_threshold", "mask_threshold",
    "minimum_hint", "base_in_hint",
)  # fmt: skip


@dataclass
class Composition:
    """One scene on its way through the stages."""

    backbone: Backbone
    scene: Scene
    settings: Settings
    pictures: dict[str, tuple[Picture, ...]]
    seeds: Mapping[str, int]  # of the second stage, by term
    staging: Staging
    reading: Reading = field(init=False)  # of c, by the text model; the layout may change it
    taught: dict[str, str] = field(
        init=False, default_factory=dict
    )  # names that it knows, of terms that it knows in part

    def __post_init__(self) -> None:
        given, describer = Reading(self.scene), self.backbone.describer
        wordless = [term for term in self.scene.terms if not describer.reads(term)]
        self.reading = self.reread(given, wordless) or given
        if self.settings.lookalikes:
            named = {
                term: describer.taught(term, self.shown(term), given.relation(term), self.scene.main)
                for term in self.scene.terms if term != self.scene.main
            }  # fmt: skip
            self.taught = {term: name for term, name in named.items() if name}
            self.reading = self.reading.taught(self.taught)

    def run(self) -> Result:
        scene = self.scene
        # 3D layout hinting
        main = self.main_geometry()
        hints = self.layout_hints(main)
        # Compositional generation
        parts = self.parts(hints)
        geometry = self.geometry(main, hints, parts)
        slats = self.part_appearances(main, parts)
        appearance = self.appearance(geometry, slats)

        self.staging.tell("meshes", 0, 1)
        result = Result.decode(self.backbone, list(scene.terms), self.base, appearance)
        self.staging.tell("meshes", 1, 1)
        result.prompt, result.seed = scene.prompt, scene.seed
        result.warnings = self.reading.notes(self.backbone.describer.reads, self.taught)
        result.warnings += unread(self.backbone, self.reading.prompt)
        result.warnings += geometry.warnings
        return result

    # --- 3D layout hinting --------------------------------------------------------------------------------------

    def main_geometry(self) -> MainGeometry:
        """p_B (Eq. 10). Raises TermNotFound where no voxel comes out."""
        return self.staging.stage(
            "main", 1, MainGeometry,
            lambda on: generate_structure(
                self.backbone, self.picture(self.scene.main), self.settings.image_guidance, self.settings,
                self.structure_noise("main", self.scene.main), on,
            ),
            self.depends("image_guidance", pictures=[self.scene.main], term=self.scene.main, seed=self.scene.seed),
            previews=lambda m: {"geometry": previews.of_voxels(m.grid)},
        ).require(self.scene.main)  # fmt: skip

    def layout_hints(self, main: MainGeometry) -> Hints:
        """p_C, z_C and h_i (Eq. 10-12) with every term found.

        Tried until then: the starts n_max in turn, and all of them again with lookalikes of what is still missing.
        """
        ladder = self.ladder()
        rungs, every = self.rungs(ladder), self.settings.layout_starts
        while True:
            missing: list[list[str]] = []  # per rung
            for start in rungs:
                hints = self.hints_from(main, start)
                missing.append(self.missing(hints))
                if hints and not missing[-1]:
                    self.remember(ladder, start)
                    return hints
                self.staging.tell("retry", every.index(start) + 1, len(every))
            lost = [term for term in missing[-1] if all(term in rung for rung in missing)] or missing[-1]
            reading = self.reread(self.reading, lost)
            if reading is None:
                raise self.not_found(missing[-1], hints)
            self.staging.tell("retry", 0, len(every))
            self.reading, rungs = reading, every

    def hints_from(self, main: MainGeometry, start: int) -> Hints | None:
        """The hints of one layout; None where it is empty."""
        coords = to_coords(self.layout(main, start).grid)
        return self.hints(main, self.layout_appearance(coords)) if len(coords) else None

    def missing(self, hints: Hints | None) -> list[str]:
        """Terms without a hint."""
        terms = self.scene.terms
        if hints is None:
            return [term for term in terms if term != self.scene.main]
        return [terms[i] for i in hints.missing(self.settings.minimum_hint, self.base)]

    def reread(self, reading: Reading, terms: list[str]) -> Reading | None:
        """`terms` under other names, as their pictures suggest; None where there are none left to try."""

        def resembling(term: str, relation: str) -> list[str]:
            return self.backbone.describer.resembling(self.shown(term), relation, self.scene.main)

        return reading.renamed(terms, resembling, self.settings.lookalikes)

    def ladder(self) -> str:
        """Hash of all that decides which rung holds."""
        scene = self.scene
        depends = self.depends(
            *_LAYOUT, *_HINTS, "slat_text_guidance", "slat_steps", "layout_starts", "lookalikes", prompt=scene.prompt,
            terms=list(scene.terms), main=scene.main, seed=scene.seed, pictures=list(scene.terms),
        )  # fmt: skip
        return stage_fingerprint("ladder", depends, {"main": self.staging.contents["main"]})

    def remember(self, ladder: str, start: int) -> None:
        """The rung that held, and the names under which it did, for when the run goes on."""
        held = {"start": start, "lookalikes": {term: list(names) for term, names in self.reading.lookalikes.items()}}
        if self.staging.run and (start != self.settings.layout_starts[0] or self.reading.lookalikes):
            self.staging.run.record(ladder={ladder: held})

    def rungs(self, ladder: str) -> tuple[int, ...]:
        """Starts to try; a run that has climbed this ladder before goes straight to the rung and names that held."""
        starts = self.settings.layout_starts
        held = self.staging.run.info.get("ladder", {}).get(ladder) if self.staging.run else None
        if not held:
            return starts
        self.reading = Reading(self.scene, {term: tuple(names) for term, names in held["lookalikes"].items()})
        return starts[starts.index(held["start"]) :]

    def layout(self, main: MainGeometry, start: int) -> Layout:
        """p_C (Eq. 10) by STM from the text o_B to the prompt c."""
        text = self.backbone.of_text
        return self.staging.stage(
            "layout", 2, Layout,
            lambda on: propose_layout(
                self.backbone, main, text(self.scene.main), text(self.reading.prompt), start, self.settings,
                self.structure_noise("layout", ""), on,
            ),
            self.depends(
                *_LAYOUT, start=start, prompt=self.reading.prompt, main=self.scene.main, seed=self.scene.seed,
            ),
            after=("main",),
            previews=lambda p: {"layout": previews.of_voxels(p.grid)},
        )  # fmt: skip

    def layout_appearance(self, coords: Tensor) -> Slat:
        """z_C (Eq. 11)."""
        noise = self.slat_noise(coords, "layout_appearance", "")
        return self.staging.stage(
            "layout_appearance", 3, Slat,
            lambda on: Slat(coords, generate_slat(
                self.backbone, coords, self.backbone.of_text(self.reading.prompt), self.settings.slat_text_guidance,
                self.settings, noise, on,
            )),
            self.depends("slat_text_guidance", "slat_steps", prompt=self.reading.prompt, seed=self.scene.seed),
            after=("layout",),
            previews=lambda s: {"layout": previews.of_gaussians(self.backbone.gaussians(s.coords, s.feats))},
        )  # fmt: skip

    def hints(self, main: MainGeometry, slat: Slat) -> Hints:
        """h_i (Eq. 12)."""
        colors = previews.part_colors(len(self.scene.terms), self.base)
        return self.staging.stage(
            "hints", 4, Hints,
            lambda on: extract_hints(
                self.backbone, slat.coords, self.backbone.gaussians(slat.coords, slat.feats), self.reading.names,
                self.base, main.grid, self.settings, on,
            ),
            self.depends(*_HINTS, terms=list(self.reading.names), main=self.scene.main),
            after=("main", "layout_appearance"),
            previews=lambda h: {
                "masks": previews.of_masks(h.views, h.masks, self.base),
                "hints": previews.of_voxels(h.grids, colors),
            },
        )  # fmt: skip

    def not_found(self, lost: list[str], hints: Hints | None) -> TermNotFound:
        """Says which terms were found, and keeps the best view for people to look at."""
        found = [term for term in self.scene.terms if term not in lost]
        tried = {term: names for term, names in self.reading.lookalikes.items() if term in lost}
        seen = ""
        if hints is not None and self.staging.run:
            best = hints.best_view()
            with self.staging.run.file(NOT_FOUND) as path:
                previews.of_masks(hints.views[best : best + 1], hints.masks[best : best + 1], self.base).save(path)
            seen = f"; the clearest view of the layout is {self.staging.run.path / NOT_FOUND}"
        return TermNotFound(
            f"the layout shows no {' and no '.join(map(repr, lost))} (found: {', '.join(map(repr, found))})"
            + "".join(f", nor for {term!r} any {' or '.join(map(repr, names))}" for term, names in tried.items())
            + f"{seen}. "
            "Try another seed, plainer words for the term, or further levels in layout_starts"
        )

    # --- Compositional generation -------------------------------------------------------------------------------

    def parts(self, hints: Hints) -> dict[str, PartGeometry]:
        """p_i (Eq. 13) of every term but the base."""
        wanted = {term: hints.grids[i] for i, term in enumerate(self.scene.terms) if i != self.base}
        frames = {term: chosen_frame(hint, self.settings) for term, hint in wanted.items()}

        def plan(term: str) -> PartPlan:
            picture = self.picture(term, "filled" if frames[term] == "canonical" else "in_place")
            return PartPlan(wanted[term], picture, frames[term], self.structure_noise("parts", term))

        def job(term: str) -> Job[PartGeometry]:
            return Job(
                f"part-{self.scene.slugs[term]}", 5, PartGeometry,
                self.depends(
                    "image_guidance", "part_start", "part_frame", "canonical_below", "diffusion", "minimum_hint",
                    pictures=[term], term=term, seed=self.seeds[term],
                ),
                after=("hints",),
                previews=lambda p: {"part": previews.of_voxels(torch.stack([wanted[term] & ~p.grid, p.grid]))},
            )  # fmt: skip

        return self.each(
            list(wanted), job, lambda terms, on: generate_parts(self.backbone, [*map(plan, terms)], self.settings, on)
        )

    def geometry(self, main: MainGeometry, hints: Hints, parts: Mapping[str, PartGeometry]) -> Geometry:
        """p̂_B, p̂_GC and p_GC (Eq. 14 and the refinement)."""

        def compute(on: flow.OnStep) -> Geometry:
            grids = [parts[term].grid for term in self.scene.terms if term in parts]
            stack = torch.stack(grids) if grids else main.grid.new_zeros(0, *main.grid.shape)
            geometry = compose_geometry(main.grid, hints.grids, stack, self.base, self.settings)
            if self.settings.refine:
                noise = self.structure_noise("refine", "")
                target = self.backbone.of_text(self.reading.prompt)
                geometry = refine_geometry(self.backbone, geometry, target, self.settings, noise, on)
            return without_crumbs(geometry, stack, self.settings)

        return self.staging.stage(
            "geometry", 6, Geometry, compute,
            self.depends(
                "expand_sigma", "expand_threshold", "keep_hidden", "prune_absolute", "prune_relative",
                "prune_unchanged", "prune_connectivity", "crumbs", "refine", "refine_start", "refine_guard",
                "seal", "text_guidance", "diffusion",
                prompt=self.reading.prompt, seed=self.scene.seed,
            ),
            after=("main", "hints", *(f"part-{self.scene.slugs[term]}" for term in parts)),
            previews=lambda g: {"coarse": previews.of_voxels(g.coarse), "geometry": previews.of_voxels(g.grid)},
        )  # fmt: skip

    def part_appearances(self, main: MainGeometry, parts: Mapping[str, PartGeometry]) -> dict[str, Slat]:
        """z_i, from each part's own picture."""
        coords = {term: to_coords(parts.get(term, main).grid) for term in self.scene.terms}

        def job(term: str) -> Job[Slat]:
            return Job(
                f"slat-{self.scene.slugs[term]}", 7, Slat,
                self.depends("slat_image_guidance", "slat_steps", pictures=[term], term=term, seed=self.seeds[term]),
                after=(f"part-{self.scene.slugs[term]}" if term in parts else "main",),
                previews=lambda s: {"part": previews.of_gaussians(self.backbone.gaussians(s.coords, s.feats))},
            )  # fmt: skip

        def compute(terms: list[str], on: flow.OnStep) -> list[Slat]:
            places = [coords[term] for term in terms]
            feats = generate_slats(
                self.backbone, places, [self.picture(term) for term in terms], self.settings.slat_image_guidance,
                self.settings, [self.slat_noise(coords[term], "slat", term) for term in terms], on,
            )  # fmt: skip
            return [Slat(*pair) for pair in zip(places, feats)]

        return self.each(list(self.scene.terms), job, compute)

    def appearance(self, geometry: Geometry, slats: Mapping[str, Slat]) -> Appearance:
        """z_o (Eq. 15), and the number of the term that owns each voxel: hence the terms in their order."""
        coords = to_coords(geometry.grid)
        return self.staging.stage(
            "appearance", 8, Appearance,
            lambda on: compose_appearance(
                self.backbone, coords, [(slats[t].coords, slats[t].feats) for t in self.scene.terms], self.base,
                self.backbone.of_text(self.reading.prompt), self.settings, self.slat_noise(coords, "appearance", ""),
                on,
            ),
            self.depends(
                "slat_text_guidance", "slat_steps", "boundary_sigma", "free_fraction",
                prompt=self.reading.prompt, seed=self.scene.seed, terms=list(self.scene.terms), main=self.scene.main,
            ),
            after=("geometry", *(f"slat-{self.scene.slugs[term]}" for term in self.scene.terms)),
            previews=lambda a: {"object": previews.of_gaussians(self.backbone.gaussians(a.coords, a.feats))},
        )  # fmt: skip

    # --- what stages are given ----------------------------------------------------------------------------------

    @property
    def base(self) -> int:
        """i_B."""
        return self.scene.terms.index(self.scene.main)

    def shown(self, term: str) -> list[Image.Image]:
        """A term's pictures, cut out."""
        return [picture.rgba for picture in self.pictures[term]]

    def picture(self, term: str, frame: str = "in_place") -> Condition:
        return self.backbone.of_pictures(self.shown(term), frame)

    def each(
        self,
        terms: list[str],
        job: Callable[[str], Job[T]],
        compute: Callable[[list[str], flow.OnStep], list[T]],
    ) -> dict[str, T]:
        """A stage per term: one after the other, or side by side where the backbone has the room."""
        results = self.staging.stages(
            [job(term) for term in terms],
            lambda which, on: compute([terms[i] for i in which], on),
            self.backbone.at_once,
        )
        return dict(zip(terms, results))

    def structure_noise(self, stage: str, term: str) -> flow.Draws:
        seed = self.seeds[term] if stage == "parts" else self.scene.seed
        return flow.noise((1, *self.backbone.structure_shape), seed, (stage, term))

    def slat_noise(self, coords: Tensor, stage: str, term: str) -> flow.Draws:
        seed = self.seeds[term] if stage == "slat" else self.scene.seed
        return flow.noise((len(coords), self.backbone.slat_channels), seed, (stage, term))

    def depends(self, *settings: str, pictures: list[str] = (), **more: Any) -> dict[str, Any]:
        """Plain data that a stage's result depends on."""
        hashes = {term: [picture.sha256 for picture in self.pictures[term]] for term in pictures}
        names = (*settings, "background") if pictures else settings
        return sampling_depends(self.backbone, self.settings, *names, **more, pictures=hashes)
