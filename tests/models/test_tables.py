"""Embeddings and rearrangements against reference tables."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from cast3d.models.embeddings import grid_position_embedding, position_embedding, timestep_embedding
from cast3d.models.folding import patchify, unpatchify
from cast3d.models.gaussian_decoder import offset_perturbation
from tests.golden_data import golden


@pytest.fixture(scope="module")
def tables():
    return load_file(golden("trellis/tables") / "io.safetensors")


def test_timestep_embedding(tables):
    t, expected = tables["timestep.t"], tables["timestep.emb256"]
    # Angles are t times a float32 frequency, whose last step depends on the processor's exp: at t = 1000 that is 1e-4.
    assert ((timestep_embedding(t) - expected).abs() <= 1e-6 + 2**-23 * t[:, None]).all()


@pytest.mark.parametrize("channels", [64, 1024])
def test_position_embedding(tables, channels):
    ours = position_embedding(tables["ape.coords"], channels)
    torch.testing.assert_close(ours, tables[f"ape.{channels}"], rtol=0, atol=1e-6)


def test_grid_rows_are_x_slowest():
    grid = grid_position_embedding(3, 12)
    assert torch.equal(grid[9 * 2 + 3 * 0 + 1], position_embedding(torch.tensor([2, 0, 1]), 12))


def test_patchify(tables):
    assert torch.equal(patchify(tables["patchify.in"], 2), tables["patchify.out"])
    assert torch.equal(unpatchify(tables["patchify.out"], 2), tables["patchify.in"])


def test_pixel_shuffle(tables):
    assert torch.equal(unpatchify(tables["pixel_shuffle_3d.in"], 2), tables["pixel_shuffle_3d.out"])


def test_offset_perturbation(tables):
    ours = offset_perturbation(32, 1.5)
    torch.testing.assert_close(ours, tables["offset_perturbation_32_1.5"], rtol=0, atol=2e-7)
