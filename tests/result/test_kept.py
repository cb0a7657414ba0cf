"""A new part of an edit by itself: its colours are those of the composition, also where that hides it."""

from __future__ import annotations

from dataclasses import replace

import torch

from cast3d.result.kept import alone_part
from cast3d.splats.gaussians import dc_of
from cast3d.stages.layout import Slat
from cast3d.voxels import outer_shell, to_coords
from tests.tiny_backbone import tiny_backbone


def test_a_new_part_has_the_compositions_colors_on_its_mesh_and_its_splat():
    """The composition shows the upper half, orange after the picture; the decoder's own colours are others."""
    backbone, grid = tiny_backbone(), torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[20:44, 24:40, 20:44] = True
    coords = to_coords(outer_shell(grid))
    slat = Slat(coords, torch.zeros(len(coords), 8))
    own, orange = backbone.gaussians(slat.coords, slat.feats), torch.tensor([0.9, 0.5, 0.1])
    solid = replace(own, opacities=torch.ones_like(own.opacities), features_dc=dc_of(orange.expand(len(own), 3)))
    part = alone_part(backbone, "cap", slat, solid[solid.positions[:, 2] > 0])
    assert torch.allclose(part.gaussians.colors, orange.expand(len(own), 3), atol=1e-4)
    assert part.mesh is None or torch.allclose(part.mesh.colors, orange.expand_as(part.mesh.colors), atol=1e-3)
    bare = alone_part(backbone, "cap", slat, solid[:0])
    assert torch.equal(bare.gaussians.features_dc, own.features_dc)
