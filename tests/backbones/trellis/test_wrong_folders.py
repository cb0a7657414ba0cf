"""Released folders whose pipeline.json says something else than is there: errors name the file and the key."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest

from cast3d.backbones import hub, load_backbone
from cast3d.backbones.sources import Source
from cast3d.backbones.trellis.fitting import check_classes
from cast3d.backbones.trellis.random_folder import DECODERS, FLOWS, IMAGE, TEXT, write_random_folder
from cast3d.errors import CheckpointError
from cast3d.models import CLASSES, SparseStructureDecoder

pytest.importorskip("transformers", reason="TRELLIS needs the extra 'trellis'")

TEXTS = {"image_cond_model": IMAGE, "text_cond_model": TEXT}
SHARED = f"../{IMAGE}/ckpts"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("trellis")
    write_random_folder(home, tiny=True)
    return home


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def load_with(folder: Path, models: dict | None = None, **args) -> None:
    """Loads a folder after changes in its pipeline.json."""
    path = folder / "pipeline.json"
    config = json.loads(path.read_text())
    config["args"] |= args
    config["args"]["models"] |= models or {}
    path.write_text(json.dumps(config))
    load_backbone(str(folder))


# --- pipeline.json ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [7, None, ["dinov2_vitl14_reg"], ""])
@pytest.mark.parametrize("key", TEXTS)
def test_an_encoder_is_named_by_a_text(copy, key, value):
    said = json.dumps(value).replace("[", r"\[")
    with pytest.raises(CheckpointError, match=rf"{TEXTS[key]}/pipeline\.json: {key} .*text.*not {said}"):
        load_with(copy / TEXTS[key], **{key: value})


@pytest.mark.parametrize("value", [[], "FlowEulerSampler", {"params": [25]}])
@pytest.mark.parametrize("key", ["sparse_structure_sampler", "slat_sampler"])
def test_a_sampler_is_an_object_with_params(copy, key, value):
    with pytest.raises(CheckpointError, match=rf"pipeline\.json: {key} .*params"):
        load_with(copy / IMAGE, **{key: value})


@pytest.mark.parametrize("value", [3, None, {"path": "ckpts/x"}, ""])
def test_models_are_named_by_texts(copy, value):
    with pytest.raises(CheckpointError, match=r"pipeline\.json: models\.slat_flow_model .*ckpts/.*not"):
        load_with(copy / IMAGE, {"slat_flow_model": value})


NUMBERS = [0.5] * 8


@pytest.mark.parametrize("key", ["mean", "std"])
@pytest.mark.parametrize(
    "values, says",
    [
        (NUMBERS[:7], r"has 7 numbers, .*slat_flow_img_dit_L_64l8p2_fp16\.json has in_channels 8"),
        ([], "has 0 numbers"),
        (["0.5"] * 8, "list of numbers, not"),
        ([*NUMBERS[:7], None], "list of numbers, not"),
        ([*NUMBERS[:7], True], "list of numbers, not"),
        ([*NUMBERS[:7], float("nan")], "list of numbers, not"),
        ([NUMBERS], "list of numbers, not"),
        (0.5, "list of numbers, not"),
        ("mean", "list of numbers, not"),
    ],
)
def test_normalization_is_a_number_per_channel(copy, key, values, says):
    normalization = {"mean": NUMBERS, "std": NUMBERS} | {key: values}
    with pytest.raises(CheckpointError, match=rf"{IMAGE}/pipeline\.json: slat_normalization\.{key} .*{says}"):
        load_with(copy / IMAGE, slat_normalization=normalization)


def test_whole_numbers_normalise_as_well(copy):
    config = json.loads((copy / IMAGE / "pipeline.json").read_text())
    config["args"]["slat_normalization"] = {"mean": [0] * 8, "std": [1] * 8}
    (copy / IMAGE / "pipeline.json").write_text(json.dumps(config))
    backbone = load_backbone(str(copy / IMAGE))
    assert backbone.slat_mean.is_floating_point() and backbone.slat_std.is_floating_point()


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "repository, key, value, expected",
    [
        (IMAGE, "sparse_structure_flow_model", f"ckpts/{FLOWS[IMAGE][1]}", "SparseStructureFlowModel"),
        (IMAGE, "slat_flow_model", f"ckpts/{FLOWS[IMAGE][0]}", "SLatFlowModel"),
        (IMAGE, "sparse_structure_encoder", "ckpts/slat_enc_swin8_B_64l8_fp16", "SparseStructureEncoder"),
        (IMAGE, "sparse_structure_decoder", "ckpts/ss_enc_conv3d_16l8_fp16", "SparseStructureDecoder"),
        (IMAGE, "slat_decoder_gs", f"ckpts/{DECODERS['slat_decoder_rf']}", "SLatGaussianDecoder"),
        (TEXT, "slat_decoder_mesh", f"{SHARED}/{DECODERS['slat_decoder_gs']}", "SLatMeshDecoder"),
    ],
)
def test_each_key_takes_its_own_class(copy, repository, key, value, expected):
    stem = value.rpartition("/")[2]
    says = rf"{repository}/pipeline\.json: {key} .*{stem}\.json.* is an? (Elastic)?S\w+, .* {expected}\b"
    with pytest.raises(CheckpointError, match=says):
        load_with(copy / repository, {key: value})


def test_a_class_of_one_s_own_may_stand_under_any_key(tmp_path, monkeypatch):
    """What `register` is for; that it speaks like the one in its place is its author's to know."""
    monkeypatch.setitem(CLASSES, "Own", type("Own", (SparseStructureDecoder,), {}))
    (tmp_path / "own.json").write_text('{"name": "Own", "args": {}}')
    check_classes([(Source(str(tmp_path)), "slat_decoder_mesh", tmp_path / "own")])


def test_the_width_of_conditions_is_that_of_the_encoder(copy):
    flow = f"{SHARED}/{FLOWS[IMAGE][0]}"
    says = rf"{FLOWS[IMAGE][0]}\.json: cond_channels is 32, .*text_cond_model 'openai/clip-vit-large-patch14'.* 24"
    with pytest.raises(CheckpointError, match=says):
        load_with(copy / TEXT, {"sparse_structure_flow_model": flow})


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_files_that_only_look_released_are_told(folder, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_backbone(str(folder / IMAGE))
    for stem in ("ss_enc_conv3d_16l8_fp16", "ss_dec_conv3d_16l8_fp16"):
        path = folder / IMAGE / "ckpts" / f"{stem}.safetensors"
        monkeypatch.setitem(hub.BYTES, stem, path.stat().st_size)
    with pytest.warns(
        UserWarning, match=r"SHA-256.*ss_dec_conv3d_16l8_fp16\.saf.*ss_enc_conv3d_16l8_fp16\.saf"
    ) as told:
        load_backbone(str(folder / IMAGE))
    assert len(told) == 1
