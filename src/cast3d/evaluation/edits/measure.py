"""What is measured of an edit: inside the region the new part against the truth, outside what has changed.

All in the frame of the source. docs/evaluation.md says of each number what it can and cannot see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree
from torch import Tensor

from ...existing.frame import UPS, Frame
from ...existing.model import Model
from ...existing.opening import open_model
from ...existing.seen import Existing
from ...existing.views import meshes_of, together
from ...meshes.mesh import Mesh
from ...scene.terms import match_key
from ...voxels import cells_of, dilate, outer_shell, to_grid
from .. import structure
from ..alignment import IDENTITY
from ..components import Placed, agreement, points
from ..likeness import Reference, likeness, sides
from .suite import SIZE, EditCase

SAME = Frame(UPS["y"], 1 / SIZE, (0.0, 0.0, 0.0))  # from the sources' files back to the cube
SAME_SPLAT = Frame(UPS["z"], 1 / SIZE, (0.0, 0.0, 0.0))
AROUND = 3  # voxels around the old and the new part that count as inside
BESIDE = 8  # neighbours, within a quarter of a voxel of the nearest, of which the likest in colour counts
NEAR = 2  # voxels from the true part within which an unnamed surface is lent to it


def measure(
    case: EditCase,
    before: Path,
    after: Path,
    seen: Seen | None = None,
    labelled: bool = True,
    splats: tuple[Path, Path] | None = None,
) -> dict[str, float]:
    """Numbers of one edit; those that a kind of edit does not have are left out.

    `before` and `after` are the model's file, with a node per part, and the result's. The new part of a result is its
    node called so; a result that is not `labelled` has no parts, and the true part's surroundings are lent. `seen` is
    where the method saw the old part. What changed outside is measured on `splats`, before and after, where the model
    was one: the mesh of such a result is made anew.
    """
    source, result = (Existing(open_model(path), SAME) for path in (before, after))
    inside = _inside(case)
    was, now = (source, result) if splats is None else map(_existing, splats)
    numbers = outside(was, now, inside) | {"untouched": untouched(was, now, inside)}
    if case.term:
        numbers |= _new_part(case, result, labelled)
    else:
        numbers |= _hole(case, result)
    whole, truth = _grid(result), _union(case, "after")
    count, share = structure.floating(outer_shell(whole), truth, IDENTITY)
    numbers |= {"fragments": float(count), "fragment_share": share}
    if seen is not None and case.part:
        numbers["region_iou"] = region_iou(case, source, seen)
    return numbers


def failed(case: EditCase) -> dict[str, float]:
    """What counts for a run that made nothing: the part is not there, or still is."""
    names = ("f1_1", "f1_2", "iou", "likeness") if case.term else ("f1_1", "f1_2", "iou")
    return {f"inside_{name}": 0.0 for name in names}


def _existing(path: Path) -> Existing:
    return Existing(open_model(path), SAME_SPLAT if path.suffix == ".ply" else SAME)


@dataclass(frozen=True)
class Seen:
    """Where a method saw the part that goes: voxels of its own cube."""

    grid: Tensor  # [64, 64, 64] bool
    frame: Frame  # from the axes of the sources' GLB

    @classmethod
    def of(cls, grid: Tensor, existing: Existing) -> Seen:
        """What was seen of a model; a splat is told in our axes, of which the GLB's are turned."""
        frame = existing.frame
        if existing.model.gaussians is not None:
            turn = np.array(frame.turn) @ np.array(UPS["y"])
            frame = Frame(tuple(tuple(row) for row in turn.tolist()), frame.scale, frame.shift)
        return cls(grid, frame)


def region_iou(case: EditCase, source: Existing, seen: Seen) -> float:
    """IoU of the old part and the region, over points of the surface that can be seen."""
    surface = source.surface()
    cells = tuple(cells_of(surface.position).unbind(1))
    shown = outer_shell(_grid(source))[cells]
    true = torch.isin(surface.piece, torch.tensor(sorted(named(source.model, case.part)), dtype=torch.int32))[shown]
    moved = seen.frame.to_cube(SAME.to_file(surface.position[shown].double().numpy()))
    found = seen.grid.cpu()[tuple(cells_of(torch.from_numpy(moved)).unbind(1))]
    return float((found & true).sum()) / max(int((found | true).sum()), 1)


def _seen(case: EditCase) -> Tensor:
    """What the model shows of the part that goes."""
    return case.truth["before"][case.part].visible


def _inside(case: EditCase) -> Tensor:
    """[64, 64, 64] where an edit may change something."""
    parts = [case.truth["before"][case.part].voxels] if case.part else []
    parts += [case.truth["after"][case.term].voxels] if case.term else []
    return dilate(torch.stack(parts).any(0), AROUND)


def _union(case: EditCase, when: str) -> Tensor:
    return torch.stack([one.voxels for one in case.truth[when].values()]).any(0)


def _grid(model: Existing, pieces: set[int] | None = None) -> Tensor:
    surface = model.surface()
    chosen = torch.ones(len(surface.piece), dtype=torch.bool)
    if pieces is not None:
        chosen = torch.isin(surface.piece, torch.tensor(sorted(pieces), dtype=torch.int32))
    return to_grid(cells_of(surface.position[chosen]))


def named(model: Model, term: str) -> set[int]:
    """The pieces whose node is called so."""
    return {index for index, piece in enumerate(model.pieces) if match_key(piece.names[0]) == match_key(term)}


