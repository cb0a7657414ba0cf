"""Files of the hub: which sizes and hashes are known well enough to refuse a file, or to doubt it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cast3d.backbones import hub
from cast3d.backbones.hub import BYTES, HASHES, IMAGE, REVISIONS, TEXT, doubtful, download
from cast3d.errors import CheckpointError

STEM = "ss_enc_conv3d_16l8_fp16"
PINNED = REVISIONS[IMAGE]


@pytest.fixture
def served(tmp_path, monkeypatch) -> Path:
    """A hub whose weight files all have two bytes."""

    def hf_hub_download(repository: str, file: str, revision: str | None) -> str:
        path = tmp_path / Path(file).name
        path.write_bytes(b"12")
        return str(path)

    errors = SimpleNamespace(HfHubHTTPError=ConnectionError)
    monkeypatch.setattr(hub, "require_hub", lambda: SimpleNamespace(hf_hub_download=hf_hub_download, errors=errors))
    return tmp_path


@pytest.mark.parametrize("repository", [IMAGE, "JeffreyXiang/TRELLIS-image-large"])
def test_a_file_of_the_pinned_release_has_its_size(served, repository):
    with pytest.raises(CheckpointError, match=rf"{STEM}\.safetensors has 2 bytes, .* 119,068,016; delete .*@{PINNED}"):
        download(repository, PINNED, f"ckpts/{STEM}.safetensors")
    assert download(repository, PINNED, f"ckpts/{STEM}.json").is_file()


@pytest.mark.parametrize(
    "repository, revision, stem",
    [
        (TEXT, REVISIONS[TEXT], "ss_flow_txt_dit_XL_16l8_fp16"),  # sizes of these were computed, never seen
        ("microsoft/TRELLIS-text-base", None, "slat_flow_txt_dit_B_64l8p2_fp16"),
        (IMAGE, "main", STEM),
        ("someone/fine-tuned", None, STEM),
    ],
)
def test_other_sizes_are_nobody_s_business(served, repository, revision, stem):
    assert download(repository, revision, f"ckpts/{stem}.safetensors").stat().st_size == 2


def test_a_failure_without_words_is_told_by_its_kind(monkeypatch):
    def hf_hub_download(*_, **__):
        raise TimeoutError

    errors = SimpleNamespace(HfHubHTTPError=ConnectionError)
    monkeypatch.setattr(hub, "require_hub", lambda: SimpleNamespace(hf_hub_download=hf_hub_download, errors=errors))
    with pytest.raises(
        CheckpointError, match=r"pipeline\.json of a/b cannot be fetched: TimeoutError.* folder of a copy"
    ):
        download("a/b", None, "pipeline.json")


def test_a_linked_file_is_deleted_where_it_lies(tmp_path):
    """The hub's cache would link the same file again."""
    blob = tmp_path / "blob"
    blob.write_bytes(b"12")
    link = tmp_path / f"{STEM}.safetensors"
    link.symlink_to(blob)
    with pytest.raises(CheckpointError, match=rf"{STEM}\.safetensors has 2 bytes, .*; delete {blob},"):
        hub.check_size(link, "the hub")


@pytest.fixture
def as_large(tmp_path):
    """Makes a file with the size of a released one, empty inside."""

    def make(folder: str = "ckpts", stem: str = STEM, size: int | None = None) -> Path:
        path = tmp_path / folder / f"{stem}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(BYTES[stem] if size is None else size)
        return path

    return make


@pytest.mark.parametrize("folder", ["ckpts", f"models--x/snapshots/{PINNED}/ckpts"])
def test_another_hash_is_doubtful_where_all_else_is_as_released(as_large, folder):
    path = as_large(folder)
    assert doubtful(path, "0" * 64) and not doubtful(path, HASHES[STEM])


def test_what_does_not_claim_to_be_the_release_is_not_doubted(as_large):
    assert not doubtful(as_large(size=2), "0" * 64)  # a smaller network of the same name
    assert not doubtful(as_large("models--x/snapshots/abc/ckpts"), "0" * 64)  # another revision or repository
    assert not doubtful(as_large(stem="slat_enc_swin8_B_64l8_fp16"), "0" * 64)  # no hash is known
