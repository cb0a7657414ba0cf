"""Packs of decimated, coloured meshes, as triangle soups in the frame of the parts.

A pack is LZMA: the length of a JSON head, the head (per model `id`, counts of vertices, triangles and colours, `size`
and `lo`), then vertices as differences on a grid of 1/1023 of the longest side, triangles by how long ago each vertex
was new, a colour number per triangle, and palettes of red, green, blue and flags (1: may be recoloured, 2: glass).
Meshes are in centimetres, z up, standing on z = 0.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bricks.assembly import Shape
from training.bricks.ldraw import INHERIT, Library, Triangles
from training.bricks.placement import WORLD

_CELLS = 1023
_MAIN = 1  # flag of a colour
_STEP = 8  # of a colour channel: fewer different colours
_DIRECT = 0x2000000


@dataclass(frozen=True)
class Mesh:
    """One model of a pack."""

    vertices: NDArray[np.float32]  # [V, 3] cm
    triangles: NDArray[np.int32]  # [T, 3]
    colors: NDArray[np.uint8]  # [T, 3] sRGB
    main: NDArray[np.bool_]  # [T] may be recoloured
    entry: NDArray[np.uint8]  # [T] row of the palette

    def soup(self, turn: float = 0.0, scale: float = 1.0, fixed: bool = False) -> Triangles:
        """Triangles in LDraw's axes, turned by degrees about the vertical; `fixed` keeps every colour."""
        c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        moved = (scale * self.vertices.astype(np.float64)) @ (WORLD.T @ rotation).T
        rgb = np.minimum((self.colors.astype(np.int32) + _STEP // 2) // _STEP * _STEP, 255)
        codes = _DIRECT + (rgb[:, 0] << 16) + (rgb[:, 1] << 8) + rgb[:, 2]
        codes = codes if fixed else np.where(self.main, INHERIT, codes)
        return Triangles(moved[self.triangles].astype(np.float32), codes.astype(np.int32))


@dataclass(frozen=True, eq=False)
class Model(Shape):
    """A shape that brings its own triangles."""

    soup: Triangles | None = None

    def triangles(self, library: Library | None) -> Triangles:
        return self.soup


def direct(code: int) -> tuple[int, int, int]:
    """sRGB of a direct colour code."""
    return (code >> 16) & 255, (code >> 8) & 255, code & 255


def read(path: Path) -> Mapping[str, Mesh]:
    """All models of a pack by id."""
    raw = lzma.decompress(path.read_bytes())
    size = int.from_bytes(raw[:4], "little")
    head = json.loads(raw[4 : 4 + size])
    at = 4 + size

    def wide(count: int) -> NDArray[np.int64]:
        """Numbers of 16 bits: all low bytes, then all high ones."""
        nonlocal at
        low, high = np.frombuffer(raw, np.uint8, 2 * count, at).reshape(2, count).astype(np.int64)
        at += 2 * count
        return low + 256 * high

    steps = [wide(sum(model["nv"] for model in head)) for _ in range(3)]
    steps = np.stack([(s >> 1) ^ -(s & 1) for s in steps], 1)
    ages = wide(3 * sum(model["nf"] for model in head))
    picks = np.frombuffer(raw, np.uint8, sum(model["nf"] for model in head), at)
    palettes = np.frombuffer(raw, np.uint8, 4 * sum(model["np"] for model in head), at + len(picks)).reshape(-1, 4)
    found, v, f, p = {}, 0, 0, 0
    for model in head:
        grid = np.cumsum(steps[v : v + model["nv"]], 0)
        age = ages[3 * f : 3 * (f + model["nf"])]
        new = age == 0
        corners = np.cumsum(new) - new - age
        pick = picks[f : f + model["nf"]]
        color = palettes[p : p + model["np"]][pick]
        found[model["id"]] = Mesh(
            vertices=(grid / _CELLS * model["size"] + model["lo"]).astype(np.float32),
            triangles=corners.reshape(-1, 3).astype(np.int32),
            colors=color[:, :3],
            main=(color[:, 3] & _MAIN) > 0,
            entry=pick,
        )
        v, f, p = v + model["nv"], f + model["nf"], p + model["np"]
    return found


def write(path: Path, models: Mapping[str, tuple]) -> None:
    """Writes a pack that `read` reads.

    `models`: id -> vertices [V, 3] cm, triangles [T, 3], palette rows of red, green, blue and flags, row per triangle.
    """
    head, steps, ages, picks, palettes = [], [], [], [], []
    for id, (vertices, triangles, palette, pick) in models.items():
        flat = np.asarray(triangles).reshape(-1)
        _, first = np.unique(flat, return_index=True)
        order = flat[np.sort(first)]  # vertices as they are first used
        number = np.zeros(len(vertices), np.int64)
        number[order] = np.arange(len(order))
        flat, vertices = number[flat], vertices[order]
        low, size = vertices.min(0), float(np.ptp(vertices, axis=0).max())
        step = np.diff(np.rint((vertices - low) / size * _CELLS).astype(np.int64), axis=0, prepend=0)
        steps.append(np.where(step < 0, -2 * step - 1, 2 * step))
        newest = np.concatenate([[-1], np.maximum.accumulate(flat)[:-1]]) + 1  # vertices known before each corner
        ages.append(newest - flat)
        picks.append(np.asarray(pick, np.uint8))
        palettes.append(np.asarray(palette, np.uint8))
        shape = {"nv": len(vertices), "nf": len(flat) // 3, "np": len(palette)}
        head.append({"id": id, **shape, "size": size, "lo": low.tolist()})
    moved = np.concatenate(steps)
    columns = [moved[:, axis] for axis in range(3)] + [np.concatenate(ages)]
    text = json.dumps(head).encode()
    wide = b"".join((c & 255).astype(np.uint8).tobytes() + (c >> 8).astype(np.uint8).tobytes() for c in columns)
    tail = b"".join(array.tobytes() for array in (*picks, *palettes))
    path.write_bytes(lzma.compress(len(text).to_bytes(4, "little") + text + wide + tail, preset=9))
