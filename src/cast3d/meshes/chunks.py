"""The container of a .glb file of glTF 2.0: a header, a chunk of JSON, and a chunk of numbers. All is little endian."""

from __future__ import annotations

import struct
from pathlib import Path

from ..errors import InputError

MAGIC = b"glTF"
_VERSION, _JSON, _BINARY = 2, 0x4E4F534A, 0x004E4942
_HEADER, _CHUNK = struct.Struct("<4sII"), struct.Struct("<II")


def joined(head: bytes, binary: bytes | None) -> bytes:
    """A .glb of a JSON chunk, which spaces pad to four bytes, and a binary chunk, if there is one, padded by zeros."""
    head += b" " * (-len(head) % 4)
    parts = [_CHUNK.pack(len(head), _JSON), head]
    if binary is not None:
        binary += bytes(-len(binary) % 4)
        parts += [_CHUNK.pack(len(binary), _BINARY), binary]
    size = _HEADER.size + sum(map(len, parts))
    return b"".join([_HEADER.pack(MAGIC, _VERSION, size), *parts])


def parted(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON and the binary chunk of a .glb. Raises InputError for what is no GLB, and where lengths do not fit."""
    size = _announced(data)
    if size > len(data):
        raise InputError(f"the GLB is cut short: {size:,} bytes are announced, {len(data):,} are there")
    head, binary, at = None, None, _HEADER.size
    while at + _CHUNK.size <= size:
        length, kind = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + length > size:
            raise InputError("the GLB is cut short, or a chunk's length is wrong")
        if kind == _JSON and head is None:
            head = data[at : at + length]
        elif kind == _BINARY and binary is None:
            binary = data[at : at + length]
        at += length + (-length % 4)
    if head is None:
        raise InputError("the GLB holds no JSON chunk; the file is damaged")
    return head, binary


def head_of(path: Path) -> bytes:
    """The JSON chunk alone of a .glb that begins with it, as all should. Raises InputError for anything else."""
    with path.open("rb") as file:
        size = _announced(start := file.read(_HEADER.size + _CHUNK.size))
        length, kind = _CHUNK.unpack_from(start, _HEADER.size)
        if kind != _JSON or len(start) + length > size:
            raise InputError("the GLB does not begin with a JSON chunk; the file is damaged")
        return file.read(length)


def _announced(data: bytes) -> int:
    """The size that the header tells."""
    if len(data) < _HEADER.size + _CHUNK.size:
        raise InputError("the GLB is cut short: its header is not whole")
    magic, version, size = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise InputError("this is no GLB")
    if version != _VERSION:
        raise InputError(f"the GLB is of version {version}; glTF 2.0 is read (Blender writes it)")
    return size
