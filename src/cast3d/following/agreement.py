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

LEAVING = 1.0  # score lost by what is nowhere near the hint
TIE = 0.06  # of score, by which a later candidate must be better than an earlier one
ANYHOW = {"yaws": (-75.0, 75.0), "pitches": (-60.0, 60.0), "rolls": (-180.0, 180.0)}  # for what is held at any angle
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
    color: float = 0.0  # mean colour distance, light aside; 0 without colours
    kept: float = 1.0  # F1 with the hint at two voxels; 1 without a hint
    away: float = 0.0  # distance of the centres over the hint's length
    growth: float = 0.0  # logarithm of the ratio of sizes
    poses: tuple[Pose, ...] = ()

    @property
    def likeness(self) -> float:
        """Outline and colour alone."""
        return self.outline - COLOR * self.color

    @property
    def confidence(self) -> float:
        """Mean over the pictures: 0 where it looks like them from no side, 1 where the fit leaves no doubt."""
        return mean(pose.confidence for pose in self.poses) if self.poses else 0.0

    @property
    def value(self) -> float:
        """Likeness less what is lost by leaving the hint.

        By likeness alone candidates that forget the hint win, and they are worse: a part that is held at an angle or
        half covered does not look like its picture where it is right.
        """
        return self.likeness - LEAVING * (1 - self.kept)


NONE = Agreement(0.0, kept=0.0)


def agree(
    candidate: Tensor,  # [R, R, R] bool
    pictures: Sequence[Image.Image],
    hint: Tensor | None = None,  # [R, R, R] bool
    *,
    colors: Tensor | None = None,  # [R, R, R, 3]
    **search,
) -> Agreement:
    """Of one candidate; `search` goes to `find_poses` (`**ANYHOW` for parts). An empty one agrees with nothing."""
    if not candidate.any():
        return NONE
    poses = find_poses(Points.of_grid(candidate, colors), pictures, **search)
    outline, color = mean(pose.iou for pose in poses), mean(pose.color for pose in poses)
    if hint is None or not hint.any():
        return Agreement(outline, color, poses=tuple(poses))
    own, wanted = Bounds.of(candidate), Bounds.of(hint)
    away = math.dist(own.center, wanted.center) / wanted.length
    return Agreement(outline, color, f1(candidate, hint, 2), away, math.log(own.length / wanted.length), tuple(poses))


def ranked(candidates: Sequence[Agreement], tie: float = TIE) -> list[int]:
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
