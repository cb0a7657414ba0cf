"""The feature field of a model: what its pictures look like to the backbone, lifted to voxels, and its clusters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..segmentation.clusters import clusters
from ..segmentation.lifting import in_sight, lifted
from ..voxels import cells_of, to_coords, to_world
from .existing import Source
from .hints import cameras
from .kit import Kit

REACH = 2 / 64  # behind what a view shows: a voxel's centre may lie that deep under the surface
CHANNELS = 32  # of the features that are kept: their principal directions
LEAST = 8  # voxels of the smallest cluster
COLOR = 1.0  # weight of a voxel's colour beside its features, each scaled to unit variance in all


def clustered(kit: Kit, source: Source, count: int) -> Tensor:
    """[64, 64, 64] int64: 0 where the model is not, else the number of the voxel's cluster, 1 to `count` or fewer.

    Voxels that no view shows go with the nearest that one does.
    """
    coords = to_coords(source.grid.cpu())
    features, seen = feature_field(kit, coords)
    if not seen.any():
        seen = torch.ones_like(seen)
    told = torch.cat([_scaled(_principal(features[seen])), COLOR * _scaled(_colors(source, coords)[seen])], dim=1)
    label = torch.zeros(len(coords), dtype=torch.int64)
    label[seen] = clusters(coords[seen], told, count, LEAST) + 1
    if not seen.all():
        rows = cKDTree(coords[seen].numpy()).query(coords[~seen].numpy())[1]
        label[~seen] = label[seen][torch.from_numpy(rows)]
    grid = torch.zeros(64, 64, 64, dtype=torch.int64)
    grid[tuple(coords.unbind(1))] = label
    return grid


def feature_field(kit: Kit, coords: Tensor) -> tuple[Tensor, Tensor]:
    """Features [N, C] of voxels [N, 3], the mean over views that see them, and bool [N] whether any does."""
    model, views, size = kit.model(), cameras(kit.backbone, kit.settings), kit.settings.view_size
    points = to_world(coords.cpu()).float()
    sights: list[Tensor] = []

    def maps() -> Iterator[Tensor]:
        for number, camera in enumerate(views):
            color, alpha, depth = model.view(camera, size)
            sights.append(in_sight(points, camera, depth, REACH))
            yield kit.backbone.picture_maps(color.permute(2, 0, 1)[None], alpha[None])[0].cpu()
            kit.on_step(number + 1, len(views))

    features = lifted(points, views, maps(), (sights[-1] for _ in views))
    return features, torch.stack(sights).any(0)


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
