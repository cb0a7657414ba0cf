"""From the painted layout to one voxel hint h_i per term: views, masks, back-projection votes (Eq. 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..backbones import Backbone
from ..segmentation import voting
from ..settings import Settings
from ..splats import Camera, render, rings
from ..voxels import dilate, to_grid
from .kit import Kit
from .layout import MainGeometry, Slat
from .reading import Reading
from .several import pieces, shown_as_said, told_apart

YAWS = 8  # views in each ring


# A crumb of another hint: its share beside that one, and its share of that one's size. Of the 113 true compositions of
# the suites none has one.
INSIDE, TINY = 0.9, 0.2


def beside(one: Tensor, other: Tensor) -> float:
    """Share of the grid `one` within two voxels of `other`."""
    return float((one & dilate(other, 2)).sum() / one.sum().clamp_min(1))


def is_crumb(small: Tensor, large: Tensor) -> bool:
    """Whether a hint is what the segmenter left of another thing: a little of it, beside it."""
    return int(small.sum()) < TINY * int(large.sum()) and beside(small, large) > INSIDE


@dataclass(frozen=True)
class Hints:
    """h_i of every term; the base's is the layout without the others'."""

    grids: Tensor  # [N, 64, 64, 64] bool
    views: Tensor  # [V, H, W, 3] uint8, the layout on white
    masks: Tensor  # [V, N, H, W] bool; the segmenter is not asked for the base, whose masks are empty
    terms: tuple[str, ...]  # [N]
    report: tuple[str, ...] = ()  # per view and term what was found, with which scores; then what was given back
    free: Tensor | None = None  # [64, 64, 64] bool, where a refinement may change the whole; None: anywhere
    things: tuple[int, ...] = ()  # [N] of how many things of one kind a hint is made; empty: of one each

    def of(self, term: str) -> Tensor:
        """h_i of a term, [64, 64, 64] bool."""
        return self.grids[self.terms.index(term)]

    def pieces(self, term: str) -> list[Tensor]:
        """h_i of each thing that a term counts, [64, 64, 64] bool; of most terms that is h_i alone."""
        index = self.terms.index(term)
        return pieces(self.grids[index]) if self.things and self.things[index] > 1 else [self.grids[index]]

    def missing(self, minimum: int, base: int) -> list[int]:
        """Terms with fewer than `minimum` voxels."""
        sizes = self.grids.flatten(1).sum(1).tolist()
        return [i for i, size in enumerate(sizes) if i != base and size < minimum]

    def crumbs(self, base: int) -> list[int]:
        """Terms whose hint is a crumb of another's: the layout may show one thing for both."""
        own = [i for i in range(len(self.terms)) if i != base and self.grids[i].any()]
        return [i for i in own if any(is_crumb(self.grids[i], self.grids[j]) for j in own if j != i)]

    def best_view(self) -> int:
        """The view in which the most pixels belong to some term other than all of it."""
        return int(self.masks.flatten(2).sum(2).clamp(max=self.masks[0, 0].numel() // 8).sum(1).argmax())


def cameras(backbone: Backbone, settings: Settings) -> list[Camera]:
    """Rings of views at the settings' pitches."""
    return ring_cameras(backbone, YAWS, settings.view_pitches)


def ring_cameras(backbone: Backbone, yaws: int, pitches: Sequence[float]) -> list[Camera]:
    """Rings of views: orthographic of the whole cube where the backbone was trained so, else perspective."""
    lens = {"fov": None, "width": 1.0} if backbone.orthographic else {}
    return rings(yaws, pitches, **lens)


def extract_hints(kit: Kit, main: MainGeometry, painted: Slat, reading: Reading) -> Hints:
    """h_i (Eq. 12): segments each accessory in every view of z_C; masks vote for Gaussians, Gaussians for voxels.

    What no accessory gets is the base's: the mask of a whole figure usually includes what it wears, so it is not asked.
    """
    settings, base, coords = kit.settings, reading.base, painted.coords
    gaussians = kit.backbone.gaussians(coords, painted.feats)
    views = cameras(kit.backbone, settings)
    pictures = [render(gaussians, camera, settings.view_size, background=1.0) for camera in views]
    images = torch.stack([picture.color for picture in pictures]).clamp(0, 1)
    alphas = torch.stack([picture.alpha for picture in pictures])
    asked = [i for i in range(len(reading.terms)) if i != base]
    mask = torch.zeros(len(views), len(reading.terms), *alphas.shape[1:], dtype=torch.bool, device=alphas.device)
    report = []
    found = kit.backbone.detect(images.permute(0, 3, 1, 2), alphas, [reading.names[i] for i in asked])
    for view, those in enumerate(found):
        for i, one in zip(asked, those):
            mask[view, i] = one.mask
            report.append(one.line(view + 1, reading.terms[i]))
        kit.on_step(view + 1, len(views))
    assert gaussians.voxel is not None  # decoded from voxels
    votes = voting.vote(gaussians, views, mask, detected=mask.flatten(2).any(2))
    minimum = settings.minimum_hint
    rows = voting.hints(votes, gaussians.voxel, coords, base, settings.mask_threshold, minimum=minimum)
    own = main.grid.to(coords.device)[tuple(coords.long().unbind(1))]
    rows, given = voting.give_back(rows, own, coords, base, settings.base_in_hint, minimum)
    report += [f"{reading.terms[i]}: held most of {reading.main}, gave it back" for i in given]
    grids = torch.stack([to_grid(coords[row]) for row in rows])
    grids, told = told_apart(grids, main.grid, reading.terms, minimum, settings.place_missing)
    shown = (images * 255).round().to(torch.uint8)
    return Hints(grids, shown, mask, reading.terms, (*report, *told), things=shown_as_said(grids, reading))
