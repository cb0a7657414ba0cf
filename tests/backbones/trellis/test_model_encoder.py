"""Features of views lifted onto voxels: in closed form, and against a slow direct version."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from cast3d.backbones.trellis.model_encoder import TrellisModelEncoder
from cast3d.existing.frame import frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.models import SLatEncoder
from cast3d.segmentation.lifting import lifted, patch_maps
from cast3d.splats.views import multiview
from cast3d.voxels import to_coords, to_grid
from tests.existing.made import man

SIDE = 37


def points(count: int = 50) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) - 0.5


def test_maps_that_are_one_value_give_that_value():
    cameras = multiview(7)
    maps = [torch.full((2, SIDE, SIDE), float(k)) for k in range(7)]
    assert torch.allclose(lifted(0.7 * points(), cameras, maps), torch.full((50, 2), 3.0), atol=1e-5)


def test_maps_of_where_they_are_give_the_mean_of_the_projections():
    """A map linear in the picture is read exactly between the centres of its cells, so the mean is in closed form."""
    cameras, at = multiview(5), 0.8 * points()
    centre = (torch.arange(SIDE) + 0.5) / SIDE
    linear = torch.stack([centre.expand(SIDE, SIDE), centre[:, None].expand(SIDE, SIDE)])
    wanted = torch.stack([camera.to_picture(at) for camera in cameras]).mean(0)
    assert torch.allclose(lifted(at, cameras, [linear] * 5), wanted, atol=1e-5)


def test_it_is_the_slow_direct_version():
    cameras, at = multiview(3), points(20)
    maps = torch.randn(3, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    wanted = torch.zeros(20, 4)
    for camera, features in zip(cameras, maps):
        for row, point in enumerate(at):
            u, v = (camera.to_picture(point[None])[0] * SIDE - 0.5).tolist()
            left, top = math.floor(u), math.floor(v)
            for x, y in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
                if 0 <= x < SIDE and 0 <= y < SIDE:
                    wanted[row] += (1 - abs(u - x)) * (1 - abs(v - y)) * features[:, y, x] / 3
    assert torch.allclose(lifted(at, cameras, maps), wanted, atol=1e-5)


def test_there_is_a_map_for_every_view():
    with pytest.raises(ValueError):
        lifted(points(), multiview(3), [torch.zeros(1, SIDE, SIDE)] * 2)


def test_patches_are_the_last_tokens():
    tokens = torch.arange(1 + 4 + 9).float().view(1, 14, 1)
    assert patch_maps(tokens).flatten().tolist() == list(range(5, 14))


class Colours(nn.Module):
    """In place of the picture encoder: per patch the mean colour."""

    def features(self, images):
        patches = nn.functional.avg_pool2d(images, 14).flatten(2).transpose(1, 2)
        return torch.cat([patches.new_zeros(len(images), 5, 3), patches], dim=1)


def test_a_model_is_encoded_from_its_own_views(tmp_path):
    """A body of one colour: what is lifted is that colour where most views show it, and latents come for all voxels."""
    model = open_model(man().write(tmp_path / "man.glb"))
    existing = Existing(model, frame_of(model))
    surface = existing.surface()
    coords = to_coords(to_grid(((surface.position + 0.5) * 64).floor().long().clamp(0, 63).unique(dim=0)))
    net = SLatEncoder(resolution=64, in_channels=3, model_channels=32, latent_channels=8, num_blocks=1, num_heads=2)
    encoder = TrellisModelEncoder(lambda: net.eval(), Colours(), torch.device("cpu"), views=6)
    assert encoder(coords, surface, existing).shape == (len(coords), 8)
    cameras = multiview(6)
    told = lifted(torch.zeros(1, 3), cameras, encoder._maps(existing, cameras))
    assert told[0, 2] > 0.3 > told[0, 0]  # the middle of the body is blue from every side
