"""What an edit is: the model with other parts, in its own frame, units and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..existing.cutting import Cut
from ..existing.frame import Frame, splat_in_file
from ..existing.keeping import packed
from ..existing.seen import Existing
from ..existing.views import meshes_of
from ..existing.writing import Addition, edited
from ..files import atomic_write
from ..meshes.conventions import from_gltf_axes
from ..meshes.glb import write_glb
from ..meshes.mesh import Mesh
from ..meshes.texture import Textured, reshaped
from ..run.folder import RunFolder
from ..scene import unique_slugs
from ..scene.change import EXACT, RECOMPOSE, Change
from ..settings import Settings
from ..splats import Gaussians, preview, write_ply, write_spz
from ..splats.ply import write_changed
from ..stages.existing import Source
from ..stages.regions import Regions
from ..version import __version__
from . import previews
from .export import part_files, surface, told
from .part import Part
from .pictures import Picture, alike, around
from .report.content import TURNED, VIEW
from .result import Result


@dataclass
class EditedResult(Result):
    """`parts` are in the cube, as of a composition; the files are in the model's frame.

    With `keep` "exact" the model's own triangles are in `cuts` taken away and else as they were, and `new` are the
    meshes that come in (by name, in the cube); with "recompose" everything is made anew from latents.
    """

    existing: Existing | None = None
    change: Change | None = None
    keep: str = EXACT
    cuts: Mapping[int, Cut] = field(default_factory=dict)  # by index of the piece
    new: Mapping[str, Part] = field(default_factory=dict)
    parents: Mapping[str, int] = field(default_factory=dict)  # the node at which each new mesh hangs
    regions: Regions | None = None
    kept: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))  # [J] of a splat's Gaussians

    def meshes(self) -> dict[str, Mesh]:
        """Everything after the edit, in the cube, by name; for looking at it and for measuring."""
        if self.keep == RECOMPOSE or self._splat:
            return {term: part.mesh for term, part in self.parts.items() if part.mesh is not None}
        assert self.existing is not None
        kept = meshes_of(self.existing, self.cuts)
        return kept | {name: part.mesh for name, part in self.new.items() if part.mesh is not None}

    @property
    def _splat(self) -> bool:
        return self.existing is not None and self.existing.model.gaussians is not None

    def glb(self, new: Mapping[str, Mesh | Textured]) -> bytes:
        """The model as .glb with what is kept as it was, and new meshes by name, in the file's frame (`in_file`)."""
        assert self.existing is not None
        additions = [Addition(name, one, self.parents.get(name, -1)) for name, one in new.items()]
        return edited(self.existing.model, self.cuts, additions)

    def _write(self, out: RunFolder, settings: Settings) -> None:
        assert self.existing is not None
        frame = self.existing.frame
        shown = {name: part for name, part in self._shown().items() if part.mesh is not None}
        files = part_files(out, {name: f"{slug}.glb" for name, slug in unique_slugs(shown).items()})
        extras = {"prompt": self.prompt, "seed": self.seed, "version": __version__}
        surfaces = {name: surface(part, settings) for name, part in shown.items()}
        there = {name: in_file(one, frame) for name, one in surfaces.items()}
        in_place = {name: for_writing(one, self.existing) for name, one in there.items()}
        if self.keep == EXACT and not self._splat:
            atomic_write(out.path / "scene.glb", self.glb(there))
        else:
            write_glb(out.path / "scene.glb", in_place, extras)
        for name, one in in_place.items():
            write_glb(files[name], {name: one}, extras)
        self._write_splat(out, settings)
        after = self.meshes()
        write_glb(out.path / VIEW, after, {})
        if self._splat and self.keep == EXACT:
            _save_turned(out.path, self._turned_splats())
        else:
            before = list(meshes_of(self.existing).values()) if self.existing.model.pieces else []
            both = [before, list(after.values())] if before else [list(after.values())]
            _save_turned(out.path, alike(both, around(), preview.SIZE))
        out.replace(meshes={name: told(one, f"parts/{files[name].name}") for name, one in surfaces.items()})

    def _turned_splats(self) -> list[list[Picture]]:
        """Before and after, drawn as what they are."""
        assert self.existing is not None
        before = self.existing.in_cube
        after = _joined([before[self.kept], *(part.gaussians for part in self.new.values())])
        return preview.turned_together([before, after])

    def _write_splat(self, out: RunFolder, settings: Settings) -> None:
        """scene.ply, and scene.spz where the model was one: Gaussians that are kept are the model's own."""
        assert self.existing is not None
        model, frame, path = self.existing.model, self.existing.frame, out.path / "scene.ply"
        if model.gaussians is None or self.keep == RECOMPOSE:
            moved = self.gaussians if model.own else splat_in_file(self.gaussians, frame)
            write_ply(path, moved, self.gaussians.part)
            return
        parts = [part.gaussians for part in self.new.values()]
        new = splat_in_file(_joined(parts), frame) if parts else model.gaussians[:0]
        if model.kind == "ply" and model.path is not None:
            write_changed(path, model.path, self.kept, new)
        else:
            together = _joined([model.gaussians[self.kept], new])
            write_ply(path, together)
            write_spz(out.path / "scene.spz", together)

    def _shown(self) -> Mapping[str, Part]:
        """The parts that files are made of."""
        return self.new if self.keep == EXACT and not self._splat else self.parts


def _save_turned(folder: Path, turned: Sequence[Sequence[Picture]]) -> None:
    """turntable.webp of the last, and before-after.webp: all side by side, turned together."""
    preview.save_webp(folder / "turntable.webp", list(turned[-1]))
    if len(turned) > 1:
        preview.save_webp(folder / TURNED, [np.concatenate(row, axis=1) for row in zip(*turned)])


def save_regions(out: RunFolder, source: Source, regions: Regions) -> None:
    """regions.png shows the parts on the model; regions/PART.npz are their voxels, which `--region` takes back."""
    if not regions.parts:
        return
    with out.file("regions.png") as path:
        previews.of_regions(source, regions).save(path)
    for part, slug in unique_slugs(regions.parts).items():
        atomic_write(out.path / "regions" / f"{slug}.npz", packed(regions.of(part)))


def in_file(part: Mesh | Textured, frame: Frame) -> Mesh | Textured:
    """A part of the cube in the file's own frame and units, on the CPU, as the model is."""

    def moved(mesh: Mesh) -> Mesh:
        points = torch.from_numpy(frame.to_file(mesh.vertices.double().cpu().numpy()))
        return Mesh(points, mesh.faces.cpu(), None if mesh.colors is None else mesh.colors.cpu())

    return reshaped(part, moved)


def for_writing(part: Mesh | Textured, existing: Existing) -> Mesh | Textured:
    """The same in the axes that `write_glb` expects, so that the file has the numbers of the model's file.

    Splats are told in our axes already.
    """
    splat = existing.model.gaussians is not None
    axes = (lambda points: points) if splat else from_gltf_axes
    return reshaped(part, lambda mesh: replace(mesh, vertices=axes(mesh.vertices).float()))


def _joined(splats: Sequence[Gaussians]) -> Gaussians:
    """Several splats as one, without voxels and parts."""
    names = ("positions", "features_dc", "scales", "rotations", "opacities")
    return Gaussians(**{name: torch.cat([getattr(one, name).cpu() for one in splats]) for name in names})
