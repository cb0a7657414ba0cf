"""Objects of the bank, assembled on the training device: occupancy, part labels, surface points and pictures.

Frames: grids are indexed [x, y, z] (z up, objects face -y); points are in voxel units, voxel i covers [i, i + 1).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .bank import Bank
from .grids import SIZE as R
from .objects import Objects
from .pictures import LIGHT


@dataclass(frozen=True)
class DeviceBank:
    """The bank's arrays on one device; points of a shape are in random order, so a prefix is a fair sample."""

    points: Tensor  # [S_total, 3] part frame, LDU
    normals: Tensor  # [S_total, 3] unit, sign arbitrary, half precision
    material: Tensor  # [S_total] int16: 0 main colour, 1 skin, k >= 2: row k of fixed_rgb
    offsets: Tensor  # [S + 1]
    fixed_rgb: Tensor  # [K, 3] in [0, 1]
    shape_index: Tensor  # [P]
    transform: Tensor  # [P, 3, 4] part frame -> voxel units
    grid: Tensor  # [P, 64, 64] int64, bit z of word [x, y]

    @staticmethod
    def upload(bank: Bank, device: torch.device | str, shuffle: bool = True, chunk: int = 1024) -> DeviceBank:
        """Copies what training needs; grids become words. Samples in random order need no `shuffle`."""

        def tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(array).to(device=device, dtype=dtype)

        order = shuffled_within(torch.as_tensor(bank.offsets), device).numpy() if shuffle else slice(None)
        grids = [torch.as_tensor(bank.grid[i : i + chunk]) for i in range(0, len(bank.grid), chunk)]
        return DeviceBank(
            points=tensor(bank.points[order], torch.float32),
            normals=tensor(bank.normals[order], torch.float16),
            material=tensor(bank.material[order].astype(np.int16), torch.int16),
            offsets=tensor(bank.offsets, torch.int64),
            fixed_rgb=F.pad(tensor(bank.fixed_rgb, torch.float32) / 255, (0, 0, 2, 0)),  # rows of MAIN, SKIN unused
            shape_index=tensor(bank.shape_index, torch.int64),
            transform=tensor(bank.transform, torch.float32),
            grid=torch.cat([words_from_packed(grid.to(device)) for grid in grids]),
        )

    def join(self, other: DeviceBank) -> DeviceBank:
        """Both banks' placements; those of `other` count on from these, and so do its fixed colours."""
        fixed = len(self.fixed_rgb) - 2
        material = torch.where(other.material >= 2, other.material + fixed, other.material)
        return DeviceBank(
            points=torch.cat([self.points, other.points]),
            normals=torch.cat([self.normals, other.normals]),
            material=torch.cat([self.material, material]),
            offsets=torch.cat([self.offsets, other.offsets[1:] + self.offsets[-1]]),
            fixed_rgb=torch.cat([self.fixed_rgb, other.fixed_rgb[2:]]),
            shape_index=torch.cat([self.shape_index, other.shape_index + len(self.offsets) - 1]),
            transform=torch.cat([self.transform, other.transform]),
            grid=torch.cat([self.grid, other.grid]),
        )


