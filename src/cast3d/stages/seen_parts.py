"""Parts of a model by text: the segmenter's masks in many views vote for clusters of voxels that look alike.

As hints are voted for (Eq. 12), with two differences that a model that exists allows: its own depth says which voxels a
view shows, and clusters of its feature field vote as one. What a segmenter marks is nearly always the part, but rarely
all of it; the part's edge is where its looks change.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..splats import render
from ..voxels import drop_small
from .existing import Source
from .field import Sights, with_behind
from .kit import Kit
from .layout import Slat

SHARE = 0.3  # of the sights of a cluster's voxels that are marked, from which the cluster is the part's
VIEWS = 3  # in which a part must be found; the others are skipped: a model that is said to have a part hides it there


def parts_in_views(
    kit: Kit, source: Source, model: Slat, sights: Sights, label: Tensor, parts: Sequence[str]
) -> tuple[Tensor, list[int]]:
    """Where each part is [N, 64, 64, 64] bool, nowhere if it is not found, and in how many views it was seen.

    `label` [V] numbers the clusters of the voxels that can be seen, from 0.
    """
    marked, found = marks_in_views(kit, sights, model, parts)
    share = shares(marked, label)
    share[torch.tensor(found) < VIEWS] = 0
    owner = share.argmax(0)
    grids = []
    for row in range(len(parts)):
        whole = with_behind(source, sights.coords, ((share[row] > SHARE) & (owner == row))[label])
        grids.append(drop_small(whole, kit.settings.minimum_hint, connectivity=26))
    return torch.stack(grids), found


def marks_in_views(kit: Kit, sights: Sights, model: Slat, parts: Sequence[str]) -> tuple[Tensor, list[int]]:
    """Per part and voxel [P, N] the share of the views with the part that mark it, of those that show it, and how many
    views have the part.

    The segmenter sees the model as the backbone decodes it, which is how it has learned to see.
    """
    gaussians = kit.backbone.gaussians(model.coords, model.feats)
    drawn = [render(gaussians, camera, sights.size, background=1.0) for camera in sights.cameras]
    images = torch.stack([one.color for one in drawn]).clamp(0, 1).permute(0, 3, 1, 2)
    alphas = torch.stack([one.alpha for one in drawn])
    marked, found = torch.zeros(len(parts), len(sights.coords)), [0] * len(parts)
    shown = torch.zeros_like(marked)
    for view, those in enumerate(kit.backbone.detect(images, alphas, list(parts))):
        for row, one in enumerate(those):
            if one.mask.any():
                found[row] += 1
                marked[row] += sights.read(view, one.mask)
                shown[row] += sights.seen[view]
        kit.on_step(view + 1, len(sights.cameras))
    return marked / shown.clamp_min(1), found


def shares(marked: Tensor, label: Tensor) -> Tensor:
    """[P, K] the mean over the voxels [P, N] of each of K clusters, `label` [N] in 0 .. K - 1."""
    count = int(label.max()) + 1
    sums = torch.zeros(len(marked), count).index_add_(1, label, marked)
    return sums / torch.bincount(label, minlength=count).clamp_min(1)
