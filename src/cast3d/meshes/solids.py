"""Closed solids of parts from signed distances that a network tells near a surface only.

A decoder predicts distances in a thin band around the voxels of a shell. Inside the band an object has no values, and
the shell is open where parts meet or where generation left a hole. Here the whole becomes one solid first: what the
cheapest closed surface encloses. Then every sample of it gets an owner, and each part gets the whole's distances, cut
off where another part begins.

Distances are told on grids [R, R, R] indexed [x, y, z], negative inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from skimage.segmentation import watershed

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# The price of a face between two samples: where the network says that the surface is, and anywhere else. A tube stays
# open unless it is 50 times as long as half its radius; a hole in a shell is closed unless it is as large as the shell.
CHEAP, DEAR = 1, 50
REACH = 3  # voxels: an opening more than twice as wide stays open
WALL = 1.25  # voxels: what lies closer to a voxel of the shell belongs to its owner
SOFT = 0.8  # samples: how far the borders between parts are smoothed


@dataclass(frozen=True)
class Distances:
    """What a network says of an object: sample i of an axis sits at (i + offset) / density, in voxels."""

    value: Floats  # [R, R, R] negative inside
    known: Bools  # [R, R, R] where the network says anything
    density: int  # samples per voxel and axis
    offset: float
    unit: float  # of `value`, for one step from a sample to the next
    pool: int = 1  # samples per side that count as one where the solid is looked for


def part_distances(
    distances: Distances,
    coords: Integers,  # [N, 3] voxels of the shell
    owner: Integers,  # [N] in 0 .. count - 1
    count: int,
    base: int | None = None,
    shapes: Bools | None = None,  # [count, V, V, V]
) -> list[Floats | None]:
    """The distances [R, R, R] to the solid of every part; None for a part without voxels.

    Together the solids fill the whole, and no two overlap. What lies deep inside belongs to the part whose own shell
    encloses it, the `base` before others. `shapes` are the parts as they were before they hid each other, where known:
    they say more than the shells that are left.
    """
    value, solid = whole(distances)
    if count == 1:
        return [value if len(coords) else None]
    label = labels(distances, solid, coords, owner, count, base, shapes)
    present = np.bincount(owner, minlength=count) > 0
    return [_cut(value, label, part, distances.unit) if present[part] else None for part in range(count)]


def whole(distances: Distances) -> tuple[Floats, Bools]:
    """The distances [R, R, R] of the whole without inner walls, and where it is inside."""
    inside = distances.value < 0
    solid = _fine_solid(inside, distances)
    deep = np.float32(-distances.unit)
    return np.where(solid & ~inside, deep, distances.value), solid


def enclosed(
    inside: Bools,  # [X, Y, Z]
    known: Bools,  # [X, Y, Z] where `inside` and its opposite are told; elsewhere nothing is
    reach: int | None = None,  # samples; what is farther from the inside is outside
) -> Bools:  # [X, Y, Z]
    """The inside and what the cheapest closed surface around it encloses: a minimum cut between it and the border.

    A surface costs little where the network tells both sides of it, and fifty times as much elsewhere. So it follows
    what is told, spans holes, and puts no wall around a room of which the network says nothing. Of several cheapest
    surfaces the innermost one is taken, so that the answer is unique.
    """
    if not inside.any():
        return inside.copy()
    box = _box_of(inside)
    within, told = (np.pad(mask[box], 2) for mask in (inside, known))
    beyond = np.ones(within.shape, bool)
    beyond[1:-1, 1:-1, 1:-1] = False
    if reach is not None:
        beyond = _piece_at_corner(beyond | (_squared_distance(within, reach) > reach**2))
    open_ = _piece_at_corner(~within)  # everything else is enclosed already
    result = inside.copy()
    kept = ~open_
    free = open_ & ~beyond
    kept[free] = _source_side(within, told, beyond, free)
    result[box] |= kept[2:-2, 2:-2, 2:-2]
    return result


def _piece_at_corner(mask: Bools) -> Bools:
    """The piece, connected through faces, that holds the first sample."""
    pieces, _ = ndimage.label(mask)
    return pieces == pieces[0, 0, 0]


def _box_of(mask: Bools, margin: int = 0) -> tuple[slice, ...]:
    """What holds all that is set, and so many samples around it as there are."""
    spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple(slice(max(0, int(span[0]) - margin), int(span[-1]) + 1 + margin) for span in spans)


def _squared_distance(mask: Bools, reach: int) -> NDArray[np.int16]:
    """From each sample to the nearest one that is set, exact up to `reach` squared and more than that beyond."""
    result = np.where(mask, 0, (reach + 1) ** 2).astype(np.int16)
    for axis in range(3):
        line = np.moveaxis(result.copy(), axis, 0)
        nearest = np.moveaxis(result, axis, 0)
        for step in range(1, min(reach, len(line) - 1) + 1):
            np.minimum(nearest[step:], line[:-step] + np.int16(step**2), out=nearest[step:])
            np.minimum(nearest[:-step], line[step:] + np.int16(step**2), out=nearest[:-step])
    return result


FREE, SOURCE, SINK, NOWHERE = 0, 1, 2, 3


def _source_side(within: Bools, told: Bools, beyond: Bools, free: Bools) -> Bools:
    """Which of the `free` samples the minimum cut leaves on the side of `within`."""
    side = np.full(within.shape, NOWHERE, np.int8)
    side[within], side[beyond], side[free] = SOURCE, SINK, FREE
    _settle()(side, within, told)
    source, sink = 0, 1
    left = side == FREE
    if not left.any():
        return side[free] == SOURCE
    node = np.full(within.shape, -1, np.int64)
    node[side == SOURCE], node[side == SINK] = source, sink
    count = int(left.sum()) + 2
    node[left] = np.arange(2, count)
    rows, columns, prices = [], [], []
    for axis in range(3):
        first, second = (tuple(part if i == axis else slice(None) for i in range(3)) for part in _NEIGHBOURS)
        a, b = node[first], node[second]
        joined = (a != b) & (a >= 0) & (b >= 0) & (np.maximum(a, b) > sink)
        surface = (within[first] != within[second]) & told[first] & told[second]
        price = np.where(surface[joined], CHEAP, DEAR)
        rows += [a[joined], b[joined]]
        columns += [b[joined], a[joined]]
        prices += [price, price]
    entries = np.concatenate(prices).astype(np.int32), (np.concatenate(rows), np.concatenate(columns))
    graph = csr_matrix(coo_array(entries, shape=(count, count)).tocsr(), dtype=np.int32)
    rest = graph - maximum_flow(graph, source, sink).flow
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    reached = np.zeros(count, bool)
    reached[breadth_first_order(rest, source, return_predecessors=False)] = True
    side[left] = np.where(reached[2:], SOURCE, SINK)
    return side[free] == SOURCE


@cache
def _settle():
    """Compiled at first use."""
    from ..splats.compiling import compiled

    @compiled(nogil=True)
    def settle(side, within, told):
        """Gives the free samples a side of which one side alone decides, until none of these is left.

        A sample that costs at least as much towards the sink as towards all its other neighbours lies on the sink's
        side of the innermost minimum cut, and one that costs more towards the source on the source's. Few samples are
        left for the search of the cut.
        """
        width, depth = side.shape[1], side.shape[2]
        flat, inner, known = side.reshape(-1), within.reshape(-1), told.reshape(-1)
        steps = (-width * depth, -depth, -1, 1, depth, width * depth)
        waiting = np.flatnonzero(flat == FREE)
        queued = np.zeros(len(flat), np.bool_)
        stack = np.empty(len(waiting), np.int64)
        for k in range(len(waiting)):
            stack[k] = waiting[k]
            queued[waiting[k]] = True
        top = len(waiting)
        while top > 0:
            top -= 1
            at = stack[top]
            queued[at] = False
            total, to_source, to_sink = 0, 0, 0
            for step in steps:
                other = at + step
                if flat[other] == NOWHERE:
                    continue
                price = CHEAP if inner[at] != inner[other] and known[at] and known[other] else DEAR
                total += price
                if flat[other] == SOURCE:
                    to_source += price
                elif flat[other] == SINK:
                    to_sink += price
            if 2 * to_sink >= total:
                flat[at] = SINK
            elif 2 * to_source > total:
                flat[at] = SOURCE
            else:
                continue
            for step in steps:
                other = at + step
                if flat[other] == FREE and not queued[other]:
                    stack[top] = other
                    queued[other] = True
                    top += 1

    return settle


_NEIGHBOURS = (slice(None, -1), slice(1, None))


def _fine_solid(inside: Bools, distances: Distances) -> Bools:
    """`enclosed` of pooled samples, then sample by sample: what is told to be outside goes with the nearer side."""
    pool = distances.pool
    reach = REACH * distances.density // pool
    coarse = _pooled(inside, pool)
    solid = enclosed(coarse, _pooled(distances.known, pool), reach)
    if pool == 1:
        return solid
    rooms = _repeated(solid & ~coarse, pool, inside.shape)
    outside = _repeated(~solid, pool, inside.shape)
    sides = rooms + 2 * outside.astype(np.int32)
    return inside | (_grown(sides, ~inside) != 2)


def _pooled(mask: Bools, pool: int) -> Bools:
    """Whether any of a block of samples is set; the last blocks may be smaller."""
    if pool == 1:
        return mask
    padded = np.pad(mask, [(0, -side % pool) for side in mask.shape])
    x, y, z = (side // pool for side in padded.shape)
    return np.asarray(padded.reshape(x, pool, y, pool, z, pool).any(axis=(1, 3, 5)))


def _repeated(mask: Bools, pool: int, shape: tuple[int, ...]) -> Bools:
    for axis in range(3):
        mask = mask.repeat(pool, axis=axis)
    return mask[: shape[0], : shape[1], : shape[2]]


def _grown(
    labels_: NDArray[np.int32],  # 0 = none yet
    mask: Bools,
) -> NDArray[np.int32]:
    """Labels that grow through faces inside the mask at equal speed until they meet."""
    return watershed(np.zeros(mask.shape, np.uint8), labels_ * mask, mask=mask)


# --- whose each sample is ---------------------------------------------------------------------------------------------


def labels(
    distances: Distances,
    solid: Bools,  # [R, R, R]
    coords: Integers,  # [N, 3]
    owner: Integers,  # [N]
    count: int,
    base: int | None,
    shapes: Bools | None,
) -> NDArray[np.int32]:  # [R, R, R] part, of samples inside and outside
    """The part that each sample belongs to; outside, the part of the nearest voxel."""
    nearest = _nearest_row(coords, solid.shape[0] // distances.density)
    voxels, near, distance = _nearest_voxel(distances, solid.shape, coords, owner, nearest)
    wall = solid & (distance <= WALL)
    label = np.where(wall, near + 1, 0).astype(np.int32)
    inner = solid & ~wall
    found = _inner_owner(distances, owner, nearest, count, base, shapes)
    at = tuple(voxel[index] for voxel, index in zip(voxels, np.nonzero(inner)))
    label[inner] = found[at]
    label = np.where(solid, _grown(label, solid), 0)
    return np.where(label > 0, label - 1, near)


def _nearest_voxel(
    distances: Distances,
    shape: tuple[int, ...],
    coords: Integers,
    owner: Integers,
    row: Integers,  # [side, side, side] the voxel of the shell nearest to each
) -> tuple[list[Integers], NDArray[np.int32], Floats]:
    """The voxel of each sample, axis by axis; of the voxel of the shell nearest to it the owner and the distance."""
    side = shape[0] // distances.density
    places = (np.arange(shape[0]) + distances.offset) / distances.density
    voxel = np.clip(places.astype(np.int64), 0, side - 1)
    nearest = row[np.ix_(voxel, voxel, voxel)]
    squared = np.zeros(shape, np.float32)
    for axis in range(3):
        spread = places.reshape([-1 if i == axis else 1 for i in range(3)])
        squared += ((coords[:, axis] + 0.5)[nearest] - spread).astype(np.float32) ** 2
    return [voxel] * 3, owner[nearest].astype(np.int32), np.sqrt(squared)


def _nearest_row(coords: Integers, side: int) -> Integers:  # [side, side, side] row of `coords`
    row = np.full((side,) * 3, -1, np.int64)
    row[tuple(coords.T)] = np.arange(len(coords))
    return row[tuple(ndimage.distance_transform_edt(row < 0, return_distances=False, return_indices=True))]


def _inner_owner(
    distances: Distances,
    owner: Integers,
    row: Integers,  # [side, side, side] the voxel of the shell nearest to each
    count: int,
    base: int | None,
    shapes: Bools | None,
) -> NDArray[np.int32]:  # [side, side, side] part + 1, 0 = no part by itself
    """The part that encloses each voxel, by what is known of its whole shape, else by its own piece of the shell.

    The base goes before the others, and a part with more voxels before a smaller one.
    """
    density = distances.density
    side = len(distances.value) // density
    sizes = np.bincount(owner, minlength=count)
    order = sorted(range(count), key=lambda part: (part != base, -sizes[part], part))
    found = np.zeros((side,) * 3, np.int32)
    if shapes is not None:
        for part in order:
            body = enclosed(shapes[part], ndimage.binary_dilation(shapes[part]), REACH)
            found = np.where((found == 0) & body, part + 1, found)
    near = owner[row]
    inside, known = (_pooled(mask, density)[:side, :side, :side] for mask in (distances.value < 0, distances.known))
    for part in order:
        mine = near == part
        found = np.where((found == 0) & enclosed(inside & mine, known & mine), part + 1, found)
    return found


def _cut(
    value: Floats,
    label: NDArray[np.int32],
    part: int,
    unit: float,
) -> Floats:  # [R, R, R]
    """The whole's distances up to where another part begins; the border lies where both are equally far, smoothed."""
    mine = label == part
    result = np.full(value.shape, np.float32(unit), np.float32)
    own = mine & (value < 0)
    if not own.any():
        return result
    box = _box_of(own, 4)
    own = np.pad(mine[box], 4, mode="edge")
    away, deep = (np.sqrt(_squared_distance(mask, 5).astype(np.float64)) for mask in (own, ~own))
    border = np.where(own, 0.5 - deep, away - 0.5).clip(-4, 4)
    for smooth in (ndimage.gaussian_filter(border, SOFT), border):
        fenced = np.maximum(value[box], np.float32(unit) * smooth[4:-4, 4:-4, 4:-4].astype(np.float32))
        if (fenced < 0).any():
            break
    result[box] = fenced
    return result
