"""What a method made of a case, whichever method: voxels and a coloured mesh per part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..meshes.glb import write_glb
from ..meshes.mesh import Mesh
from ..meshes.surface import simplify
from ..result.part import Part
from ..result.result import Result
from ..voxels import outer_shell, to_grid

FACES = 3000  # most triangles of `model.glb` per part, which pages, judges and the study show


@dataclass(frozen=True)
class Outcome:
    """Grids are bool [64, 64, 64] in the method's own frame, which measuring aligns with the truth's.

    `labelled` False says that the method returned one object without parts: it is all under `main` until measuring
    lends it the labels of the truth.
    """

    grids: Mapping[str, Tensor]  # by term; a part that was not made is empty
    meshes: Mapping[str, Mesh]  # by term, coloured, as made: looks are measured on them; parts without one are left out
    main: str
    labelled: bool = True
    main_geometry: Tensor | None = None  # p_B, where the method has one
    hints: Mapping[str, Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Tensor:
        """[64, 64, 64] all parts together."""
        return torch.stack(list(self.grids.values())).any(0)

    def visible(self) -> dict[str, Tensor]:
        """What the outside of the whole shows of each part."""
        surface = outer_shell(self.whole)
        return {term: grid & surface for term, grid in self.grids.items()}


def of_result(result: Result, main: str, **more: Any) -> Outcome:
    """The outcome of a composition."""
    return Outcome({term: part.voxels for term, part in result.parts.items()}, meshes_of(result.parts), main, **more)


def meshes_of(parts: Mapping[str, Part]) -> dict[str, Mesh]:
    """The parts' meshes by term; parts without one are left out."""
    return {term: part.mesh for term, part in parts.items() if part.mesh is not None}


def light(mesh: Mesh, parts: int = 1) -> Mesh:
    """At most `FACES` triangles for each part that the mesh holds."""
    return simplify(mesh, FACES * parts) if len(mesh.faces) > FACES * parts else mesh


def voxelise(mesh: Mesh, resolution: int = 64, spacing: float = 0.3) -> Tensor:
    """[R, R, R] bool: voxels that the surface passes through, found by points at most `spacing` voxels apart.

    Points outside the cube are left out.
    """
    corners = mesh.vertices[mesh.faces].double()  # [F, 3, 3]
    edges = corners.roll(-1, 1) - corners
    steps = (edges.norm(dim=-1).amax(1) * resolution / spacing).ceil().clamp_min(1).long()
    points = []
    for count in steps.unique().tolist():  # triangles of equal size share their barycentric lattice
        i, j = torch.meshgrid(torch.arange(count + 1), torch.arange(count + 1), indexing="ij")
        keep = i + j <= count
        u, v = i[keep].double() / count, j[keep].double() / count
        weights = torch.stack([1 - u - v, u, v], -1)
        points.append(torch.einsum("pk,fkc->fpc", weights, corners[steps == count]).reshape(-1, 3))
    cells = ((torch.cat(points) + 0.5) * resolution).floor().long()
    return to_grid(cells[((cells >= 0) & (cells < resolution)).all(1)].unique(dim=0), resolution)


def save(outcome: Outcome, folder: Path) -> None:
    """Writes voxels.npz and, if there is a mesh at all, a light model.glb."""
    packed: dict[str, Any] = {f"part {term}": np.packbits(grid.numpy()) for term, grid in outcome.grids.items()}
    packed |= {f"hint {term}": np.packbits(grid.numpy()) for term, grid in outcome.hints.items()}
    np.savez_compressed(folder / "voxels.npz", **packed)
    if outcome.meshes:
        parts = 1 if outcome.labelled else len(outcome.grids)
        write_glb(folder / "model.glb", {term: light(mesh, parts) for term, mesh in outcome.meshes.items()}, {})
