"""Encoders and segmenters through transformers: silence while they load, and what is said of files that are none."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cast3d.backbones.trellis.clip_text import load_clip_text
from cast3d.backbones.trellis.dinov2 import load_dinov2
from cast3d.backbones.trellis.random_encoders import write_random_encoders
from cast3d.errors import CheckpointError
from cast3d.models.pretrained import damaged, quiet, reason
from cast3d.segmentation.open_vocabulary import load_segmenter
from tests.segmentation.tiny_networks import save_sam3

library = pytest.importorskip("transformers", reason="these networks need the extra 'trellis'").utils.logging

LOADERS: dict[str, Callable[[Path], Any]] = {
    "picture": load_dinov2,
    "text": load_clip_text,
    "segmenter": lambda folder: load_segmenter(f"sam3:{folder}"),
}
WITH_WORDS = ("text", "segmenter")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("pretrained")
    write_random_encoders(home / "picture", home / "text", tiny=True)
    save_sam3(home / "segmenter")
    return home


@pytest.fixture(params=LOADERS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def folder(saved, kind, tmp_path) -> Path:
    return Path(shutil.copytree(saved / kind, tmp_path / kind))


def edit(folder: Path, *path: str, value: Any) -> None:
    """Changes one value of config.json."""
    config = json.loads((folder / "config.json").read_text())
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (folder / "config.json").write_text(json.dumps(config))


# --- files that are damaged, or of another network --------------------------------------------------------------------


@pytest.mark.parametrize("cut", [lambda data: b"", lambda data: data[:-100], lambda data: b"<html>" * 100])
def test_damaged_weights_are_named(folder, kind, cut):
    path = folder / "model.safetensors"
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(CheckpointError, match=rf"{path} is damaged or incomplete, delete it and fetch it again: "):
        LOADERS[kind](folder)


def test_damaged_weights_in_the_hub_s_cache_are_named_by_what_has_to_be_deleted(saved, tmp_path, monkeypatch):
    """The snapshot holds a link; without it the next download would only link the same file again."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--encoder"
    snapshot, blob = repository / "snapshots" / "abc", repository / "blobs" / "weights"
    blob.parent.mkdir(parents=True)
    shutil.copytree(saved / "picture", snapshot)
    (snapshot / "model.safetensors").rename(blob)
    (snapshot / "model.safetensors").symlink_to(blob)
    assert damaged("someone/encoder", "abc") is None
    blob.write_bytes(b"12")
    assert damaged("someone/encoder", "abc") == blob
    assert damaged("someone/other", None) is None


def test_original_weights_that_are_damaged_are_named(tmp_path):
    arguments = dict(
        embed_dim=32, depth=1, num_heads=2, mlp_ratio=4, img_size=518, patch_size=14, num_register_tokens=4
    )  # fmt: skip
    (tmp_path / "vit.json").write_text(json.dumps(arguments))
    (tmp_path / "vit.safetensors").write_bytes(b"12")
    with pytest.raises(CheckpointError, match=r"vit\.safetensors is damaged or incomplete, delete it and fetch it"):
        load_dinov2(tmp_path / "vit")
    (tmp_path / "vit.json").write_text(json.dumps(arguments | {"num_heads": 0}))
    with pytest.raises(CheckpointError, match=r"vit\.safetensors is not .* as vit\.json describes it: ZeroDivision"):
        load_dinov2(tmp_path / "vit")


def test_a_tensor_of_another_width_than_the_config_says_is_named(folder, kind):
    where = {"segmenter": ("text_config", "hidden_size")}.get(kind, ("hidden_size",))
    found = load_file(folder / "model.safetensors")
    edit(folder, *where, value=64)
    with pytest.raises(CheckpointError, match=r"tensor '([\w.]+)' has shape \[[\d, ]+\], its config asks for") as error:
        LOADERS[kind](folder)
    name = str(error.value).partition("tensor '")[2].partition("'")[0]
    assert any(key.endswith(name) for key in found) and str(folder) in str(error.value)


@pytest.mark.parametrize("content", ["[1]", "{", '{"hidden_size": "wide"}', '{"num_attention_heads": 0}'])
def test_a_config_that_is_none(folder, kind, content):
    if content.startswith('{"') and kind == "segmenter":
        content = json.dumps({"detr_encoder_config": json.loads(content)})
    (folder / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=rf"{folder}.* cannot be loaded.*\w.*config\.json"):
        LOADERS[kind](folder)


@pytest.mark.parametrize("kind", WITH_WORDS, indirect=True)
def test_without_a_vocabulary_nothing_is_read(folder, kind):
    """transformers would make a tokenizer that takes every word for the same unknown one."""
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match=rf"{folder}.* holds no vocabulary.*tokenizer\.json"):
        LOADERS[kind](folder)


@pytest.mark.parametrize("content", ["", "[1]", "\x00"])
@pytest.mark.parametrize("kind", WITH_WORDS, indirect=True)
def test_a_vocabulary_that_is_none(folder, kind, content):
    (folder / ("vocab.json" if kind == "text" else "tokenizer.json")).write_text(content)
    with pytest.raises(CheckpointError, match=rf"{folder}.* cannot be loaded"):
        LOADERS[kind](folder)


def test_errors_of_other_libraries_become_one_line():
    assert reason(OSError("no file.\nTry again.")) == "no file"
    assert reason(RuntimeError("Errors in X:\n\tsize mismatch\n\tanother")) == "Errors in X: size mismatch"
    assert reason(KeyError("nope")) == "KeyError: 'nope'" and reason(ValueError()) == "ValueError: "
    assert len(reason(ValueError("x" * 1000))) < 310


# --- silence ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def told():
    """What transformers logs."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    library.add_handler(handler)
    yield records
    library.remove_handler(handler)


def test_nothing_is_printed_while_networks_load(folder, kind, told, capfd):
    """Released files hold more than is used here, of which transformers would print a table."""
    path = folder / "model.safetensors"
    save_file(load_file(path) | {"another.head": torch.zeros(1)}, path, metadata={"format": "pt"})
    capfd.readouterr()
    LOADERS[kind](folder)
    assert capfd.readouterr() == ("", "") and not told


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
@pytest.mark.parametrize("bars", [True, False])
def test_afterwards_transformers_speaks_as_before(level, bars):
    before = library.get_verbosity(), library.is_progress_bar_enabled()
    try:
        library.set_verbosity(level)
        (library.enable_progress_bar if bars else library.disable_progress_bar)()
        with pytest.raises(KeyError), quiet():
            assert library.get_verbosity() == logging.ERROR and not library.is_progress_bar_enabled()
            raise KeyError
        assert (library.get_verbosity(), library.is_progress_bar_enabled()) == (level, bars)
    finally:
        library.set_verbosity(before[0])
        (library.enable_progress_bar if before[1] else library.disable_progress_bar)()
