"""Where the parts of a model are that an edit names: by node, by text, by a feature field, or as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError, nearest
from ..existing.model import Piece
from ..language.endpoints import LanguageModel
from ..scene.change import AUTO, FIELD, NAME, TEXT, Change
from ..scene.names import EQUAL, HELD, SAME, alike
from ..segmentation import marks, naming
from ..voxels import dilate, drop_small, outer_shell, to_coords
from .beyond import beyond
from .existing import Source
from .field import clustered, looked_at, with_behind
from .hints import Hints
from .kit import Kit
from .layout import MainGeometry, Slat
from .places import NAMED
from .seen_parts import parts_in_views

NODE, GIVEN, PLACE = "node", "given", "place"  # besides TEXT and FIELD
CLUSTERS = 20  # numbered on the pictures that a language model sees
FINE = 40  # clusters that vote as one where nobody has to tell them apart
NEAR = 3  # voxels around what changes in which the joints are smoothed


@dataclass(frozen=True)
class Regions:
    """Where each part is that goes."""

    parts: tuple[str, ...]
    grids: Tensor  # [N, 64, 64, 64] bool, voxels of the model's shell, and around it those that a person gave
    pieces: tuple[tuple[int, ...], ...]  # per part the model's pieces that are all of it; none where voxels say it
    found: tuple[str, ...]  # per part how: NODE, TEXT, FIELD or GIVEN
    report: tuple[str, ...]  # in words, per part
    clusters: Tensor | None = None  # [64, 64, 64] uint8 of a feature field that was asked for: 0 none, else the number

    @property
    def union(self) -> Tensor:
        """[64, 64, 64]"""
        return self.grids.any(0) if len(self.parts) else torch.zeros(64, 64, 64, dtype=torch.bool)

    @property
    def by_voxels(self) -> Tensor:
        """[64, 64, 64] of the parts that are no nodes."""
        rows = [grid for grid, pieces in zip(self.grids, self.pieces) if not pieces]
        return torch.stack(rows).any(0) if rows else torch.zeros(64, 64, 64, dtype=torch.bool)

    @property
    def pieces_of_all(self) -> list[int]:
        return [piece for pieces in self.pieces for piece in pieces]

    def of(self, part: str) -> Tensor:
        """[64, 64, 64] bool"""
        return self.grids[self.parts.index(part)]


def found_regions(kit: Kit, source: Source, model: Slat, change: Change) -> Regions:
    """The region of every part that is replaced or removed.

    A region that is given goes first; then nodes of the model with such a name; then the clusters of a feature field
    that a language model calls so, if there is one, else what the segmenter finds in views, and of what it does not
    know what stands out where such things sit; unless the edit says that one of these ways alone is taken. Raises
    InputError where a part is not found, with the names that the model has.
    """
    how, language = kit.how_to_find()
    given = kit.given_regions(change.parts)
    grids: dict[str, Tensor] = {}
    pieces: dict[str, tuple[int, ...]] = {}
    found: dict[str, str] = {}
    report: dict[str, str] = {}
    for part in change.parts:
        if part in given:
            grids[part], pieces[part], found[part] = given[part].cpu(), (), GIVEN
            report[part] = f"{part}: as given, {int((grids[part] & source.grid).sum())} voxels of the model"
            _require_touching(part, grids[part], source.grid)
        elif how in (AUTO, NAME) and (names := nodes_named(kit.model().model.pieces, part)):
            pieces[part], found[part] = tuple(names), NODE
            grids[part] = source.shell_of(torch.isin(source.piece, torch.tensor(names, dtype=torch.int32)))
            shown = dict.fromkeys(kit.model().model.pieces[index].names[0] or "(without a name)" for index in names)
            report[part] = f"{part}: the model's {', '.join(map(repr, list(shown)[:8]))}"
    _require_apart(pieces)
    rest, clusters = [part for part in change.parts if part not in grids], None
    if rest and how == NAME:
        raise _no_node(kit, rest[0], "look for it by text or in a feature field (--find), or give the region")
    if rest and how != TEXT and language is not None:
        clusters, named = in_field(kit, source, language, change, rest)
        for part, numbers in named.items():
            coords = to_coords(clusters > 0)
            own = torch.isin(clusters[tuple(coords.unbind(1))], torch.tensor(numbers))
            grids[part], pieces[part], found[part] = with_behind(source, coords, own), (), FIELD
            report[part] = (
                f"{part}: {int(grids[part].sum())} voxels, cluster{'s' * (len(numbers) > 1)} "
                f"{', '.join(map(str, numbers))} of {int(clusters.max())}, as {language.identity['name']} names them"
            )
    elif rest:
        for part, (grid, way, told) in by_text(kit, source, model, change.sentence.main, rest).items():
            grids[part], pieces[part], found[part] = grid, (), way
            report[part] = f"{part}: {int(grid.sum())} voxels, {told}"
    rows = torch.stack([grids[part] for part in change.parts]) if change.parts else torch.zeros(0, 64, 64, 64) > 0
    return Regions(
        change.parts,
        rows.to(kit.device),
        tuple(pieces[part] for part in change.parts),
        tuple(found[part] for part in change.parts),
        tuple(report[part] for part in change.parts),
        None if clusters is None else clusters.to(torch.uint8),
    )


def nodes_named(pieces: Sequence[Piece], part: str) -> list[int]:
    """The pieces that go by a name: best those whose node is called just so, then those whose node's name holds it.

    After them those below such a node, or with such a mesh or material.
    """
    for least in (SAME, EQUAL, HELD):
        if found := [index for index, piece in enumerate(pieces) if alike(piece.names[0], part) >= least]:
            return found
    for least in (SAME, EQUAL, HELD):
        if found := [
            i for i, piece in enumerate(pieces) if any(alike(name, part) >= least for name in piece.names[1:])
        ]:
            return found
    return []


def _require_apart(pieces: Mapping[str, tuple[int, ...]]) -> None:
    taken: dict[int, str] = {}
    for part, own in pieces.items():
        for index in own:
            if index in taken:
                raise InputError(f"{taken[index]!r} and {part!r} are the same node of the model; name one of them")
            taken[index] = part


def _require_touching(part: str, grid: Tensor, shell: Tensor) -> None:
    if not (dilate(grid) & shell).any():
        raise InputError(f"the region of {part!r} lies where the model is not; give one that covers the part")


def by_text(kit: Kit, source: Source, model: Slat, main: str, parts: list[str]) -> dict[str, tuple[Tensor, str, str]]:
    """Per part its voxels, the way that found them, and words for it: what the segmenter sees, else by its place."""
    sights = looked_at(kit, source)
    label = clustered(kit, source, sights, FINE) - 1
    grids, views = parts_in_views(kit, source, model, sights, label, parts)
    found = {
        part: (grid, TEXT, f"as the segmenter sees it in {count} views")
        for part, grid, count in zip(parts, grids, views)
        if int(grid.sum()) >= kit.settings.minimum_hint
    }
    lost = [part for part in parts if part not in found]
    taken = torch.stack([grid for grid, _, _ in found.values()]).any(0) if found else torch.zeros(64, 64, 64) > 0
    for part, (grid, place) in zip(lost, beyond(kit, source, sights, label, main, lost) if lost else ()):
        own = grid & ~taken
        if int(own.sum()) < kit.settings.minimum_hint:
            raise _no_node(
                kit, part, "the segmenter sees none in its views: name a node, use plainer words or give the region"
            )
        told = f"what a plain {main} has not {NAMED[place]}: the segmenter sees no such thing; look at regions.png"
        found[part] = (own, PLACE, told)
        taken = taken | own
    return found


def in_field(
    kit: Kit, source: Source, language: LanguageModel, change: Change, parts: list[str]
) -> tuple[Tensor, dict[str, tuple[int, ...]]]:
    """Numbered clusters of a feature field [64, 64, 64], and which of them each part is, as a language model says."""
    endpoint = language.endpoint  # a key that is missing is told before the work
    sights = looked_at(kit, source)
    clusters = torch.zeros(64, 64, 64, dtype=torch.int64)
    clusters[tuple(sights.coords.unbind(1))] = clustered(kit, source, sights, CLUSTERS)
    pictures = marks.marked(kit.model(), clusters, marks.sides(kit.backbone.orthographic))
    named = naming.named(endpoint, change.sentence.main, parts, int(clusters.max()), pictures)
    for part, numbers in named.items():
        if not numbers:
            raise _no_node(kit, part, f"{endpoint.name} sees none in its views: use plainer words or give the region")
    return clusters, named


def _no_node(kit: Kit, part: str, advice: str) -> InputError:
    known = kit.model().model.nodes
    listed = f" (its nodes are {', '.join(map(repr, known[:20]))})" if known else ""
    return InputError(
        f"no part of the model is called {part!r}{nearest(part, known)}{listed}; {advice}: --region {part!r}=FILE.npz"
    )


def joined_hints(kit: Kit, rest: MainGeometry, regions: Regions, layout: Hints | None, change: Change) -> Hints:
    """h_i of every new term: where the part was that it replaces, or where the layout shows what is added.

    The rest's own hint is p_B: near new parts it stays what it is.
    """
    grids = {change.sentence.main: rest.grid}
    whole = rest.grid | regions.union
    for part, term in change.replaced.items():
        region = regions.of(part)
        drawn = layout.of(term) if layout is not None and term in layout.terms else None
        if drawn is not None and (drawn & dilate(region, NEAR)).any():
            grids[term] = _fresh(kit, drawn, ~rest.grid)
        else:
            grids[term] = _fresh(kit, region, outer_shell(whole))
    for term in change.added:
        assert layout is not None  # drawn for them
        grids[term] = _fresh(kit, layout.of(term), ~rest.grid)
    stacked = torch.stack([grids[term] for term in change.sentence.terms])
    nothing = torch.zeros(0, len(stacked), 1, 1, dtype=torch.bool)
    views = torch.zeros(0, 1, 1, 3, dtype=torch.uint8)
    changed = torch.stack([regions.union, *(grids[term] for term in change.sentence.accessories)]).any(0)
    return Hints(stacked, views, nothing, change.sentence.terms, regions.report, dilate(changed, NEAR))


def _fresh(kit: Kit, hint: Tensor, where: Tensor) -> Tensor:
    """The hint in `where`, if enough of it hangs together there; else all of it."""
    kept = drop_small(hint & where, kit.settings.minimum_hint)
    return hint & where if kept.any() else hint
