"""Things to be seen, and pictures of them taken by the library's own renderer."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from cast3d.splats import Camera, Gaussians, render
from cast3d.voxels import to_coords, to_world


def chair(size: int = 64) -> Tensor:
    """Unlike itself from every side: a seat, a back, one arm, and a foot at a corner."""
    grid = torch.zeros(size, size, size, dtype=torch.bool)
    grid[16:48, 16:48, 26:30] = True
    grid[16:48, 44:48, 30:54] = True
    grid[16:20, 20:44, 30:40] = True
    grid[42:47, 17:22, 8:26] = True
    return grid


def pillar(size: int = 64) -> Tensor:
    """The same from all around."""
    x, y = torch.meshgrid(torch.arange(size) - 31.5, torch.arange(size) - 31.5, indexing="ij")
    grid = torch.zeros(size, size, size, dtype=torch.bool)
    grid[:, :, 8:56] = (x.square() + y.square() < 7**2)[..., None]
    return grid


def gaussians(grid: Tensor, colors: Tensor | None = None) -> Gaussians:
    """One round, nearly opaque Gaussian a voxel; `colors` [R, R, R, 3], else grey."""
    coords = to_coords(grid)
    count = len(coords)
    own = torch.full((count, 3), 0.5) if colors is None else colors[grid]
    return Gaussians(
        positions=to_world(coords.float()),
        features_dc=(own - 0.5) / 0.28209479177387814,
        scales=torch.full((count, 3), 0.4 / len(grid)),
        rotations=torch.tensor([1.0, 0, 0, 0]).expand(count, 4),
        opacities=torch.full((count,), 0.95),
        voxel=torch.arange(count),
    )


def picture(thing: Gaussians, camera: Camera, size: int = 160, light: float = 1.0) -> Image.Image:
    """What the camera sees, cut out, under a dimmer or brighter light."""
    drawn = render(thing, camera, size)
    rgb = drawn.color / drawn.alpha.clamp_min(1e-3)[..., None] * light
    pixels = torch.cat([rgb, drawn.alpha[..., None]], -1).clamp(0, 1)
    return Image.fromarray((pixels * 255).round().byte().numpy(), "RGBA")
