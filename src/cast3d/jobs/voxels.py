"""Hints as they travel: bool [64, 64, 64], indexed [x, y, z], in packed bits (C order), or a box to move them to."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import atomic_write

SIDE = 64
BYTES = SIDE**3 // 8


def to_bits(grid: np.ndarray) -> str:
    """Base64 of the packed bits."""
    return base64.b64encode(np.packbits(grid.reshape(-1)).tobytes()).decode("ascii")


def from_bits(text: Any) -> np.ndarray:
    """Inverse of `to_bits`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        data = b""
    if len(data) != BYTES:
        raise InputError(f"a hint is base64 of {BYTES} bytes: the bits of [64, 64, 64] voxels, x slowest")
    return np.unpackbits(np.frombuffer(data, np.uint8)).reshape(SIDE, SIDE, SIDE).astype(bool)


def write_grid(path: Path, grid: np.ndarray) -> None:
    """As bare packed bits."""
    atomic_write(path, np.packbits(grid.reshape(-1)).tobytes())


def read_grid(path: Path) -> np.ndarray:
    """Inverse of `write_grid`."""
    data = path.read_bytes()
    if len(data) != BYTES:
        raise InputError(f"{path} is damaged: a painted hint has {BYTES} bytes")
    return np.unpackbits(np.frombuffer(data, np.uint8)).reshape(SIDE, SIDE, SIDE).astype(bool)


def box_of(value: Any) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest corner [3] in world units, the cube is -0.5 to 0.5."""
    try:
        low, high = (np.asarray(corner, dtype=np.float64) for corner in value)
        good = low.shape == high.shape == (3,) and np.isfinite([low, high]).all() and (low < high).all()
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError("a box is [[x0, y0, z0], [x1, y1, z1]] in world units, the lowest corner first")
    if (low < -0.5 - 1e-6).any() or (high > 0.5 + 1e-6).any():
        raise InputError("the box leaves the cube from -0.5 to 0.5")
    return low, high


def into_box(grid: np.ndarray, box: Any) -> np.ndarray:
    """The occupied voxels moved and scaled so that they fill the box; the whole box where there are none.

    Each voxel of the box takes the voxel at its place, so nothing thins out where the box is larger.
    """
    low, high = box_of(box)
    first = np.clip(np.floor((low + 0.5) * SIDE + 1e-9).astype(int), 0, SIDE - 1)
    last = np.clip(np.ceil((high + 0.5) * SIDE - 1e-9).astype(int), first + 1, SIDE)
    moved = np.zeros_like(grid)
    target = tuple(slice(a, b) for a, b in zip(first, last))
    occupied = np.argwhere(grid)
    if not len(occupied):
        moved[target] = True
        return moved
    start, size = occupied.min(0), np.ptp(occupied, axis=0) + 1
    places = [
        start[axis]
        + ((np.arange(last[axis] - first[axis]) + 0.5) / (last[axis] - first[axis]) * size[axis]).astype(int)
        for axis in range(3)
    ]
    moved[target] = grid[np.ix_(*places)]
    if not moved.any():  # a thin thing in a much smaller box
        moved[target] = True
    return moved
