"""Pictures of what the stages make: voxels in colour by part, views with masks, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor

from ..backbones import Backbone
from ..segmentation.marks import palette
from ..splats import Gaussians, contact_sheet, orbit, render
from ..splats.gaussians import dc_of
from ..stages.appearance import Appearance
from ..stages.existing import Source
from ..stages.layout import Slat
from ..stages.regions import Regions
from ..voxels import blur, cells_of, to_coords, to_world
from .palette import BASE, COLORS

YAWS, PITCH, SIZE = (25.0, 155.0), 15.0, 256
LARGEST = 512  # pixels a side of views with masks, which were made as large as their setting says


def of_stage(backbone: Backbone, name: str, given: tuple[Any, ...], made: Any) -> dict[str, Image.Image]:
    """Pictures of a stage's result, by label. `given` is what the stage got."""
    match name:
        case "main":
            return {"geometry": of_voxels(made.grid)}
        case "standing":
            return {"standing": of_voxels(made.lifted)}
        case "source":
            return {"model": of_points(made.position, made.color)}
        case "encoded" | "rest_appearance":
            return {"model": of_splat(backbone, made)}
        case "regions":
            shown = {"regions": of_regions(given[0], made)}
            return shown if made.clusters is None else shown | {"clusters": of_clusters(made.clusters)}
        case "rest":
            return {"rest": of_voxels(torch.stack([made.grid & ~made.filled, made.filled]))}
        case "places":
            return {"hints": of_voxels(made.grids, part_colors(len(made.grids)))}
        case "layout":
            return {"layout": of_voxels(made.grid)}
        case "layout_appearance":
            return {"layout": of_splat(backbone, made)}
        case "hints" | "painted_hints":
            base = given[-1].base
            colors = part_colors(len(made.grids), base)
            return {"masks": of_masks(made.views, made.masks, base), "hints": of_voxels(made.grids, colors)}
        case "part_candidates":
            hint = given[0].of(made.term)
            return {
                f"{i}-{label}{'-best' * (i == made.best)}": of_voxels(torch.stack([hint & ~grid, grid]))
                for i, (label, grid) in enumerate(zip(made.labels, made.grids))
            }
        case "part" | "part_choice":
            hint = given[0].of(made.term)
            return {"part": of_voxels(torch.stack([hint & ~made.grid, made.grid]))}
        case "geometry":
            return {"coarse": of_voxels(made.coarse), "geometry": of_voxels(made.grid)}
        case "slat":
            return {"part": of_splat(backbone, made)}
        case "own_cube" if len(made.coords):
            return {"part": of_gaussians(replace(backbone.gaussians(made.coords, made.feats), features_dc=made.colors))}
        case "appearance":
            return {"object": of_splat(backbone, made)}
        case "refit":
            whole = backbone.gaussians(given[0].coords, given[0].feats)
            return {"object": of_gaussians(replace(whole, features_dc=made.colors))}
    return {}


def of_splat(backbone: Backbone, slat: Slat | Appearance) -> Image.Image:
    """Two views of painted voxels."""
    return of_gaussians(backbone.gaussians(slat.coords, slat.feats))


def of_points(positions: Tensor, rgb: Tensor, size: int = SIZE) -> Image.Image:
    """Two views of points all over a surface."""
    return _sheet(_balls(positions.cpu(), rgb.cpu()), size)


def of_regions(source: Source, regions: Regions, size: int = 384) -> Image.Image:
    """Two views of a model with the parts that an edit takes away coloured."""
    rgb = source.color.cpu() * 0.7 + 0.3
    cells = tuple(cells_of(source.position.cpu()).unbind(1))
    colors = part_colors(len(regions.parts) + 1)[1:]
    for grid, pieces, color in zip(regions.grids.cpu(), regions.pieces, colors):
        own = torch.isin(source.piece.cpu(), torch.tensor(pieces, dtype=torch.int32)) if pieces else grid[cells]
        rgb[own] = 0.35 * rgb[own] + 0.65 * color
    return of_points(source.position, rgb, size)


def of_clusters(clusters: Tensor) -> Image.Image:
    """Two views of numbered voxels [64, 64, 64], 0 for none, in the colours that a language model was shown."""
    labels = clusters.cpu().long()
    count = int(labels.max())
    grids = torch.stack([labels == number + 1 for number in range(count)])
    return of_voxels(grids, torch.from_numpy(palette(count)).float())


def part_colors(count: int, base: int = 0) -> Tensor:
    """[count, 3] sRGB, the base grey."""
    colors, k = torch.zeros(count, 3), 0
    for i in range(count):
        color = BASE if i == base else COLORS[k % len(COLORS)]
        colors[i] = torch.tensor(ImageColor.getrgb(color)) / 255
        k += i != base
    return colors


def of_voxels(grids: Tensor, colors: Tensor | None = None, size: int = SIZE) -> Image.Image:
    """Two views of one grid [64, 64, 64] or of several [N, 64, 64, 64], each in its colour, shaded."""
    grids = grids.cpu()[None] if grids.ndim == 3 else grids.cpu()
    colors = part_colors(len(grids)) if colors is None else colors
    if not grids.any():
        return Image.new("RGB", (size * len(YAWS), size), "white")
    normal = torch.stack(torch.gradient(-blur(grids.any(0), 1.0)), -1)
    pieces = []
    light = torch.tensor([-0.35, -0.75, 0.55])
    for grid, color in zip(grids, colors):
        coords = to_coords(grid)
        n = torch.nn.functional.normalize(normal[tuple(coords.unbind(-1))], dim=-1)
        shade = 0.55 + 0.45 * (n @ (light / light.norm())).clamp_min(0)
        pieces.append((to_world(coords).float(), color * shade[:, None]))
    positions, rgb = (torch.cat(x) for x in zip(*pieces))
    return _sheet(_balls(positions, rgb), size)


def of_gaussians(gaussians: Gaussians, size: int = SIZE) -> Image.Image:
    """Two views of a splat."""
    return _sheet(gaussians, size)


def of_masks(views: Tensor, masks: Tensor, base: int, most: int = 8) -> Image.Image:
    """Views [V, H, W, 3] uint8 tinted by the masks [V, N, H, W] of every term but the base; large ones are shrunk."""
    colors = part_colors(masks.shape[1], base)
    images = []
    for view, mask in list(zip(views.cpu(), masks.cpu()))[:: max(1, len(views) // most)][:most]:
        image = view.float() / 255
        for i, color in enumerate(colors):
            if i != base:
                image = torch.where(mask[i][..., None], 0.45 * image + 0.55 * color, image)
        shown = Image.fromarray((image * 255).byte().numpy())
        shown.thumbnail((LARGEST, LARGEST))
        images.append(np.asarray(shown))
    return Image.fromarray(contact_sheet(images, columns=min(4, len(images))))


def _balls(positions: Tensor, rgb: Tensor) -> Gaussians:
    count = len(positions)
    return Gaussians(
        positions,
        dc_of(rgb),
        torch.full((count, 3), 0.4 / 64),
        torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4).contiguous(),
        torch.full((count,), 0.98),
    )


def _sheet(gaussians: Gaussians, size: int) -> Image.Image:
    cameras: Sequence = [orbit(yaw, PITCH, fov=None, width=1.0) for yaw in YAWS]
    images = [render(gaussians, camera, size, background=1.0).color.clamp(0, 1) for camera in cameras]
    return Image.fromarray(np.concatenate([(image * 255).byte().cpu().numpy() for image in images], axis=1))
