"""Parts that the segmenter does not know: what a model has beyond its plain main thing, where such things sit (ours).

A hat of a kind that the segmenter never saw is still what stands out on the head. So the structure flow makes the main
thing from its word alone, and what the model has beyond that, at the place that goes with the part's name, is the part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from .. import flow
from ..voxels import drop_small
from .existing import Source
from .field import Sights, with_behind
from .kit import Kit
from .operators import d_ss, decoded
from .places import place_of
from .seen_parts import shares

Grid = NDArray[np.bool_]

OUT = 1.5  # voxels from the plain thing, from which a voxel is beyond it
NEAR, COVER = 2.5, 0.85  # voxels within which the model has the plain thing's, and the least share that it must have
UPRIGHT = 1.5  # times as high as wide and deep: of others it is not known where their heads and hands are
SHARE = 0.5  # of a cluster of the feature field that is beyond, from which all of it is the part's
AT_PLACE = 0.6  # share of a piece that must lie where such things sit
KEY = ("beyond", "")  # of the noise, whatever the seed of the edit


@dataclass(frozen=True)
class Plain:
    """The main thing as its word alone says it, and where its places are. Voxels."""

    grid: Grid  # [64, 64, 64]

    @property
    def box(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The lowest and the highest voxel [3]."""
        points = np.argwhere(self.grid)
        return points.min(0), points.max(0)

    @property
    def upright(self) -> bool:
        low, high = self.box
        wide, deep, tall = high - low + 1
        return bool(tall >= UPRIGHT * max(wide, deep))

    def place(self, name: str) -> Grid:
        """[64, 64, 64] where things sit whose place is called so, see `places.NAMED`."""
        (low, high), (x, y, z) = self.box, np.indices(self.grid.shape)
        tall = high[2] - low[2] + 1
        height, aside = (z - low[2]) / tall, np.abs(x - (low[0] + high[0]) / 2) / tall
        points = np.argwhere(self.grid)
        trunk = points[(np.abs((points[:, 2] - low[2]) / tall - 0.6) < 0.1), 1]
        front, back = np.quantile(trunk, [0.05, 0.95]) if len(trunk) else (low[1], high[1])
        match name:
            case "head":
                return height > 0.72
            case "face":
                return (height > 0.7) & (y < (low[1] + high[1]) / 2)
            case "neck":
                return (height > 0.55) & (height < 0.85)
            case "back":
                return (height > 0.1) & (height < 0.95) & (y > back - 1)
            case "body":
                return (height > 0.1) & (height < 0.8)
            case "feet":
                return height < 0.2
            case "hand":
                return (height > 0.1) & ((aside > 0.18) | (y < front - 2))
        return np.zeros_like(self.grid)


def beyond(
    kit: Kit, source: Source, sights: Sights, label: Tensor, main: str, parts: Sequence[str]
) -> list[tuple[Tensor, str]]:
    """Per part its voxels [64, 64, 64] bool, and the place; nothing where the main thing is not known well enough.

    `label` [V] numbers the clusters of the voxels that can be seen, from 0.
    """
    nothing = [(torch.zeros(64, 64, 64, dtype=torch.bool), "") for _ in parts]
    if not kit.backbone.stand.lifted:  # the model stands anywhere
        return nothing
    noise = flow.noise((1, *kit.backbone.structure_shape), 0, KEY)
    (grid,) = decoded(kit, d_ss(kit, [kit.text(main)], kit.settings.text_guidance, [noise])[0])
    plain, shell = Plain(grid.cpu().numpy()), source.grid.cpu().numpy()
    if not plain.grid.any() or not plain.upright:
        return nothing
    if (ndimage.distance_transform_edt(~shell)[plain.grid] <= NEAR).mean() < COVER:
        return nothing
    out = shell & (ndimage.distance_transform_edt(~plain.grid) > OUT)
    found = []
    for part in parts:
        place = place_of(part, "", tuple(kit.backbone.describer.likened(part).values()))
        own = torch.from_numpy(sitting(out, plain.place(place), kit.settings.minimum_hint))
        marked = own[tuple(sights.coords.unbind(1))].float()
        whole = with_behind(source, sights.coords, (shares(marked[None], label)[0] > SHARE)[label])
        found.append((drop_small(whole, kit.settings.minimum_hint, connectivity=26), place))
    return found


def sitting(out: Grid, place: Grid, minimum: int) -> Grid:
    """The pieces of what stands out that lie mostly in a place; of one that goes farther, what lies there."""
    pieces, _ = ndimage.label(out, np.ones((3, 3, 3)))
    size = np.bincount(pieces.ravel())
    there = np.bincount(pieces[place], minlength=len(size))
    mostly = (size >= minimum) & (there > AT_PLACE * size)
    mostly[0] = False
    return mostly[pieces] if mostly.any() else out & place
