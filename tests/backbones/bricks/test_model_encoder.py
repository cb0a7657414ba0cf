"""What is told of a voxel to the encoder: the training's own numbers, and the shipped round trip."""

from __future__ import annotations

import torch

from cast3d.backbones.bricks.model_encoder import FEATURES, voxel_features
from cast3d.voxels import to_coords, to_grid
from training.bricks import appearance
from training.bricks.assemble import Points


def test_features_are_the_training_s(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    position = torch.rand(3000, 3, generator=generator) * 0.1
    normal = torch.nn.functional.normalize(torch.randn(3000, 3, generator=generator), dim=1)
    color = torch.rand(3000, 3, generator=generator)
    grid = to_grid(((position + 0.5) * 64).floor().long().unique(dim=0))
    grid[0, 0, 0] = True  # a voxel without points
    coords = to_coords(grid)
    told = voxel_features(coords, position, normal, color)
    assert told.shape == (len(coords), FEATURES) and not told[0].any()
    words = (grid.long() << torch.arange(64)).sum(-1)[None]
    points = Points(
        (64 * (position + 0.5))[None], normal[None], color[None], torch.zeros(1, 3000).long(),
        torch.ones(1, 3000, dtype=torch.bool),
    )  # fmt: skip
    wanted = appearance.features(appearance.voxel_points(words, points))
    assert torch.allclose(told[1:], wanted[1:], atol=2e-4)
