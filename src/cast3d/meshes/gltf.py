"""The glTF 2.0 tables and the GLB container, for the subset that we write: one triangle primitive per mesh."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..version import __version__
from . import chunks
from .conventions import from_gltf_axes, to_gltf_axes, to_linear, to_srgb
from .mesh import Mesh
from .surface import unit_normals
from .texture import Textured

FLOAT, UNSIGNED_INT = 5126, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
DTYPES = {FLOAT: np.dtype("<f4"), UNSIGNED_INT: np.dtype("<u4")}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
TRIANGLES = 4
ROUGHNESS = 0.6
MAX_TEXELS = 8192 * 8192


class Document:
    """The JSON tables and the binary chunk of a GLB while it grows."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def add_part(self, name: str, part: Mesh | Textured) -> None:
        """Adds node, mesh and material, all called `name`."""
        mesh = part.mesh if isinstance(part, Textured) else part
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
        attributes = {
            "POSITION": self._accessor(to_gltf_axes(mesh.vertices), "VEC3", bounds=True),
            "NORMAL": self._accessor(to_gltf_axes(unit_normals(mesh)), "VEC3"),
        }
        if isinstance(part, Textured):  # without COLOR_0, which viewers multiply with the picture
            attributes["TEXCOORD_0"] = self._accessor(part.uv, "VEC2")
            surface["baseColorTexture"] = {"index": self._texture(name, part.image)}
        elif mesh.colors is not None:
            attributes["COLOR_0"] = self._accessor(to_linear(mesh.colors.double()), "VEC3")
        indices = self._accessor(mesh.faces.reshape(-1), "SCALAR", target=ELEMENT_ARRAY_BUFFER)
        material = self._append("materials", {"name": name, "pbrMetallicRoughness": surface})
        primitive = {"attributes": attributes, "indices": indices, "material": material, "mode": TRIANGLES}
        index = self._append("meshes", {"name": name, "primitives": [primitive]})
        self._append("nodes", {"name": name, "mesh": index})

    def _append(self, table: str, row: dict[str, Any]) -> int:
        self.tables.setdefault(table, []).append(row)
        return len(self.tables[table]) - 1

    def _view(self, data: bytes, **fields: int) -> int:
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), **fields}
        self.binary += data + bytes(-len(data) % 4)  # keeps every offset aligned to the four bytes of an element
        return self._append("bufferViews", view)

    def _accessor(self, values: Tensor, kind: str, target: int = ARRAY_BUFFER, bounds: bool = False) -> int:
        component = UNSIGNED_INT if target == ELEMENT_ARRAY_BUFFER else FLOAT
        array = np.ascontiguousarray(values.detach().cpu().numpy(), dtype=DTYPES[component])
        view = self._view(array.tobytes(), target=target)
        accessor = {"bufferView": view, "componentType": component, "count": len(array), "type": kind}
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        return self._append("accessors", accessor)

    def _texture(self, name: str, image: Tensor) -> int:
        png = io.BytesIO()
        Image.fromarray(image.cpu().numpy()).save(png, format="PNG")
        picture = {"name": name, "mimeType": "image/png", "bufferView": self._view(png.getvalue())}
        return self._append("textures", {"source": self._append("images", picture)})

    def encode(self, metadata: Mapping[str, Any]) -> bytes:
        """The .glb."""
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
        return chunks.joined(head, bytes(self.binary))


def decode(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON and binary chunks of a file, after checking that all lengths agree."""
    data = path.read_bytes()
    try:
        head, binary = chunks.parted(data)
        document = json.loads(head)
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: not a GLB written by cast3d ({error})") from error
    if binary is None or len(chunks.joined(head, binary)) != len(data):
        raise InputError(f"{path}: not a GLB written by cast3d, or cut short")
    return document, binary


def read_part(document: dict[str, Any], binary: bytes, mesh: int) -> Mesh | Textured:
    """One mesh back in world axes and sRGB."""
    (primitive,) = document["meshes"][mesh]["primitives"]
    attributes = {key: _read_accessor(document, binary, index) for key, index in primitive["attributes"].items()}
    plain = Mesh(
        vertices=from_gltf_axes(attributes["POSITION"]),
        faces=_read_accessor(document, binary, primitive["indices"]).reshape(-1, 3),
        colors=to_srgb(attributes["COLOR_0"]) if "COLOR_0" in attributes else None,
        normals=from_gltf_axes(attributes["NORMAL"]),
    )
    surface = document["materials"][primitive["material"]]["pbrMetallicRoughness"]
    if "baseColorTexture" not in surface:
        return plain
    texture = document["textures"][surface["baseColorTexture"]["index"]]
    picture = document["images"][texture["source"]]
    return Textured(plain, attributes["TEXCOORD_0"], _read_image(_read_view(document, binary, picture["bufferView"])))


def _read_view(document: dict[str, Any], binary: bytes, index: int) -> bytes:
    view = document["bufferViews"][index]
    return binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]


def _read_accessor(document: dict[str, Any], binary: bytes, index: int) -> Tensor:  # [count, width]
    accessor = document["accessors"][index]
    dtype, width = DTYPES[accessor["componentType"]], WIDTHS[accessor["type"]]
    array = np.frombuffer(_read_view(document, binary, accessor["bufferView"]), dtype, accessor["count"] * width)
    wide = np.int64 if accessor["componentType"] == UNSIGNED_INT else np.float32
    return torch.from_numpy(array.astype(wide)).reshape(accessor["count"], width)


def _read_image(png: bytes) -> Tensor:  # [H, W, 3] uint8
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if image.width * image.height > MAX_TEXELS:
            raise InputError(f"a texture of {image.width} x {image.height} texels is too large")
        return torch.from_numpy(np.array(image.convert("RGB")))
