"""Shapes that no part has: single parts stretched, parts glued together, people and bases of other proportions.

Six hundred parts are few: a network that only ever sees those learns to recognise them instead of reading the picture.
Stretched and glued parts never repeat. They have no names, so they are conditions of the picture path only; people and
bases keep theirs.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from torch import Tensor

from .assemble import Batch, DeviceBank, R, to_bool
from .placement import FILLED_SHARE, MARGIN

GLUED_FILLED, STRETCHED_FILLED = 0.35, 0.3  # shares of the single parts
GLUED_IN_PLACE, STRETCHED_IN_PLACE = 0.2, 0.45
MOST_STRETCH = 2.0  # `assemble.warped` leaves no gaps up to here
EXTRA = 2  # pieces that a glued shape may have beside its first
UPRIGHT = 0.85  # of glued shapes' first pieces; the others are turned, and which side is their front nobody can see
OTHER_BUILD, BUILD = 0.5, (0.06, 0.06, 0.03)  # share of the people, and how much they differ along x, y and z
OTHER_FORM, FORM = 0.6, (0.15, 0.15, 0.1)  # share of the bases, and how much their sides differ from each other
TWINS = 0.4  # of glued shapes have the same piece on both sides, as most things that are worn are symmetrical


def vary(
    bank: DeviceBank,
    batch: Batch,
    filled: Tensor,  # [B] bool, single parts that fill the grid
    in_place: Tensor,  # [B] bool, single parts in their place
    people: Tensor,  # [B] bool
    bases: Tensor,  # [B] bool, things that others stand on, with or without those
    generator: torch.Generator,
) -> tuple[Batch, Tensor]:
    """The batch with some single parts stretched or glued to others of the batch, and which of those changed [B].

    People are made broader or slimmer, deeper or flatter, taller or shorter with all they wear, bases with all that
    stands on them: they keep their names.
    """
    device = batch.placement.device
    coin = torch.rand(len(filled), generator=generator, device=device)
    glued = filled & (coin < GLUED_FILLED)
    stretched = filled & (coin >= GLUED_FILLED) & (coin < GLUED_FILLED + STRETCHED_FILLED)
    alone = in_place & (batch.placement[:, 1:] < 0).all(1)
    grown = alone & (coin < GLUED_IN_PLACE)
    moved = in_place & (coin >= GLUED_IN_PLACE) & (coin < GLUED_IN_PLACE + STRETCHED_IN_PLACE)
    warp = torch.eye(3, 4, device=device).repeat(*batch.placement.shape, 1, 1)
    batch = replace(batch, **{key: value.clone() for key, value in vars(batch).items() if key != "warp"}, warp=warp)
    other = torch.rand(len(filled), generator=generator, device=device)
    _stretch_whole(batch, people & (other < OTHER_BUILD), BUILD, generator)
    _stretch_whole(batch, bases & (other < OTHER_FORM), FORM, generator, inside=True)
    for rows, fit in ((glued, True), (grown, False)):
        if rows.any() and filled.any():
            _glue(bank, batch, rows.nonzero()[:, 0], filled.nonzero()[:, 0], generator, fit)
    for rows, spread, fit in ((stretched, 0.3, True), (moved, 0.15, False)):
        index = rows.nonzero()[:, 0]
        if len(index):
            center, half = boxes(bank.grid[batch.placement[index, 0].clamp_min(0)])
            stretch = (spread * _normal((len(index), 3), generator, device)).exp()
            linear = torch.diag_embed(stretch)
            if fit:
                nowhere = torch.zeros_like(center)[:, None]
                batch.warp[index, :1] = fitted(linear[:, None], nowhere, center[:, None], half[:, None])
            else:
                batch.warp[index, 0] = _affine(linear, center, center)
    return batch, glued | grown | stretched | moved


def _stretch_whole(
    batch: Batch, rows: Tensor, spread: tuple[float, ...], generator: torch.Generator, inside: bool = False
) -> None:
    """Stretches all pieces of some objects alike, about the middle of the floor; changes `batch`.

    With `inside` nothing grows, so nothing leaves the cube: the side that is stretched most keeps its length.
    """
    index = rows.nonzero()[:, 0]
    if not len(index):
        return
    widths = rows.new_tensor(spread, dtype=torch.float32)
    stretch = (widths * _normal((len(index), 3), generator, rows.device)).exp()
    if inside:
        stretch = stretch / stretch.amax(1, keepdim=True)
    floor = stretch.new_tensor([R / 2, R / 2, MARGIN]).expand(len(index), 3)
    batch.warp[index] = _affine(torch.diag_embed(stretch), floor, floor)[:, None]


def boxes(words: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and half extents [n, 3] of what grids [n, 64, 64] hold, voxel units."""
    dense = to_bool(words)
    ends = []
    for axis in (1, 2, 3):
        used = dense.any(dim=[a for a in (1, 2, 3) if a != axis]).int()
        ends.append(torch.stack([used.argmax(1), R - used.flip(1).argmax(1)], -1))
    low, high = torch.stack(ends, 1).float().unbind(-1)
    return (low + high) / 2, (high - low) / 2


