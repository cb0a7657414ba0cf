"""Detail on made cases: a striped slab against pictures of itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.evaluation.detail import detail
from cast3d.meshes.mesh import Mesh
from cast3d.meshes.raster import framed, shoot

COUNT = 96


def slab(low: float = 0.2, high: float = 0.9, phase: float = 0.0, width: float = 0.7) -> Mesh:
    """An upright card [x, z], narrow at the top, with five stripes across."""
    at = np.linspace(-0.5, 0.5, COUNT)
    x, z = np.meshgrid(at * width, at * 0.9, indexing="ij")
    x = x * (0.6 - z)
    points = np.stack([x, np.zeros_like(x), z], -1).reshape(-1, 3)
    bright = np.where(np.sin(2 * np.pi * (5 * (z / 0.9) + phase)) > 0, high, low).reshape(-1, 1)
    index = np.arange(COUNT * COUNT).reshape(COUNT, COUNT)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Mesh(
        vertices=torch.from_numpy(points).float(),
        faces=torch.from_numpy(faces),
        colors=torch.from_numpy(np.repeat(bright, 3, 1)).float(),
    )


def picture(mesh: Mesh) -> Image.Image:
    shot = shoot([mesh], framed([mesh], 0.0, 0.0), 192)
    rgba = np.concatenate([shot.color, shot.mask[..., None]], -1)
    return Image.fromarray((rgba * 255).round().astype(np.uint8), "RGBA")


def test_a_part_that_has_all_of_it():
    assert detail(slab(), picture(slab())) > 0.9


def test_a_part_without_any_of_it():
    assert detail(slab(0.55, 0.55), picture(slab())) == pytest.approx(0.0, abs=1e-6)


def test_the_contrary_is_nothing_too():
    assert detail(slab(0.9, 0.2), picture(slab())) < 0.1


def test_half_of_the_contrast_is_worth_less():
    whole, half = detail(slab(), picture(slab())), detail(slab(0.4, 0.7), picture(slab()))
    assert 0.3 < half < whole - 0.05


def test_what_hides_the_part_is_not_compared():
    front = slab(0.5, 0.5)
    front.vertices[:, 1] -= 0.1
    assert detail(slab(), picture(slab()), [front]) == 0.0


def test_a_picture_without_detail_says_nothing():
    assert detail(slab(), picture(slab(0.5, 0.5))) is None
