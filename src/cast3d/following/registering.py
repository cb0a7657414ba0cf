"""A part that was lifted alone, turned, scaled and moved as a whole until it lies where its hint does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from ..voxels import to_coords, to_grid, to_world

Floats = NDArray[np.float64]

POINTS = 1200  # of each that are compared; more change nothing
ROUNDS, LAST = 6, 12  # of closest points, for every start and for the best of them
FOLLOWED = 3  # starts that are gone on with
STRETCH = 1.35  # by which the size may differ from the one that the boxes say
UPRIGHT = 0.05  # agreement by which a turned part must be better than one that stands as it was lifted
NEAR = 2.5 / 64  # world units within which points agree
STEPS = (1.0, 0.5, 0.25)  # voxels by which an overlay is improved


@dataclass(frozen=True)
class Placement:
    """x -> scale turn x + shift, in world units."""

    turn: Floats  # [3, 3] a rotation
    scale: float
    shift: Floats  # [3]
    agreement: float = 0.0  # F1 of the points within `NEAR`

    def __call__(self, points: Floats) -> Floats:
        """[N, 3] -> [N, 3]."""
        return self.scale * points @ self.turn.T + self.shift


def registered(
    lifted: Tensor,  # [R, R, R] bool, in its own upright frame
    hint: Tensor,  # [R, R, R] bool
) -> Placement:
    """Where the lifted part lies best over the hint. Both must have a voxel.

    A hint has the place, the length and the tilt of a part, seldom its shape. So every turn by quarters and those that
    make the principal axes agree are tried, each improved by closest points both ways; the turn of the picture itself
    is kept unless another is clearly better.
    """
    own, wanted = _points(lifted), _points(hint)
    tree = cKDTree(wanted)
    size = _diagonal(wanted) / _diagonal(own)
    upright = _improved(_boxes(np.eye(3), own, wanted), own, wanted, tree, size, LAST, turning=False)
    starts = [_improved(_boxes(turn, own, wanted), own, wanted, tree, size, ROUNDS) for turn in _turns(own, wanted)]
    starts.sort(key=lambda one: -one.agreement)
    best = max(
        (_improved(one, own, wanted, tree, size, LAST) for one in starts[:FOLLOWED]), key=lambda one: one.agreement
    )
    return best if best.agreement > upright.agreement + UPRIGHT else upright


def overlaid(points: Floats, lifted: Tensor) -> Placement:
    """How points [P, 3] all over a surface, not turned, pass the voxels of `lifted` [R, R, R] best, to a quarter voxel.

    `agreement` is the IoU of the voxels that they pass and those. Both must have one.
    """
    resolution, wanted = len(lifted), lifted.cpu().numpy()
    own, target = points[:: max(1, len(points) // POINTS)], _points(lifted)
    size = _diagonal(target) / _diagonal(own)
    near = _improved(_boxes(np.eye(3), own, target), own, target, cKDTree(target), size, LAST, turning=False)
    # The middle of the underside stays where it is while the size changes.
    foot = np.append(_middle(points)[:2], points[:, 2].min())

    def placement(place: Floats) -> Placement:
        """Of [scale, x, y, z of the foot]."""
        return Placement(np.eye(3), float(place[0]), place[1:] - place[0] * foot)

    def passed(place: Floats) -> float:
        cells = np.floor((placement(place)(points) + 0.5) * resolution).astype(np.int64)
        grid = np.zeros_like(wanted)
        grid[tuple(cells[((cells >= 0) & (cells < resolution)).all(1)].T)] = True
        return float((grid & wanted).sum() / (grid | wanted).sum())

    now = np.append(near.scale, near(foot))
    best = passed(now)
    for step in STEPS:
        rows = np.diag([step * now[0] / 50, *[step / resolution] * 3])[::-1]  # upwards first, size last
        better = True
        while better:
            better = False
            for move in (*rows, *-rows):
                if (value := passed(now + move)) > best:
                    now, best, better = now + move, value, True
                    break
    return replace(placement(now), agreement=best)


def placed(grid: Tensor, placement: Placement) -> Tensor:
    """The voxels of a bool grid [R, R, R] where a placement puts them; what leaves the cube is lost."""
    resolution = len(grid)
    corners = to_world(to_coords(grid).double(), resolution).cpu().numpy()
    parts = max(2, int(np.ceil(2 * placement.scale)))
    inner = ((np.arange(parts) + 0.5) / parts - 0.5) / resolution
    spread = np.array(list(product(inner, repeat=3)))
    moved = placement((corners[:, None] + spread).reshape(-1, 3))
    cells = np.unique(np.floor((moved + 0.5) * resolution).astype(np.int64), axis=0)
    inside = ((cells >= 0) & (cells < resolution)).all(1)
    return to_grid(to_coords(grid).new_tensor(cells[inside]), resolution)


def _points(grid: Tensor) -> Floats:
    points = to_world(to_coords(grid).double(), len(grid)).cpu().numpy()
    return points[:: max(1, len(points) // POINTS)]


def _diagonal(points: Floats) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0))) + 1 / 64


def _boxes(turn: Floats, own: Floats, wanted: Floats) -> Placement:
    """The placement with a given turn that makes the middles and the diagonals of the boxes agree."""
    turned = own @ turn.T
    scale = _diagonal(wanted) / _diagonal(turned)
    return Placement(turn, scale, _middle(wanted) - scale * _middle(turned))


def _middle(points: Floats) -> Floats:
    return (points.min(0) + points.max(0)) / 2


def _turns(own: Floats, wanted: Floats) -> list[Floats]:
    """All 24 turns by quarters, and the four that lay principal axes over each other."""
    turns = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0:
                turns.append(turn)
    a, b = _axes(own), _axes(wanted)
    for x, y in product((1, -1), repeat=2):
        turns.append(b @ np.diag([x, y, x * y]) @ a.T)
    return turns


def _axes(points: Floats) -> Floats:
    """Principal axes as the columns of a rotation, the longest first."""
    _, _, rows = np.linalg.svd(points - points.mean(0), full_matrices=False)
    rows[2] = np.cross(rows[0], rows[1])
    return rows.T


def _improved(
    start: Placement, own: Floats, wanted: Floats, tree: cKDTree, size: float, rounds: int, turning: bool = True
) -> Placement:
    """Closest points both ways, the farther half left out; the size stays within `STRETCH` of what the boxes say."""
    now = start
    for _ in range(rounds):
        moved = now(own)
        there, to_wanted = tree.query(moved)
        back, to_own = cKDTree(moved).query(wanted)
        pairs = np.concatenate([own, own[to_own]]), np.concatenate([wanted[to_wanted], wanted])
        distance = np.concatenate([there, back])
        near = distance <= np.median(distance)
        now = _fit(pairs[0][near], pairs[1][near], size, None if turning else now.turn)
    return _scored(now, own, wanted, tree)


def _fit(source: Floats, target: Floats, size: float, turn: Floats | None) -> Placement:
    """The similarity of least squares (Umeyama 1991), with a turn that is given or found."""
    a, b = source - source.mean(0), target - target.mean(0)
    if turn is None:
        u, _, vt = np.linalg.svd(b.T @ a)
        turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    scale = float((b * (a @ turn.T)).sum() / max((a * a).sum(), 1e-12))
    scale = float(np.clip(scale, size / STRETCH, size * STRETCH))
    return Placement(turn, scale, target.mean(0) - scale * source.mean(0) @ turn.T)


def _scored(placement: Placement, own: Floats, wanted: Floats, tree: cKDTree) -> Placement:
    moved = placement(own)
    there = float((tree.query(moved)[0] <= NEAR).mean())
    back = float((cKDTree(moved).query(wanted)[0] <= NEAR).mean())
    score = 2 * there * back / (there + back) if there + back else 0.0
    return Placement(placement.turn, placement.scale, placement.shift, score)
