"""The bank: every shape as surface samples, every placement as a 64^3 grid.

`build` reads a library and a catalogue; the result is a handful of flat arrays, so a training loop can move it to a
device whole. A figure is the bitwise OR of its placements' grids; its picture is a splat of its shapes' samples.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bricks import assembly, grids, placement
from training.bricks.assembly import FIGURE, FILLED, Shape
from training.bricks.catalog import Catalog
from training.bricks.colors import RGB
from training.bricks.ldraw import INHERIT, Library, Triangles
from training.bricks.placement import Transform

SAMPLES = (12288, 24576)  # least and most kept per shape
_FILLED_DENSITY, _PLACED_DENSITY = 3, 12  # samples per surface voxel, filling the grid and in the other frames
_DRAWS = 65536  # drawn per shape before those inside are dropped
_INWARD = 0.005  # LDU: surfaces that lie on voxel faces (soles, mirror pairs) belong to the voxels inside them
_INSIDE = 0.95  # least share of the surface that must lie in the frame
_HEAVY = ("points", "normals", "material", "grid")
MAIN, SKIN, FIXED = 0, 1, 2  # materials; FIXED + k is row k of `fixed_rgb`


@dataclass(frozen=True)
class Bank:
    """Arrays over shapes (S), their samples and placements (P). Save and load as one npz."""

    points: NDArray[np.float32]  # [samples, 3] LDU, shape frame
    normals: NDArray[np.float32]  # [samples, 3] unit, sign arbitrary
    material: NDArray[np.uint8]  # [samples] 0 main colour, 1 skin, 2 + k = fixed_rgb[k]; int16 where those are many
    offsets: NDArray[np.int64]  # [S + 1] samples of shape s: offsets[s]:offsets[s + 1]
    shape_key: NDArray[np.str_]  # [S] part id, "/variant" for assemblies
    shape_class: NDArray[np.int32]  # [S] catalogue row
    shape_index: NDArray[np.int32]  # [P] shape of a placement
    frame: NDArray[np.str_]  # [P] "filled", "figure" or a creature's id
    slot: NDArray[np.str_]  # [P]
    variant: NDArray[np.str_]  # [P] arm pose or seat, often empty
    part: NDArray[np.str_]  # [P] part id
    transform: NDArray[np.float32]  # [P, 3, 4] shape LDU -> voxels
    grid: NDArray[np.uint8]  # [P, 32768] packed occupancy, np.packbits of [x, y, z]
    inside_share: NDArray[np.float32]  # [P] share of the surface inside the frame
    fixed_rgb: NDArray[np.uint8]  # [colours, 3]

    @cached_property
    def lookup(self) -> Mapping[tuple[str, str, str, str], int]:
        """(part, frame, slot, variant) -> placement."""
        keys = zip(self.part.tolist(), self.frame.tolist(), self.slot.tolist(), self.variant.tolist())
        return {key: i for i, key in enumerate(keys)}

    def join(self, other: Bank) -> Bank:
        """Both banks' shapes and placements; those of `other` count on from these, and so do its fixed colours."""
        kept = {f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)}
        fixed = len(self.fixed_rgb)
        material = other.material.astype(np.int16)
        material[material >= FIXED] += fixed
        few = FIXED + len(kept["fixed_rgb"]) <= 256
        kept["material"] = np.concatenate([self.material, material]).astype(np.uint8 if few else np.int16)
        kept["offsets"] = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        kept["shape_index"] = np.concatenate([self.shape_index, other.shape_index + np.int32(len(self.shape_key))])
        return Bank(**kept)

    def save(self, path: str | Path) -> None:
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @staticmethod
    def load(path: str | Path, index_only: bool = False) -> Bank:
        """Reads a saved bank; `index_only` leaves samples and grids out: what sampling objects needs, at once."""
        with np.load(path, allow_pickle=False) as arrays:
            wanted = {f.name: f.name not in _HEAVY or not index_only for f in fields(Bank)}
            return Bank(**{name: arrays[name] if full else np.zeros(0) for name, full in wanted.items()})


