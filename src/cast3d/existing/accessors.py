"""Accessors of a checked glTF as arrays, and arrays as accessors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .checks import SIZES, WIDTHS
from .container import Document

TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}


def raw(document: Document, index: int) -> NDArray:
    """[count, width] of an accessor as stored: integers stay integers."""
    accessor = document.rows("accessors")[index]
    kind, width, count = TYPES[accessor["componentType"]], WIDTHS[accessor["type"]], accessor["count"]
    values = np.zeros((count, width), kind)
    if "bufferView" in accessor:
        values = _elements(document, accessor, kind, width, count).copy()
    if "sparse" in accessor:
        sparse = accessor["sparse"]
        indices, held = sparse["indices"], sparse["values"]
        rows = _elements(document, indices, TYPES[indices["componentType"]], 1, sparse["count"])[:, 0].astype(np.int64)
        if len(rows) and rows.max() >= count:
            raise InputError(f"accessor {index} has sparse indices outside itself; the file is damaged")
        values[rows] = _elements(document, held, kind, width, sparse["count"])
    return values


def numbers(document: Document, index: int) -> NDArray[np.float64]:
    """The same as numbers: normalised integers are in [0, 1] or [-1, 1]."""
    accessor, values = document.rows("accessors")[index], raw(document, index)
    if accessor.get("normalized") and np.issubdtype(values.dtype, np.integer):
        return np.maximum(values / np.iinfo(values.dtype).max, -1.0)
    return values.astype(np.float64)


def _elements(document: Document, holder: dict[str, Any], kind: str, width: int, count: int) -> NDArray:
    view = document.rows("bufferViews")[holder["bufferView"]]
    size = np.dtype(kind).itemsize
    start = view["byteOffset"] + holder.get("byteOffset", 0)
    strides = (view.get("byteStride", size * width), size)
    # Rows may overlap or lie at odd places; `checks` made sure that the last of them ends inside the buffer.
    return np.ndarray((count, width), kind, document.binary, start, strides)


class Appending:
    """Tables and buffer of a document while something is added; what is there keeps its index and its bytes."""

    def __init__(self, document: Document):
        self.tables = document.tables
        self.pieces: list[bytes] = [document.binary]
        self.size = len(document.binary)

    def append(self, table: str, row: dict[str, Any]) -> int:
        """Adds a row; returns its index."""
        self.tables.setdefault(table, []).append(row)
        return len(self.tables[table]) - 1

    def view(self, data: bytes, **fields: int) -> int:
        padding = bytes(-self.size % 4)
        view = {"buffer": 0, "byteOffset": self.size + len(padding), "byteLength": len(data), **fields}
        self.pieces += [padding, data]
        self.size += len(padding) + len(data)
        return self.append("bufferViews", view)

    def accessor(self, values: NDArray, like: dict[str, Any], target: int | None = None) -> int:
        """Adds values [count, width] of the kind of the accessor `like`, whose bounds are made anew if it has them."""
        component = like["componentType"]
        array = np.ascontiguousarray(values, TYPES[component])
        row: dict[str, Any] = {key: like[key] for key in ("componentType", "type", "normalized") if key in like}
        row |= {"count": len(array)}
        stride = SIZES[component] * array.shape[1]
        fields: dict[str, int] = {} if target is None else {"target": target}
        if stride % 4 and array.shape[1] > 1:  # elements of vertex attributes begin at multiples of four bytes
            padded = np.zeros((len(array), stride + -stride % 4), np.uint8)
            padded[:, :stride] = array.view(np.uint8).reshape(len(array), stride)
            fields["byteStride"] = padded.shape[1]
            row["bufferView"] = self.view(padded.tobytes(), **fields)
        else:
            row["bufferView"] = self.view(array.tobytes(), **fields)
        if "min" in like:
            row |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        return self.append("accessors", row)

    @property
    def document(self) -> Document:
        """What has come together so far."""
        binary = b"".join(self.pieces)
        if binary:
            self.tables["buffers"] = [{"byteLength": len(binary)}]
        return Document(self.tables, binary)
