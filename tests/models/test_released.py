"""The released configs give networks whose parameters and files have the published sizes."""

from __future__ import annotations

import json

import pytest

from cast3d.models import save
from cast3d.models.checkpoints import build, load
from cast3d.models.file_size import file_bytes
from cast3d.models.released import RELEASED
from cast3d.models.shapes import shapes_only
from tests.golden_data import golden

from .cases import FLOAT32, HALF

# Parameters without buffers, bytes of the safetensors file.
SIZES = {
    "ss_enc_conv3d_16l8_fp16": (59_298_192, 119_068_016),
    "ss_dec_conv3d_16l8_fp16": (73_671_201, 147_591_972),
    "ss_flow_img_dit_L_16l8_fp16": (555_543_560, 1_130_770_840),
    "ss_flow_txt_dit_B_16l8_fp16": (156_726_536, 327_736_456),
    "ss_flow_txt_dit_L_16l8_fp16": (542_960_648, 1_105_604_976),
    "ss_flow_txt_dit_XL_16l8_fp16": (975_440_648, 1_976_327_512),
    "slat_flow_img_dit_L_64l8p2_fp16": (600_432_520, 1_203_755_136),
    "slat_flow_txt_dit_B_64l8p2_fp16": (185_364_616, 372_419_896),
    "slat_flow_txt_dit_L_64l8p2_fp16": (587_849_608, 1_178_589_272),
    "slat_flow_txt_dit_XL_64l8p2_fp16": (1_073_414_408, 2_151_142_688),
    "slat_enc_swin8_B_64l8_fp16": (85_817_104, 173_242_816),
    "slat_dec_gs_swin8_B_64l8gs32_fp16": (85_369_024, 171_450_952),
    "slat_dec_rf_swin8_B_64l8r16_fp16": (85_369_024, 171_450_488),
    "slat_dec_mesh_swin8_B_64l8m256c_fp16": (90_926_693, 181_903_412),
}


def test_every_released_network_is_listed():
    assert set(SIZES) == set(RELEASED)


@pytest.mark.parametrize("stem", RELEASED)
def test_sizes(stem, tmp_path):
    name, arguments = RELEASED[stem]
    config = tmp_path / "model.json"
    config.write_text(json.dumps({"name": name, "args": arguments}))
    with shapes_only():
        net = build(config)
    assert (sum(p.numel() for p in net.parameters()), file_bytes(net)) == SIZES[stem]


@pytest.mark.parametrize("case", [*FLOAT32, *HALF])
def test_file_bytes_equal_the_file(case, tmp_path):
    net = load(golden(f"trellis/{case}") / "model")
    save(net, tmp_path / "net")
    assert (tmp_path / "net.safetensors").stat().st_size == file_bytes(net)
