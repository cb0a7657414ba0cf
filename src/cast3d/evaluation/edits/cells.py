"""One cell of the table: a method on an edit with a seed, measured and kept as a folder that is whole or not there.

cells/<method>/<case>/<seed>/   cell.json   fingerprint, numbers, seconds, notes
                                scene.glb   the model after the edit, as the method wrote it (scene.ply of a splat)
                                views.webp  before and after, from two sides
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...errors import Cast3dError
from ...existing.opening import open_model
from ...existing.seen import Existing
from ...existing.views import meshes_of
from ...files import atomic_folder
from ...run.plain_data import canonical, digest, pretty
from ...splats import orbit
from ..cells import common, finished, folder_of
from .bench import EditBench, Made, source
from .measure import SAME, Seen, failed, measure
from .methods import EditMethod
from .suite import EditCase
from .views import of_meshes

METRICS = 2  # raise it when a metric changes: cells are then made again
YAWS, PITCH = (-30.0, 150.0), 15.0


@dataclass(frozen=True)
class EditCell:
    """A measured cell. `failure` says why there is nothing, for edits that the method gave up."""

    method: str
    form: str
    case: str
    seed: int
    fingerprint: str
    object: dict[str, float]
    seconds: float
    models: str = ""  # hash of the weights
    failure: str | None = None
    notes: list[str] = field(default_factory=list)


def fingerprint(method: EditMethod, bench: EditBench) -> str:
    """Hash of all that a cell depends on."""
    return digest(canonical(common(method.name, bench, METRICS) | {"own": method.own, "form": method.form}))


def load(folder: Path, expected: str) -> EditCell | None:
    """A finished cell, if it was made from just what `expected` is the fingerprint of."""
    return finished(EditCell, folder, expected)


def make(method: EditMethod, bench: EditBench, out: Path) -> EditCell:
    """Runs and measures a method, and keeps what came out. A part that is not found is a result, no accident."""
    case, seed, before = bench.case, bench.seed, source(bench.case, bench.sources, "named")
    _ = bench.existing  # opened before the clock runs: all methods share it
    with tempfile.TemporaryDirectory() as scratch:
        bench.cache.restart()
        start = time.perf_counter()
        try:
            with torch.no_grad():
                made, failure = method.run(bench, Path(scratch) / "run"), None
        except Cast3dError as error:
            made, failure = None, str(error)
        # Stages found in the cache count with what they once took, those made just now only once.
        seconds = time.perf_counter() - start - bench.cache.made + bench.cache.seconds
        numbers = failed(case) if made is None else _measured(bench, made, before)
        cell = EditCell(
            method=method.name,
            form=method.form,
            case=case.id,
            seed=seed,
            fingerprint=fingerprint(method, bench),
            object={name: round(float(value), 5) for name, value in (numbers | by_kind(case, numbers)).items()},
            seconds=round(seconds, 2),
            models=digest(canonical(bench.backbone.hashes))[:16],
            failure=failure,
            notes=list(made.notes) if made else [],
        )
        _keep(cell, made, before, folder_of(out, method.name, case.id, seed))
    return cell


def _measured(bench: EditBench, made: Made, before: Path) -> dict[str, float]:
    splats = (bench.model, made.splat or made.file) if bench.form == "splat" else None
    seen = None if made.region is None else Seen.of(made.region, bench.existing)
    return measure(bench.case, before, made.file, seen, made.labelled, splats)


def by_kind(case: EditCase, numbers: Mapping[str, float]) -> dict[str, float]:
    """F1 at two voxels under other names: of new parts, of those that training knew and never saw, and of removals."""
    value = numbers["inside_f1_2"]
    if not case.term:
        return {"removed_f1_2": value}
    return {"new_f1_1": numbers["inside_f1_1"], "new_f1_2": value, f"{'unseen' if case.unseen else 'seen'}_f1_2": value}


def _keep(cell: EditCell, made: Made | None, before: Path, folder: Path) -> None:
    """Writes the folder whole or not at all."""
    with atomic_folder(folder) as temporary:
        if made is not None:
            shutil.copyfile(made.file, temporary / "scene.glb")
            if made.splat:
                shutil.copyfile(made.splat, temporary / "scene.ply")
            pictures(before, made.file).save(temporary / "views.webp", quality=80)
        (temporary / "cell.json").write_text(pretty(asdict(cell)), encoding="utf-8")


def pictures(before: Path, after: Path) -> Image.Image:
    """Before and after from two sides, in a row, on white."""
    cameras = [orbit(yaw, PITCH, fov=None, width=1.15) for yaw in YAWS]
    row = []
    for path in (before, after):
        meshes = list(meshes_of(Existing(open_model(path), SAME)).values())
        for camera in cameras:
            view = Image.new("RGBA", (256, 256), "white")
            view.alpha_composite(of_meshes(meshes, camera))
            row.append(np.asarray(view.convert("RGB")))
    return Image.fromarray(np.concatenate(row, axis=1))
