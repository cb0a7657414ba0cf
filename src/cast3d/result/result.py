"""What a composition is: parts with names, meshes, splats and voxels, and the files made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..backbones import Backbone
from ..models.precision import in_float32
from ..run.folder import RunFolder
from ..settings import Settings
from ..splats import Gaussians
from ..stages.appearance import Appearance
from ..voxels import to_grid
from .part import Part, finished
from .recipe import Recipe


@dataclass
class Result:
    """A composed object. `parts` maps terms to parts in the scene's order."""

    parts: dict[str, Part]
    gaussians: Gaussians  # all of them, `part` filled in
    prompt: str = ""
    seed: int = 0
    facts: dict[str, Any] = field(default_factory=dict)  # of the composition, for run.json
    warnings: list[str] = field(default_factory=list)  # what may be wrong with it, and what helps
    notes: list[str] = field(default_factory=list)  # what was done as always
    recipe: Recipe | None = field(default=None, repr=False)  # what it was made of

    @classmethod
    def decode(
        cls,
        backbone: Backbone,
        terms: list[str],
        base: int,
        appearance: Appearance,
        shapes: Tensor | None = None,  # [N, 64, 64, 64] bool
        colors: Tensor | None = None,  # [J, 3] features_dc
        smooth: int = 0,
    ) -> Result:
        """Gaussians, meshes and voxels of every part from the composed latents.

        `shapes` are the parts' own geometries, p_B and p_i: they tell whose the inside is (see `Backbone.meshes`).
        `colors` take the place of the decoded ones; `smooth` is as in `meshes.smoothing.smoothed`.
        """
        with torch.no_grad():
            splat = backbone.gaussians(appearance.coords, appearance.feats)
            if colors is not None:
                splat = replace(splat, features_dc=colors)
            meshes = backbone.meshes(appearance.coords, appearance.feats, appearance.owner, len(terms), base, shapes)
        part = appearance.owner[splat.voxel]
        splat = Gaussians(**{name: getattr(splat, name) for name in _TENSORS}, part=part)
        parts = {}
        for i, term in enumerate(terms):
            mine = splat[part == i]
            parts[term] = Part(
                term, finished(meshes[i], mine, smooth), mine, to_grid(appearance.coords[appearance.owner == i])
            )
        return cls(parts, splat)

    @in_float32
    def save(self, out: RunFolder | str | Path, settings: Mapping[str, Any] | None = None) -> None:
        """Writes scene.glb, parts/*.glb, scene.ply, turntable.webp and report.html; each whole or not at all.

        `settings` change how: `texture_size`, `mesh_faces` and `spz` (adds scene.spz).
        """
        chosen = (self.recipe.settings if self.recipe else Settings()).changed(settings or {})
        if not isinstance(out, RunFolder):
            with RunFolder(out) as run:
                run.record(prompt=self.prompt, terms=list(self.parts), seeds={"scene": self.seed})
                if self.recipe:
                    self.recipe.keep(run)
                return self.save(run, settings)
        from .report import report_of_run, write_report

        if settings:
            out.record(settings=chosen.plain())
        if self.facts:
            out.replace(appearance=self.facts)
        for warning in self.warnings:
            out.warn(warning)
        for note in self.notes:
            out.note(note)
        with out.timed("export"):
            self._write(out, chosen)
        write_report(out.path / "report.html", report_of_run(out.path))

    def _write(self, out: RunFolder, settings: Settings) -> None:
        from .export import write_files

        write_files(self.parts, self.gaussians, {"prompt": self.prompt, "seed": self.seed}, out, settings)


_TENSORS = ("positions", "features_dc", "scales", "rotations", "opacities", "voxel")
