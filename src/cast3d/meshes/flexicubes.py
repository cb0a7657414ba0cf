"""Meshes from the released mesh decoder: FlexiCubes (Shen et al. 2023) on a sparse grid.

Every active voxel brings signed distances, offsets and colours for its eight corners and weights for its cell. Corners
that voxels share are averaged; grid vertices of no voxel are outside. All cells with mixed corners are meshed, also
those that are no voxel themselves and only share an inside corner with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..voxels import dilate
from .dual_tables import CORNERS, EDGES, dual_tables
from .mesh import Mesh

WIDTH, WIDTH_WITH_COLOR = 53, 101


class Lattice(NamedTuple):
    """Values at the U grid vertices that voxels touch; the row after the last stands for every other vertex."""

    row: Tensor  # [(R + 1)^3] int32 row of each grid vertex, x-major
    ids: Tensor  # [U] x-major ids, ascending
    sdf: Tensor  # [U + 1] negative inside
    offset: Tensor  # [U + 1, 3] displacement from the grid position, world
    attributes: Tensor  # [U + 1, 6 or 0] colour and normal picture in (0, 1)


class Cells(NamedTuple):
    """The M cells that the surface passes, in x-major order."""

    corners: Tensor  # [M, 8] x-major vertex ids
    patch_of_edge: Tensor  # [M, 12] -1 where the edge is not crossed
    patch_count: Tensor  # [M]
    weights: Tensor  # [M, 21] raw


class Crossings(NamedTuple):
    """The E crossed edges, cell by cell; an edge appears once for each cell around it."""

    cell: Tensor  # [E]
    edge: Tensor  # [E] 0..11
    ends: Tensor  # [E, 2] x-major vertex ids
    dual: Tensor  # [E] index of the dual vertex of the edge's patch


def extract(
    coords: Tensor,  # [N, 3] int, voxels
    feats: Tensor,  # [N, 53 or 101] raw decoder output
    resolution: int,
) -> Mesh:
    """The mesh of one object; with 101 channels it has `colors` and, as `normals`, a normal picture in (0, 1).

    Channels: signed distance [8], offset [8, 3], weights [21] = beta 12, alpha 8, gamma 1; colour and normal [8, 6].
    """
    _check(coords, feats, resolution)
    coords, feats = coords.long(), feats.float()
    lattice = _lattice(coords, feats, resolution)
    return _surface(coords, feats, lattice, lattice.ids[lattice.sdf[:-1] < 0], resolution)


def extract_parts(
    coords: Tensor,  # [N, 3] int, voxels
    feats: Tensor,  # [N, 53 or 101] raw decoder output
    resolution: int,
    split: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray | None]],
) -> list[Mesh | None]:
    """Meshes of parts that lie in one field.

    `split` gets the distances [R + 1, R + 1, R + 1] at the grid vertices and where voxels tell them, and returns the
    distances of each part, or None. Where it leaves them as they are, the surface is that of `extract`.
    """
    _check(coords, feats, resolution)
    coords, feats = coords.long(), feats.float()
    lattice = _lattice(coords, feats, resolution)
    side = resolution + 1
    value = lattice.sdf[lattice.row.long()].view(side, side, side).cpu().numpy()
    known = (lattice.row < len(lattice.ids)).view(side, side, side).cpu().numpy()
    meshes: list[Mesh | None] = []
    for field in split(value, known):
        if field is None:
            meshes.append(None)
            continue
        changed, border = _with_values(lattice, torch.from_numpy(_inside_the_cube(field)).to(feats.device))
        meshes.append(_surface(coords, feats, changed, border, resolution))
    return meshes


def _inside_the_cube(
    value: np.ndarray,  # [S, S, S]
) -> np.ndarray:
    """Distances with the cube's border outside: a body that leaves the cube is closed there."""
    capped = value.copy()
    for axis in range(3):
        for end in (0, -1):
            border = np.moveaxis(capped, axis, 0)[end]
            np.abs(border, out=border)
            np.maximum(border, np.float32(0.5 / len(value)), out=border)
    return capped


def _with_values(
    lattice: Lattice,
    value: Tensor,  # [R + 1, R + 1, R + 1]
) -> tuple[Lattice, Tensor]:
    """The lattice with other distances, and the ids of the inside vertices at the border to the outside.

    Vertices that no voxel touches enter it where the new surface passes. They have no offset, and grey for a colour.
    """
    side = len(value)
    inside = value < 0
    border = inside & dilate(~inside)
    flat = value.flatten()
    ids = torch.unique(torch.cat([lattice.ids, torch.nonzero(dilate(border).flatten())[:, 0]]))
    old = lattice.row[ids].long()
    offset, attributes = lattice.offset.clone(), lattice.attributes.clone()
    offset[-1], attributes[-1] = 0.0, 0.5
    outside = flat.new_ones(1)
    return Lattice(
        _rows(ids, side),
        ids,
        torch.cat([flat[ids], outside]),
        torch.cat([offset[old], offset[-1:]]),
        torch.cat([attributes[old], attributes[-1:]]),
    ), torch.nonzero(border.flatten())[:, 0]


