"""2D masks -> votes of Gaussians (Eq. 12) -> voxel hints h_i."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..splats import Camera, Gaussians, Rasterizer, accumulate
from ..voxels import drop_small, to_grid


@dataclass(frozen=True)
class Votes:
    """What the views say of J Gaussians and N terms."""

    scores: Tensor  # [J, N] sum of alpha T (2 mask - 1) over pixels and views; positive = member
    seen: Tensor  # [J] sum of alpha T over all pixels and views; 0 = in no picture

    @property
    def members(self) -> Tensor:
        """[J, N] m_j^i of Eq. 12; a tie, or a Gaussian in no picture, is no member."""
        return self.scores > 0


def counted_views(detected: Tensor, skip_share: float = 0.25) -> Tensor:
    """[V, N] the views that vote on each term, from those in which the segmenter found it.

    A view without a detection says "not in sight", or that the segmenter failed. For a term that is found in at least
    `skip_share` of the views the latter is likelier, and the view is skipped; otherwise it counts as all background.
    """
    return detected | (detected.float().mean(0) < skip_share)


def vote(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    masks: Tensor,  # [V, N, H, W] bool
    detected: Tensor | None = None,  # [V, N] bool, default: all
    skip_share: float = 0.25,
    by: Rasterizer | None = None,
) -> Votes:
    """Back-projects the masks of all terms onto the Gaussians (Eq. 12), one rasteriser pass per view.

    Each mask votes by itself, so a Gaussian can belong to several terms or to none. Without `by` the best rasteriser
    for the Gaussians' device is taken.
    """
    if len(masks) != len(cameras):
        raise InputError(f"{len(masks)} pictures have masks, but there are {len(cameras)} cameras; they go together")
    sums_of = by.accumulate if by else accumulate
    detected = masks.new_ones(masks.shape[:2]) if detected is None else detected
    counted = counted_views(detected, skip_share)
    scores = gaussians.opacities.new_zeros(len(gaussians), masks.shape[1])
    seen = torch.zeros_like(gaussians.opacities)
    for camera, found, counts, mask in zip(cameras, detected, counted, masks):
        sums = sums_of(gaussians, camera, mask & found[:, None, None])
        inside, total = sums[:, :-1], sums[:, -1:]
        scores += (2 * inside - total) * counts.to(scores)
        seen += total.squeeze(1)
    return Votes(scores, seen)


def hints(
    votes: Votes,
    voxel: Tensor,  # [J] int64 rows of `coords`
    coords: Tensor,  # [M, 3] int, the layout's voxels
    base: int | None = None,
    mask_threshold: float = 0.9,
    seen_share: float = 0.25,
    minimum: int = 20,
) -> Tensor:
    """[N, M] which of the layout's voxels are each term's hint h_i.

    A voxel is a term's if more than `mask_threshold` (tau_mask) of its Gaussians are members. Those in no picture do
    not count, and a voxel with fewer than `seen_share` of its Gaussians in sight (8 of 32 as released) is nobody's.
    Between two terms the larger ratio decides, then the larger sum of votes. 6-connected pieces of fewer than `minimum`
    voxels are dropped. The term `base` gets what is left of the layout: the masks of a whole figure usually include
    what it wears.
    """
    ratio, strength = _ratios(votes, voxel, len(coords), seen_share)
    claims = ratio > mask_threshold
    if base is not None:
        claims[:, base] = False
    best = torch.where(claims, ratio, -1).amax(1, keepdim=True)
    leaders = claims & (ratio == best)
    owner = torch.where(leaders, strength, -torch.inf).argmax(1, keepdim=True)
    owned = torch.zeros_like(claims).scatter_(1, owner, leaders.any(1, keepdim=True)).T
    owned = torch.stack([_drop_small(term, coords, minimum) for term in owned])
    if base is not None:
        owned[base] = ~owned.any(0)
    return owned


def give_back(
    owned: Tensor,  # [N, M] bool as `hints` returns
    own: Tensor,  # [M] bool, voxels of the layout that the base alone has, too
    coords: Tensor,  # [M, 3] int
    base: int,
    most: float,
    minimum: int = 20,
) -> tuple[Tensor, list[int]]:
    """The hints, and which of them gave the base's own voxels back: those that hold more than the share `most` of them.

    A segmenter may take the whole object for a hat. Voxels that the layout took over from the base can hardly be the
    hat; new ones can.
    """
    given = [i for i in range(len(owned)) if i != base and int((owned[i] & own).sum()) > most * int(own.sum())]
    owned = owned.clone()
    for i in given:
        owned[i] = _drop_small(owned[i] & ~own, coords, minimum)
    owned[base] |= ~owned.any(0)
    return owned, given


def _ratios(votes: Votes, voxel: Tensor, count: int, seen_share: float) -> tuple[Tensor, Tensor]:
    """Per voxel and term [M, N]: share of members among the Gaussians in sight (0 if too few), and their votes."""
    seen = votes.seen > 0
    total = torch.bincount(voxel, minlength=count)
    in_sight = torch.bincount(voxel[seen], minlength=count)
    members = votes.members & seen[:, None]
    shape = (count, votes.scores.shape[1])
    counts = votes.scores.new_zeros(shape).index_add_(0, voxel, members.to(votes.scores))
    strength = votes.scores.new_zeros(shape).index_add_(0, voxel, votes.scores * members)
    decided = (in_sight > 0) & (in_sight >= seen_share * total)
    return counts / in_sight.clamp_min(1)[:, None] * decided[:, None], strength


def _drop_small(term: Tensor, coords: Tensor, minimum: int) -> Tensor:
    """[M] bool without the small pieces."""
    if not term.any():
        return term
    kept = drop_small(to_grid(coords[term], int(coords.max()) + 1), minimum)
    return kept[tuple(coords.long().unbind(1))]
