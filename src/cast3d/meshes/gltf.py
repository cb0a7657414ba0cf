"""The glTF 2.0 tables and the GLB container, for the subset that we write: one triangle primitive per mesh."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..version import __version__
from .conventions import from_gltf_axes, to_gltf_axes, to_linear, to_srgb
from .mesh import Mesh
from .surface import vertex_normals

MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_INT = 5126, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
DTYPES = {FLOAT: np.dtype("<f4"), UNSIGNED_INT: np.dtype("<u4")}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
ROUGHNESS = 0.6


class Document:
    """The JSON tables and the binary chunk of a GLB while it grows."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.tables: dict[str, list[dict[str, Any]]] = {
            key: [] for key in ("nodes", "meshes", "materials", "accessors", "bufferViews")
        }

    def add_part(self, name: str, mesh: Mesh) -> None:
        """Adds node, mesh and material, all called `name`."""
        attributes = {
            "POSITION": self._accessor(to_gltf_axes(mesh.vertices), "VEC3", bounds=True),
            "NORMAL": self._accessor(to_gltf_axes(unit_normals(mesh)), "VEC3"),
        }
        if mesh.colors is not None:
            attributes["COLOR_0"] = self._accessor(to_linear(mesh.colors.double()), "VEC3")
        indices = self._accessor(mesh.faces.reshape(-1), "SCALAR", target=ELEMENT_ARRAY_BUFFER)
        index = len(self.tables["nodes"])
        self.tables["nodes"].append({"name": name, "mesh": index})
        self.tables["materials"].append(
            {"name": name, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}}
        )
        primitive = {"attributes": attributes, "indices": indices, "material": index, "mode": 4}
        self.tables["meshes"].append({"name": name, "primitives": [primitive]})

    def _accessor(self, values: Tensor, kind: str, target: int = ARRAY_BUFFER, bounds: bool = False) -> int:
        component = UNSIGNED_INT if target == ELEMENT_ARRAY_BUFFER else FLOAT
        array = np.ascontiguousarray(values.detach().cpu().numpy(), dtype=DTYPES[component])
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": array.nbytes, "target": target}
        self.binary += array.tobytes()  # every element is four bytes wide, so all offsets stay aligned
        accessor = {
            "bufferView": len(self.tables["bufferViews"]),
            "componentType": component,
            "count": len(array),
            "type": kind,
        }
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.tables["bufferViews"].append(view)
        self.tables["accessors"].append(accessor)
        return len(self.tables["accessors"]) - 1

    def encode(self, metadata: Mapping[str, Any]) -> bytes:
        """Header, JSON chunk (padded by spaces) and binary chunk, little endian."""
        scene = {"nodes": list(range(len(self.tables["nodes"]))), "extras": dict(metadata)}
        document = {
            "asset": {"version": "2.0", "generator": f"cast3d {__version__}"},
            "scene": 0,
            "scenes": [scene],
            **self.tables,
            "buffers": [{"byteLength": len(self.binary)}],
        }
        try:
            text = json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
            head = text.encode()
        except (TypeError, ValueError) as error:
            raise InputError(
                f"GLB metadata must be plain JSON (text, finite numbers, lists, dicts): {error}"
            ) from error
        head += b" " * (-len(head) % 4)
        size = 12 + 8 + len(head) + 8 + len(self.binary)
        return (
            struct.pack("<IIIII", MAGIC, 2, size, len(head), JSON_CHUNK)
            + head
            + struct.pack("<II", len(self.binary), BIN_CHUNK)
            + bytes(self.binary)
        )


def unit_normals(mesh: Mesh) -> Tensor:  # [V, 3]
    """The mesh's own normals where they can shade it, else those of its faces."""
    if mesh.normals is not None and bool(((mesh.normals.norm(dim=1) - 1).abs() < 1e-3).all()):
        return mesh.normals
    return vertex_normals(mesh.vertices, mesh.faces)


def decode(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON and binary chunks of a file, after checking that all lengths agree."""
    data = path.read_bytes()
    try:
        magic, version, size, head_size, head_kind = struct.unpack_from("<IIIII", data)
        binary_size, binary_kind = struct.unpack_from("<II", data, 20 + head_size)
        document = json.loads(data[20 : 20 + head_size])
    except (struct.error, ValueError) as error:
        raise InputError(f"{path}: not a GLB written by cast3d ({error})") from error
    kinds = (magic, version, head_kind, binary_kind)
    if kinds != (MAGIC, 2, JSON_CHUNK, BIN_CHUNK) or size != len(data) or 28 + head_size + binary_size != size:
        raise InputError(f"{path}: not a GLB written by cast3d, or cut short")
    return document, data[28 + head_size :]


def read_primitive(document: dict[str, Any], binary: bytes, primitive: dict[str, Any]) -> Mesh:
    """One mesh back in world axes and sRGB."""

    def read(index: int) -> Tensor:
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        count = accessor["count"] * WIDTHS[accessor["type"]]
        array = np.frombuffer(binary, DTYPES[accessor["componentType"]], count, view["byteOffset"])
        if accessor["componentType"] == UNSIGNED_INT:
            return torch.from_numpy(array.astype(np.int64))
        return torch.from_numpy(array.astype(np.float32)).reshape(accessor["count"], -1)

    attributes = primitive["attributes"]
    return Mesh(
        vertices=from_gltf_axes(read(attributes["POSITION"])),
        faces=read(primitive["indices"]).reshape(-1, 3),
        colors=to_srgb(read(attributes["COLOR_0"])) if "COLOR_0" in attributes else None,
        normals=from_gltf_axes(read(attributes["NORMAL"])),
    )
