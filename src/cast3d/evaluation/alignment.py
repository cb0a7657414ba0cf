"""One similarity from a method's frame to the truth's, found on the base alone and applied to every part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Points = NDArray[np.float64]  # [N, 3], in voxels

YAWS = (0.0, 90.0, 180.0, 270.0)  # degrees, starts of the search
TRIMMED = 0.8  # share of the pairs that count: parts hide some of the base
MOST = 1500  # points of either side
CLOSE = 0.5  # mean squared voxels: a base that lies so is where it belongs
STILL = 0.5  # voxels: a fit that moves nothing by more is none
SMALL, GAIN = 2.5, 1.25  # voxels up to which a fit must explain a quarter more than standing still does
_ROUNDS = 40


@dataclass(frozen=True)
class Alignment:
    """x -> scale * rotation x + translation, in voxel coordinates."""

    scale: float
    rotation: NDArray[np.float64]  # [3, 3]
    translation: NDArray[np.float64]  # [3]

    def __call__(self, points: Points) -> Points:
        return self.scale * points @ self.rotation.T + self.translation


IDENTITY = Alignment(1.0, np.eye(3), np.zeros(3))


def align(base: Points, truth: Points, visible: Points) -> Alignment:
    """Iterated closest points with scale, from four yaws about the centres and from where the base is.

    Pairs go both ways, from `base` [N, 3] to the true base `truth` [M, 3] and from the visible part of that back, and
    the worst fifth is left out. A base that lies on the true one is left there. A fit that moves nothing by half a
    voxel is taken as none at all, and so is one that moves things little and gains little: equal frames are common, and
    fits to rough surfaces shrink them.
    """
    if not len(base) or not len(truth):
        return IDENTITY
    base, truth, visible = (_thinned(points) for points in (base, truth, visible))
    tree = cKDTree(truth)
    if _cost(IDENTITY, base, tree, visible) < CLOSE:
        return IDENTITY
    found = [_refined(start, base, tree, truth, visible) for start in (IDENTITY, *_starts(base, truth))]
    cost, best = min(found, key=lambda item: item[0])
    still, _ = found[0]
    if still <= 1.02 * cost:  # turning a symmetric thing around gains nothing
        best = found[0][1]
    moved = np.linalg.norm(best(base) - base, axis=1).max()
    if moved < STILL:
        return IDENTITY
    gained = _cost(IDENTITY, base, tree, visible) > GAIN * _cost(best, base, tree, visible)
    return best if gained or moved > SMALL else IDENTITY


def _thinned(points: Points) -> Points:
    if len(points) <= MOST:
        return points
    return points[np.random.default_rng(0).choice(len(points), MOST, replace=False)]


def _starts(base: Points, truth: Points):
    center, target = base.mean(0), truth.mean(0)
    spread, wanted = (np.sqrt(((p - p.mean(0)) ** 2).sum(1).mean()) for p in (base, truth))
    scale = wanted / max(spread, 1e-6)
    for yaw in YAWS:
        rotation = turned(yaw)
        yield Alignment(scale, rotation, target - scale * rotation @ center)


def turned(yaw: float) -> NDArray[np.float64]:
    """[3, 3] rotation by `yaw` degrees about z."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _refined(now: Alignment, base: Points, tree: cKDTree, truth: Points, visible: Points) -> tuple[float, Alignment]:
    before = np.inf
    for _ in range(_ROUNDS):
        sources, targets, distance = _pairs(now, base, tree, truth, visible)
        order = np.argsort(distance, kind="stable")[: max(4, int(TRIMMED * len(distance)))]
        cost = float((distance[order] ** 2).mean())
        if cost > 0.9995 * before:
            break
        before = cost
        now = _fit(sources[order], targets[order])
    return _cost(now, base, tree, visible), now


def _pairs(now: Alignment, base: Points, tree: cKDTree, truth: Points, visible: Points):
    placed = now(base)
    forth, there = tree.query(placed)
    back, here = cKDTree(placed).query(visible)
    sources = np.concatenate([base, base[here]])
    targets = np.concatenate([truth[there], visible])
    return sources, targets, np.concatenate([forth, back])


def _cost(now: Alignment, base: Points, tree: cKDTree, visible: Points) -> float:
    placed = now(base)
    distance = np.concatenate([tree.query(placed)[0], cKDTree(placed).query(visible)[0]])
    return float((np.sort(distance)[: int(TRIMMED * len(distance))] ** 2).mean())


def _fit(sources: Points, targets: Points) -> Alignment:
    """The similarity of least squared error (Umeyama 1991)."""
    a, b = sources.mean(0), targets.mean(0)
    x, y = sources - a, targets - b
    u, singular, vt = np.linalg.svd(y.T @ x / len(x))
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = u @ np.diag(sign) @ vt
    scale = float((singular * sign).sum() / max((x**2).sum() / len(x), 1e-12))
    return Alignment(scale, rotation, b - scale * rotation @ a)
