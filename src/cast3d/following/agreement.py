"""Which candidate follows its pictures: outlines and colours from the best poses, less what leaves the hint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import torch
from PIL import Image
from torch import Tensor

from ..voxels import Similarity, components, f1, resample, to_coords, to_world
from .pose import COLOR, Pose, find_poses
from .seen import Points

PLACE, SIZE = 0.25, 0.25  # score lost for a centre one hint's length away, and for e times the size
FREE_PLACE, FREE_SIZE = 0.15, 0.25  # of the hint's length, and of the logarithm of the size: nothing is lost

LEAST_GROWTH, LEAST_F1, CRUMBS = 0.6, 0.5, 0.02  # of a guided result against the plain one


@dataclass(frozen=True)
class Bounds:
    """Where a hint says a part is, in world units."""

    center: tuple[float, float, float]  # of the box
    length: float  # of the box's diagonal

    @staticmethod
    def of(grid: Tensor) -> Bounds:
        """The box of a bool grid [R, R, R] with at least one voxel."""
        places = to_world(to_coords(grid).double(), len(grid))
        low, high = places.amin(0), places.amax(0)
        return Bounds(tuple(((low + high) / 2).tolist()), float((high - low).norm()) + 1 / len(grid))


@dataclass(frozen=True)
class Agreement:
    """How well a candidate follows its pictures, and stays with its hint."""

    outline: float  # mean IoU over the pictures, each from its best pose
    color: float  # mean colour distance, light aside; 0 without colours
    away: float  # distance of the centres over the hint's length
    growth: float  # logarithm of the ratio of sizes
    poses: tuple[Pose, ...] = ()

    @property
    def likeness(self) -> float:
        """Outline and colour alone."""
        return self.outline - COLOR * self.color

    @property
    def value(self) -> float:
        """Likeness less the penalty for leaving the hint's place and size beyond what is free."""
        place = max(0.0, self.away - FREE_PLACE)
        size = max(0.0, abs(self.growth) - FREE_SIZE)
        return self.likeness - PLACE * place - SIZE * size


NONE = Agreement(0.0, 1.0, 1.0, 1.0)


def agree(
    candidate: Tensor,  # [R, R, R] bool
    pictures: Sequence[Image.Image],
    hint: Bounds | None = None,
    *,
    colors: Tensor | None = None,  # [R, R, R, 3]
    **search,
) -> Agreement:
    """Of one candidate; `search` goes to `find_pose`. An empty candidate agrees with nothing."""
    if not candidate.any():
        return NONE
    poses = find_poses(Points.of_grid(candidate, colors), pictures, **search)
    away = growth = 0.0
    if hint is not None:
        own = Bounds.of(candidate)
        away = math.dist(own.center, hint.center) / hint.length
        growth = math.log(own.length / hint.length)
    return Agreement(mean(pose.iou for pose in poses), mean(pose.color for pose in poses), away, growth, tuple(poses))


def ranked(candidates: Sequence[Agreement], tie: float = 0.01) -> list[int]:
    """Indices, the best first. One that is better than an earlier one by less than `tie` stays behind it."""
    order: list[int] = []
    left = list(range(len(candidates)))
    while left:
        top = max(candidates[i].value for i in left)
        first = next(i for i in left if candidates[i].value >= top - tie)
        order.append(first)
        left.remove(first)
    return order


def fitted(
    lifted: Tensor,  # [R, R, R] bool
    hint: Tensor,  # [R, R, R] bool
) -> Tensor:  # [R, R, R] bool
    """A part lifted alone, moved and scaled as a whole so that its box has the centre and diagonal of the hint's."""
    own, wanted = Bounds.of(lifted), Bounds.of(hint)
    scale = wanted.length / own.length
    at = torch.tensor(wanted.center) - scale * torch.tensor(own.center)
    return resample(lifted, Similarity(scale, tuple(at.tolist())))


def better(
    guided: Tensor,  # [R, R, R] bool
    plain: Tensor,  # [R, R, R] bool
    pictures: Sequence[Image.Image],
    margin: float = 0.0,
    **search,
) -> bool:
    """Whether a guided result is to be kept: it agrees better by more than `margin`, and it stays plausible.

    Each is seen from its own best pose: towards a wrong pose any guided result would seem to gain. Plausible is what is
    about as large, about the same thing, and in no more pieces.
    """
    if not guided.any() or not plain.any():
        return False
    growth = float(guided.sum() / plain.sum())
    if not LEAST_GROWTH < growth < 1 / LEAST_GROWTH or f1(guided, plain, 3) < LEAST_F1:
        return False
    if largest_piece(guided) < largest_piece(plain) - CRUMBS:
        return False
    return agree(guided, pictures, **search).likeness > agree(plain, pictures, **search).likeness + margin


def largest_piece(grid: Tensor) -> float:
    """Share of the voxels in the largest connected piece, corners included."""
    _, sizes = components(grid, 26)
    return float(sizes[0] / sizes.sum())