def shuffled_within(offsets: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """A fixed random order of all samples that keeps every shape's samples together."""
    generator = torch.Generator().manual_seed(0)
    counts = offsets.diff()
    shape = torch.repeat_interleave(torch.arange(len(counts)), counts)
    key = shape.double() + torch.rand(len(shape), generator=generator, dtype=torch.float64)
    return key.to(device).argsort().cpu()  # sorted on the device: a processor takes many seconds


def words_from_packed(packed: Tensor) -> Tensor:
    """np.packbits rows of C-order bool [64, 64, 64] -> int64 words [P, 64, 64], bit z of word [x, y]."""
    rows = packed.reshape(-1, R, R, 8).long()  # eight bytes of a z column; np.packbits puts z = 0 in the highest bit
    flip = torch.tensor([int(f"{i:08b}"[::-1], 2) for i in range(256)], device=packed.device)
    shifts = (torch.arange(8) * 8).tolist()
    words = torch.zeros(rows.shape[:-1], dtype=torch.int64, device=packed.device)
    for k in range(8):
        words |= flip[rows[..., k]] << shifts[k]
    return words


def to_bool(words: Tensor) -> Tensor:
    """[..., 64, 64] int64 -> bool [..., 64, 64, 64]."""
    return ((words[..., None] >> torch.arange(R, device=words.device)) & 1).bool()


def _shifted(words: Tensor, axis: int, step: int) -> Tensor:
    """Neighbour values along x (-2) or y (-1): result[i] = words[i - step], zero beyond the border."""
    pad = [0, 0, 0, 0]
    pad[2 * (-1 - axis) + (0 if step > 0 else 1)] = 1
    moved = F.pad(words, pad)
    return moved.narrow(axis, 0 if step > 0 else 1, words.shape[axis])


def _grow(words: Tensor) -> Tensor:
    """The six face neighbours of every set voxel."""
    up = words << 1
    down = (words >> 1) & torch.iinfo(torch.int64).max
    near = up | down
    for axis in (-2, -1):
        near = near | _shifted(words, axis, 1) | _shifted(words, axis, -1)
    return near


def outside(occupied: Tensor, rounds: int = 256) -> Tensor:
    """Free voxels that a 6-connected path joins to the border, as words [B, 64, 64]."""
    free = ~occupied
    border = torch.zeros_like(occupied)
    border[..., 0, :] = border[..., -1, :] = border[..., :, 0] = border[..., :, -1] = -1
    border |= 1 | torch.iinfo(torch.int64).min
    out = border & free
    for i in range(rounds):
        grown = (out | _grow(out)) & free
        if i % 8 == 7 and torch.equal(grown, out):
            break
        out = grown
    return out


def shell(occupied: Tensor) -> Tensor:
    """Occupied voxels that touch the outside by a face or lie on the border (words [B, 64, 64])."""
    near = _grow(outside(occupied))
    near[..., 0, :] = near[..., -1, :] = near[..., :, 0] = near[..., :, -1] = -1
    near |= 1 | torch.iinfo(torch.int64).min
    return occupied & near


@dataclass(frozen=True)
class Batch:
    """B objects of up to M placements; what a placement does is in `role` (0 base, k > 0 the k-th accessory)."""

    placement: Tensor  # [B, M] int64, -1 pad
    main_rgb: Tensor  # [B, M, 3] in [0, 1]
    skin_rgb: Tensor  # [B, M, 3]
    role: Tensor  # [B, M] int64
    warp: Tensor | None = None  # [B, M, 3, 4] voxel units to voxel units, after the placement (see `variety`)

    @staticmethod
    def of(objects: Objects, rows: slice | Sequence[int], device: torch.device | str) -> Batch:
        """Some of the sampled objects."""

        def tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(array[rows]).to(device=device, dtype=dtype)

        return Batch(
            placement=tensor(objects.placement, torch.int64),
            main_rgb=tensor(objects.main_rgb, torch.float32) / 255,
            skin_rgb=tensor(objects.skin_rgb, torch.float32) / 255,
            role=tensor(objects.role, torch.int64),
        )

    @property
    def warped(self) -> Tensor:
        """Which pieces are warped at all, [B, M]."""
        if self.warp is None:
            return torch.zeros_like(self.placement, dtype=torch.bool)
        unlike = self.warp != torch.eye(3, 4, device=self.warp.device)
        return unlike.flatten(2).any(2) & (self.placement >= 0)

    def cut(self, start: int, stop: int) -> Batch:
        """Objects start ... stop - 1."""
        return Batch(*(None if tensor is None else tensor[start:stop] for tensor in vars(self).values()))

    def only(self, roles: Tensor) -> Batch:
        """The same objects with just the pieces where `roles` [B, M] is true, moved to the front."""
        order = (~roles | (self.placement < 0)).int().argsort(dim=1, stable=True)
        placement = self.placement.where(roles, -1).gather(1, order)
        pick = order[..., None].expand(-1, -1, 3)
        main_rgb, skin_rgb = self.main_rgb.gather(1, pick), self.skin_rgb.gather(1, pick)
        warp = None if self.warp is None else self.warp.gather(1, order[..., None, None].expand(-1, -1, 3, 4))
        return Batch(placement, main_rgb, skin_rgb, self.role.gather(1, order), warp)


def occupancy(bank: DeviceBank, batch: Batch) -> Tensor:
    """Union of the placements' grids as words [B, 64, 64] (inner walls included)."""
    words = torch.zeros(batch.placement.shape[0], R, R, dtype=torch.int64, device=bank.grid.device)
    changed = batch.warped
    for m in range(batch.placement.shape[1]):
        present = (batch.placement[:, m] >= 0)[:, None, None]
        grid = bank.grid[batch.placement[:, m].clamp_min(0)]
        if batch.warp is not None:
            moved = changed[:, m]
            grid = grid.index_put((moved,), warped(grid[moved], batch.warp[moved, m]))
        words |= grid * present
    return words


def warped(
    words: Tensor,  # [n, 64, 64]
    affine: Tensor,  # [n, 3, 4] voxel units to voxel units
) -> Tensor:
    """Grids moved by affine maps, as words [n, 64, 64]; no gaps where nothing is stretched more than twofold.

    Every voxel hands itself on from 27 points inside it: walls of one voxel survive shrinking.
    """
    item, *cell = to_bool(words).nonzero(as_tuple=True)
    along = affine[item].unbind(-1)  # the images of x, y and z, and the shift
    middle = along[3] + sum((c[:, None] + 0.5) * a for c, a in zip(cell, along))
    nowhere = len(words) * R**3
    out = torch.zeros(nowhere + 1, dtype=torch.bool, device=words.device)
    for step in itertools.product((-0.49, 0.0, 0.49), repeat=3):
        voxel = (middle + sum(s * a for s, a in zip(step, along))).floor().long()
        inside = ((voxel >= 0) & (voxel < R)).all(-1)
        x, y, z = voxel.unbind(-1)
        out[torch.where(inside, ((item * R + x) * R + y) * R + z, nowhere)] = True
    out = out[:-1]
    bits = torch.arange(R, device=words.device)
    return (out.view(-1, R, R, R).long() << bits).sum(-1)  # bits of a word are distinct: the sum is their union


def labels(bank: DeviceBank, batch: Batch, surface: Tensor) -> Tensor:
    """Role per shell voxel, int8 [B, 64, 64, 64], -1 elsewhere; accessories win over the base, later over earlier."""
    out = torch.where(to_bool(surface), 0, -1).to(torch.int8)
    order = torch.argsort(batch.role, dim=1, stable=True)
    for m in range(order.shape[1]):
        index = order[:, m : m + 1]
        placement = batch.placement.gather(1, index)[:, 0]
        role = batch.role.gather(1, index)[:, 0].to(torch.int8)
        mine = bank.grid[placement.clamp_min(0)] * (placement >= 0)[:, None, None] & surface
        out = torch.where(to_bool(mine), role[:, None, None, None], out)
    return out


@dataclass(frozen=True)
class Points:
    """Surface points of B objects, N per object; `valid` marks real points that the outside can see."""

    position: Tensor  # [B, N, 3] voxel units
    normal: Tensor  # [B, N, 3] unit, sign arbitrary
    color: Tensor  # [B, N, 3] sRGB in [0, 1]
    role: Tensor  # [B, N] int64
    valid: Tensor  # [B, N] bool


def surface_points(bank: DeviceBank, batch: Batch, surface: Tensor, columns: int) -> Points:
    """Points of each object's shapes that lie in shell voxels `surface`, `columns` for each of its M columns.

    Columns without a piece of their own serve the object's pieces again, with further samples: every object gets
    M * columns points, a single part all of them.
    """
    b, m = batch.placement.shape
    used = (batch.placement >= 0).sum(1, keepdim=True).clamp_min(1)  # pieces come first, padding last
    column = torch.arange(m, device=used.device)[None]
    piece, lap = column % used, column // used
    pick = piece[..., None].expand(-1, -1, 3)
    main_rgb, skin_rgb = batch.main_rgb.gather(1, pick), batch.skin_rgb.gather(1, pick)
    role, real = batch.role.gather(1, piece), batch.placement.gather(1, piece)
    placement = real.clamp_min(0)
    shape = bank.shape_index[placement]
    first, count = bank.offsets[shape], bank.offsets[shape + 1] - bank.offsets[shape]
    step = lap[..., None] * columns + torch.arange(columns, device=used.device)
    index = first[..., None] + step % count[..., None].clamp_min(1)  # [B, M, K]
    transform = bank.transform[placement]
    position = torch.einsum("bmij,bmkj->bmki", transform[..., :3], bank.points[index]) + transform[..., None, :, 3]
    normal = F.normalize(torch.einsum("bmij,bmkj->bmki", transform[..., :3], bank.normals[index].float()), dim=-1)
    if batch.warp is not None:
        warp = batch.warp.gather(1, piece[..., None, None].expand(-1, -1, 3, 4))
        position = torch.einsum("bmij,bmkj->bmki", warp[..., :3], position) + warp[..., None, :, 3]
        across = torch.linalg.inv(warp[..., :3]).mT
        normal = F.normalize(torch.einsum("bmij,bmkj->bmki", across, normal), dim=-1)
        changed = batch.warped.any(1)
        position = position.index_put((changed,), _onto_shell(position[changed], surface[changed]))
    material = bank.material[index].long()
    color = bank.fixed_rgb[material]
    color = torch.where((material == 0)[..., None], main_rgb[:, :, None], color)
    color = torch.where((material == 1)[..., None], skin_rgb[:, :, None], color)
    seen = _in_shell(position, surface) & (real >= 0)[..., None]
    return Points(
        position.reshape(b, -1, 3),
        normal.reshape(b, -1, 3),
        color.reshape(b, -1, 3),
        role[..., None].expand(b, m, columns).reshape(b, -1),
        seen.reshape(b, -1),
    )


def _in_shell(
    position: Tensor,  # [B, M, K, 3] voxel units
    surface: Tensor,  # words [B, 64, 64]
) -> Tensor:
    """Whether points lie in voxels of the shell, [B, M, K]."""
    voxel = position.floor().long()
    inside = ((voxel >= 0) & (voxel < R)).all(-1)
    x, y, z = voxel.clamp(0, R - 1).unbind(-1)
    rows = torch.arange(len(surface), device=surface.device)[:, None, None]
    return inside & ((surface[rows, x, y] >> z) & 1 == 1)


def _onto_shell(position: Tensor, surface: Tensor) -> Tensor:
    """Moves points beside the shell into it, by a voxel at most: warped grids are up to a voxel thicker than parts."""
    found = _in_shell(position, surface)
    for axis, step in itertools.product(range(3), (-1.0, 1.0)):
        moved = position.clone()
        cell = moved[..., axis].floor() + step
        moved[..., axis] = moved[..., axis].clamp(cell + 0.01, cell + 0.99)
        better = ~found & _in_shell(moved, surface)
        position = torch.where(better[..., None], moved, position)
        found |= better
    return position


@dataclass(frozen=True)
class Views:
    """One orthographic camera per object: right, up and towards-viewer axes, centre and half width in voxel units."""

    right: Tensor  # [B, 3]
    up: Tensor  # [B, 3]
    back: Tensor  # [B, 3] from the object towards the viewer
    center: Tensor  # [B, 3]
    half_width: Tensor  # [B]


def orbit(yaw: Tensor, pitch: Tensor, center: Tensor, half_width: Tensor) -> Views:
    """Yaw counts from the front (-y), positive moves the camera to the viewer's right (+x); radians."""
    zero = torch.zeros_like(yaw)
    back = torch.stack([yaw.sin() * pitch.cos(), -yaw.cos() * pitch.cos(), pitch.sin()], -1)
    right = torch.stack([yaw.cos(), yaw.sin(), zero], -1)
    return Views(right, torch.linalg.cross(back, right), back, center, half_width)


def frame_views(yaw: Tensor, pitch: Tensor) -> Views:
    """Cameras that see the whole cube: picture width = 64 voxels, centred on the cube."""
    center = torch.full((yaw.shape[0], 3), R / 2, device=yaw.device)
    return orbit(yaw, pitch, center, torch.full_like(yaw, R / 2))


def crop_views(points: Points, yaw: Tensor, pitch: Tensor, margin: Tensor | float = 1.2) -> Views:
    """Cameras that crop to the object: width = margin times the larger side of its picture."""
    views = frame_views(yaw, pitch)
    uv = torch.stack([projected(points, views, axis) for axis in ("right", "up")], -1)  # [B, N, 2]
    hidden = ~points.valid[..., None]
    low = uv.masked_fill(hidden, math.inf).amin(1)
    high = uv.masked_fill(hidden, -math.inf).amax(1)
    middle, size = (low + high) / 2, (high - low).amax(-1)
    center = views.center + middle[:, :1] * views.right + middle[:, 1:] * views.up
    return Views(views.right, views.up, views.back, center, 0.5 * margin * size.clamp_min(1))


def projected(points: Points, views: Views, axis: str) -> Tensor:
    """[B, N] voxel units from the view's centre along one of its axes."""
    return ((points.position - views.center[:, None]) * getattr(views, axis)[:, None]).sum(-1)


def pixels(points: Points, views: Views, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Object, index, column and row (from the top) of each valid point in pictures of side x side, some beyond them."""
    scale = side / (2 * views.half_width[:, None])
    item, index = points.valid.nonzero(as_tuple=True)
    x = (projected(points, views, "right") * scale + side / 2)[item, index].floor().long()
    y = (side / 2 - projected(points, views, "up") * scale)[item, index].floor().long()
    return item, index, x, y


def default_light(views: Views) -> Tensor:
    """World direction towards the light: the camera's upper left, [B, 3]."""
    x, y, z = F.normalize(torch.tensor(LIGHT), dim=0).tolist()
    return x * views.right + y * views.up + z * views.back


def _without_pinholes(buffer: Tensor, gap: float = 1.5, rounds: int = 3) -> Tensor:
    """Pixels that most neighbours lie clearly in front of take over the nearest of those: gaps between points close."""
    h, w = buffer.shape[1:]
    step = int(gap * 4096) << 32
    for _ in range(rounds):
        padded = buffer.new_full((len(buffer), h + 2, w + 2), torch.iinfo(torch.int64).max)  # F.pad would take a float
        padded[:, 1:-1, 1:-1] = buffer
        closer = torch.zeros_like(buffer, dtype=torch.int8)
        nearest = buffer
        for dy in range(3):
            for dx in range(3):
                other = padded[:, dy : dy + h, dx : dx + w]
                closer += (other < buffer - step).to(torch.int8)
                nearest = torch.minimum(nearest, other)
        buffer = torch.where(closer >= 5, nearest, buffer)
    return buffer


def render(
    points: Points,
    views: Views,
    size: int = 112,
    supersample: int = 2,
    radius: int = 1,
    light: Tensor | None = None,  # [B, 3] world direction towards the light
    ambient: float = 0.45,
) -> tuple[Tensor, Tensor]:
    """Pictures [B, 4, size, size] (premultiplied RGB on black, alpha) and the visible role [B, S, S] (-1 empty).

    Every point covers (2 radius + 1)^2 pixels of the supersampled picture; the nearest wins. Shading: colour times
    ambient + (1 - ambient) max(0, n.l), n turned towards the viewer. S = size * supersample for the roles.
    """
    b = len(points.role)
    side = size * supersample
    item, index, px, py = pixels(points, views, side)
    depth = ((4 * R - projected(points, views, "back")[item, index]) * 4096).long().clamp(0, 2**21 - 1)
    key = (depth << 32) | index  # the nearest point wins, ties go to the lower index
    empty = torch.iinfo(torch.int64).max
    buffer = torch.full((b * side * side + 1,), empty, dtype=torch.int64, device=depth.device)
    for dx in range(-radius, radius + 1):
        for dy in range(-radius, radius + 1):
            x, y = px + dx, py + dy
            ok = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            pixel = torch.where(ok, (item * side + y) * side + x, b * side * side)
            buffer.scatter_reduce_(0, pixel, key, "amin")
    buffer = _without_pinholes(buffer[:-1].view(b, side, side)).view(b, side * side)
    hit = buffer != empty
    winner = torch.where(hit, buffer & 0xFFFFFFFF, 0)
    pick = winner[..., None].expand(-1, -1, 3)
    normal, color = points.normal.gather(1, pick), points.color.gather(1, pick)
    normal = normal * torch.where((normal * views.back[:, None]).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    light = default_light(views) if light is None else light
    shade = ambient + (1 - ambient) * (normal * light[:, None]).sum(-1).clamp_min(0)
    rgba = torch.cat([color * shade[..., None], torch.ones_like(color[..., :1])], -1) * hit[..., None]
    image = F.avg_pool2d(rgba.transpose(1, 2).reshape(b, 4, side, side), supersample)
    role = torch.where(hit, points.role.gather(1, winner), -1).reshape(b, side, side)
    return image, role
