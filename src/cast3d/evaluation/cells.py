"""One cell of the table: a method on a case with a seed, measured and kept as a folder that is whole or not there.

cells/<method>/<case>/<seed>/   cell.json   fingerprint, metrics, seconds, notes
                                views.webp  the object from four sides
                                voxels.npz  packed grids of parts and hints; model.glb   light meshes, node per part
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import InputError, TermNotFound
from ..files import atomic_folder
from ..meshes.mesh import Mesh
from ..meshes.raster import shoot
from ..meshes.surface import vertex_normals
from ..run.plain_data import canonical, digest, pretty
from ..scene import slug
from ..splats import Camera, orbit
from ..version import __version__
from . import outcome as outcomes
from .bench import Bench
from .measure import failed, measure
from .methods import Method
from .outcome import Outcome

METRICS = 4  # raise it when a metric changes: cells are then measured again
YAWS, PITCH, SIDE = (-30.0, 30.0, 150.0, 210.0), 18.0, 192


class Marked(Protocol):
    """What cells of every kind of suite have."""

    @property
    def fingerprint(self) -> str: ...


AnyCell = TypeVar("AnyCell", bound=Marked)


@dataclass(frozen=True)
class Cell:
    """A measured cell. `failure` says why there is nothing, for runs that the method itself gave up."""

    method: str
    case: str
    seed: int
    fingerprint: str
    object: dict[str, float]
    parts: dict[str, dict[str, float]]
    seconds: float
    models: str = ""  # hash of the weights
    labelled: bool = True
    failure: str | None = None
    notes: list[str] = field(default_factory=list)


def folder_of(out: Path, method: str, case: str, seed: int) -> Path:
    """Where a cell lies."""
    name = method if slug(method) == method else f"{slug(method)}-{digest(method)[:6]}"
    return out / "cells" / name / case / str(seed)


def common(method: str, bench: Any, metrics: int) -> dict[str, Any]:
    """What a cell of any kind of suite depends on: its method, case, seed, settings, weights and metrics."""
    return {
        "method": method,
        "case": bench.case.digest,
        "seed": bench.seed,
        "settings": bench.settings().plain(),
        "device": bench.backbone.device.type,
        "models": bench.backbone.hashes,
        "version": __version__,
        "metrics": metrics,
    }


def fingerprint(method: Method, bench: Bench) -> str:
    """Hash of all that a cell depends on."""
    depends = common(method.name, bench, METRICS) | {"files": method.stamp()}
    if own := method.own:
        depends["own"] = own
    if method.compares:
        depends["others"] = [case.digest for case in bench.others]
    return digest(canonical(depends))


def load(folder: Path, expected: str | None = None) -> Cell | None:
    """A finished cell, if it was made from just what `expected` is the fingerprint of."""
    return finished(Cell, folder, expected)


def finished(kind: type[AnyCell], folder: Path, expected: str | None) -> AnyCell | None:
    """The same of any kind of suite: `kind` is the cell's class, which has a `fingerprint`."""
    try:
        cell = kind(**json.loads((folder / "cell.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return cell if expected in (None, cell.fingerprint) else None


def make(method: Method, bench: Bench, folder: Path) -> Cell:
    """Runs and measures a method, and keeps what came out. A term that is not found is a result, no accident."""
    mark = fingerprint(method, bench)
    references = {term: bench.picture(term) for term in bench.case.terms}  # cut out before a method runs for nothing
    bench.cache.restart()
    start = time.perf_counter()
    try:
        with torch.no_grad():
            made, failure = method.run(bench), None
    except TermNotFound as error:
        made, failure = None, str(error)
    except InputError as error:
        if not method.foreign:  # ours is given nothing that it may refuse
            raise
        made, failure = None, str(error)
    # Stages found in the cache count with what they once took, those made just now only once.
    seconds = time.perf_counter() - start - bench.cache.made + bench.cache.seconds
    with torch.no_grad():
        numbers = measured(made, method, bench, references)
    cell = Cell(
        method=method.name,
        case=bench.case.id,
        seed=bench.seed,
        fingerprint=mark,
        object=_rounded(numbers["object"]),
        parts={term: _rounded(values) for term, values in numbers["parts"].items()},
        seconds=round(seconds, 2),
        models=digest(canonical(bench.backbone.hashes))[:16],
        labelled=made.labelled if made else True,
        failure=failure,
        notes=list(made.notes) if made else [],
    )
    keep(cell, made, folder)
    return cell


def measured(
    made: Outcome | None, method: Method, bench: Bench, references: Mapping[str, Image.Image]
) -> Mapping[str, Any]:
    """The metrics. `references` are the pictures that parts are compared with, the same for every method.

    Drift is measured against our p_B wherever the method works in its frame.
    """
    if made is None:
        return failed(bench.case)
    main = None if method.foreign else bench.main_geometry().grid.cpu()
    device = bench.backbone.device

    def segmenter(image: Tensor, alpha: Tensor, term: str) -> Tensor:
        return bench.backbone.segmenter(image.to(device), alpha.to(device), term).cpu()

    return measure(made, bench.case, references, segmenter, main)


def keep(cell: Cell, made: Outcome | None, folder: Path) -> None:
    """Writes the folder whole or not at all."""
    with atomic_folder(folder) as temporary:
        if made is not None:
            outcomes.save(made, temporary)
            pictures(made).save(temporary / "views.webp", quality=80)
        (temporary / "cell.json").write_text(pretty(asdict(cell)), encoding="utf-8")


def pictures(made: Outcome) -> Image.Image:
    """Four sides in a row, lit a little so that shapes show, on white."""
    row = [_lit(made, yaw) for yaw in YAWS]
    return Image.fromarray(np.concatenate(row, axis=1))


def _lit(made: Outcome, yaw: float) -> np.ndarray:
    camera = orbit(yaw, PITCH, fov=None, width=1.15)
    meshes = [shaded(mesh, camera) for mesh in made.meshes.values()]
    shot = shoot(meshes, camera, 2 * SIDE)
    color = np.where(shot.mask[..., None], shot.color, 1.0)
    small = color.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3))
    return (small.clip(0, 1) * 255).round().astype(np.uint8)


def shaded(mesh: Mesh, camera: Camera) -> Mesh:
    """The mesh with its colours darkened where it turns away from a light at the camera's upper left."""
    light = camera.extrinsics[:3, :3].T @ torch.nn.functional.normalize(torch.tensor([-0.4, -0.7, -0.6]), dim=0)
    shade = 0.5 + 0.5 * (vertex_normals(mesh.vertices, mesh.faces).float() @ light).clamp_min(0)
    colors = mesh.colors if mesh.colors is not None else torch.full_like(mesh.vertices, 0.6)
    return replace(mesh, colors=colors * shade[:, None])


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 5) for name, value in values.items()}
