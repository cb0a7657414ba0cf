"""Occupancy grids of 64^3 voxels: filling them from triangles, flood fills, packing.

Voxel i covers [i, i + 1) along each axis; grids are indexed [x, y, z]. Flood fills run on 64-bit words, one word per
(x, y) column with bit z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZE = 64
LATTICE = 0.6  # voxels between lattice points: every 6-connected path through the surface meets an occupied voxel

Bits = NDArray[np.uint8]  # [SIZE**3 / 8], np.packbits of the C-order [x, y, z] grid
Words = NDArray[np.uint64]  # [SIZE, SIZE], bit z of word [x, y]


def lattice(triangles: NDArray[np.floating], spacing: float) -> NDArray[np.float32]:
    """Points on every triangle at most `spacing` apart, edges and corners included: [P, 3] from [T, 3, 3].

    Rows run parallel to the longest edge, so slivers get few points.
    """
    base, along, across = _longest_edge_first(np.asarray(triangles, np.float32))
    length = np.linalg.norm(along, axis=1)
    area = np.linalg.norm(np.cross(along, across), axis=1)
    height = area / np.maximum(length, 1e-12)
    rows = np.ceil(height / spacing).astype(np.int64) + 1  # lines per triangle, apex included
    triangle, row = _expand(rows)
    share = row / np.maximum(rows[triangle] - 1, 1)  # 0 on the longest edge, 1 at the apex
    run = (1 - share) * length[triangle]
    steps = np.ceil(run / spacing).astype(np.int64) + 1
    line, step = _expand(steps)
    position = step / np.maximum(steps[line] - 1, 1) * (1 - share[line])
    owner = triangle[line]
    points = base[owner]
    points += along[owner] * position[:, None].astype(np.float32)
    points += across[owner] * share[line, None].astype(np.float32)
    return points


def _longest_edge_first(triangles: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """(start of the longest edge, that edge, vector from its start to the opposite corner), each [T, 3]."""
    edges = np.linalg.norm(np.roll(triangles, -1, axis=1) - triangles, axis=2)  # [T, 3], corner k to k + 1
    first = edges.argmax(axis=1)
    index = np.arange(len(triangles))
    a, b, c = (triangles[index, (first + k) % 3] for k in range(3))
    return a, b - a, c - a


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts [2, 3]: owners [0, 0, 1, 1, 1] and ranks [0, 1, 0, 1, 2]."""
    owner = np.repeat(np.arange(len(counts)), counts)
    start = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - start[owner]


def voxels_of(points: NDArray[np.floating]) -> NDArray[np.int64]:
    """Flat voxel index of every point, -1 outside the grid."""
    index = np.floor(points).astype(np.int64)
    inside = ((index >= 0) & (index < SIZE)).all(axis=1)
    flat = (index[:, 0] * SIZE + index[:, 1]) * SIZE + index[:, 2]
    return np.where(inside, flat, -1)


def occupancy(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """[64, 64, 64]: voxels that hold at least one point; points outside are dropped."""
    grid = np.zeros(SIZE**3, bool)
    flat = voxels_of(points)
    grid[flat[flat >= 0]] = True
    return grid.reshape(SIZE, SIZE, SIZE)


def pack(grid: NDArray[np.bool_]) -> Bits:
    """The stored form of a grid."""
    return np.packbits(grid.reshape(-1))


def unpack(bits: Bits) -> NDArray[np.bool_]:
    """[..., 64, 64, 64] from [..., 32768] packed bytes."""
    return np.unpackbits(bits, axis=-1).reshape(*bits.shape[:-1], SIZE, SIZE, SIZE).astype(bool)


def outside(grid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Empty voxels that a 6-connected path through empty voxels joins to the border of the grid."""
    free = _words(~grid)
    border = np.zeros((SIZE, SIZE), np.uint64)
    border[[0, -1], :] = ~np.uint64(0)
    border[:, [0, -1]] = ~np.uint64(0)
    border |= np.uint64((1 << 63) | 1)
    reached = border & free
    while True:
        grown = _dilated(reached) & free
        if np.array_equal(grown, reached):
            return _unwords(reached)
        reached = grown


def shell(grid: NDArray[np.bool_], reached: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Occupied voxels that share a face with the outside (beyond the grid counts as outside).

    `reached` is `outside(grid)` where the caller has it.
    """
    padded = np.pad(outside(grid) if reached is None else reached, 1, constant_values=True)
    near = padded[:-2, 1:-1, 1:-1] | padded[2:, 1:-1, 1:-1]
    near |= padded[1:-1, :-2, 1:-1] | padded[1:-1, 2:, 1:-1]
    near |= padded[1:-1, 1:-1, :-2] | padded[1:-1, 1:-1, 2:]
    return grid & near


def _words(grid: NDArray[np.bool_]) -> Words:
    return np.packbits(grid, axis=-1, bitorder="little").view("<u8")[..., 0].astype(np.uint64)


def _unwords(words: Words) -> NDArray[np.bool_]:
    octets = words.astype("<u8")[..., None].view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little").astype(bool)


def _dilated(words: Words) -> Words:
    """The set and its six neighbours."""
    one = np.uint64(1)
    grown = words | (words << one) | (words >> one)
    grown[1:] |= words[:-1]
    grown[:-1] |= words[1:]
    grown[:, 1:] |= words[:, :-1]
    grown[:, :-1] |= words[:, 1:]
    return grown