def outside(source: Existing, result: Existing, inside: Tensor) -> dict[str, float]:
    """Chamfer distance in voxels, and mean difference of colours (0 to 1), of the surfaces outside."""
    clouds = []
    for model in (source, result):
        surface = model.surface()
        cells = tuple(cells_of(surface.position).unbind(1))
        out = ~inside[cells]
        clouds.append((64 * surface.position[out].numpy(), surface.color[out].numpy()))
    (a, a_color), (b, b_color) = clouds
    if not len(a) or not len(b):
        return {"outside_chamfer": 64.0, "outside_color": 1.0}
    to_b, rows = cKDTree(b).query(a, k=BESIDE)
    to_a, _ = cKDTree(a).query(b)
    apart = np.abs(a_color[:, None] - b_color[np.minimum(rows, len(b) - 1)]).mean(2)
    difference = np.where(to_b <= to_b[:, :1] + 0.25, apart, 1.0).min(1).mean()
    to_b = to_b[:, 0]
    return {"outside_chamfer": float((to_b.mean() + to_a.mean()) / 2), "outside_color": float(difference)}


def untouched(source: Existing, result: Existing, inside: Tensor) -> float:
    """Share of the source's vertices outside (or Gaussians) that the result has in the same place to the last bit."""
    vertices = _vertices(source.model)
    cube = source.frame.to_cube(vertices)
    cells = tuple(np.floor((cube + 0.5) * 64).astype(np.int64).clip(0, 63).T)
    out = vertices[~inside.numpy()[cells]].astype(np.float32)
    known = {row.tobytes() for row in _vertices(result.model).astype(np.float32)}
    return float(np.mean([row.tobytes() in known for row in out])) if len(out) else 1.0


def _vertices(model: Model) -> NDArray[np.float64]:
    return model.points() if model.gaussians is not None else np.concatenate([one.vertices for one in model.pieces])


def _new_part(case: EditCase, result: Existing, labelled: bool) -> dict[str, float]:
    truth, own = case.truth["after"], named(result.model, case.term)
    rest = set(range(len(result.model.pieces))) - own
    grid = _grid(result, own) if own or labelled else _lent(case, result)
    others = _grid(result, rest) if own or labelled else outer_shell(_grid(result)) & ~grid
    visible = grid & outer_shell(grid | others)
    wanted = truth[case.term]
    numbers = {f"inside_{name}": value for name, value in agreement(_placed(grid, visible, wanted)).items()}
    wanted_others = torch.stack([one.visible for term, one in truth.items() if term != case.term]).any(0)
    share = _contact(visible, others)
    numbers["contact_error"] = abs(share - _contact(wanted.visible, wanted_others))
    numbers["touches"] = float(share > 0)
    if case.image is not None:
        part, around = _meshes(result, own, grid) if own or not labelled else (None, [])
        seen = likeness(sides(part, around), Reference.of(Image.open(case.image).convert("RGBA"))) if part else None
        numbers["inside_likeness"] = seen.value if seen else 0.0
    return numbers


def _placed(grid: Tensor, visible: Tensor, wanted) -> Placed:
    return Placed(points(grid), points(visible), points(wanted.voxels), points(wanted.visible))


def _contact(part: Tensor, others: Tensor) -> float:
    return int((part & dilate(others)).sum()) / max(int(part.sum()), 1)


def _lent(case: EditCase, result: Existing) -> Tensor:
    """Of a result without parts, the voxels nearer to the true part than to what else there should be."""
    truth = case.truth["after"]
    grid, part = outer_shell(_grid(result)), truth[case.term].voxels
    others = torch.stack([one.voxels for term, one in truth.items() if term != case.term]).any(0)
    at = points(grid)
    near, far = (cKDTree(points(one)).query(at)[0] for one in (part, others))
    lent = torch.zeros_like(grid)
    mine = (near < far) & (near <= 2 * NEAR)
    lent[tuple(torch.from_numpy(at[mine]).long().unbind(1))] = True
    return lent


def _meshes(result: Existing, own: set[int], grid: Tensor) -> tuple[Mesh | None, list[Mesh]]:
    """The new part, and what is around it."""
    meshes: Mapping[str, Mesh] = meshes_of(result)
    names = {result.model.pieces[index].names[0] for index in own}
    if names:
        return together([meshes[name] for name in names]), [mesh for name, mesh in meshes.items() if name not in names]
    whole = together(list(meshes.values()))
    mine = dilate(grid)[tuple(cells_of(whole.vertices[whole.faces].mean(1)).unbind(1))]
    if not mine.any():
        return None, []
    return Mesh(whole.vertices, whole.faces[mine], whole.colors), [
        Mesh(whole.vertices, whole.faces[~mine], whole.colors)
    ]


def _hole(case: EditCase, result: Existing) -> dict[str, float]:
    """Of a removal: how the place looks afterwards against the truth, and what of the part is left."""
    grid, truth = outer_shell(_grid(result)), outer_shell(_union(case, "after"))
    near = dilate(case.truth["before"][case.part].voxels, AROUND)
    placed = Placed(*(points(one & near) for one in (grid, grid, truth, truth)))
    left = _seen(case) & ~dilate(_union(case, "after"))
    numbers = {f"inside_{name}": value for name, value in agreement(placed).items()}
    return numbers | {"left_over": float((left & dilate(grid)).sum()) / max(int(left.sum()), 1)}
