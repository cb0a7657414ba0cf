"""OBJ, STL and PLY meshes, read by trimesh within bounds and turned into a glTF document; then all is one path."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import printable
from .container import Document, from_bytes
from .limits import MAX_BYTES, MAX_FACES, MAX_VERTICES, read_bytes, require_size

MOST_GROUPS = 1000  # of an OBJ, that become nodes

_OBJECT, _GROUP = re.compile(rb"^o ", re.MULTILINE), re.compile(rb"^g ", re.MULTILINE)
_PLY_ELEMENT = re.compile(rb"element\s+(\w+)\s+(\d+)")


def read_foreign(path: Path, kind: str) -> Document:
    """The document of an .obj (with its .mtl and pictures beside it), .stl or .ply file.

    Raises InputError for files that are damaged, announce more than is worked on, or name files elsewhere.
    """
    import trimesh

    data = read_bytes(path)
    _require_plausible(data, kind)
    beside = Beside(path.parent)
    # Without `maintain_order`, which loses the textures of materials that use some of the vertices only.
    options: dict[str, Any] = {"process": False, "resolver": beside}
    if kind == "obj":  # groups name the parts where there are no objects; some files have one per triangle
        groups = not _OBJECT.search(data) and len(_GROUP.findall(data)) <= MOST_GROUPS
        options |= {"split_objects": True, "split_groups": groups, "group_material": True}
    try:
        scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, **options)
        if beside.refused:
            raise beside.refused
        meshes = [mesh for mesh in scene.geometry.values() if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)]
        require_size(sum(len(mesh.vertices) for mesh in meshes), sum(len(mesh.faces) for mesh in meshes))
        if not meshes:
            raise InputError("the model has no triangles; points and lines alone cannot be edited")
        if not all(np.isfinite(mesh.vertices).all() for mesh in meshes):
            raise InputError("the model has points that are no finite numbers; repair it first, in Blender or MeshLab")
        written = scene.export(file_type="glb")
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{printable(path)} announces more than fits into memory; the file is damaged") from error
    except Exception as error:  # readers of foreign files raise nearly every kind of error
        raise InputError(
            f"{printable(path)} is not a {kind.upper()} file that can be read ({_short(error)})"
        ) from error
    return from_bytes(bytes(written))


def _short(error: Exception) -> str:
    said = str(error).splitlines()[0][:120] if str(error) else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _require_plausible(data: bytes, kind: str) -> None:
    """Counts that a header announces fit its file; counts of text are bounded by its lines."""
    if kind == "stl" and data[:5].lower() != b"solid":
        if len(data) < 84:
            raise InputError("the STL is cut short: its header is not whole")
        count = int.from_bytes(data[80:84], "little")
        if 84 + 50 * count > len(data):
            raise InputError(
                f"the STL is cut short: {count:,} triangles are announced, {(len(data) - 84) // 50:,} are there"
            )
        require_size(0, count)
    if kind == "ply":
        head, mark, _ = data[: 1 << 16].partition(b"end_header")
        if not mark:
            raise InputError("the PLY has no header that ends; the file is damaged")
        for name, number in _PLY_ELEMENT.findall(head):
            if len(number) > 12 or int(number) > len(data):
                raise InputError(f"the PLY is cut short: it announces {number.decode()[:20]} of {name.decode()[:20]}")
            require_size(int(number) if name == b"vertex" else 0, int(number) if name == b"face" else 0)
    if kind == "obj":
        vertices, faces = data.count(b"\nv "), data.count(b"\nf ")
        if vertices > MAX_VERTICES or faces > MAX_FACES:
            require_size(vertices, faces)


class Beside:
    """What trimesh reads besides the model: files in the model's own folder and below, within bounds."""

    def __init__(self, folder: Path):
        self.folder, self.left = folder.resolve(), MAX_BYTES
        self.refused: InputError | None = None  # trimesh goes on without what it cannot have

    def get(self, name: str) -> bytes:
        try:
            return self._read(name)
        except InputError as error:
            self.refused = error
            raise

    def _read(self, name: str) -> bytes:
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        path = (self.folder / text.strip()).resolve()
        if not path.is_relative_to(self.folder):
            raise InputError(f"the model names {text[:100]!r}, outside its own folder; put it beside the model")
        if not path.is_file():
            raise FileNotFoundError(text)  # trimesh goes on without
        data = read_bytes(path, f"{text[:100]!r}, which the model names,")
        self.left -= len(data)
        if self.left < 0:
            raise InputError(f"the model's files hold more than {MAX_BYTES >> 20} MB together")
        return data

    def namespaced(self, name: str) -> Beside:
        return self

    def __getitem__(self, name: str) -> bytes:
        return self.get(name)
