"""Supervision of the second stage: what each shell voxel looks like, and the signed distance around it.

Everything is in voxel units of the 64^3 grid. The surface that meshes are trained on is the outer surface thickened by
`THICKNESS` voxels: closed whatever the part, open shells and thin sheets included.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .assemble import Points, R, outside, to_bool

THICKNESS = 0.4  # voxels, half the least wall of a mesh
FINE = 2  # signed distance cells per voxel and axis
REACH = 4  # cells per axis that a voxel predicts: its own two and one on either side
TRUNCATE = 0.8  # voxels, largest distance that is told apart
DISC = 0.35  # voxels, radius of the flat disc that a surface sample stands for
FEATURES = 3 + 6 + 3 + 8 + 24  # see `features`
_UPPER = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True)
class VoxelPoints:
    """Shell voxels of a batch and the surface points inside each."""

    coords: Tensor  # [V, 4] int32 (batch, x, y, z), lexicographic
    row: Tensor  # [P] int64, voxel row of each point, ascending
    position: Tensor  # [P, 3] voxel units
    normal: Tensor  # [P, 3]
    color: Tensor  # [P, 3]
    start: Tensor  # [V] first point of each voxel
    count: Tensor  # [V]


def voxel_points(surface: Tensor, points: Points) -> VoxelPoints:
    """Sorts the valid points into the shell voxels `surface` (words [B, 64, 64])."""
    dense = to_bool(surface)
    coords = dense.nonzero().int()
    index = torch.full(dense.shape, -1, dtype=torch.int64, device=dense.device)
    index[dense] = torch.arange(len(coords), device=dense.device)
    item, n = points.valid.nonzero(as_tuple=True)
    position = points.position[item, n]
    voxel = position.floor().long().clamp(0, R - 1)
    row = index[item, voxel[:, 0], voxel[:, 1], voxel[:, 2]]
    row, order = row.sort(stable=True)
    count = torch.bincount(row, minlength=len(coords))
    return VoxelPoints(
        coords,
        row,
        position[order],
        points.normal[item, n][order],
        points.color[item, n][order],
        count.cumsum(0) - count,
        count,
    )


def features(v: VoxelPoints) -> Tensor:
    """[V, 44]: mean colour, mean normal outer product, mean offset, share of points and mean colour per octant."""
    center = v.coords[v.row, 1:] + 0.5
    offset = v.position - center
    octant = ((offset > 0).long() * torch.tensor([4, 2, 1], device=offset.device)).sum(-1)
    outer = torch.stack([v.normal[:, i] * v.normal[:, j] for i, j in _UPPER], -1)
    total = v.count.clamp_min(1)[:, None]

    def mean(values: Tensor) -> Tensor:
        out = torch.zeros(len(v.coords), values.shape[1], device=values.device)
        return out.index_add_(0, v.row, values) / total

    cell = v.row * 8 + octant
    number = torch.bincount(cell, minlength=8 * len(v.coords)).view(-1, 8)
    color = torch.zeros(8 * len(v.coords), 3, device=offset.device).index_add_(0, cell, v.color)
    average = mean(v.color)
    color = color.view(-1, 8, 3) / number[..., None].clamp_min(1)
    color = torch.where((number > 0)[..., None], color, average[:, None])
    return torch.cat([2 * average - 1, mean(outer), 2 * mean(offset), number / total, (2 * color - 1).flatten(1)], -1)


@dataclass(frozen=True)
class Drawn:
    """K points drawn per voxel (with repetition)."""

    position: Tensor  # [V, K, 3] relative to the voxel centre, voxel units
    normal: Tensor  # [V, K, 3]
    color: Tensor  # [V, K, 3]
    real: Tensor  # [V] bool, the voxel has points


def draw(v: VoxelPoints, k: int) -> Drawn:
    """K random points of every voxel; those of voxels without points are no use (see `Drawn.real`)."""
    pick = v.start[:, None] + (torch.rand(len(v.coords), k, device=v.row.device) * v.count[:, None]).long()
    pick = pick.clamp(max=len(v.row) - 1)
    center = (v.coords[:, 1:] + 0.5)[:, None]
    return Drawn(v.position[pick] - center, v.normal[pick], v.color[pick], v.count > 0)


def gaussian_loss(
    position: Tensor,  # [V, G, 3] relative to the voxel centre, voxel units
    color: Tensor,  # [V, G, 3]
    scale: Tensor,  # [V, G, 3] voxel units
    rotation: Tensor,  # [V, G, 4] unit quaternions wxyz
    opacity: Tensor,  # [V, G]
    drawn: Drawn,
    disc: tuple[float, float, float] = (0.30, 0.30, 0.10),
    near: float = 0.25,
) -> dict[str, Tensor]:
    """Discs that cover the surface: near its points, flat along it, coloured like the points around them."""
    ok = drawn.real
    position, color, scale, rotation, opacity = (x[ok] for x in (position, color, scale, rotation, opacity))
    distance = torch.cdist(position, drawn.position[ok])  # [V, G, K]
    cover = distance.amin(1).square().mean() + distance.amin(2).square().mean()
    weight = torch.softmax(-0.5 * (distance.detach() / near).square(), dim=-1)
    target_color = weight @ drawn.color[ok]
    w, x, y, z = rotation.unbind(-1)
    axis = torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1)  # third column of R
    facing = axis @ drawn.normal[ok].mT  # [V, G, K]
    tilt = (weight * (1 - facing.square())).sum(-1).mean()
    size = (scale.clamp_min(1e-4).log() - scale.new_tensor(disc).log()).square().mean()
    return {
        "cover": cover,
        "color": (color - target_color).square().mean(),
        "tilt": tilt,
        "size": size,
        "opacity": (opacity - 0.97).square().mean(),
    }


def _surface_distance(v: VoxelPoints, batch: int, side: int) -> Tensor:
    """[B, side, side, side]: voxels from every cell centre to the nearest surface point, within about two cells.

    Jump flooding: each cell remembers the point nearest to its centre, neighbours hand theirs on twice.
    """
    device = v.position.device
    per = side // R
    item = v.coords[v.row, 0].long()
    cell = (v.position * per).floor().long().clamp(0, side - 1)
    flat = ((item * side + cell[:, 0]) * side + cell[:, 1]) * side + cell[:, 2]
    center = (cell + 0.5) / per
    offset = ((v.position - center).norm(dim=-1) * 1e6).long()
    key = torch.full((batch * side**3,), torch.iinfo(torch.int64).max, device=device)
    key.scatter_reduce_(0, flat, (offset << 32) | torch.arange(len(flat), device=device), "amin")
    best = torch.where(key == torch.iinfo(torch.int64).max, -1, key & 0xFFFFFFFF)
    grid = (torch.arange(side, device=device) + 0.5) / per
    xyz = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij"), -1).view(-1, 3)
    value = torch.full(best.shape, 1e3, device=device)

    def hand(index: Tensor) -> None:
        """Gives each cell a point, or none (-1), which it takes if none is nearer.

        Distances are to the disc of radius `DISC` around a sample: samples are sparse, the surface between is flat.
        """
        cells = (index >= 0).nonzero()[:, 0]  # few of all
        at = index[cells]
        offset = v.position[at] - xyz[cells % side**3]
        height = (offset * v.normal[at]).sum(-1).square()
        aside = (offset.square().sum(-1) - height).clamp_min(0).sqrt()
        far = (height + (aside - DISC).clamp_min(0).square()).sqrt()
        nearer = far < value[cells]
        value[cells[nearer]] = far[nearer]
        best[cells[nearer]] = at[nearer]

    hand(best)
    for _ in range(2):
        start = F.pad(best.view(batch, side, side, side), (1,) * 6, value=-1)
        for dx in range(3):
            for dy in range(3):
                for dz in range(3):
                    if (dx, dy, dz) != (1, 1, 1):
                        hand(start[:, dx : dx + side, dy : dy + side, dz : dz + side].reshape(-1))
    return value.view(batch, side, side, side)


def signed_distance(surface: Tensor, v: VoxelPoints, chunk: int = 8) -> Tensor:
    """[B, 128, 128, 128] float16: distance to the thickened outer surface, negative inside, truncated."""
    side, out = FINE * R, []
    for first in range(0, len(surface), chunk):
        words = surface[first : first + chunk]
        mine = (v.coords[:, 0] >= first) & (v.coords[:, 0] < first + chunk)
        keep = mine[v.row]
        shift = torch.cumsum(mine, 0) - 1
        coords = v.coords[mine].clone()
        coords[:, 0] -= first
        row, count = shift[v.row[keep]], v.count[mine]
        start = count.cumsum(0) - count
        part = VoxelPoints(coords, row, v.position[keep], v.normal[keep], v.color[keep], start, count)
        value = _surface_distance(part, len(words), side) - THICKNESS
        reached = _outside_cells(value < 0, words)
        value = torch.where((value > 0) & ~reached, -THICKNESS, value)
        out.append(value.clamp(-TRUNCATE, TRUNCATE).half())
    return torch.cat(out)


def _outside_cells(solid: Tensor, surface: Tensor) -> Tensor:
    """Cells that a 6-connected path outside `solid` joins to the 64^3 outside (which is flooded much faster)."""
    coarse = to_bool(outside(surface))
    fine = coarse.repeat_interleave(2, 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    reached = fine & ~solid
    free = ~solid
    while True:
        grown = reached.clone()
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown[:, :, 1:] |= reached[:, :, :-1]
        grown[:, :, :-1] |= reached[:, :, 1:]
        grown[:, :, :, 1:] |= reached[:, :, :, :-1]
        grown[:, :, :, :-1] |= reached[:, :, :, 1:]
        grown &= free
        if torch.equal(grown, reached):
            return reached
        reached = grown


def voxel_distances(field: Tensor, coords: Tensor) -> Tensor:
    """[V, 64]: the 4^3 cells that each voxel predicts, cut from `field` [B, 128, 128, 128]."""
    padded = F.pad(field, (1,) * 6, value=TRUNCATE)
    step = torch.arange(REACH, device=field.device)
    b, x, y, z = coords.long().unbind(-1)
    ix, iy, iz = (FINE * c[:, None] + step for c in (x, y, z))  # the padding makes up for the leading cell
    block = padded[b[:, None, None, None], ix[:, :, None, None], iy[:, None, :, None], iz[:, None, None, :]]
    return block.flatten(1).float()
