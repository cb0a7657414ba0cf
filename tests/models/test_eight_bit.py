"""Weights in 8 bits: how far they are from the originals, and how they load."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from cast3d.errors import CheckpointError
from cast3d.models import load, save
from cast3d.models.eight_bit import SUFFIX, pack, unpack

from .tiny import tiny

NAME = "SparseStructureFlowModel"


def test_rows_are_off_by_half_a_step_at_most():
    weight = torch.randn(40, 150, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 3, 40)[:, None]
    packed = pack({"weight": weight, "bias": weight[:, 0], "count": torch.tensor([3])})
    assert {key: value.dtype for key, value in packed.items()} == {
        "weight": torch.int8,
        "weight" + SUFFIX: torch.float32,
        "bias": torch.float16,
        "count": torch.int64,
    }
    step = weight.abs().amax(1, keepdim=True) / 127
    error = (unpack(packed["weight"], packed["weight" + SUFFIX]) - weight).abs()
    assert (error <= 0.501 * step).all() and (error > 0.4 * step).any()


def test_packed_files_load_as_what_they_stand_for(tmp_path):
    net = tiny(NAME)
    save(net, tmp_path / "net")
    packed = pack(net.state_dict(), least=64)
    assert any(key.endswith(SUFFIX) for key in packed)
    save_file(packed, tmp_path / "net.safetensors")
    for key, value in load(tmp_path / "net").state_dict().items():
        scale = packed.get(key + SUFFIX)
        assert torch.equal(value, packed[key].float() if scale is None else unpack(packed[key], scale)), key


def test_rows_without_their_scale_are_refused(tmp_path):
    net = tiny(NAME)
    save(net, tmp_path / "net")
    packed = pack(net.state_dict(), least=64)
    del packed["out_layer.weight" + SUFFIX]
    save_file(packed, tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"'out_layer\.weight' holds torch\.int8"):
        load(tmp_path / "net")