@dataclass(frozen=True)
class _Built:
    """What one worker returns for one shape."""

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    color: NDArray[np.int32]  # codes; INHERIT and assembly.SKIN become materials
    transforms: list[Transform]  # per kept site
    grids: list[grids.Bits]
    shares: list[float]
    kept: list[int]  # sites inside the frame


def build(library: Library, catalog: Catalog, workers: int | None = None) -> Bank:
    """Builds every shape of the catalogue, in `workers` processes (default: one per core)."""
    plan = list(assembly.shapes(catalog, library))
    frames = {FIGURE: placement.FIGURE, **_creature_frames(plan, library)}
    order = sorted(range(len(plan)), key=lambda i: -plan[i].part.triangles)  # long ones first
    tasks = [(plan[i], frames) for i in order]
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        built = [_build_shape(library, *task) for task in tasks]
    else:
        method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        with multiprocessing.get_context(method).Pool(workers, _start_worker, (library.sources,)) as pool:
            built = list(pool.imap(_build_in_worker, tasks, chunksize=2))
    by_index = dict(zip(order, built))
    return _assemble(plan, [by_index[i] for i in range(len(plan))], catalog.colors.rgb)


def build_models(
    models: Sequence[Shape], rgb: Callable[[int], RGB], frames: Mapping[str, Transform] = {}, workers: int | None = None
) -> Bank:
    """A bank of shapes that bring their own triangles, their colour codes read by `rgb`."""
    workers = workers or os.cpu_count() or 1
    task = partial(_build_shape, None, frames=frames)
    if workers == 1:
        return _assemble(models, list(map(task, models)), rgb)
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with multiprocessing.get_context(method).Pool(workers) as pool:
        return _assemble(models, list(pool.imap(task, models, chunksize=2)), rgb)


_worker_library: Library


def _start_worker(sources: tuple[Path, ...]) -> None:
    global _worker_library
    _worker_library = Library(*sources)


def _build_in_worker(task: tuple[Shape, Mapping[str, Transform]]) -> _Built:
    return _build_shape(_worker_library, *task)


def _creature_frames(plan: list[Shape], library: Library) -> dict[str, Transform]:
    found = {}
    for shape in plan:
        if any(site.slot == "base" for site in shape.sites):
            vertices = shape.triangles(library).vertices.reshape(-1, 3)
            found[shape.part.id] = placement.creature(vertices.min(axis=0), vertices.max(axis=0))
    return found


def _build_shape(library: Library | None, shape: Shape, frames: Mapping[str, Transform]) -> _Built:
    soup, own = _shrunk(shape.triangles(library))
    transforms = [_site_transform(site, own, frames) for site in shape.sites]
    scale = max(np.linalg.norm(t[:, :3], axis=0).max() for t in transforms)
    scale = max(scale, np.linalg.norm(own[:, 0]))
    lattice = grids.lattice(soup.vertices, grids.LATTICE / scale)
    cloud = _sample(soup, np.random.default_rng(assembly.stable_hash(shape.key)))
    shares = [_inside_share(placement.apply(t, cloud[0])) for t in transforms]
    kept = [i for i, site in enumerate(shape.sites) if site.frame == FILLED or shares[i] >= _INSIDE]
    occupied = [grids.occupancy(placement.apply(transforms[i], lattice)) for i in kept]
    alone = grids.occupancy(placement.apply(own, lattice))
    reached = grids.outside(alone)
    surface = grids.shell(alone, reached)
    wanted = _FILLED_DENSITY * surface.sum()
    placed = next((k for k, i in enumerate(kept) if shape.sites[i].frame != FILLED), None)  # sizes there differ little
    if placed is not None:
        wanted = max(wanted, _PLACED_DENSITY * grids.shell(occupied[placed]).sum())
    points, normals, color = _visible(cloud, own, surface | reached, int(np.clip(wanted, *SAMPLES)))
    packed = [grids.pack(grid) for grid in occupied]
    return _Built(points, normals, color, [transforms[i] for i in kept], packed, [shares[i] for i in kept], kept)


