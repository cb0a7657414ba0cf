"""Deflated files of weights: the same network, and clear errors where they are damaged."""

from __future__ import annotations

import gzip

import pytest
import torch

from cast3d.errors import CheckpointError
from cast3d.models import load
from cast3d.models import weights as module
from cast3d.models.weights import deflate, opened, stem_of, weights_of
from tests.golden_data import golden


@pytest.fixture
def stem(tmp_path):
    source = golden("trellis/slat_enc") / "model"
    for suffix in (".json", ".safetensors"):
        (tmp_path / f"tiny{suffix}").write_bytes(source.with_suffix(suffix).read_bytes())
    return tmp_path / "tiny"


def test_a_deflated_network_is_the_same(stem):
    before = load(stem).state_dict()
    packed = deflate(stem.with_suffix(".safetensors"))
    assert packed.name == "tiny.safetensors.gz" and not stem.with_suffix(".safetensors").exists()
    after = load(stem).state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    assert stem_of(packed) == "tiny" and weights_of(stem) == packed


def test_equal_weights_deflate_to_equal_bytes(stem):
    data = stem.with_suffix(".safetensors").read_bytes()
    first = deflate(stem.with_suffix(".safetensors")).read_bytes()
    stem.with_suffix(".safetensors").write_bytes(data)
    assert deflate(stem.with_suffix(".safetensors")).read_bytes() == first


def test_the_plain_file_goes_before_the_deflated_one(stem):
    data = stem.with_suffix(".safetensors").read_bytes()
    deflate(stem.with_suffix(".safetensors"))
    stem.with_suffix(".safetensors").write_bytes(data)
    assert weights_of(stem).name == "tiny.safetensors"


@pytest.mark.parametrize("cut", [10, 1000, -1])
def test_a_damaged_one_is_told(stem, cut):
    packed = deflate(stem.with_suffix(".safetensors"))
    packed.write_bytes(packed.read_bytes()[:cut])
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors\.gz is damaged or incomplete"):
        load(stem)


def test_one_that_is_no_gzip_or_no_safetensors_is_told(stem):
    packed = deflate(stem.with_suffix(".safetensors"))
    for data in (b"nothing", gzip.compress(b"nothing")):
        packed.write_bytes(data)
        with pytest.raises(CheckpointError, match="damaged or incomplete"):
            load(stem)


def test_one_does_not_inflate_without_bound(stem, monkeypatch):
    packed = deflate(stem.with_suffix(".safetensors"))
    monkeypatch.setattr(module, "MOST", 1000)
    with pytest.raises(CheckpointError, match="inflates to more"):
        load(stem)
    monkeypatch.undo()
    with opened(packed) as file:
        assert set(file.keys())


def test_a_network_without_weights_is_told_by_the_usual_name(stem):
    stem.with_suffix(".safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors does not exist"):
        load(stem)
