"""The container of glTF 2.0: a .glb file, or a .gltf file with the files that it names, as tables and one buffer."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..errors import InputError
from ..meshes import chunks
from .limits import MAX_BYTES, MAX_HEAD, read_bytes, whole

Tables = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """`tables` is the JSON; its bufferViews all lie in `binary`, and every picture in a bufferView."""

    tables: Tables
    binary: bytes

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.tables.get(table, [])


def read_document(path: Path) -> Document:
    """The tables of a .glb or .gltf file, unchecked but for the container itself.

    Raises InputError for files that are cut short or name files outside their own folder.
    """
    data = read_bytes(path)
    if data[:4] == chunks.MAGIC:
        head, binary = chunks.parted(data)
        return gathered(read_tables(head), [binary], path.parent)
    return gathered(read_tables(data), [None], path.parent)


def from_bytes(data: bytes) -> Document:
    """The same of a .glb in memory, which can name no files."""
    head, binary = chunks.parted(data)
    return gathered(read_tables(head), [binary], None)


def read_tables(head: bytes) -> Tables:
    """The JSON of a glTF. Raises InputError for what is too large, damaged, or of another version."""
    if len(head) > MAX_HEAD:
        raise InputError(f"the glTF's JSON has {len(head) >> 20} MB; up to {MAX_HEAD >> 20} MB are read")
    try:
        tables = json.loads(head, parse_constant=_finite, parse_float=_finite)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"the glTF's JSON cannot be read ({type(error).__name__}); the file is damaged") from error
    if not isinstance(tables, dict) or not isinstance(tables.get("asset"), dict):
        raise InputError("the file holds no glTF: its JSON has no `asset`")
    if str(tables["asset"].get("version", "")).split(".")[0] != "2":
        raise InputError(
            f"glTF of version {tables['asset'].get('version')!r} is not read, only 2.0 (Blender writes it)"
        )
    return tables


def _finite(text: str) -> float:
    """A number of the JSON; NaN and infinities, and what overflows to them, are none."""
    if not math.isfinite(number := float(text)):
        raise InputError(f"the glTF's JSON holds {text[:20]}, which is no finite number; the file is damaged")
    return number


def gathered(tables: Tables, embedded: list[bytes | None], folder: Path | None) -> Document:
    """All buffers joined to one, and pictures that lie in files put into it."""
    _require_lists(tables, ("buffers", "bufferViews", "images"))
    buffers, starts = bytearray(), []
    for index, row in enumerate(tables.get("buffers", [])):
        length = whole(row.get("byteLength"), f"byteLength of buffer {index}")
        content = embedded[0] if "uri" not in row and index == 0 else None
        if "uri" in row:
            content = _fetched(row["uri"], folder, f"buffer {index}")
        if content is None or len(content) < length:
            held = 0 if content is None else len(content)
            raise InputError(f"buffer {index} is cut short: {length:,} bytes are announced, {held:,} are there")
        _require_room(len(buffers) + length)
        starts.append(len(buffers))
        buffers += content[:length] + bytes(-length % 4)
    for index, view in enumerate(tables.get("bufferViews", [])):
        start = starts[whole(view.get("buffer"), f"buffer of bufferView {index}", len(starts))]
        offset = whole(view.get("byteOffset", 0), f"byteOffset of bufferView {index}")
        length = whole(view.get("byteLength"), f"byteLength of bufferView {index}", least=1)
        if offset + length > tables["buffers"][view["buffer"]]["byteLength"]:
            raise InputError(f"bufferView {index} points outside its buffer; the file is damaged")
        view["buffer"], view["byteOffset"] = 0, start + offset
    for index, image in enumerate(tables.get("images", [])):
        if "uri" in image:
            content = _fetched(image.pop("uri"), folder, f"picture {index}")
            _require_room(len(buffers) + len(content))
            views = tables.setdefault("bufferViews", [])
            views.append({"buffer": 0, "byteOffset": len(buffers), "byteLength": len(content)})
            image["bufferView"] = len(views) - 1
            image.setdefault("mimeType", "image/jpeg" if content[:2] == b"\xff\xd8" else "image/png")
            buffers += content + bytes(-len(content) % 4)
    if buffers or "buffers" in tables:
        tables["buffers"] = [{"byteLength": len(buffers)}]
    return Document(tables, bytes(buffers))


def _require_lists(tables: Tables, names: tuple[str, ...]) -> None:
    for name in names:
        rows = tables.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"`{name}` of the glTF is no list of objects; the file is damaged")


def _require_room(size: int) -> None:
    if size > MAX_BYTES:
        raise InputError(f"the model's files hold more than {MAX_BYTES >> 20} MB together")


def _fetched(uri: Any, folder: Path | None, what: str) -> bytes:
    """The bytes of a data URI or of a file in the model's own folder or below it."""
    if not isinstance(uri, str):
        raise InputError(f"the address of {what} is no text; the file is damaged")
    if uri.startswith("data:"):
        head, comma, body = uri.partition(",")
        if not comma or not head.endswith(";base64"):
            raise InputError(f"{what} is embedded, but not as base64")
        _require_room(len(body) * 3 // 4)
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise InputError(f"{what} is embedded and damaged: {error}") from error
    name = unquote(uri)
    if folder is None or ":" in name or "\\" in name or "\0" in name or Path(name).is_absolute():
        raise InputError(f"{what} is at {uri[:100]!r}; only files beside the model are read, nothing is fetched")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"{what} is at {uri[:100]!r}, outside the model's own folder; put it beside the model")
    return read_bytes(path, what)


def encode(tables: Tables, binary: bytes) -> bytes:
    """A .glb of the tables and their buffer; one without a buffer has no chunk for it."""
    head = json.dumps(tables, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return chunks.joined(head, binary or None)
