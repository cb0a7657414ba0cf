"""Reads LDraw files (https://www.ldraw.org/article/218.html) into triangle soups.

Units are LDU in the frame of the file: right-handed, -y up. Only geometry is read: lines of type 1 (sub-file),
3 (triangle) and 4 (quad). Winding is ignored: a point cloud or a two-sided renderer does not need it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cast3d.errors import InputError

INHERIT = 16  # LDraw's "main colour": whatever the caller says
_DIRECT_COLOR = re.compile(r"0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Triangles:
    """A triangle soup in LDU with one LDraw colour code per triangle."""

    vertices: NDArray[np.float32]  # [T, 3, 3]
    color: NDArray[np.int32]  # [T], 16 = inherit, 0x2RRGGBB = direct

    def __len__(self) -> int:
        return len(self.color)

    def transformed(self, transform: NDArray[np.floating], color: int = INHERIT) -> Triangles:
        """The soup under a 3x4 transform, its inherited colour replaced by `color`."""
        matrix = np.asarray(transform, np.float32)
        vertices = self.vertices @ matrix[:, :3].T + matrix[:, 3]
        if color == INHERIT:
            return Triangles(vertices, self.color)
        return Triangles(vertices, np.where(self.color == INHERIT, np.int32(color), self.color))

    @staticmethod
    def concatenate(soups: list[Triangles]) -> Triangles:
        """All triangles of `soups`, in order."""
        if not soups:
            return Triangles(np.zeros((0, 3, 3), np.float32), np.zeros(0, np.int32))
        return Triangles(np.concatenate([s.vertices for s in soups]), np.concatenate([s.color for s in soups]))


@dataclass(frozen=True)
class Reference:
    """A type 1 line: `file` drawn under `transform` in `color`."""

    file: str  # lower case, forward slashes
    transform: NDArray[np.float32]  # [3, 4]
    color: int


@dataclass(frozen=True)
class _File:
    own: Triangles
    references: tuple[Reference, ...]


class Library:
    """LDraw files from zips or folders; the first source that has a file wins."""

    def __init__(self, source: str | Path, *more: str | Path) -> None:
        self.sources = tuple(Path(s) for s in (source, *more))
        self._places: dict[str, tuple[Path, str]] = {}
        self._zips: dict[Path, zipfile.ZipFile] = {}
        for path in reversed(self.sources):
            self._places.update({key: (path, name) for key, name in self._index(path)})
        self._files: dict[str, _File] = {}
        self._soups: dict[str, Triangles] = {}

    def __contains__(self, file: str) -> bool:
        return self._find(file) is not None

    def triangles(self, file: str) -> Triangles:
        """The flattened geometry of `file`, looked up in `parts/` then `p/`, ignoring case."""
        return self._flatten(self._locate(file, user="the library"), ())

    def references(self, file: str) -> tuple[Reference, ...]:
        """The sub-files that `file` itself names, not flattened."""
        return self._read(self._locate(file, user="the library")).references

    def own_triangles(self, file: str) -> Triangles:
        """The triangles written in `file` itself, without its sub-files."""
        return self._read(self._locate(file, user="the library")).own

    def _index(self, path: Path) -> Iterator[tuple[str, str]]:
        """(normalised path inside the library, name inside the source) of every .dat file."""
        if path.is_dir():
            names = (p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        elif zipfile.is_zipfile(path):
            self._zips[path] = zipfile.ZipFile(path)
            names = iter(self._zips[path].namelist())
        else:
            raise InputError(
                f"{path} is neither a folder nor a zip; give an LDraw library (a folder with parts/ and p/)"
            )
        for name in names:
            if name.lower().endswith(".dat"):
                key = name.lower()
                yield key.removeprefix("ldraw/"), name

    def _find(self, file: str) -> str | None:
        key = file.lower().replace("\\", "/")
        return next((k for k in (key, f"parts/{key}", f"p/{key}") if k in self._places), None)

    def _locate(self, file: str, user: str) -> str:
        key = self._find(file)
        if key is None:
            where = ", ".join(str(s) for s in self.sources)
            raise InputError(f"{user} names {file!r}, which is in neither parts/ nor p/ of {where}; add its library")
        return key

    def _text(self, key: str) -> str:
        path, name = self._places[key]
        data = self._zips[path].read(name) if path in self._zips else (path / name).read_bytes()
        return data.decode("utf-8", errors="replace")

    def _read(self, key: str) -> _File:
        if key not in self._files:
            self._files[key] = _parse(self._text(key), key)
        return self._files[key]

    def _flatten(self, key: str, callers: tuple[str, ...]) -> Triangles:
        if key in self._soups:
            return self._soups[key]
        if key in callers:
            raise InputError(f"LDraw files refer to each other in a cycle: {' -> '.join((*callers, key))}")
        content = self._read(key)
        soups = [content.own]
        for ref in content.references:
            child = self._flatten(self._locate(ref.file, user=key), (*callers, key))
            soups.append(child.transformed(ref.transform, ref.color))
        self._soups[key] = Triangles.concatenate(soups)
        return self._soups[key]


def _parse(text: str, name: str) -> _File:
    """Sorts the lines of one file by type; quads become the triangles 012 and 230."""
    lines: dict[str, list[str]] = {"1": [], "3": [], "4": []}
    for line in text.splitlines():
        line = line.strip()
        if line[:1] in lines and line[1:2].isspace():
            lines[line[0]].append(line)
    triangles = _numbers(lines["3"], 11, name)
    quads = _numbers(lines["4"], 14, name)
    corners = quads[:, 2:].reshape(-1, 4, 3)
    vertices = np.concatenate([triangles[:, 2:].reshape(-1, 3, 3), corners[:, [0, 1, 2]], corners[:, [2, 3, 0]]])
    color = np.concatenate([triangles[:, 1], quads[:, 1], quads[:, 1]])
    own = Triangles(vertices.astype(np.float32), color.astype(np.int32))
    return _File(own, tuple(_reference(line, name) for line in lines["1"]))


def _numbers(lines: list[str], columns: int, name: str) -> NDArray[np.float64]:
    """[len(lines), columns]; direct colours (0x2RRGGBB) become integers first."""
    text = _DIRECT_COLOR.sub(lambda m: str(int(m[0], 16)), " ".join(lines))
    values = np.array(text.split(), np.float64)
    if len(values) != len(lines) * columns:
        raise InputError(f"{name} has a damaged line: its type {lines[0][0]} lines must have {columns} fields each")
    return values.reshape(-1, columns)


def _reference(line: str, name: str) -> Reference:
    fields = line.split(maxsplit=14)
    if len(fields) != 15:
        raise InputError(f"{name} has a damaged line, a sub-file needs 15 fields: {line!r}")
    values = np.array(fields[2:14], np.float32)
    transform = np.concatenate([values[3:].reshape(3, 3), values[:3, None]], axis=1)
    return Reference(fields[14].strip().lower().replace("\\", "/"), transform, int(fields[1], 0))
