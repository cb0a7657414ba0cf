"""Released folders at toy size: written by one command, loaded from anywhere, refused with reasons."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from cast3d import flow
from cast3d.backbones import Backbone, Loading, load_backbone
from cast3d.backbones.hashes import compute, hashes_of
from cast3d.backbones.hub import BYTES, HASHES, REVISIONS, check_size, split_revision
from cast3d.backbones.residency import Offloaded, Resident
from cast3d.backbones.sources import Source, sources_of
from cast3d.backbones.trellis.dinov2 import RELEASED as RELEASED_ENCODERS
from cast3d.backbones.trellis.loading import FLOWS as FLOW_KEYS
from cast3d.backbones.trellis.loading import TrellisDescriber, encoder_hash, picture_encoder
from cast3d.backbones.trellis.random_folder import (
    DECODERS,
    FLOWS,
    IMAGE,
    NORMALIZATION,
    TEXT,
    UNLISTED,
    pipeline,
    write_random_folder,
)
from cast3d.backbones.trellis.verify import against_release, exercise, inspect
from cast3d.cli.facing import front
from cast3d.cli.findings import findings
from cast3d.composer import Composer
from cast3d.errors import CheckpointError, InputError
from cast3d.models import load
from cast3d.models.released import RELEASED
from cast3d.pictures.crops import preprocess_trellis
from cast3d.pictures.opening import open_picture
from cast3d.settings import Settings
from cast3d.splats import Gaussians
from cast3d.stages.kit import Kit
from cast3d.stages.operators import RESCALE, slat_guide, structure_guide, times
from tests.golden_data import golden
from tests.segmentation.tiny_networks import save_grounding_dino, save_sam2

pytest.importorskip("transformers", reason="TRELLIS needs the extra 'trellis'")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("trellis")
    write_random_folder(home, tiny=True)
    save_grounding_dino(home / "detector")
    save_sam2(home / "masks")
    return home


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def backbone(folder):
    segmenter = f"grounded-sam2:{folder / 'detector'}+{folder / 'masks'}"
    return load_backbone(f"{folder / IMAGE}+{folder / TEXT}", loading=Loading(segmenter=segmenter))


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def picture(color: str = "crimson") -> Image.Image:
    image = Image.new("RGBA", (120, 90))
    ImageDraw.Draw(image).ellipse([20, 10, 90, 80], fill=color)
    return image


def edit(path: Path, **args) -> None:
    config = json.loads(path.read_text())
    config["args"] |= args
    path.write_text(json.dumps(config))


def test_the_folder_has_the_released_files(folder):
    stems = {IMAGE: {*UNLISTED, *DECODERS.values(), *FLOWS[IMAGE]}, TEXT: set(FLOWS[TEXT])}
    for repository, expected in stems.items():
        assert {path.stem for path in (folder / repository / "ckpts").glob("*.safetensors")} == expected
        assert json.loads((folder / repository / "pipeline.json").read_text()) == pipeline(repository)


def test_full_size_files_are_the_released_ones():
    """The command writes RELEASED's networks; tests/models/test_released.py holds their files' sizes to these."""
    assert set(BYTES) == set(RELEASED) and set(HASHES) < set(RELEASED)
    assert sum(BYTES[stem] for stem in (*UNLISTED, *DECODERS.values(), *FLOWS[IMAGE])) == 3_299_233_632


def test_two_repositories_are_one_backbone(backbone):
    assert set(backbone.structure_flows) == set(backbone.slat_flows) == {"image", "text"}
    assert backbone.structure_flows["text"].config["qk_rms_norm_cross"]
    assert backbone.hashes["segmenter"].startswith("grounded-sam2:")
    assert backbone.space > 300e6  # a run of 30,000 voxels: 69 MB of scene.ply, 38 MB of views and masks, meshes
    torch.testing.assert_close(backbone.slat_mean, torch.tensor(NORMALIZATION["mean"]))
    assert not backbone.at_once and not backbone.orthographic


def test_order_of_the_repositories_does_not_matter(folder, backbone):
    other = load_backbone(f"{folder / TEXT}+{folder / IMAGE}")
    x = torch.randn(1, 8, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    for kind in ("image", "text"):
        assert other.structure_flows[kind].config == backbone.structure_flows[kind].config
    assert torch.equal(other.decode_structure(x), backbone.decode_structure(x))


def test_an_idle_card_is_told_of(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.warns(UserWarning, match="give device 'cuda'"):
        load_backbone(f"{folder / IMAGE}+{folder / TEXT}")


def test_torsos_are_single_precision_on_a_cpu_only(backbone, folder):
    assert backbone.structure_flows["image"].dtype == torch.float32
    kept = load_backbone(f"{folder / IMAGE}", "cpu", Loading(memory="offload"))
    assert isinstance(kept.residency, Offloaded)


def test_pictures_become_the_released_tokens(backbone):
    (tokens,) = backbone.describer.pictures([picture()], "in_place")
    pixels = torch.from_numpy(np.asarray(preprocess_trellis(picture())).copy()).permute(2, 0, 1)[None] / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    vit = backbone.describer.picture_encoder.vit
    hidden = vit((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1), output_hidden_states=True).hidden_states[-1]
    assert tokens.shape == (1, 1 + 4 + 37 * 37, 32)
    torch.testing.assert_close(tokens, F.layer_norm(hidden, hidden.shape[-1:]))
    assert not backbone.of_pictures([picture()]).negative.any()


def test_sentences_become_the_released_tokens(backbone):
    encoder = backbone.describer.text_encoder
    ids = encoder.tokenizer(["a cap"]).input_ids[0]
    padded = torch.tensor([ids + [encoder.tokenizer.pad_token_id] * (77 - len(ids))])
    expected = encoder.model(input_ids=padded).last_hidden_state  # no mask over the padding
    assert torch.equal(backbone.describer.text("a cap"), expected)
    assert torch.equal(backbone.of_text("a cap").negative, backbone.describer.text(""))
    assert backbone.describer.text("a " * 200).shape == (1, 77, 24)
    assert encoder.is_cut("a " * 200) and not encoder.is_cut("a cap")


def test_each_picture_is_encoded_once(backbone):
    calls = []
    handle = backbone.describer.picture_encoder.vit.register_forward_hook(lambda *_: calls.append(1))
    try:
        for _ in range(2):
            backbone.of_pictures([picture("navy"), picture("gold")])
    finally:
        handle.remove()
    assert len(calls) == 2


SHORT = dict(structure_steps=2, slat_steps=1, layout_starts=1, part_start=1, refine_start=1)


def test_one_picture_becomes_an_object(folder):
    backbone = load_backbone(str(folder / IMAGE))
    condition = backbone.of_pictures([picture()])
    x = torch.randn(1, 8, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    grid = backbone.decode_structure(flow.sample(backbone.structure_velocity(condition, 3.0), x, flow.times(2))[0])
    coords = grid.nonzero()[:300]
    owner = (torch.arange(len(coords)) > 100).long()
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(1))
    assert len(backbone.gaussians(coords, feats)) == 2 * len(coords)
    first, second = backbone.meshes(coords, feats, owner, 2)
    assert len(first.faces) and len(second.faces) and first.vertices.abs().max() <= 0.51
    with pytest.raises(InputError, match=r"no text model; .*IMAGE_FOLDER\+TEXT_FOLDER"):
        backbone.of_text("a cap")


def test_a_text_repository_finds_the_decoders_beside_it(folder):
    backbone = load_backbone(str(folder / TEXT))
    assert set(backbone.slat_flows) == {"text"}
    assert backbone.of_text("a cap").tokens[0].shape == (1, 77, 24)
    with pytest.raises(InputError, match="no picture model"):
        Composer(backbone).lift(picture(), settings=SHORT)


@pytest.mark.parametrize(
    "value",
    ["../TRELLIS-image-large/ckpts/{}", "JeffreyXiang/TRELLIS-image-large/ckpts/{}", "TRELLIS-image-large/ckpts/{}"],
)
def test_ways_to_name_another_repository(copy, value):
    models = {key: value.format(stem) for key, stem in DECODERS.items()}
    source = Source(str(copy / TEXT))
    source.args["models"] |= models
    assert source.stem("slat_decoder_gs").resolve() == (copy / IMAGE / "ckpts" / DECODERS["slat_decoder_gs"]).resolve()
    (copy / IMAGE).rename(copy / "elsewhere")
    with pytest.raises(CheckpointError, match="slat_decoder_gs"):
        source.stem("slat_decoder_gs")
    if not value.startswith(".."):
        moved = Source(str(copy / "elsewhere"))
        assert moved.title == "elsewhere"


def test_errors_name_the_file_and_the_key(copy):
    both = f"{copy / IMAGE}+{copy / TEXT}"
    weights = copy / IMAGE / "ckpts" / "ss_flow_img_dit_L_16l8_fp16.safetensors"
    data = weights.read_bytes()
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"sparse_structure_flow_model.*no .*ss_flow_img_dit_L_16l8_fp16\.safe"):
        load_backbone(both)
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"ss_flow_img_dit_L_16l8_fp16\.safetensors is damaged or incomplete"):
        load_backbone(both)
    weights.write_bytes(data)
    edit(copy / TEXT / "pipeline.json", slat_normalization={"mean": [0.0] * 8, "std": [1.0] * 8})
    with pytest.raises(CheckpointError, match="different slat_normalization"):
        load_backbone(both)
    (copy / IMAGE / "ckpts" / "ss_enc_conv3d_16l8_fp16.json").unlink()
    with pytest.raises(CheckpointError, match=r"sparse_structure_encoder.*ss_enc_conv3d_16l8_fp16\.json"):
        load_backbone(str(copy / IMAGE))


def test_two_of_a_kind_are_refused(folder):
    with pytest.raises(CheckpointError, match="both image models"):
        load_backbone(f"{folder / IMAGE}+{folder / IMAGE}")
    with pytest.raises(CheckpointError, match=r"IMAGE\+TEXT"):
        load_backbone("a/b+c/d+e/f")


def test_encoders_that_lack_weights_are_refused(copy):
    for name, kind in ((f"{IMAGE}/dinov2_vitl14_reg", "picture"), (f"{TEXT}/clip-vit-large-patch14", "text")):
        path = copy / name / "model.safetensors"
        tensors = load_file(path)
        tensors.pop(next(key for key in tensors if "layers.0" in key or "layer.0" in key))
        save_file(tensors, path, metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match=f"{kind} encoder .* lacks 1 weights"):
            load_backbone(str(copy / name.partition("/")[0]))


def test_ids_have_pinned_revisions():
    image, text = sources_of("trellis")
    assert (image.folder, text.folder) == (None, None)
    assert split_revision(image.place) == ("microsoft/TRELLIS-image-large", "25e0d31ffbebe4b5a97464dd851910efc3002d96")
    assert split_revision("microsoft/TRELLIS-image-large@main")[1] == "main"
    assert split_revision("someone/else") == ("someone/else", None)
    assert sources_of("a/b@c+d/e") == (Source("a/b@c"), Source("d/e"))


def test_without_a_network_the_error_says_what_to_do():
    pytest.importorskip("huggingface_hub")
    with pytest.raises(CheckpointError, match=r"pipeline\.json of .*image-large@25e0d31.*folder of a copy"):
        load_backbone("trellis")


def test_a_download_of_the_wrong_size_is_refused(tmp_path):
    path = tmp_path / "ss_enc_conv3d_16l8_fp16.safetensors"
    path.write_bytes(b"12")
    with pytest.raises(CheckpointError, match="has 2 bytes, the released file has 119,068,016"):
        check_size(path, "the hub")


def test_files_are_hashed_once(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"weights")
    digest = compute(path)
    assert hashes_of([path]) == {path: digest}
    monkeypatch.setattr("cast3d.backbones.hashes.compute", lambda _: "computed again")
    assert hashes_of([path]) == {path: digest}
    path.write_bytes(b"others!")
    assert hashes_of([path]) == {path: "computed again"}
    blob = tmp_path / digest
    blob.write_bytes(b"weights")
    (link := tmp_path / "link.safetensors").symlink_to(blob)
    assert hashes_of([link]) == {link: digest}  # as the hub's cache stores it


def changed(before: Backbone, folder: Path) -> set[str]:
    """What the backbone of a folder is told by, where it differs from another's."""
    after = load_backbone(f"{folder / IMAGE}+{folder / TEXT}").hashes
    assert after.keys() == before.hashes.keys() and len(after) == 8 + 2 + 2 + 1
    return {name for name in after if after[name] != before.hashes[name]} - {"segmenter"}


