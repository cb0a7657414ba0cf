"""Small glTF files made by hand: a box per node, as modellers' programs write them, not as cast3d does."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BOX = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
FACES = np.array([(a, b, c) for a, b, c, _ in SIDES] + [(a, c, d) for a, _, c, d in SIDES], np.uint16)


class Gltf:
    """Tables and a buffer that grow."""

    def __init__(self) -> None:
        self.tables: dict[str, Any] = {"asset": {"version": "2.0", "generator": "by hand"}, "scene": 0}
        self.tables |= {name: [] for name in ("nodes", "meshes", "accessors", "bufferViews", "materials")}
        self.tables["scenes"] = [{"nodes": []}]
        self.binary = bytearray()

    def append(self, table: str, row: dict[str, Any]) -> int:
        self.tables.setdefault(table, []).append(row)
        return len(self.tables[table]) - 1

    def view(self, data: bytes) -> int:
        self.binary += bytes(-len(self.binary) % 4)
        row = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.binary += data
        return self.append("bufferViews", row)

    def accessor(self, values: np.ndarray, kind: str, **more: Any) -> int:
        component = {"float32": 5126, "uint16": 5123, "uint8": 5121, "uint32": 5125}[str(values.dtype)]
        row = {
            "bufferView": self.view(values.tobytes()),
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if kind == "VEC3" and component == 5126:
            row |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        return self.append("accessors", {**row, **more})

    def box(
        self, name: str, size=(1, 1, 1), at=(0, 0, 0), color=(1, 0, 0), parent: int | None = None, **node: Any
    ) -> int:
        """A node with a box of its own, from `at` on, in a plain colour."""
        points = (BOX * np.float32(size) + np.float32(at)).astype(np.float32)
        material = self.append("materials", {"name": name, "pbrMetallicRoughness": {"baseColorFactor": [*color, 1]}})
        attributes = {"POSITION": self.accessor(points, "VEC3")}
        indices = self.accessor(FACES.reshape(-1, 1), "SCALAR")
        primitive = {"attributes": attributes, "indices": indices, "material": material}
        mesh = self.append("meshes", {"name": f"{name} mesh", "primitives": [primitive]})
        return self.node({"name": name, "mesh": mesh, **node}, parent)

    def node(self, row: dict[str, Any], parent: int | None = None) -> int:
        index = self.append("nodes", row)
        if parent is None:
            self.tables["scenes"][0]["nodes"].append(index)
        else:
            self.tables["nodes"][parent].setdefault("children", []).append(index)
        return index

    def picture(self, rgba: np.ndarray) -> int:
        """A texture of pixels [H, W, 4]."""
        png = io.BytesIO()
        Image.fromarray(rgba).save(png, "PNG")
        image = self.append("images", {"mimeType": "image/png", "bufferView": self.view(png.getvalue())})
        return self.append("textures", {"source": image})

    def bytes(self) -> bytes:
        tables = {key: value for key, value in self.tables.items() if value != []}
        tables["buffers"] = [{"byteLength": len(self.binary)}]
        return glb(tables, bytes(self.binary))

    def write(self, path: Path) -> Path:
        path.write_bytes(self.bytes())
        return path


def glb(tables: dict[str, Any], binary: bytes) -> bytes:
    head = json.dumps(tables).encode()
    head += b" " * (-len(head) % 4)
    binary += bytes(-len(binary) % 4)
    size = 28 + len(head) + len(binary)
    chunks = struct.pack("<4sII", b"glTF", 2, size) + struct.pack("<II", len(head), 0x4E4F534A) + head
    return chunks + struct.pack("<II", len(binary), 0x004E4942) + binary


def man() -> Gltf:
    """A tall box with a flat box on top that hangs at a moved and turned node, and a box on its back."""
    made = Gltf()
    made.box("Body", (2, 6, 2), color=(0, 0, 1))
    above = made.node({"name": "Head", "translation": [0, 6, 0], "scale": [2, 2, 2]})
    made.box("Red_Cap.001", (1, 0.5, 1), (0, 0.01, 0), parent=above)
    made.box("Backpack", (1.6, 3, 1), (0.2, 2, -1), color=(0, 1, 0))
    return made
