"""From the painted layout to one voxel hint h_i per term: views, masks, back-projection votes (Eq. 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..backbones import Backbone
from ..segmentation import voting
from ..segmentation.detections import Thresholds
from ..settings import Settings
from ..splats import Camera, Gaussians, render, rings
from ..voxels import to_grid


@dataclass(frozen=True)
class Hints:
    """h_i of every term; the base's is the layout without the others'."""

    grids: Tensor  # [N, 64, 64, 64] bool
    views: Tensor  # [V, H, W, 3] uint8, the layout on white
    masks: Tensor  # [V, N, H, W] bool
    report: tuple[str, ...] = ()  # per view and term what was found, with which scores; then what was given back

    def missing(self, minimum: int, base: int) -> list[int]:
        """Terms with fewer than `minimum` voxels."""
        sizes = self.grids.flatten(1).sum(1).tolist()
        return [i for i, size in enumerate(sizes) if i != base and size < minimum]

    def best_view(self) -> int:
        """The view in which the most pixels belong to some term other than all of it."""
        return int(self.masks.flatten(2).sum(2).clamp(max=self.masks[0, 0].numel() // 8).sum(1).argmax())


def cameras(backbone: Backbone, settings: Settings) -> list[Camera]:
    """Rings of views: orthographic of the whole cube where the backbone was trained so, else perspective."""
    lens = {"fov": None, "width": 1.0} if backbone.orthographic else {}
    return rings(settings.view_yaws, settings.view_pitches, **lens)


def extract_hints(
    backbone: Backbone,
    coords: Tensor,  # [M, 3] the layout's voxels
    gaussians: Gaussians,
    terms: Sequence[str],
    base: int,
    main: Tensor,  # [64, 64, 64] bool, p_B
    settings: Settings,
    on_step=None,
) -> Hints:
    """Segments each term in every view and lets the masks vote for Gaussians, and Gaussians for voxels."""
    views = cameras(backbone, settings)
    thresholds = Thresholds(settings.detection_threshold, settings.mask_score_threshold)
    images, masks, report = [], [], []
    for done, camera in enumerate(views, 1):
        picture = render(gaussians, camera, settings.view_size, background=1.0)
        image = picture.color.permute(2, 0, 1).clamp(0, 1)
        found = [backbone.detect(image, picture.alpha, term, thresholds) for term in terms]
        masks.append(torch.stack([one.mask for one in found]))
        report += [one.line(done, term) for one, term in zip(found, terms)]
        images.append((picture.color.clamp(0, 1) * 255).round().to(torch.uint8))
        if on_step:
            on_step(done, len(views))
    mask = torch.stack(masks)
    votes = voting.vote(gaussians, views, mask, detected=mask.flatten(2).any(2))
    rows = voting.hints(votes, gaussians.voxel, coords, base, settings.mask_threshold, minimum=settings.minimum_hint)
    own = main.to(coords.device)[tuple(coords.long().unbind(1))]
    rows, given = voting.give_back(rows, own, coords, base, settings.base_in_hint, settings.minimum_hint)
    report += [f"{terms[i]}: held most of {terms[base]}, gave it back" for i in given]
    return Hints(torch.stack([to_grid(coords[row]) for row in rows]), torch.stack(images), mask, tuple(report))
