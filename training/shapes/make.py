"""Shapes by the thousand as a bank: voxels and coloured surface samples, nothing on disk."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.bricks import grids
from training.bricks.assembly import FILLED
from training.bricks.bank import Bank
from training.bricks.placement import FILLED_SHARE, IDENTITY

from . import field
from .grammars import draw
from .sketch import FIXED_RGB

SAMPLES = (12288, 24576)  # least and most of a shape, as of LDraw parts
_DENSITY = 3  # samples per voxel of the shell
_LEAST = 150  # voxels: less is a crumb
_CHUNK = 32  # shapes that a worker makes at a time


@dataclass(frozen=True)
class Made:
    """One shape in its grid, points in voxel units."""

    name: str
    noun: str
    grid: NDArray[np.bool_]  # [64, 64, 64], the outer shell
    points: NDArray[np.float32]  # [N, 3], in random order
    normals: NDArray[np.float32]  # [N, 3] unit
    material: NDArray[np.uint8]  # [N] 0 main colour, 1 second colour, 2 + k = FIXED_RGB[k]


def make(seed: int, index: int) -> Made:
    """The shape number `index` of a seed; one that comes to nothing is drawn again."""
    for again in range(8):
        sketch = draw(seed, index + again * 1_000_003)
        found = field.filled(sketch, grids.SIZE, FILLED_SHARE)
        if found is None:
            continue
        distance, paint = found
        shell, voxels = field.shell(field.touched(distance))
        if len(voxels) < _LEAST:
            continue
        rng = np.random.default_rng((seed, index))
        number = int(np.clip(_DENSITY * len(voxels), *SAMPLES))
        points, normals, material = field.samples(
            distance, paint, shell, rng.permutation(voxels), number, rng.random((number, 3), np.float32)
        )
        mixed = rng.permutation(number)  # a prefix is a fair sample
        return Made(sketch.name, sketch.noun, shell, points[mixed], normals[mixed], material[mixed])
    raise ValueError(f"seed {seed} has no shape {index}")


@dataclass(frozen=True)
class _Lot:
    """Several shapes in flat arrays, as a worker hands them over."""

    names: list[tuple[str, str]]
    counts: list[int]
    points: NDArray[np.float32]
    normals: NDArray[np.float16]
    material: NDArray[np.uint8]
    grid: NDArray[np.uint8]


def _lot(seed: int, indices: Sequence[int]) -> _Lot:
    made = [make(seed, index) for index in indices]
    return _Lot(
        [(m.name, m.noun) for m in made],
        [len(m.points) for m in made],
        np.concatenate([m.points for m in made]),
        np.concatenate([m.normals for m in made]).astype(np.float16),
        np.concatenate([m.material for m in made]),
        np.stack([grids.pack(m.grid) for m in made]),
    )


def _lots(seed: int, first: int, count: int, workers: int | None) -> Iterator[_Lot]:
    chunks = [range(i, min(i + _CHUNK, first + count)) for i in range(first, first + count, _CHUNK)]
    workers = workers or os.cpu_count() or 1
    _lot(seed, [first])  # compiles, once for all workers
    if workers == 1 or len(chunks) == 1:
        yield from map(partial(_lot, seed), chunks)
        return
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with multiprocessing.get_context(method).Pool(workers) as pool:
        yield from pool.imap(partial(_lot, seed), chunks)


def build(count: int, seed: int = 0, first: int = 0, workers: int | None = None) -> tuple[Bank, list[tuple[str, str]]]:
    """A bank of `count` shapes that fill the grid, and (phrase, noun) of each; `workers`: default one per core.

    The order of a shape's samples is random already. Normals are in half precision.
    """
    lots = list(_lots(seed, first, count, workers))
    names = [name for lot in lots for name in lot.names]
    keys = np.array([f"shape {seed} {first + i}" for i in range(count)])
    same = np.full(count, "")
    return Bank(
        points=np.concatenate([lot.points for lot in lots]),
        normals=np.concatenate([lot.normals for lot in lots]),
        material=np.concatenate([lot.material for lot in lots]),
        offsets=np.cumsum([0] + [n for lot in lots for n in lot.counts]),
        shape_key=keys,
        shape_class=np.full(count, -1, np.int32),
        shape_index=np.arange(count, dtype=np.int32),
        frame=np.full(count, FILLED),
        slot=np.full(count, "free"),
        variant=same,
        part=keys,
        transform=np.tile(IDENTITY.astype(np.float32), (count, 1, 1)),
        grid=np.concatenate([lot.grid for lot in lots]),
        inside_share=np.ones(count, np.float32),
        fixed_rgb=np.array(FIXED_RGB, np.uint8),
    ), names