def _surface(coords: Tensor, feats: Tensor, lattice: Lattice, inner: Tensor, resolution: int) -> Mesh:
    cells = _cells(coords, feats[:, 32:WIDTH], lattice, inner, resolution)
    crossings, gamma = _crossings(cells)
    vertices, attributes = _dual_vertices(cells, crossings, lattice, len(gamma), resolution)
    faces = _faces(crossings, gamma, lattice)
    if feats.shape[1] == WIDTH:
        return Mesh(vertices, faces)
    return Mesh(vertices, faces, colors=attributes[:, :3], normals=attributes[:, 3:])


def _check(coords: Tensor, feats: Tensor, resolution: int) -> None:
    if feats.ndim != 2 or feats.shape[1] not in (WIDTH, WIDTH_WITH_COLOR) or coords.shape != (len(feats), 3):
        raise InputError(
            f"mesh features are [N, {WIDTH}] or [N, {WIDTH_WITH_COLOR}] beside coords [N, 3], "
            f"not {list(feats.shape)} beside {list(coords.shape)}"
        )
    if len(coords) and not 0 <= int(coords.min()) <= int(coords.max()) < resolution:
        raise InputError(f"voxel coordinates must lie in 0..{resolution - 1} for resolution {resolution}")


def _flat(
    positions: Tensor,  # [..., 3]
    side: int,
) -> Tensor:  # [...] x-major id on a grid of side^3
    return (positions[..., 0] * side + positions[..., 1]) * side + positions[..., 2]


