"""Metrics of single parts against the truth: where they are and how alike. Distances are in voxels of the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from ..voxels import to_coords, to_world
from .alignment import Alignment, Points, turned
from .outcome import Outcome
from .suite import Truth

LEAST = 12  # voxels of a part that is there
NEAR = 3.0  # voxels within which a part counts as found at its place
YAW_STEP, AMBIGUOUS = 15, 1.15  # degrees; how much worse a fit may be and still count as as good
FAR = 64.0  # voxels: what is missing is this far away


@dataclass(frozen=True)
class Placed:
    """One part of an outcome in the truth's frame, with its truth. Points are voxel coordinates [N, 3]."""

    all: Points
    visible: Points
    truth: Points
    truth_visible: Points

    @property
    def present(self) -> bool:
        """Whether there is at least a tenth of what should be seen, and some of it near its place."""
        if len(self.all) < max(LEAST, 0.1 * len(self.truth_visible)):
            return False
        return bool((self.to_truth <= NEAR).mean() > 0.1)

    @property
    def to_truth(self) -> NDArray[np.float64]:
        """Largest coordinate difference from every voxel to the nearest true one."""
        return distances(self.all, self.truth)

    @property
    def to_part(self) -> NDArray[np.float64]:
        """And from every visible true voxel to the part."""
        return distances(self.truth_visible, self.all)


def points(grid: Tensor) -> Points:
    """Voxel coordinates [N, 3] of a grid."""
    return to_coords(grid).numpy().astype(np.float64)


def distances(sources: Points, targets: Points, norm: float = np.inf) -> NDArray[np.float64]:
    """From each source to its nearest target; `FAR` where there is none. Aligned points are rounded off by 1e-9."""
    if not len(targets):
        return np.full(len(sources), FAR)
    return np.minimum(np.round(cKDTree(targets).query(sources, p=norm)[0], 9), FAR) if len(sources) else np.zeros(0)


def placed(outcome: Outcome, truth: Mapping[str, Truth], to_truth: Alignment) -> dict[str, Placed]:
    """Every part in the truth's frame."""
    visible = outcome.visible()
    nothing = torch.zeros_like(next(iter(outcome.grids.values())))
    return {
        term: Placed(
            to_truth(points(outcome.grids.get(term, nothing))),
            to_truth(points(visible.get(term, nothing))),
            points(one.voxels),
            points(one.visible),
        )
        for term, one in truth.items()
    }


def agreement(part: Placed) -> dict[str, float]:
    """F1 at 1 and 2 voxels, IoU with one voxel of tolerance, and Chamfer distance in voxels.

    What is there is compared with the whole true part (a method may leave hidden surfaces in), and only what the true
    composite shows is asked for (a method may leave them out).
    """
    near, found = part.to_truth, part.to_part
    right, wrong, missed = (found <= 1).sum(), (near > 1).sum(), (found > 1).sum()
    chamfer = [distances(a, b, 2).mean() if len(a) else FAR for a, b in _both_ways(part)]
    return {
        "f1_1": _f1(near, found, 1),
        "f1_2": _f1(near, found, 2),
        "iou": float(right / max(right + wrong + missed, 1)),
        "chamfer": float(np.mean(chamfer)),
    }


def _both_ways(part: Placed) -> tuple[tuple[Points, Points], ...]:
    return (part.all, part.truth), (part.truth_visible, part.all)


def _f1(near: NDArray[np.float64], found: NDArray[np.float64], tolerance: float) -> float:
    if not len(near) or not len(found):
        return 0.0
    precision, recall = (near <= tolerance).mean(), (found <= tolerance).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def placement(part: Placed) -> dict[str, float]:
    """Errors of a part that is there: distance of the centres of what shows, log of the ratio of sizes, degrees of yaw.

    Size is the root mean square distance from the centre. Yaw is the smallest turn about z that fits about as well as
    the best one, so a round hat has none.
    """
    mine, wanted = part.visible, part.truth_visible
    if not len(mine) or not len(wanted):
        return {}
    size = [np.sqrt(((p - p.mean(0)) ** 2).sum(1).mean()) for p in (mine, wanted)]
    ratio = abs(float(np.log(max(size[0], 0.5) / max(size[1], 0.5))))
    offset = float(np.linalg.norm(mine.mean(0) - wanted.mean(0)))
    return {"offset": offset, "scale_error": ratio, "yaw_error": yaw_error(mine, wanted, size[1] / max(size[0], 0.5))}


def yaw_error(mine: Points, wanted: Points, scale: float) -> float:
    """Degrees, 0 to 180, after centring and scaling `mine`."""
    centred, target = (mine - mine.mean(0)) * scale, wanted - wanted.mean(0)
    costs = {}
    for yaw in range(-180 + YAW_STEP, 181, YAW_STEP):
        turned_points = centred @ turned(yaw).T
        costs[yaw] = (distances(turned_points, target, 2) ** 2).mean() + (
            distances(target, turned_points, 2) ** 2
        ).mean()
    limit = AMBIGUOUS * min(costs.values()) + 0.1
    return float(min(abs(yaw) for yaw, cost in costs.items() if cost <= limit))


def shape(part: Placed) -> float:
    """F1 at one voxel after moving the part to its true centre, whichever reading of it fits best: shape and size
    without the place. The centres are those of all voxels or of what shows; standing still is tried too.
    """
    if not len(part.visible) or not len(part.truth_visible):
        return 0.0
    centres = ((part.truth_visible, part.visible), (part.truth, part.all))
    moves = [np.zeros(3), *(wanted.mean(0) - mine.mean(0) for wanted, mine in centres)]
    moved = (Placed(part.all + move, part.visible, part.truth, part.truth_visible) for move in moves)
    return max(_f1(one.to_truth, one.to_part, 1) for one in moved)


def lend_labels(outcome: Outcome, truth: Mapping[str, Truth], to_truth: Alignment) -> Outcome:
    """An unnamed object with each voxel given to the true part that is nearest, hidden voxels included: a loan.

    The base keeps what is no nearer to another part by half a voxel, so that a bare base does not count as wearing
    what its surface passes close by. Triangles go with the voxel that their middle is nearest to.
    """
    coords = to_coords(outcome.whole)
    at = to_truth(coords.numpy().astype(np.float64))
    lead = {outcome.main: 0.5}
    reach = np.stack([distances(at, points(one.voxels), 2) - lead.get(term, 0) for term, one in truth.items()])
    owner = torch.from_numpy(reach.argmin(0))
    grids = {}
    for index, term in enumerate(truth):
        grids[term] = torch.zeros_like(outcome.whole)
        grids[term][tuple(coords[owner == index].unbind(-1))] = True
    meshes = {}
    if outcome.main in outcome.meshes and len(coords):
        mesh = outcome.meshes[outcome.main]
        nearest = cKDTree(to_world(coords).numpy()).query(mesh.vertices[mesh.faces].mean(1).numpy())[1]
        for index, term in enumerate(truth):
            mine = mesh.faces[owner[torch.from_numpy(nearest)] == index]
            if len(mine):
                meshes[term] = replace(mesh, faces=mine)
    return replace(outcome, grids=grids, meshes=meshes)