def test_a_backbone_is_told_by_all_that_decides_what_it_makes(backbone, copy):
    assert changed(backbone, copy) == set()
    halves = {key: [value / 2 for value in values] for key, values in NORMALIZATION.items()}
    for repository in (IMAGE, TEXT):
        edit(copy / repository / "pipeline.json", slat_normalization=halves)
    expected = {"image pipeline", "text pipeline"}
    assert changed(backbone, copy) == expected
    weights = copy / IMAGE / "dinov2_vitl14_reg" / "model.safetensors"
    save_file({key: value / 2 for key, value in load_file(weights).items()}, weights, metadata={"format": "pt"})
    assert changed(backbone, copy) == (expected := expected | {"image encoder"})
    words = copy / TEXT / "clip-vit-large-patch14" / "vocab.json"
    words.write_text(json.dumps(dict(zip(vocabulary := json.loads(words.read_text()), [*vocabulary.values()][::-1]))))
    assert changed(backbone, copy) == expected | {"text encoder"}


def test_networks_of_one_file_name_are_told_apart(backbone, copy):
    ckpts, name = copy / TEXT / "ckpts", FLOWS[IMAGE][1]
    for suffix in ("json", "safetensors"):
        (ckpts / f"{FLOWS[TEXT][1]}.{suffix}").rename(ckpts / f"{name}.{suffix}")
    models = pipeline(TEXT)["args"]["models"] | {"slat_flow_model": f"ckpts/{name}"}
    edit(copy / TEXT / "pipeline.json", models=models)
    assert changed(backbone, copy) == {"text pipeline"}
    found = inspect(sources_of(f"{copy / IMAGE}+{copy / TEXT}"))
    shown = [check.text.rpartition("sha256 ")[2][:16] for check in found if check.name == name]
    expected = {backbone.hashes[f"{kind} slat_flow_model"][:16] for kind in ("image", "text")}
    assert len(shown) == len(expected) == 2 and set(shown) == expected


