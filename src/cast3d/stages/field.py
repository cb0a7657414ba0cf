"""The feature field of a model: what its pictures look like to the backbone, lifted to voxels, and its clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..existing.seen import Existing
from ..segmentation.clusters import TOUCHING, clusters
from ..segmentation.lifting import in_sight, lifted
from ..splats import Camera
from ..voxels import cells_of, to_coords, to_grid, to_world
from .existing import Source
from .hints import YAWS, ring_cameras
from .kit import Kit

PITCHES = (-20.0, 10.0, 40.0)  # more views than a layout gets: hats hide heads, packs lie behind
REACH = 2 / 64  # behind what a view shows: a voxel's centre may lie that deep under the surface
CHANNELS = 32  # of the features that are kept: their principal directions
LEAST = 8  # voxels of the smallest cluster
COLOR = 1.0  # weight of a voxel's colour beside its features, each scaled to unit variance in all


@dataclass(frozen=True)
class Sights:
    """A model looked at from all around."""

    coords: Tensor  # [N, 3] int64, the voxels of its shell
    cameras: Sequence[Camera]  # [V]
    size: int  # pixels a side
    colors: Tensor  # [V, S, S, 3] on black
    alphas: Tensor  # [V, S, S]
    seen: Tensor  # [V, N] bool, which voxels each view shows

    def read(self, view: int, mask: Tensor) -> Tensor:
        """[N] bool: the voxels that a view shows in a mask [S, S] bool."""
        at = (self.cameras[view].to_picture(to_world(self.coords).float()) * self.size).long().clamp(0, self.size - 1)
        return mask.cpu()[at[:, 1], at[:, 0]] & self.seen[view]


def looked_at(kit: Kit, source: Source) -> Sights:
    """The model from all around, and which of its voxels each view shows."""
    model: Existing = kit.model()
    coords, views = to_coords(source.grid.cpu()), ring_cameras(kit.backbone, YAWS, PITCHES)
    points, size = to_world(coords).float(), kit.settings.view_size
    shown = [model.view(camera, size) for camera in views]
    seen = [in_sight(points, camera, depth, REACH) for camera, (_, _, depth) in zip(views, shown)]
    colors, alphas, _ = (torch.stack(columns) for columns in zip(*shown))
    return Sights(coords, views, size, colors, alphas, torch.stack(seen))


def clustered(kit: Kit, source: Source, sights: Sights, count: int) -> Tensor:
    """[N] int64 the number of each voxel's cluster, 1 to `count` or fewer.

    Voxels that no view shows go with the nearest that one does.
    """
    coords, seen = sights.coords, sights.seen.any(0)
    if not seen.any():
        seen = torch.ones_like(seen)
    told = torch.cat(
        [
            _scaled(_principal(feature_field(kit, sights)[seen])),
            COLOR * _scaled(_colors(source, coords)[seen]),
        ],
        dim=1,
    )
    label = torch.zeros(len(coords), dtype=torch.int64)
    label[seen] = clusters(coords[seen], told, count, LEAST) + 1
    if not seen.all():
        rows = cKDTree(coords[seen].numpy()).query(coords[~seen].numpy())[1]
        label[~seen] = label[seen][torch.from_numpy(rows)]
    return label


def with_behind(source: Source, coords: Tensor, own: Tensor) -> Tensor:
    """[64, 64, 64] bool: the voxels [N, 3] of the shell that are a part's, `own` [N] bool, and what lies behind them.

    A surface also passes voxels that no face joins to the outside; each is its nearest neighbour's in the shell.
    """
    grid = to_grid(coords[own])
    behind = to_coords(to_grid(cells_of(source.position.cpu())) & ~source.grid.cpu())
    if len(behind) and own.any():
        away, row = cKDTree(coords.numpy()).query(behind.numpy(), distance_upper_bound=TOUCHING)
        near = torch.from_numpy(away <= TOUCHING)
        mine = behind[near][own[torch.from_numpy(row)[near]]]
        grid[tuple(mine.unbind(1))] = True
    return grid


def feature_field(kit: Kit, sights: Sights) -> Tensor:
    """Features [N, C] of the voxels: the mean over the views that show them."""

    def maps() -> Iterator[Tensor]:
        for view, (color, alpha) in enumerate(zip(sights.colors, sights.alphas)):
            yield kit.backbone.picture_maps(color.permute(2, 0, 1)[None], alpha[None])[0].cpu()
            kit.on_step(view + 1, len(sights.cameras))

    return lifted(to_world(sights.coords).float(), sights.cameras, maps(), sights.seen)


def _colors(source: Source, coords: Tensor) -> Tensor:
    """[N, 3] the mean colour of each voxel's points."""
    row = torch.full((64, 64, 64), -1, dtype=torch.int64)
    row[tuple(coords.unbind(1))] = torch.arange(len(coords))
    owner = row[tuple(cells_of(source.position.cpu()).unbind(1))]
    own = owner >= 0
    count = torch.bincount(owner[own], minlength=len(coords)).clamp_min(1)[:, None]
    return torch.zeros(len(coords), 3).index_add_(0, owner[own], source.color.cpu()[own]) / count


def _principal(features: Tensor) -> Tensor:
    """[N, C'] the features along the directions in which they vary most."""
    centred = (features - features.mean(0)).double()
    if centred.shape[1] <= CHANNELS:
        return centred
    _, directions = torch.linalg.eigh(centred.T @ centred)
    return centred @ directions[:, -CHANNELS:]


def _scaled(values: Tensor) -> Tensor:
    """Centred, with unit variance over all channels together; zero where nothing varies."""
    centred = (values - values.mean(0)).double()
    size = centred.pow(2).sum(1).mean().sqrt()
    return centred / size if size > 1e-9 else torch.zeros_like(centred)