def fitted(linear: Tensor, target: Tensor, center: Tensor, half: Tensor) -> Tensor:
    """Affines [n, K, 3, 4] that put pieces at `target` by `linear`, scaled and moved together to fill the grid.

    linear [n, K, 3, 3], target, center and half [n, K, 3]; a piece with half extents 0 does not count.
    """
    reach = (linear.abs() @ half[..., None])[..., 0]
    counts = (half > 0).any(-1, keepdim=True)
    low = (target - reach).masked_fill(~counts, torch.inf).amin(1)
    high = (target + reach).masked_fill(~counts, -torch.inf).amax(1)
    scale = FILLED_SHARE * R / (high - low).amax(-1)
    linear = linear * scale[:, None, None, None]
    largest = linear.norm(dim=-2).amax(-1).clamp_min(MOST_STRETCH)[..., None, None]
    linear = linear * (MOST_STRETCH / largest)
    target = (target - ((low + high) / 2)[:, None]) * scale[:, None, None] + R / 2
    return _affine(linear, target, center)


def _affine(linear: Tensor, target: Tensor, center: Tensor) -> Tensor:
    """The map by `linear` that takes `center` to `target`."""
    return torch.cat([linear, target[..., None] - linear @ center[..., None]], -1)


def _glue(bank: DeviceBank, batch: Batch, rows: Tensor, donors: Tensor, generator: torch.Generator, fit: bool) -> None:
    """Puts one or two parts of other objects at the faces of each row's part, in any orientation; changes `batch`.

    With `fit` the whole fills the grid and the row's part is turned and stretched too; without, it stays where it is.
    """
    n, device = len(rows), rows.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    pick = donors[torch.randint(len(donors), (n, EXTRA), generator=generator, device=device)]
    here = slice(1, 1 + EXTRA)
    batch.placement[rows, here] = batch.placement[pick, 0]
    batch.main_rgb[rows, here] = batch.main_rgb[pick, 0]
    batch.skin_rgb[rows, here] = batch.skin_rgb[pick, 0]
    batch.placement[rows[uniform(n) < 0.5], EXTRA] = -1
    twins = uniform(n) < TWINS
    for value in (batch.placement, batch.main_rgb, batch.skin_rgb):
        value[rows[twins], 2] = value[rows[twins], 1]

    placement = batch.placement[rows, : 1 + EXTRA]
    center, half = (x.view(n, 1 + EXTRA, 3) for x in boxes(bank.grid[placement.clamp_min(0).flatten()]))
    half = half * (placement >= 0)[..., None]
    turns = _rotations(device)
    turn = turns[torch.randint(len(turns), (n, 1 + EXTRA), generator=generator, device=device)]
    upright = (uniform(n) < UPRIGHT)[:, None, None]
    turn[:, 0] = torch.where(upright, torch.eye(3, device=device), turn[:, 0])
    stretch = (0.25 * _normal((n, 1 + EXTRA, 3), generator, device)).exp()
    largest = half.amax(-1, keepdim=True).clamp_min(1)
    size = torch.exp(-1.2 * uniform(n, 1 + EXTRA, 1)) * ((24 if fit else largest[:, :1]) / largest).clamp(max=2)
    if not fit:
        turn[:, 0], stretch[:, 0], size[:, 0] = torch.eye(3, device=device), 1, 1
    linear = (stretch * size)[..., None] * turn
    reach = (linear.abs() @ half[..., None])[..., 0]
    # On a face of the first piece, sunk into it by a part of its own depth.
    aside = 1.4 * uniform(n, EXTRA, 3) - 0.7
    axis = torch.randint(3, (n, EXTRA, 1), generator=generator, device=device)
    sign = 2.0 * torch.randint(2, (n, EXTRA, 1), generator=generator, device=device) - 1
    out = reach[:, :1] + (0.2 + 0.7 * uniform(n, EXTRA, 1)) * reach[:, 1:]
    target = (aside * reach[:, :1]).scatter(-1, axis, sign * out.gather(-1, axis))
    target = torch.cat([torch.zeros_like(target[:, :1]), target], 1)
    mirror = torch.tensor([-1.0, 1, 1], device=device)
    linear[twins, 2], target[twins, 2] = mirror[:, None] * linear[twins, 1], mirror * target[twins, 1]
    batch.warp[rows, : 1 + EXTRA] = (
        fitted(linear, target, center, half) if fit else _affine(linear, target + center[:, :1], center)
    )


def _rotations(device: torch.device) -> Tensor:
    """The 24 rotations of a cube [24, 3, 3]."""
    out = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = torch.zeros(3, 3)
            matrix[range(3), order] = torch.tensor(signs)
            if torch.linalg.det(matrix) > 0:
                out.append(matrix)
    return torch.stack(out).to(device)


def _normal(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.randn(shape, generator=generator, device=device).clamp(-2, 2)
