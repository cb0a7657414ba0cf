"""Networks on disk: exact round trips, and errors that name the file and the tensor."""

from __future__ import annotations

import json
import os
import stat

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from cast3d.errors import CheckpointError
from cast3d.models import CLASSES, SparseStructureFlowModel, load, register, save
from tests.golden_data import golden

from .cases import FLOAT32, HALF

TINY = dict(
    resolution=4, in_channels=2, model_channels=12, cond_channels=6, out_channels=2, num_blocks=1, num_heads=2,
    patch_size=1, qk_rms_norm=True,
)  # fmt: skip
TRUNK = dict(resolution=4, model_channels=12, latent_channels=2, num_blocks=1, num_heads=2)


@pytest.fixture
def stem(tmp_path):
    save(SparseStructureFlowModel(**TINY), tmp_path / "tiny")
    return tmp_path / "tiny"


def edit_config(stem, **changes):
    path = stem.with_suffix(".json")
    config = json.loads(path.read_text())
    config["args"] |= changes
    path.write_text(json.dumps(config))


def edit_weights(stem, **changes):
    weights = load_file(stem.with_suffix(".safetensors"))
    for key, value in changes.items():
        weights.pop(key, None)
        if value is not None:
            weights[key] = value
    save_file(weights, stem.with_suffix(".safetensors"))


@pytest.mark.parametrize("case", [c for c in (*FLOAT32, *HALF) if c != "slat_dec_mesh"])  # that one is stored rounded
def test_saving_a_loaded_network_gives_the_same_bytes(case, tmp_path):
    source = golden(f"trellis/{case}") / "model"
    save(load(source), tmp_path / "copy")
    assert (tmp_path / "copy.safetensors").read_bytes() == source.with_suffix(".safetensors").read_bytes()
    given = json.loads(source.with_suffix(".json").read_text())["args"]
    kept = json.loads((tmp_path / "copy.json").read_text())["args"]
    assert {key: kept[key] for key in given} == given


def test_a_second_round_trip_changes_no_byte(stem, tmp_path):
    save(load(stem), tmp_path / "again")
    for suffix in (".json", ".safetensors"):
        assert (tmp_path / f"again{suffix}").read_bytes() == stem.with_suffix(suffix).read_bytes()


def test_nothing_but_the_two_files_is_left_behind_and_others_may_read_them(stem):
    assert sorted(path.name for path in stem.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]
    umask = os.umask(0o022)
    os.umask(umask)
    for path in stem.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_every_name_of_the_table_loads_as_its_class(stem):
    for name in ("SLatFlowModel", "SLatEncoder", "SLatGaussianDecoder", "SLatRadianceFieldDecoder", "SLatMeshDecoder"):
        assert CLASSES[name] is CLASSES[f"Elastic{name}"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_requested_precision_of_the_torso(stem, dtype):
    net = load(stem, dtype=dtype)
    assert net.blocks[0].mlp.mlp[0].weight.dtype == dtype
    kept = [net.input_layer.weight, net.blocks[0].norm2.weight, net.blocks[0].self_attn.q_rms_norm.gamma, net.pos_emb]
    assert {value.dtype for value in kept} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_buffers_that_follow_from_the_arguments_may_be_left_out(stem):
    whole = load(stem)
    edit_weights(stem, pos_emb=None)
    assert torch.equal(load(stem).pos_emb, whole.pos_emb)


def test_harmless_arguments_are_accepted(stem):
    edit_config(stem, use_checkpoint=True)
    load(stem)


class Ramp(nn.Module):
    """A class from elsewhere, with a buffer that no file holds."""

    def __init__(self, size: int):
        super().__init__()
        self.config = {"size": size}
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("ramp", torch.arange(size), persistent=False)


class BuiltRamp(Ramp):
    def constants(self):
        return {"ramp": torch.arange(self.config["size"])}


def test_buffers_outside_the_file(tmp_path):
    for cls in (Ramp, BuiltRamp):
        register(cls.__name__, cls)
        save(cls(3), tmp_path / cls.__name__)
    try:
        assert load(tmp_path / "BuiltRamp").ramp.tolist() == [0, 1, 2]
        with pytest.raises(CheckpointError, match=r"Ramp\.safetensors: buffer 'ramp'"):
            load(tmp_path / "Ramp")
    finally:
        del CLASSES["Ramp"], CLASSES["BuiltRamp"]


def test_a_class_without_a_name_is_not_saved(tmp_path):
    with pytest.raises(CheckpointError, match="register"):
        save(nn.Linear(2, 2), tmp_path / "linear")


def test_missing_tensor(stem):
    edit_weights(stem, **{"out_layer.bias": None})
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors: tensor 'out_layer\.bias' is missing"):
        load(stem)


def test_unexpected_tensor(stem):
    edit_weights(stem, **{"out_layer.bias": None, "outlayer.bias": torch.zeros(2)})
    with pytest.raises(CheckpointError, match=r"unexpected tensor 'outlayer\.bias'; did you mean 'out_layer\.bias'"):
        load(stem)


def test_wrong_shape(stem):
    edit_weights(stem, **{"out_layer.bias": torch.zeros(3)})
    with pytest.raises(CheckpointError, match=r"'out_layer\.bias' has shape \[3\], the config asks for \[2\]"):
        load(stem)


def test_truncated_file(stem):
    path = stem.with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors is damaged or incomplete"):
        load(stem)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_missing_file(stem, suffix):
    stem.with_suffix(suffix).unlink()
    with pytest.raises(CheckpointError, match=rf"tiny\{suffix} does not exist"):
        load(stem)


def test_unknown_class_names_the_nearest(stem):
    stem.with_suffix(".json").write_text('{"name": "SparseStructureFlow", "args": {}}')
    with pytest.raises(CheckpointError, match="did you mean 'SparseStructureFlowModel'"):
        load(stem)


def test_unknown_argument_names_the_nearest(stem):
    edit_config(stem, num_block=2)
    with pytest.raises(CheckpointError, match="no argument 'num_block'; did you mean 'num_blocks'"):
        load(stem)


@pytest.mark.parametrize(
    "changes", [{"pe_mode": "rope"}, {"model_channels": "wide"}, {"num_heads": 5}, {"patch_size": 3}]
)
def test_arguments_that_build_no_network(stem, changes):
    edit_config(stem, **changes)
    with pytest.raises(CheckpointError, match=r"tiny\.json"):
        load(stem)


def test_a_missing_setting_of_a_decoder_is_named(tmp_path):
    config = {"name": "SLatRadianceFieldDecoder", "args": TRUNK | {"representation_config": {"rank": 2}}}
    (tmp_path / "rf.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"rf\.json: SLatRadianceFieldDecoder .*: 'dim' is missing"):
        load(tmp_path / "rf")


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"args": {}}', '{"name": "SLatEncoder", "args": 3}', "\x00"])
def test_configs_that_are_none(stem, content):
    stem.with_suffix(".json").write_text(content)
    with pytest.raises(CheckpointError, match=r"tiny\.json"):
        load(stem)


def test_a_file_of_another_network_says_what_to_do(stem):
    edit_weights(stem, **{"out_layer.bias": None})
    with pytest.raises(CheckpointError, match=r"tiny\.json .*fetch both"):
        load(stem)
    edit_weights(stem, **{"out_layer.bias": torch.zeros(3)})
    with pytest.raises(CheckpointError, match=r"tiny\.json .*fetch both"):
        load(stem)
    edit_weights(stem, **{"out_layer.bias": torch.zeros(2), "another": torch.zeros(2)})
    with pytest.raises(CheckpointError, match=r"tiny\.json .*fetch both"):
        load(stem)
