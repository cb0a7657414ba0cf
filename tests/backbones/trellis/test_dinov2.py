"""The picture encoder against the original DINOv2 code, and its errors."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from cast3d.backbones.trellis.dinov2 import load_dinov2
from cast3d.errors import CheckpointError
from tests.golden_data import golden

pytest.importorskip("transformers", reason="DINOv2 needs the extra 'trellis'")


def test_tokens_of_the_original_code():
    folder = golden("trellis/dinov2_reg")
    io = load_file(folder / "io.safetensors")
    encoder = load_dinov2(folder / "model")
    images = F.interpolate(io["in.image37"], 518)
    torch.testing.assert_close(encoder.features(images), io["out.x_prenorm"], rtol=0, atol=6.7e-5)
    torch.testing.assert_close(encoder.encode(images), io["out.cond"], rtol=0, atol=6.7e-5)
    assert encoder.channels == io["out.cond"].shape[-1]


def test_transformers_folder(tmp_path):
    encoder = load_dinov2(golden("trellis/dinov2_reg") / "model")
    from transformers import Dinov2WithRegistersModel

    whole = Dinov2WithRegistersModel(encoder.vit.config)
    whole.load_state_dict(encoder.vit.state_dict(), strict=False)
    whole.save_pretrained(tmp_path)
    images = torch.rand(1, 3, 518, 518, generator=torch.Generator().manual_seed(0))
    assert torch.equal(load_dinov2(tmp_path).encode(images), encoder.encode(images))


def test_errors_name_the_file(tmp_path):
    source = golden("trellis/dinov2_reg")
    shutil.copyfile(source / "model.safetensors", tmp_path / "vit.safetensors")
    arguments = json.loads((source / "model.json").read_text())["args"]
    (tmp_path / "vit.json").write_text(json.dumps(arguments | {"depth": 3}))
    with pytest.raises(CheckpointError, match=r"vit\.safetensors is not a DINOv2 encoder"):
        load_dinov2(tmp_path / "vit")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="empty"):
        load_dinov2(tmp_path / "empty")