def _shrunk(soup: Triangles) -> tuple[Triangles, Transform]:
    """The soup moved a hair towards the middle of its box, and the filled frame of that box."""
    corners = soup.vertices.reshape(-1, 3)
    low, high = corners.min(axis=0), corners.max(axis=0)
    inward = np.float32(_INWARD) * np.sign((low + high) / 2 - soup.vertices)
    return replace(soup, vertices=soup.vertices + inward), placement.filled(low, high)


def _site_transform(site: assembly.Site, own: Transform, frames: Mapping[str, Transform]) -> Transform:
    return own if site.to_frame is None else placement.compose(frames[site.frame], site.to_frame)


def _inside_share(points: NDArray[np.float32]) -> float:
    return float(((points >= 0) & (points < grids.SIZE)).all(axis=1).mean())


_Cloud = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]  # points, normals, colour codes


def _sample(soup: Triangles, rng: np.random.Generator) -> _Cloud:
    """Area-weighted samples: the k-th draw lies in the k-th of equal slices of the cumulated area (stratified)."""
    a = soup.vertices[:, 0]
    ab, ac = soup.vertices[:, 1] - a, soup.vertices[:, 2] - a
    cross = np.cross(ab, ac)
    area = np.linalg.norm(cross, axis=1)
    cumulated = np.cumsum(area, dtype=np.float64)
    position = (np.arange(_DRAWS) + rng.random(_DRAWS)) * (cumulated[-1] / _DRAWS)
    index = np.minimum(np.searchsorted(cumulated, position, side="right"), len(area) - 1)
    u, v = rng.random((2, _DRAWS), np.float32)
    u, v = np.where(u + v > 1, 1 - u, u)[:, None], np.where(u + v > 1, 1 - v, v)[:, None]
    points = a[index] + u * ab[index] + v * ac[index]
    normals = cross[index] / np.maximum(area[index], 1e-12)[:, None]
    return points, normals, soup.color[index]


def _visible(cloud: _Cloud, own: Transform, reachable: NDArray[np.bool_], count: int) -> _Cloud:
    """Drops samples more than one voxel from the outside (inner walls), then keeps an even subset of `count`."""
    voxel = grids.voxels_of(placement.apply(own, cloud[0]))
    keep = np.flatnonzero((voxel < 0) | reachable.reshape(-1)[voxel])
    if len(keep) > count:
        keep = keep[np.linspace(0, len(keep) - 1, count).astype(np.int64)]
    return cloud[0][keep], cloud[1][keep], cloud[2][keep]


def _assemble(plan: Sequence[Shape], built: list[_Built], rgb: Callable[[int], RGB]) -> Bank:
    codes = np.concatenate([b.color for b in built])
    fixed = sorted({int(c) for c in np.unique(codes)} - {INHERIT, assembly.SKIN})
    material = (np.searchsorted(fixed, codes) + FIXED).astype(np.uint8 if FIXED + len(fixed) <= 256 else np.int16)
    material[codes == INHERIT] = MAIN
    material[codes == assembly.SKIN] = SKIN
    rows = [(s, shape, shape.sites[i]) for s, (shape, b) in enumerate(zip(plan, built)) for i in b.kept]
    return Bank(
        points=np.concatenate([b.points for b in built]),
        normals=np.concatenate([b.normals for b in built]),
        material=material,
        offsets=np.cumsum([0] + [len(b.points) for b in built]),
        shape_key=np.array([shape.key for shape in plan]),
        shape_class=np.array([shape.part.index for shape in plan], np.int32),
        shape_index=np.array([s for s, _, _ in rows], np.int32),
        frame=np.array([site.frame for _, _, site in rows]),
        slot=np.array([site.slot for _, _, site in rows]),
        variant=np.array([site.variant for _, _, site in rows]),
        part=np.array([shape.part.id for _, shape, _ in rows]),
        transform=np.array([t for b in built for t in b.transforms], np.float32),
        grid=np.array([g for b in built for g in b.grids]),
        inside_share=np.array([s for b in built for s in b.shares], np.float32),
        fixed_rgb=np.array([rgb(code) for code in fixed], np.uint8).reshape(-1, 3),
    )
