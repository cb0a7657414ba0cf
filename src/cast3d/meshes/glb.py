"""Binary glTF 2.0 with one named node per part.

Frame: glTF is y up with the front at +z, the world is z up with the front at -y, so (x, y, z) is written as (x, z, -y).
Colours: ours are sRGB, COLOR_0 is linear by the standard, so they are converted on the way out and back on the way in.
The container is written here, not by a library, so that equal input gives equal bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..files import atomic_write
from .gltf import Document, decode, read_part
from .mesh import Mesh
from .texture import Textured


def write_glb(path: str | Path, parts: Mapping[str, Mesh | Textured], metadata: Mapping[str, Any]) -> None:
    """Writes one node per part, named exactly as its key; `metadata` (JSON values) becomes the scene's `extras`.

    The file appears whole or not at all. Unit `normals` are kept; others (TRELLIS decodes a normal picture, not a
    shading normal) are recomputed from the faces.
    """
    if not parts:
        raise InputError("a GLB needs at least one part")
    _check_names(parts)
    document = Document()
    for name, part in parts.items():
        _check_mesh(name, part.mesh if isinstance(part, Textured) else part)
        document.add_part(name, part)
    atomic_write(path, document.encode(metadata))


def read_glb(path: str | Path) -> tuple[dict[str, Mesh | Textured], dict[str, Any]]:
    """The parts by name (world axes, sRGB colours) and the metadata of a file that `write_glb` made."""
    document, binary = decode(Path(path))
    try:
        parts: dict[str, Mesh | Textured] = {}
        for node in document["nodes"]:
            if node["name"] in parts:
                raise InputError(f"{path}: two nodes are named {node['name']!r}")
            parts[node["name"]] = read_part(document, binary, node["mesh"])
        return parts, document["scenes"][0].get("extras", {})
    except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a GLB written by cast3d ({type(error).__name__}: {error})") from error


def _check_names(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not name.strip():
            raise InputError("a part needs a name; got an empty one")
        # Two spellings that look the same (e-acute as one or two code points) would be one part to every reader.
        same = unicodedata.normalize("NFC", name.strip())
        if same in seen:
            raise InputError(f"two parts have the same name: {seen[same]!r} and {name!r}")
        seen[same] = name


def _check_mesh(name: str, mesh: Mesh) -> None:
    if not len(mesh.faces):
        raise InputError(f"part {name!r} has an empty mesh; leave it out or extract it at a finer resolution")
    if not torch.isfinite(mesh.vertices).all():
        raise InputError(f"part {name!r} has vertices that are not finite")
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise InputError(f"part {name!r} has faces that point outside its {len(mesh.vertices)} vertices")
    for label, values in (("colors", mesh.colors), ("normals", mesh.normals)):
        if values is not None and values.shape != mesh.vertices.shape:
            raise InputError(
                f"part {name!r}: {label} {list(values.shape)} must match vertices {list(mesh.vertices.shape)}"
            )
