"""Opens a model: whichever file it is, checked, as surfaces with colours or as Gaussians."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from ..errors import InputError, nearest
from ..files import local_path, printable
from ..meshes.chunks import MAGIC
from ..splats import Gaussians, read_ply, read_spz
from .container import Document, encode, read_document
from .foreign import read_foreign
from .gltf import pieces_of
from .limits import MAX_VERTICES, read_bytes
from .model import Model

MESHES = (".glb", ".gltf", ".obj", ".stl", ".ply")
SPLATS = (".ply", ".spz")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
UPS = {"glb": "y", "gltf": "y", "obj": "y", "stl": "z", "ply": "z"}
INSIDE = 0.51  # of a coordinate in the cube, with what a smoothed surface may stick out
ACCEPTED = "a run folder, GLB, glTF, OBJ, STL or PLY, a Gaussian PLY or SPZ, or a picture"
OTHERS = {
    ".fbx": "open it in Blender and export it as glTF", ".blend": "open it in Blender and export it as glTF",
    ".dae": "open it in Blender and export it as glTF", ".usdz": "open it in Blender and export it as glTF",
    ".usd": "open it in Blender and export it as glTF", ".3ds": "open it in Blender and export it as glTF",
    ".splat": "open it in SuperSplat and export it as PLY", ".vrm": "rename it to .glb, which it is",
}  # fmt: skip


def is_picture(path: str | Path) -> bool:
    """Whether a file's name is a picture's."""
    return Path(path).suffix.lower() in PICTURES


def file_of(path: str | Path) -> Path:
    """The model's file: itself, or the scene of a run folder. Raises InputError where there is none."""
    found = local_path(path, "the model")
    if found.is_dir():
        if (found / "scene.glb").is_file():
            return found / "scene.glb"
        if (found / "run.json").is_file():
            raise InputError(
                f"{printable(found)} has no scene.glb yet; finish it with: cast3d resume {printable(found)}"
            )
        raise InputError(f"{printable(found)} is not the folder of a run; the model is {ACCEPTED}")
    if not found.is_file():
        siblings = [entry.name for entry in found.parent.iterdir()] if found.parent.is_dir() else []
        raise InputError(f"there is no model {printable(found)}{nearest(found.name, siblings)}")
    suffix = found.suffix.lower()
    if suffix in OTHERS:
        raise InputError(f"{printable(found)}: {suffix} files are not read; {OTHERS[suffix]}")
    if suffix not in (*MESHES, *SPLATS, *PICTURES):
        raise InputError(f"{printable(found)}: the model is {ACCEPTED}, not a file {suffix or 'without a suffix'}")
    return found


def open_model(path: str | Path) -> Model:
    """Reads a model. Raises InputError for what is damaged, hostile, too large, or has no surface."""
    file = file_of(path)
    try:
        return _opened(file)
    except InputError as error:
        name = printable(file)
        raise error if name in str(error) else InputError(f"{name}: {error}") from error


def _opened(file: Path) -> Model:
    data = read_bytes(file)
    kind = file.suffix.lower().removeprefix(".")
    if kind == "spz" or (kind == "ply" and b"f_dc_0" in data[: 1 << 14]):
        return _splat(file, kind, hashlib.sha256(data).hexdigest(), b"float part" in data[: 1 << 14])
    document = read_document(file) if kind in ("glb", "gltf") or data[:4] == MAGIC else read_foreign(file, kind)
    sha256 = hashlib.sha256(encode(document.tables, document.binary)).hexdigest()  # what lies in other files counts
    pieces, told = pieces_of(document)
    own = kind == "glb" and _is_own(document)
    notes, warnings = tuple(told.notes), tuple(told.warnings)
    up = UPS.get(kind, "y")
    return Model(kind, sha256, tuple(pieces), document, None, file, own, up, notes, warnings)


def made_here(model: Model) -> bool:
    """Whether cast3d wrote all of the file, and nothing was moved since."""
    return model.document is not None and _by_cast3d(model.document)


def _by_cast3d(document: Document) -> bool:
    if not str(document.tables["asset"].get("generator", "")).startswith("cast3d "):
        return False
    moves = ("matrix", "translation", "scale", "rotation")
    return not any(key in node for node in document.rows("nodes") for key in moves)


def _is_own(document: Document) -> bool:
    """Whether cast3d wrote the file in the frame of its cube, and nothing was moved or made larger since."""
    if not _by_cast3d(document):
        return False
    places = [p["attributes"].get("POSITION") for mesh in document.rows("meshes") for p in mesh["primitives"]]
    rows = [document.rows("accessors")[index] for index in places if index is not None]
    bounds = [bound for row in rows for bound in (*row.get("min", ()), *row.get("max", ()))]
    return all(isinstance(bound, int | float) and abs(bound) <= INSIDE for bound in bounds)


def _splat(file: Path, kind: str, sha256: str, own: bool) -> Model:
    gaussians = read_spz(file) if kind == "spz" else read_ply(file)
    _require_sound(gaussians)
    note = "the model is a splat: what is kept of it are its Gaussians; the mesh in scene.glb is made anew"
    inside = bool(gaussians.positions.abs().max() <= 0.5 + 1e-3)
    return Model(kind, sha256, gaussians=gaussians, path=file, own=own and inside, up="z", notes=(note,))


def _require_sound(gaussians: Gaussians) -> None:
    if not len(gaussians):
        raise InputError("the splat holds no Gaussians")
    if len(gaussians) > MAX_VERTICES:
        raise InputError(f"the splat has {len(gaussians):,} Gaussians; up to {MAX_VERTICES:,} are worked on")
    for name in ("positions", "features_dc", "scales", "rotations", "opacities"):
        if not torch.isfinite(getattr(gaussians, name)).all():
            raise InputError(f"the splat has {name} that are no finite numbers; clean it first, in SuperSplat")