def test_an_encoder_is_told_by_its_files_or_by_its_commit(copy, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    source = Source(str(copy / IMAGE))
    kept = copy / IMAGE / "dinov2_vitl14_reg"
    by_files = encoder_hash(source)
    assert len(by_files) == 64
    kept.rename(tmp_path / kept.name)
    assert encoder_hash(source) == f"{RELEASED_ENCODERS[kept.name]}@{REVISIONS[RELEASED_ENCODERS[kept.name]]}"
    source.args["image_cond_model"] = str(tmp_path / kept.name)
    assert encoder_hash(source) == by_files
    source.args["image_cond_model"] = "someone/encoder"
    place = tmp_path / "hub" / "models--someone--encoder"
    for path, content in (("refs/main", "a" * 40), (f"snapshots/{'a' * 40}/config.json", "{}")):
        (place / path).parent.mkdir(parents=True)
        (place / path).write_text(content)
    assert encoder_hash(source) == f"someone/encoder@{'a' * 40}"


RUNS = [
    ("run", [0], "stochastic", None),
    ("multi_stochastic", [0, 1, 2], "stochastic", 4),
    ("multi_multidiffusion", [0, 1], "multidiffusion", None),
]


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("name, images, mode, slat_steps", RUNS, ids=[run[0] for run in RUNS])
def test_the_original_pipeline_s_numbers(name, images, mode, slat_steps, batch):
    """Its run on a miniature repository: tokens, structure, voxels and latents of one and of several pictures."""
    source = Source(str(golden("trellis/tiny_pipeline")))
    source.args["image_cond_model"] = "dinov2_tiny"
    io, device = load_file(source.folder / "io.safetensors"), torch.device("cpu")
    nets = {key: load(source.stem(key)) for key in (*FLOW_KEYS, "sparse_structure_decoder")}
    describer = TrellisDescriber(device, Resident(), picture_encoder(source, device), None)
    backbone = Backbone(
        "miniature", device, None, nets["sparse_structure_decoder"], {"image": nets[FLOW_KEYS[0]]},
        {"image": nets[FLOW_KEYS[1]]}, None, None, None, None, describer, None, batch=batch,
    )  # fmt: skip
    condition = backbone.of_pictures([open_picture(source.folder / f"image_{i}.png").rgba for i in images])
    if name == "run":
        torch.testing.assert_close(condition.tokens[0], io["run.cond"], rtol=0, atol=3e-5)
    samplers = [source.args[f"{stage}_sampler"]["params"] for stage in ("sparse_structure", "slat")]
    sampler, slat_sampler = samplers
    settings = Settings().changed(
        dict(
            structure_steps=sampler["steps"], slat_steps=slat_steps or slat_sampler["steps"], multi_image=mode,
            layout_starts=1, part_start=1, refine_start=1,
        )
    )  # fmt: skip
    assert sampler["rescale_t"] == slat_sampler["rescale_t"] == RESCALE
    kit = Kit(backbone, settings)
    # The method guides at all times, as the paper says; the released pipelines in a part of it.
    guide = replace(structure_guide(kit, condition, sampler["cfg_strength"]), interval=tuple(sampler["cfg_interval"]))
    t = times(settings.structure_steps)
    latent = flow.sample(backbone.structure_velocities([guide]), io[f"{name}.noise_ss"], t)[0]
    torch.testing.assert_close(latent, io[f"{name}.z_s"], rtol=0, atol=1e-4)
    coords = io[f"{name}.coords"][:, 1:]
    assert torch.equal(backbone.decode_structure(latent).nonzero().int(), coords)
    guide = replace(
        slat_guide(kit, condition, slat_sampler["cfg_strength"]), interval=tuple(slat_sampler["cfg_interval"])
    )
    t = times(settings.slat_steps)
    feats = flow.sample(backbone.slat_velocities([guide], [coords]), io[f"{name}.noise_slat"], t)[0]
    mean, std = (torch.tensor(source.args["slat_normalization"][key]) for key in ("mean", "std"))
    torch.testing.assert_close(feats * std + mean, io[f"{name}.slat"], rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    "typed, message",
    [
        ({"memory": "offlaod"}, "did you mean 'offload'"),
        ({"batch": "-1"}, "at least 1"),
        ({"batch": "x"}, "whole number"),
        ({"compiled": "maybe"}, "true or false"),
        ({"memry": "auto"}, "did you mean 'memory'"),
    ],
)
def test_ways_of_loading_are_checked(typed, message):
    with pytest.raises(InputError, match=message):
        Loading.read(typed)


def test_ways_of_loading_as_typed():
    assert Loading.read({"batch": "4", "compiled": "true", "segmenter": "sam3"}) == Loading("auto", 4, True, "sam3")
    assert Loading().rows(torch.device("cpu")) == 1 and Loading().rows(torch.device("cuda")) == 8


def test_inspection_finds_what_differs(copy):
    sources = sources_of(f"{copy / IMAGE}+{copy / TEXT}")
    found = {check.name: check for check in inspect(sources)}
    assert all(check.ok is not False for check in found.values())  # smaller than released is no failure
    assert "cond_channels is 32, released 1024" in found["ss_flow_img_dit_L_16l8_fp16"].text
    path = copy / IMAGE / "ckpts" / "ss_flow_img_dit_L_16l8_fp16.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"out_layer.bias": tensors["out_layer.bias"].half()}, path)
    edit(copy / TEXT / "pipeline.json", slat_normalization={"mean": [0.0] * 8, "std": [1.0] * 8})
    edit(copy / IMAGE / "pipeline.json", slat_normalization={"mean": [0.0] * 8, "std": [1.0] * 8})
    found = {check.name: check for check in inspect(sources_of(f"{copy / IMAGE}+{copy / TEXT}"))}
    wrong = found["ss_flow_img_dit_L_16l8_fp16"]
    assert wrong.ok is False and "out_layer.bias is F16 [512], expected F32 [512]" in wrong.text
    assert found["normalization"].ok is False


def test_a_release_is_recognised_by_its_arguments_size_and_hash():
    stem = "ss_enc_conv3d_16l8_fp16"
    name, arguments = RELEASED[stem]
    assert against_release(stem, name, arguments, BYTES[stem], HASHES[stem]) == []
    assert against_release(stem, f"Elastic{name}", arguments, BYTES[stem], HASHES[stem]) == []
    assert "released with 119,068,016 bytes" in against_release(stem, name, arguments, 1, HASHES[stem])
    (note,) = against_release(stem, name, arguments, BYTES[stem], "0" * 64)
    assert "another sha256" in note


def test_every_network_is_tried(backbone):
    found = {check.name: check for check in exercise(backbone)}
    random = ("structure VAE", "segmenter")  # random weights make nothing that can be called good
    assert len(found) == 10 and all(check.ok for name, check in found.items() if name not in random)
    assert found["structure VAE"].ok is None
    assert found["segmenter"].ok is not False and "of a red ball it marks" in found["segmenter"].text
    backbone.structure_flows["text"].out_layer.bias.data += float("nan")
    try:
        assert {check.name for check in exercise(backbone) if check.ok is False} == {"text structure"}
    finally:
        backbone.structure_flows["text"].out_layer.bias.data.nan_to_num_()


def test_a_segmenter_that_is_not_there_fails_before_anything_is_sampled(folder, tmp_path):
    place = f"{folder / IMAGE}+{folder / TEXT}"
    lacking = load_backbone(place, loading=Loading(segmenter=f"sam3:{tmp_path / 'nowhere'}"))
    *_, last = exercise(lacking)
    assert last.name == "segmenter" and last.ok is False and "nowhere" in last.text and "segmenter=" in last.fix
    calls = []
    pictures = {"ball": picture(), "cap": picture("gold")}
    with pytest.raises(CheckpointError, match="nowhere"):
        Composer(lacking).compose("a ball with a cap", pictures, "ball", progress=lambda *what: calls.append(what))
    assert not calls
    shown = {one.name: one for one in findings(place, loading=dict(segmenter=f"sam3:{tmp_path / 'nowhere'}"))}
    assert shown["compose"].ok is False and "see segmenter" in shown["compose"].text


def test_doctor_names_the_fix_where_a_card_is_too_small(folder, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr("cast3d.backbones.trellis.verify.exercise", full)
    *_, last = findings(f"{folder / IMAGE}+{folder / TEXT}")
    assert last.ok is False and "memory of cpu is full" in last.text and "memory=offload" in last.fix


def test_the_side_that_resembles_a_picture_is_found(backbone, monkeypatch):
    """An object that is red in front and green behind, whatever the networks say."""
    axis = torch.linspace(-0.3, 0.3, 13)
    positions = torch.cartesian_prod(axis, torch.tensor([-0.2, 0.2]), axis)
    red = torch.where(positions[:, 1:2] < 0, torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]]))
    count = len(positions)
    figure = Gaussians(
        positions, (red - 0.5) / 0.28209479177387814, torch.full((count, 3), 0.03),
        torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1), torch.full((count,), 0.95),
    )  # fmt: skip
    small = replace(backbone, defaults=Settings().changed(SHORT))
    monkeypatch.setattr(type(small), "gaussians", lambda *_: figure)
    for color, side in (("red", "front"), ("lime", "back")):
        square = Image.new("RGBA", (120, 120))
        ImageDraw.Draw(square).rectangle([20, 20, 100, 100], fill=color)
        check = front(small, square)
        assert check.ok is (side == "front") and (side == "front" or f"the {side} resembles" in check.text)
