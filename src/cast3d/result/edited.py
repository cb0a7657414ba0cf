"""What an edit is: the model with other parts, in its own frame, units and place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..backbones import Backbone
from ..composition import Composition
from ..existing.cutting import Cut, all_of, cut
from ..existing.frame import Frame, splat_in_file
from ..existing.keeping import packed
from ..existing.placed import parents_of
from ..existing.seen import Existing
from ..existing.views import meshes_of
from ..existing.writing import Addition, edited
from ..files import atomic_write
from ..meshes.conventions import from_gltf_axes
from ..meshes.glb import write_glb
from ..meshes.mesh import Mesh
from ..meshes.surface import color_from_points
from ..meshes.texture import Textured, reshaped
from ..run.folder import RunFolder
from ..scene import unique_slugs
from ..scene.change import EXACT, RECOMPOSE, Change
from ..scene.names import alike as alike_names
from ..settings import Settings
from ..splats import Gaussians, preview, write_ply, write_spz
from ..splats.ply import write_changed
from ..stages.existing import Source
from ..stages.layout import Slat
from ..stages.regions import Regions
from ..stages.rest import Rest
from ..version import __version__
from ..voxels import cells_of, dilate, drop_small, to_grid
from . import previews
from .export import part_files, surface, told
from .part import Part
from .pictures import Picture, alike, around
from .report.content import TURNED, VIEW
from .result import Result

BESIDE = 1.5  # voxels around a region of voxels in which what lies behind the shell goes, too
CRUMB = 12  # voxels of the smallest piece of a new part


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


def kept_gaussians(existing: Existing, regions: Regions) -> Tensor:
    """[J] bool: the Gaussians of a splat that lie outside the regions of the parts that go."""
    assert existing.model.gaussians is not None
    region = dilate(regions.union.cpu(), 1, connectivity=6)
    return ~region[tuple(cells_of(existing.in_cube.positions).unbind(1))]


def kept_exactly(result: EditedResult, made: Composition, backbone: Backbone, change: Change) -> None:
    """Fills in what goes of the model and what comes in: new parts whole, and patches where something was filled."""
    existing, regions, rest = result.existing, made.hinted.regions, made.hinted.main
    assert existing is not None and regions is not None and isinstance(rest, Rest)
    result.cuts = cuts_of(existing, regions)
    if existing.model.gaussians is not None:
        result.kept = kept_gaussians(existing, regions)
    new: dict[str, Part] = {}
    parents: dict[str, int] = {}
    term_of = {term: part for part, term in change.replaced.items()}
    for term in change.sentence.accessories:
        new[term] = alone_part(backbone, term, made.slats[term], result.parts[term].gaussians)
        if term in term_of:
            parents[term] = _parent(existing, result.cuts, regions, term_of[term])
    if rest.filled.any() and made.hinted.slat is not None and existing.model.gaussians is None:
        patch = _patch(backbone, rest, made.hinted.slat)
        if patch is not None:
            new[f"{change.sentence.main} patch"] = patch
    result.new, result.parents = new, parents


def cuts_of(existing: Existing, regions: Regions) -> dict[int, Cut]:
    """What goes of each of the model's pieces: nodes whole, regions of voxels along their border."""
    pieces = existing.model.pieces
    cuts = {index: all_of(pieces[index]) for index in regions.pieces_of_all}
    grid = regions.by_voxels.cpu()
    if grid.any():
        region = dilate(grid, 1, connectivity=6).numpy()
        for index, piece in enumerate(pieces):
            if index not in cuts and not (one := cut(piece, existing.cube[index], region)).nothing:
                cuts[index] = one
    return cuts


def alone_part(backbone: Backbone, term: str, slat: Slat, composed: Gaussians) -> Part:
    """A new part by itself: the whole of it, also where the model hides it, so that it meets the model without a gap.

    Its colours are those of the composition, where that shows it.
    """
    kept = drop_small(to_grid(slat.coords), CRUMB, connectivity=26)
    rows = kept[tuple(slat.coords.long().unbind(1))]
    coords, feats = (slat.coords[rows], slat.feats[rows]) if rows.any() else (slat.coords, slat.feats)
    owner = torch.zeros(len(coords), dtype=torch.long, device=coords.device)
    with torch.no_grad():
        gaussians = backbone.gaussians(coords, feats)
        (mesh,) = backbone.meshes(coords, feats, owner, 1)
    hidden = _not_near(gaussians, composed)
    positions = torch.cat([composed.positions, gaussians.positions[hidden]])
    colors = torch.cat([composed.colors, gaussians.colors[hidden]]).clamp(0, 1)
    if mesh is not None and len(mesh.faces):
        mesh = color_from_points(mesh, positions, colors, k=4)
    return Part(term, mesh if mesh is not None and len(mesh.faces) else None, gaussians, to_grid(coords))


def _not_near(gaussians: Gaussians, composed: Gaussians) -> Tensor:
    """[J] bool: in voxels in which the composition shows nothing of the part."""
    if not len(composed):
        return torch.ones(len(gaussians), dtype=torch.bool, device=gaussians.positions.device)
    shown = dilate(to_grid(cells_of(composed.positions).unique(dim=0)))
    return ~shown[tuple(cells_of(gaussians.positions).unbind(1))]


def _patch(backbone: Backbone, rest: Rest, slat: Slat) -> Part | None:
    """The surface of the rest where something was filled in, a voxel beyond its border."""
    owner = torch.zeros(len(slat.coords), dtype=torch.long, device=slat.coords.device)
    with torch.no_grad():
        gaussians = backbone.gaussians(slat.coords, slat.feats)
        (mesh,) = backbone.meshes(slat.coords, slat.feats, owner, 1)
    if mesh is None or not len(mesh.faces):
        return None
    near = dilate(rest.filled)
    inside = near[tuple(cells_of(mesh.vertices[mesh.faces].mean(1)).unbind(1))]
    if not inside.any():
        return None
    used, faces = torch.unique(mesh.faces[inside], return_inverse=True)
    cut_out = Mesh(mesh.vertices[used], faces)
    mine = near[tuple(cells_of(gaussians.positions).unbind(1))]
    seen = gaussians[mine] if mine.any() else gaussians
    colored = color_from_points(cut_out, seen.positions, seen.colors.clamp(0, 1), k=4)
    return Part("patch", colored, seen, rest.filled)


def _parent(existing: Existing, cuts: Mapping[int, Cut], regions: Regions, part: str) -> int:
    """The node at which the old part hung: that above its node, or above the node that lost the most of it.

    A group that goes by the part's name and of which nothing stays is of the part; the new one hangs above it.
    """
    pieces, document = existing.model.pieces, existing.model.document
    if document is None:
        return -1
    own = regions.pieces[regions.parts.index(part)]
    candidates = own or [index for index, one in cuts.items() if not one.nothing]
    if not candidates:
        return -1
    most = max(candidates, key=lambda index: int((~cuts[index].keep).sum()))
    nodes, parents, node = document.rows("nodes"), parents_of(document), pieces[most].node
    if "skin" in nodes[node]:
        return -1
    stays = {piece.node for index, piece in enumerate(pieces) if index not in cuts or not cuts[index].everything}
    holding = stays | {above for one in stays for above in _above(one, parents)}
    for above in _above(node, parents):
        if above in holding or not alike_names(str(nodes[above].get("name", "")), part):
            return above
    return -1


def _above(node: int, parents: Sequence[int]) -> Iterator[int]:
    """The nodes above a node, the nearest first."""
    while (node := parents[node]) != -1:
        yield node
