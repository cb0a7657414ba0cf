"""Suites of edits: a model by parts, what is to change, and the truth before and after. `training.bricks` renders them.

suite.json is a list of cases: id, kind (replace, add, remove), prompt, main, part (what goes, "" for nothing), term and
image (of what comes), unseen, source (npz of triangles), truth (npz of grids) and terms {before, after}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import InputError, nearest
from ...meshes.glb import write_glb
from ...meshes.mesh import Mesh
from ...run.plain_data import digest
from ...splats import Gaussians, write_ply
from ...splats.gaussians import dc_of
from ..suite import Truth

STEPS = 2047  # of a coordinate of a source
SIZE = 2.0  # how much larger than the cube the files are: models come in any size


@dataclass(frozen=True)
class EditCase:
    """One edit. Methods get the model, the words and the picture; the truth is for measuring and for oracles."""

    id: str
    kind: str
    prompt: str
    main: str
    part: str  # that goes, "" where something is added
    term: str  # that comes, "" where something is removed
    image: Path | None
    unseen: bool
    source: Path
    grids: Path
    before_terms: tuple[str, ...]
    after_terms: tuple[str, ...]

    @cached_property
    def meshes(self) -> dict[str, Mesh]:
        """The model by term: triangles of one colour each, in the cube."""
        with np.load(self.source, allow_pickle=False) as held:
            palette = held["palette"].astype(np.float32) / 255
            return {term: _mesh(held, role, palette) for role, term in enumerate(self.before_terms)}

    @cached_property
    def truth(self) -> dict[str, dict[str, Truth]]:
        """Where each part is, "before" and "after"."""
        with np.load(self.grids, allow_pickle=False) as held:
            grids = torch.from_numpy(np.unpackbits(held["grids"], axis=1).astype(bool)).view(-1, 2, 64, 64, 64)
        rows = iter(grids)
        terms = {"before": self.before_terms, "after": self.after_terms}
        return {when: {term: Truth(*next(rows)) for term in listed} for when, listed in terms.items()}

    @cached_property
    def digest(self) -> str:
        """Hash of all that the case consists of."""
        told = [self.id, self.kind, self.prompt, self.main, self.part, self.term, str(self.unseen)]
        told += [*self.before_terms, "after", *self.after_terms]
        files = [self.source, self.grids, *([self.image] if self.image else [])]
        return digest("\n".join([*told, *(digest(file.read_bytes()) for file in files)]))

    def write_named(self, path: Path) -> None:
        """A GLB with a node per part."""
        write_glb(path, {term: _larger(mesh) for term, mesh in self.meshes.items()}, {})

    def write_unnamed(self, path: Path) -> None:
        """A GLB of one mesh."""
        meshes = list(self.meshes.values())
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        faces = torch.cat([mesh.faces + int(start) for mesh, start in zip(meshes, starts)])
        colors = torch.cat([mesh.colors for mesh in meshes if mesh.colors is not None])
        write_glb(path, {"mesh": _larger(Mesh(torch.cat([mesh.vertices for mesh in meshes]), faces, colors))}, {})

    def write_splat(self, path: Path) -> None:
        """A splat of flat discs all over the surface."""
        from ...existing.frame import UPS, Frame
        from ...existing.opening import open_model
        from ...existing.seen import Existing

        glb = path.with_suffix(".source.glb")
        self.write_unnamed(glb)
        surface = Existing(open_model(glb), Frame(UPS["y"], 1 / SIZE, (0.0, 0.0, 0.0))).surface()
        glb.unlink()
        count = len(surface.position)
        scales = torch.full((count, 3), 0.35 * SIZE / 64)
        turns = torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4).contiguous()
        write_ply(
            path, Gaussians(SIZE * surface.position, dc_of(surface.color), scales, turns, torch.full((count,), 0.95))
        )

    def arguments(self) -> dict[str, Any]:
        """What `Composer.edit` is given besides the model."""
        asked: dict[str, Any] = {"prompt": self.prompt, "main": self.main}
        match self.kind:
            case "replace":
                return asked | {"replace": {self.part: {self.term: self.image}}}
            case "add":
                return asked | {"add": {self.term: self.image}}
            case _:
                return asked | {"remove": [self.part]}


def is_edits(folder: str | Path) -> bool:
    """Whether a folder is a suite of edits, not of compositions."""
    try:
        rows = json.loads((Path(folder) / "suite.json").read_text(encoding="utf-8"))
        return bool(rows) and "kind" in rows[0]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_edits(folder: str | Path, only: Sequence[str] = ()) -> list[EditCase]:
    """The cases of a suite of edits, or those named in `only`."""
    folder = Path(folder)
    try:
        cases = [_case(row, folder) for row in json.loads((folder / "suite.json").read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is no suite of edits ({type(error).__name__}: {error})") from error
    known = [case.id for case in cases]
    for name in only:
        if name not in known:
            raise InputError(f"no case {name!r} in {folder}{nearest(name, known)}; cases: {', '.join(known)}")
    return [case for case in cases if not only or case.id in only]


def _case(row: Mapping[str, Any], folder: Path) -> EditCase:
    def inside(name: str) -> Path:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{name!r} lies outside {folder}")
        return path

    terms = row["terms"]
    return EditCase(
        row["id"], row["kind"], row["prompt"], row["main"], row["part"], row["term"],
        inside(row["image"]) if row["image"] else None, bool(row["unseen"]),
        inside(row["source"]), inside(row["truth"]),
        tuple(terms["before"]), tuple(terms["after"]),
    )  # fmt: skip


def _larger(mesh: Mesh) -> Mesh:
    return replace(mesh, vertices=SIZE * mesh.vertices)


def _mesh(held: Any, role: int, palette: np.ndarray) -> Mesh:
    vertices = np.cumsum(held[f"vertices {role}"].astype(np.int64), axis=0) / STEPS - 0.5
    faces = np.cumsum(held[f"faces {role}"].astype(np.int64).reshape(-1)).reshape(-1, 3)
    corners = vertices[faces].reshape(-1, 3)
    colors = palette[held[f"colors {role}"]].repeat(3, axis=0)
    table, index = np.unique(np.concatenate([corners, colors], axis=1), axis=0, return_inverse=True)
    return Mesh(
        torch.from_numpy(table[:, :3].astype(np.float32)),
        torch.from_numpy(index.reshape(-1, 3).astype(np.int64)),
        torch.from_numpy(table[:, 3:].astype(np.float32)),
    )
