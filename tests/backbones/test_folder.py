"""Backbone folders: what a broken one is told, and that the shipped one is whole."""

from __future__ import annotations

import json

import pytest
import torch

from cast3d import flow
from cast3d.backbones import Loading, load_backbone
from cast3d.backbones.sources import shipped, sources_of
from cast3d.errors import CheckpointError, InputError
from cast3d.stages.kit import Kit
from cast3d.stages.layout import sampled
from cast3d.stages.operators import RESCALE
from tests.tiny_backbone import picture


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "holds no pipeline.json"),
        ("{", "not readable JSON"),
        ("[]", 'no "args"'),
        ('{"args": {}}', 'no "args"'),
        ('{"args": [1]}', 'no "args"'),
        ('{"args": {"models": {}}}', "neither image_cond_model nor text_cond_model"),
    ],
)
def test_broken_folders(tmp_path, content, message):
    if content is not None:
        (tmp_path / "pipeline.json").write_text(content)
    with pytest.raises(CheckpointError, match=message):
        load_backbone(str(tmp_path))


def test_a_missing_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere holds no pipeline\.json"):
        load_backbone(str(tmp_path / "nowhere"))


def test_a_network_that_is_not_named(tmp_path):
    config = sources_of("bricks")[0].pipeline
    del config["args"]["models"]["slat_flow_model"]
    (tmp_path / "pipeline.json").write_text(json.dumps(config))
    (tmp_path / "ckpts").symlink_to(shipped() / "ckpts")
    with pytest.raises(CheckpointError, match="names no slat_flow_model"):
        load_backbone(str(tmp_path))


@pytest.fixture(scope="module")
def bricks():
    return load_backbone()


def test_shipped_word_lists_fit_their_embeddings(bricks):
    words = len(bricks.describer.vocabulary)
    assert len(bricks.describer.word_encoder.words.weight) == words
    assert len(bricks.segmenter.net.prompt.words.weight) == words


def test_shipped_files_are_the_named_ones(bricks):
    config = sources_of("bricks")[0].pipeline
    args = config["args"]
    named = {*args["models"].values(), args["image_cond_model"], args["text_cond_model"]}
    named |= {config["cast3d"][key] for key in ("segmenter", "namer", "appearance_encoder")}
    assert {f"ckpts/{stem}" for stem in bricks.hashes} == named | {"ckpts/pipeline", "ckpts/nouns"}
    assert all(len(digest) == 64 for digest in bricks.hashes.values())


def test_shipped_names_of_what_animals_wear_go_first_for_animals(bricks):
    describer, shown = bricks.describer, [picture("gold")]
    worn = set(describer.animals["wear"])
    assert worn < set(describer.namer.names)
    of_animal, of_figure = (describer.resembling(shown, "wearing", base) for base in ("french bulldog", "figure"))
    count = sum(name in worn for name in of_animal)
    assert count >= 3 and set(of_animal[:count]) < worn and of_animal != of_figure
    kinds = dict(zip(describer.namer.names, describer.namer.kinds))
    assert not {kinds[name] for name in of_animal[:count]} & {"hair", "helmet", "beard"}


def test_shipped_defaults_are_what_the_released_form_says(bricks):
    """`pipeline.json` states steps and guidance twice: for readers of the released form and for the method."""
    samplers = sources_of("bricks")[0].pipeline["args"]
    structure, slat = (samplers[f"{name}_sampler"]["params"] for name in ("sparse_structure", "slat"))
    defaults = bricks.defaults
    assert (structure["steps"], structure["cfg_strength"]) == (defaults.structure_steps, defaults.image_guidance)
    assert (slat["steps"], slat["cfg_strength"]) == (defaults.slat_steps, defaults.slat_image_guidance)
    assert structure["rescale_t"] == slat["rescale_t"] == RESCALE


def test_shipped_channels_fit(bricks):
    assert len(bricks.slat_mean) == len(bricks.slat_std) == bricks.slat_channels
    assert bricks.structure_flows["image"].config["in_channels"] == bricks.structure_shape[0]
    width = bricks.structure_flows["image"].config["cond_channels"]
    assert bricks.of_text("a cap").tokens[0].shape[-1] == width
    assert bricks.of_pictures([picture("gold")]).tokens[0].shape[-1] == width


def test_shipped_structure_vae_keeps_a_shell(bricks):
    x, y, z = torch.meshgrid(*[torch.arange(64) - 31.5] * 3, indexing="ij")
    radius = (x**2 + y**2 + z**2).sqrt()
    shell = (radius > 14) & (radius <= 15.8)
    again = bricks.decode_structure(bricks.encode_structure(shell))
    assert (again & shell).sum() / (again | shell).sum() > 0.8


def test_shipped_flow_makes_something_of_a_picture(bricks):
    settings = bricks.defaults.changed({"structure_steps": 4, "layout_starts": 4, "part_start": 4, "refine_start": 4})
    noise = flow.noise((1, *bricks.structure_shape), 0, "test")
    made = sampled(Kit(bricks, settings), bricks.of_pictures([picture("gold")], "filled"), 1.0, noise)
    assert made.latent.isfinite().all() and 100 < made.grid.sum() < 64**3 / 4


@pytest.mark.parametrize("loading", [Loading(memory="offload"), Loading(segmenter="sam3")])
def test_bricks_refuses_what_only_trellis_models_take(loading, monkeypatch):
    monkeypatch.setattr("cast3d.backbones.bricks.loading.load", lambda *_: pytest.fail("networks loaded"))
    with pytest.raises(InputError, match=r"bricks has no (memory|segmenter) to choose, it takes batch, compiled"):
        load_backbone("bricks", loading=loading)
