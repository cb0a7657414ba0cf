"""What a composition is: parts with names, meshes, splats and voxels, and the files made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .backbones import Backbone
from .meshes.mesh import Mesh
from .runs import RunFolder
from .scene import slug
from .splats import Gaussians
from .stages.appearance import Appearance
from .version import __version__
from .voxels import to_grid


@dataclass(frozen=True)
class Part:
    """One named thing of the composition, in the world frame."""

    term: str
    mesh: Mesh | None  # None where the part has no voxel left
    gaussians: Gaussians
    voxels: Tensor  # [64, 64, 64] bool


@dataclass
class Result:
    """A composed object. `parts` maps terms to parts in the scene's order."""

    parts: dict[str, Part]
    gaussians: Gaussians  # all of them, `part` filled in
    prompt: str = ""
    seed: int = 0
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def decode(cls, backbone: Backbone, terms: list[str], base: int, appearance: Appearance) -> Result:
        """Gaussians, meshes and voxels of every part from the composed latents."""
        from .meshes.surface import color_from_points

        with torch.no_grad():
            splat = backbone.gaussians(appearance.coords, appearance.feats)
            meshes = backbone.meshes(appearance.coords, appearance.feats, appearance.owner, len(terms))
        part = appearance.owner[splat.voxel]
        splat = Gaussians(*(getattr(splat, name) for name in _TENSORS), part=part)
        parts = {}
        for i, term in enumerate(terms):
            mine = splat[part == i]
            mesh = meshes[i]
            if mesh is not None and len(mesh.faces) and len(mine):
                mesh = color_from_points(mesh, mine.positions, mine.colors.clamp(0, 1), k=4)
            elif mesh is not None and not len(mesh.faces):
                mesh = None
            parts[term] = Part(term, mesh, mine, to_grid(appearance.coords[appearance.owner == i]))
        return cls(parts, splat)

    def save(self, out: RunFolder | str | Path) -> None:
        """Writes scene.glb, scene.ply, parts/*.glb, turntable.webp and report.html; each whole or not at all."""
        if not isinstance(out, RunFolder):
            with RunFolder(out) as run:
                run.record(prompt=self.prompt, terms=list(self.parts), seeds={"scene": self.seed})
                return self.save(run)
        from .meshes.glb import write_glb
        from .report import report_of_run, write_report
        from .splats import preview, turntable, write_ply

        for warning in self.warnings:
            out.warn(warning)
        with out.timed("export"):
            meshes = {term: part.mesh for term, part in self.parts.items() if part.mesh is not None}
            images = out.info.get("images", {})
            hashes = {term: [image["sha256"] for image in images.get(term, [])] for term in self.parts}
            extras = {"prompt": self.prompt, "seed": self.seed, "images": hashes, "version": __version__}
            write_glb(out.path / "scene.glb", meshes, extras)
            (out.path / "parts").mkdir(exist_ok=True)
            for term, mesh in meshes.items():
                write_glb(out.path / "parts" / f"{slug(term)}.glb", {term: mesh}, extras)
            write_ply(out.path / "scene.ply", self.gaussians, self.gaussians.part)
            frames = turntable(self.gaussians, 256, 24, fov=None, width=1.0)
            preview.save_webp(out.path / "turntable.webp", frames)
        write_report(out.path / "report.html", report_of_run(out.path))


_TENSORS = ("positions", "features_dc", "scales", "rotations", "opacities", "voxel")
