"""What a model's file may hold. Everything is checked before memory is taken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import local_path, printable

MAX_BYTES = 512 << 20  # of a file, and of all files that it names together
MAX_HEAD = 64 << 20  # bytes of JSON
MAX_ROWS = 100_000  # of a table: nodes, meshes, accessors, ...
MAX_VERTICES = 8_000_000  # that all nodes draw together
MAX_FACES = 4_000_000
MAX_ELEMENTS = 32_000_000  # of one accessor, counted in numbers
MAX_TEXELS = 8192 * 8192  # of one picture
MAX_ALL_TEXELS = 4 * MAX_TEXELS  # of all pictures that are read
MAX_DEPTH = 256  # of nodes in nodes
LARGEST = 1e12  # of a coordinate

FEWER = "make it smaller first, in Blender with the modifier Decimate"


def read_bytes(path: str | Path, what: str = "the model") -> bytes:
    """The content of a regular file of at most `MAX_BYTES`. Raises InputError for anything else."""
    found = local_path(path, what)
    try:
        if found.is_dir():
            raise InputError(f"{printable(found)} is a folder, not a model's file")
        if not found.is_file():
            raise InputError(f"{what}: there is no file {printable(found)}")
        size = found.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{printable(found)} has {size >> 20} MB; models of up to {MAX_BYTES >> 20} MB are read")
        data = found.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{printable(found)} cannot be read: {error}") from error
    if not data:
        raise InputError(f"{printable(found)} is empty")
    return data


def require_size(vertices: int, faces: int) -> None:
    """Raises InputError where a model has more than is worked on."""
    for count, most, what in ((vertices, MAX_VERTICES, "vertices"), (faces, MAX_FACES, "triangles")):
        if count > most:
            raise InputError(f"the model has {count:,} {what}; up to {most:,} are worked on: {FEWER}")


def whole(value: Any, what: str, below: int | None = None, least: int = 0) -> int:
    """A whole number of a file, at least `least` and below `below`; raises InputError for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (below is not None and value >= below):
        span = f"{least} to {below - 1}" if below is not None else f"{least} or more"
        raise InputError(f"{what} is {str(value)[:40]!r}, not a whole number ({span}); the file is damaged")
    return value
