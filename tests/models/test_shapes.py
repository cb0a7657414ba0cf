"""Networks as shapes alone."""

from __future__ import annotations

import subprocess
import sys

import torch

from cast3d.models.embeddings import grid_position_embedding
from cast3d.models.gaussian_decoder import offset_perturbation
from cast3d.models.shapes import shapes_only


def test_what_is_built_has_sizes_and_no_values():
    with shapes_only():
        layer = torch.nn.Linear(3, 5)
        torch.nn.init.normal_(layer.weight, std=0.02)
        torch.nn.init.trunc_normal_(layer.bias)
        drawn = torch.randn(2, 7, dtype=torch.float16)
    assert layer.weight.is_meta and layer.weight.shape == (5, 3) and layer.bias.is_meta
    assert drawn.is_meta and drawn.shape == (2, 7) and drawn.dtype == torch.float16
    assert not torch.randn(2).is_meta


def test_constants_are_the_same_within():
    outside = grid_position_embedding(4, 12), offset_perturbation(4, 1.5)
    with shapes_only():
        within = grid_position_embedding(4, 12), offset_perturbation(4, 1.5)
    assert all(torch.equal(a, b) for a, b in zip(outside, within))


def test_loading_the_shipped_weights_leaves_pytorchs_compilers_alone():
    """They take each process seconds, and nothing here is compiled on a CPU."""
    code = "import sys; from cast3d.backbones import load_backbone; load_backbone('bricks'); "
    code += "print([name for name in ('torch._dynamo', 'torch._inductor', 'sympy') if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
