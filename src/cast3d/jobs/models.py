"""A look at an uploaded model before it is kept: its counts are bounded, and agree with its bytes. Nothing is decoded.

A small file can ask for much: zeros without bytes, meshes shown ten thousand times, pictures that unpack to gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..existing.checks import COMPRESSED
from ..existing.container import read_tables
from ..existing.limits import FEWER, MAX_FACES
from ..meshes import chunks
from ..pictures.opening import MAX_PIXELS
from ..scene.scene import MAX_PROMPT, plain_text

SUFFIXES = (".glb", ".gltf", ".obj", ".stl", ".ply", ".spz")
POINTS = 20_000_000
NODES, DEPTH = 20_000, 64
HEAD = 32 << 20  # bytes of the JSON of a glTF
TEXELS = 4 * MAX_PIXELS  # of all pictures together
UNPACKED = 1 << 30  # bytes of an SPZ


@dataclass(frozen=True)
class ModelFacts:
    """What is told of a model: names of its nodes, how many triangles it shows (0 for points and splats), and the
    sentence that it was made from, where the file says one."""

    nodes: list[str] = field(default_factory=list)
    triangles: int = 0
    prompt: str = ""


def look_at(path: Path, suffix: str) -> ModelFacts:
    """Facts of a file; raises InputError for what is damaged, too large, or of another kind than its suffix says."""
    if suffix not in _LOOKS:
        raise InputError(f"a model is {', '.join(SUFFIXES)}, not {suffix or 'a file without a suffix'}")
    try:
        return _LOOKS[suffix](path)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise InputError(f"the model is damaged, or no {suffix[1:].upper()}: {error}") from error
    except (RecursionError, zlib.error, EOFError) as error:
        raise InputError(f"the model is damaged, or made to do harm: {error}") from error


def _glb(path: Path) -> ModelFacts:
    head, binary = chunks.parted(path.read_bytes())
    return _document(_tables(head), binary or b"")


def _gltf(path: Path) -> ModelFacts:
    if path.stat().st_size > HEAD:  # before it is read
        raise InputError(f"a glTF of more than {HEAD >> 20} MB is not read; save it as GLB")
    return _document(_tables(path.read_bytes()), None)


def _tables(head: bytes) -> Mapping[str, Any]:
    if len(head) > HEAD:
        raise InputError(f"the model's JSON has {len(head) >> 20} MB; up to {HEAD >> 20} MB are read")
    return read_tables(head)


def _document(document: Mapping[str, Any], binary: bytes | None) -> ModelFacts:
    packed = [name for name in COMPRESSED if name in document.get("extensionsRequired", [])]
    if packed:
        raise InputError(f"the model is compressed ({packed[0]}); save it without compression")
    buffers = [_buffer(one, i, binary) for i, one in enumerate(document.get("buffers", []))]
    views = document.get("bufferViews", [])
    for view in views:
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if not 0 <= start <= start + length <= len(buffers[view["buffer"]]):
            raise InputError("the model points outside its own data")
    accessors = document.get("accessors", [])
    if sum(_whole(one["count"]) for one in accessors) > 3 * POINTS:
        raise InputError(f"the model has more than {POINTS:,} points")
    for one in accessors:
        if "bufferView" in one and one["count"] > views[one["bufferView"]]["byteLength"]:
            raise InputError("the model points outside its own data")
    _textures(document.get("images", []), views, buffers)
    return _nodes(document)


def _buffer(one: Mapping[str, Any], index: int, binary: bytes | None) -> bytes:
    uri = one.get("uri")
    if uri is None:
        if index or binary is None:
            raise InputError("the model lacks its data")
        return binary
    head, _, text = str(uri).partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise InputError("the model keeps its data in other files; save it as one GLB")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise InputError("the model is damaged: its data is no base64") from error


def _textures(images: list[Any], views: list[Any], buffers: list[bytes]) -> None:
    total = 0
    for one in images:
        if "bufferView" in one:
            view = views[one["bufferView"]]
            start = view.get("byteOffset", 0)
            data = buffers[view["buffer"]][start : start + view["byteLength"]]
        elif str(one.get("uri", "")).startswith("data:"):
            data = base64.b64decode(str(one["uri"]).partition(",")[2])
        else:
            raise InputError("the model keeps its pictures in other files; save it as one GLB")
        try:
            with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as image:  # its head only
                total += image.width * image.height
        except Image.DecompressionBombError as error:
            raise InputError(f"a picture of the model is too large: {error}") from error
    if total > TEXELS:
        raise InputError(f"the pictures of the model have {total / 1e6:,.0f} megapixels, at most {TEXELS / 1e6:,.0f}")


def _nodes(document: Mapping[str, Any]) -> ModelFacts:
    nodes, meshes, accessors = (document.get(key, []) for key in ("nodes", "meshes", "accessors"))
    if len(nodes) > NODES:
        raise InputError(f"the model has {len(nodes):,} nodes, at most {NODES:,} are read")

    def triangles(mesh: Mapping[str, Any]) -> int:
        corners = (one.get("indices", one["attributes"]["POSITION"]) for one in mesh["primitives"])
        return sum(_whole(accessors[corner]["count"]) // 3 for corner in corners)

    of_mesh = [triangles(mesh) for mesh in meshes]
    scenes = document.get("scenes") or [{"nodes": list(range(len(nodes)))}]
    roots = scenes[document.get("scene", 0)].get("nodes", [])
    names, total, visited = [], 0, 0
    below = [(root, 1) for root in roots]
    while below:
        index, depth = below.pop()
        visited += 1
        if depth > DEPTH or visited > NODES:
            raise InputError("the nodes of the model form a circle, or are too many")
        node = nodes[index]
        if "mesh" in node:
            total += of_mesh[node["mesh"]]
            names.append(str(node.get("name", ""))[:200])
        below += [(child, depth + 1) for child in node.get("children", [])]
    _bounded(total)
    extras = scenes[document.get("scene", 0)].get("extras")
    prompt = _sentence(extras.get("prompt")) if isinstance(extras, dict) else ""
    return ModelFacts([name for name in dict.fromkeys(reversed(names)) if name], total, prompt)


def _sentence(text: Any) -> str:
    """The text where it may be a prompt."""
    try:
        return plain_text(text, "the prompt", MAX_PROMPT)
    except InputError:
        return ""


def _stl(path: Path) -> ModelFacts:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(84)
    if len(head) == 84 and size == 84 + 50 * (count := struct.unpack("<I", head[80:])[0]):
        return ModelFacts(triangles=_bounded(count))
    if not head.lstrip().startswith(b"solid"):
        raise InputError("this is no STL, or it is cut short")
    return ModelFacts(triangles=_bounded(_lines(path, b"endfacet")))


def _obj(path: Path) -> ModelFacts:
    if not (count := _lines(path, b"f ")):
        raise InputError("this OBJ has no faces")
    return ModelFacts(triangles=_bounded(count))


def _lines(path: Path, start: bytes) -> int:
    count = 0
    with path.open("rb") as file:
        while line := file.readline(1 << 16):
            count += line.lstrip().startswith(start)
    return count


def _ply(path: Path) -> ModelFacts:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    text, end, _ = head.partition(b"end_header")
    if not (text.startswith(b"ply") and end):
        raise InputError("this is no PLY")
    counts = {}
    for line in text.decode("ascii", "replace").splitlines():
        if line.startswith("element "):
            _, name, count = line.split()
            counts[name] = _whole(int(count))
    if sum(counts.values()) > path.stat().st_size:  # a row takes a byte at least
        raise InputError("the model is cut short, or its lengths do not agree")
    if counts.get("vertex", 0) > POINTS:
        raise InputError(f"the model has more than {POINTS:,} points")
    return ModelFacts(triangles=_bounded(counts.get("face", 0)))


def _spz(path: Path) -> ModelFacts:
    total = 0
    with gzip.open(path) as file:
        if file.read(4) != b"NGSP":
            raise InputError("this is no SPZ")
        while data := file.read(1 << 20):
            total += len(data)
            if total > UNPACKED:
                raise InputError(f"the model unpacks to more than {UNPACKED >> 20} MB")
    return ModelFacts()


def _whole(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InputError(f"the model counts {count!r} of something")
    return count


def _bounded(triangles: int) -> int:
    if triangles > MAX_FACES:
        raise InputError(f"the model shows {triangles:,} triangles, at most {MAX_FACES:,} are read; {FEWER}")
    return triangles


_LOOKS = {".glb": _glb, ".gltf": _gltf, ".obj": _obj, ".stl": _stl, ".ply": _ply, ".spz": _spz}
