"""An edit that keeps the rest exactly: what of the model goes, and which new parts come in, and where they hang."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..backbones import Backbone
from ..composition import Composition
from ..existing.cutting import Cut, all_of, cut
from ..existing.placed import parents_of
from ..existing.seen import Existing
from ..following.seen import SOLID
from ..meshes.mesh import Mesh
from ..meshes.surface import color_from_points
from ..scene.change import Change
from ..scene.names import alike
from ..splats import Gaussians
from ..stages.layout import Slat
from ..stages.own_cube import CRUMB, OwnCube
from ..stages.regions import Regions
from ..stages.rest import Rest
from ..voxels import cells_of, dilate, drop_small, to_grid
from .edited import EditedResult
from .part import Part, finished


def kept_gaussians(existing: Existing, regions: Regions) -> Tensor:
    """[J] bool: the Gaussians of a splat that lie outside the regions of the parts that go."""
    assert existing.model.gaussians is not None
    region = dilate(regions.union.cpu(), 1, connectivity=6)
    return ~region[tuple(cells_of(existing.in_cube.positions).unbind(1))]


def kept_exactly(
    result: EditedResult,
    made: Composition,
    own: Mapping[str, OwnCube],
    backbone: Backbone,
    change: Change,
    smooth: int = 0,
) -> None:
    """Fills in what goes of the model and what comes in: new parts whole, and patches where something was filled.

    `own` has the parts that were made in cubes of their own. `smooth`: rounds of `meshes.smoothing` for new parts.
    """
    existing, regions, rest = result.existing, made.hinted.regions, made.hinted.main
    assert existing is not None and regions is not None and isinstance(rest, Rest)
    result.cuts = cuts_of(existing, regions)
    if existing.model.gaussians is not None:
        result.kept = kept_gaussians(existing, regions)
    new: dict[str, Part] = {}
    parents: dict[str, int] = {}
    term_of = {term: part for part, term in change.replaced.items()}
    for term in change.sentence.accessories:
        if term in own and len(own[term].coords):
            new[term] = own_part(backbone, term, own[term], made.parts[term].grid, smooth)
        else:
            new[term] = alone_part(backbone, term, made.slats[term], result.parts[term].gaussians, smooth)
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


def alone_part(backbone: Backbone, term: str, slat: Slat, composed: Gaussians, smooth: int = 0) -> Part:
    """A new part by itself: the whole of it, also where the model hides it, so that it meets the model without a gap.

    Its colours are those of the composition, which follow the pictures; what that hides takes those nearest to it.
    """
    kept = drop_small(to_grid(slat.coords), CRUMB, connectivity=26)
    rows = kept[tuple(slat.coords.long().unbind(1))]
    coords, feats = (slat.coords[rows], slat.feats[rows]) if rows.any() else (slat.coords, slat.feats)
    mesh, gaussians = _decoded(backbone, coords, feats)
    shown = composed[composed.opacities > SOLID]
    if len(shown):
        _, nearest = cKDTree(shown.positions.cpu().numpy()).query(gaussians.positions.cpu().numpy())
        own = torch.from_numpy(nearest).to(shown.features_dc.device)
        gaussians = replace(gaussians, features_dc=shown.features_dc[own])
    return Part(term, finished(mesh, gaussians, smooth), gaussians, to_grid(coords))


def own_part(backbone: Backbone, term: str, own: OwnCube, grid: Tensor, smooth: int = 0) -> Part:
    """A new part that was made in its own cube, where it stands in the model's."""
    mesh, gaussians = _decoded(backbone, own.coords, own.feats)
    gaussians = replace(gaussians, features_dc=own.colors)
    mesh, place = finished(mesh, gaussians, smooth), own.placed
    if mesh is not None:
        mesh = replace(mesh, vertices=place(mesh.vertices))
    moved = replace(gaussians, positions=place(gaussians.positions), scales=gaussians.scales * place.scale)
    return Part(term, mesh, moved, grid)


def _decoded(backbone: Backbone, coords: Tensor, feats: Tensor) -> tuple[Mesh | None, Gaussians]:
    """One thing's mesh, without colours, and its Gaussians."""
    owner = torch.zeros(len(coords), dtype=torch.long, device=coords.device)
    with torch.no_grad():
        (mesh,) = backbone.meshes(coords, feats, owner, 1)
        return mesh, backbone.gaussians(coords, feats)


def _patch(backbone: Backbone, rest: Rest, slat: Slat) -> Part | None:
    """The surface of the rest where something was filled in, a voxel beyond its border."""
    mesh, gaussians = _decoded(backbone, slat.coords, slat.feats)
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
        if above in holding or not alike(str(nodes[above].get("name", "")), part):
            return above
    return -1


def _above(node: int, parents: Sequence[int]) -> Iterator[int]:
    """The nodes above a node, the nearest first."""
    while (node := parents[node]) != -1:
        yield node