def _unflat(
    ids: Tensor,  # [...]
    side: int,
) -> Tensor:  # [..., 3]
    return torch.stack([ids // (side * side), ids // side % side, ids % side], dim=-1)


def _rows(
    ids: Tensor,  # [K] distinct
    side: int,
) -> Tensor:  # [side^3] int32: the row of each id, K for ids not listed
    table = torch.full((side**3,), len(ids), dtype=torch.int32, device=ids.device)
    table[ids] = torch.arange(len(ids), dtype=torch.int32, device=ids.device)
    return table


def _lattice(coords: Tensor, feats: Tensor, resolution: int) -> Lattice:
    corners = torch.tensor(CORNERS, device=coords.device)
    ids, row_of_corner = torch.unique(_flat(coords[:, None] + corners, resolution + 1), return_inverse=True)
    color = feats[:, WIDTH:].unflatten(1, (8, (feats.shape[1] - WIDTH) // 8))
    offset = feats[:, 8:32].unflatten(1, (8, 3))
    total = feats.new_zeros(len(ids) + 1, 4 + color.shape[2])
    for corner in range(8):
        values = torch.cat([feats[:, corner, None] - 1 / resolution, offset[:, corner], color[:, corner]], dim=1)
        total.index_add_(0, row_of_corner[:, corner], values)
    mean = total / torch.bincount(row_of_corner.reshape(-1), minlength=len(ids) + 1).clamp_min(1)[:, None]
    mean[-1, 0] = 1.0
    # The factor keeps a moved vertex strictly within half a cell of its place.
    offset = (1 - 1e-8) / (2 * resolution) * torch.tanh(mean[:, 1:4])
    return Lattice(_rows(ids, resolution + 1), ids, mean[:, 0], offset, torch.sigmoid(mean[:, 4:]))


def _cells(
    coords: Tensor,
    weights: Tensor,
    lattice: Lattice,
    inner: Tensor,  # ids of inside vertices; all that have an outside neighbour
    resolution: int,
) -> Cells:
    corner_steps = torch.tensor(CORNERS, device=coords.device)
    # A mixed cell has an inside corner, so the cells around inside vertices are all there is to look at.
    around = (_unflat(inner, resolution + 1)[:, None] - corner_steps).reshape(-1, 3)
    around = around[((around >= 0) & (around < resolution)).all(dim=1)]
    ids = torch.unique(_flat(around, resolution))
    corners = _flat(_unflat(ids, resolution)[:, None] + corner_steps, resolution + 1)
    inside = lattice.sdf[lattice.row[corners]] < 0
    mixed = ~inside.all(dim=1)
    ids, corners, inside = ids[mixed], corners[mixed], inside[mixed]
    case = _separated((inside.long() << torch.arange(8, device=ids.device)).sum(dim=1), ids, resolution)
    tables = dual_tables()
    padded = torch.cat([weights, weights.new_zeros(1, 21)])
    return Cells(
        corners=corners,
        patch_of_edge=torch.from_numpy(tables.patch_of_edge).to(ids.device)[case],
        patch_count=torch.from_numpy(tables.patch_count).to(ids.device)[case],
        weights=padded[_rows(_flat(coords, resolution), resolution)[ids]],
    )


def _separated(
    case: Tensor,  # [M]
    ids: Tensor,  # [M] x-major cell ids
    resolution: int,
) -> Tensor:  # [M]
    """Complements the cases of two cells that both join the cuts of the ambiguous face between them."""
    tables = dual_tables()
    joined = torch.from_numpy(tables.joined).to(ids.device)[case]
    behind = _unflat(ids, resolution) + torch.from_numpy(tables.direction).to(ids.device)[case]
    within = ((behind >= 0) & (behind < resolution)).all(dim=1)
    row = _rows(ids, resolution)[_flat(behind.clamp(0, resolution - 1), resolution)]
    neighbour_joined = torch.cat([joined, joined.new_zeros(1)])[row]
    return torch.where(joined & within & neighbour_joined, 255 - case, case)


def _crossings(cells: Cells) -> tuple[Crossings, Tensor]:
    """The crossed edges, and gamma [D] of the cell of each dual vertex.

    Dual vertices are numbered as released: cells with one patch first, then those with two, and so on.
    """
    order = torch.argsort(cells.patch_count, stable=True)
    count = cells.patch_count[order]
    start = torch.empty_like(count)
    start[order] = torch.cumsum(count, dim=0) - count
    gamma = 0.99 * torch.sigmoid(cells.weights[:, 20]) + 0.005
    cell, edge = torch.nonzero(cells.patch_of_edge >= 0, as_tuple=True)
    ends = cells.corners[cell[:, None], torch.tensor(EDGES, device=cell.device)[edge]]
    crossings = Crossings(cell, edge, ends, start[cell] + cells.patch_of_edge[cell, edge])
    return crossings, gamma[order].repeat_interleave(count)


def _dual_vertices(
    cells: Cells,
    crossings: Crossings,
    lattice: Lattice,
    count: int,
    resolution: int,
) -> tuple[Tensor, Tensor]:  # [D, 3], [D, 6 or 0]
    """One vertex per patch: the beta-weighted mean of the zeros of the alpha-scaled distance on its edges."""
    corner = torch.tensor(EDGES, device=crossings.edge.device)[crossings.edge]  # [E, 2]
    alpha = 0.99 * torch.tanh(cells.weights[crossings.cell[:, None], 12 + corner]) + 1
    beta = 0.99 * torch.tanh(cells.weights[crossings.cell, crossings.edge, None]) + 1
    row = lattice.row[crossings.ends]
    distance = lattice.sdf[row] * alpha  # [E, 2]
    position = _unflat(crossings.ends, resolution + 1) / resolution - 0.5 + lattice.offset[row]
    values = torch.cat([position, lattice.attributes[row]], dim=2)  # [E, 2, 3 + A]
    s0, s1 = distance[:, :1], distance[:, 1:]
    crossing = (values[:, 0] * s1 - values[:, 1] * s0) / (s1 - s0)
    total = values.new_zeros(count, values.shape[2]).index_add_(0, crossings.dual, beta * crossing)
    mean = total / values.new_zeros(count, 1).index_add_(0, crossings.dual, beta)
    return mean[:, :3], mean[:, 3:]


def _faces(
    crossings: Crossings,
    gamma: Tensor,  # [D]
    lattice: Lattice,
) -> Tensor:  # [F, 3]
    """Two triangles for each edge with four cells around it, split along the diagonal with the larger gamma product."""
    key = crossings.ends[:, 0] * len(lattice.row) + crossings.ends[:, 1]
    _, edge, around = torch.unique(key, return_inverse=True, return_counts=True)
    whole = torch.nonzero(around[edge] == 4)[:, 0]
    whole = whole[torch.argsort(edge[whole], stable=True)].reshape(-1, 4)  # cells around an edge, x-major
    leaving = lattice.sdf[lattice.row[crossings.ends[whole[:, 0], 0]]] > 0
    quads = crossings.dual[whole]
    quads = torch.cat([quads[leaving][:, [0, 1, 3, 2]], quads[~leaving][:, [2, 3, 1, 0]]])
    g = gamma[quads]
    first_diagonal = (g[:, 0] * g[:, 2] > g[:, 1] * g[:, 3])[:, None]
    split = torch.where(first_diagonal, quads[:, [0, 1, 2, 0, 2, 3]], quads[:, [0, 1, 3, 3, 1, 2]])
    return split.reshape(-1, 3)
