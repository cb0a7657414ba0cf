"""Every training step, end to end at toy size: it runs, logs, saves, and goes on from what it saved."""

import dataclasses
import gzip
import json
import shutil
import sys
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file, save_file

from cast3d.backbones.bricks.features import PictureFeatures, released
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.models.weights import deflate
from tests.backbones.bricks.test_features import whole_network
from tests.training.tiny_ldraw import write
from training.bricks import (
    package,
    pool,
    prepare,
    splits,
    train_appearance,
    train_picture_encoder,
    train_segmenter,
    train_slat_flow,
    train_structure_flow,
    train_structure_vae,
    unpack,
)
from training.bricks.common import LOTS, save_half, seeded
from training.bricks.condition_pool import softened
from training.bricks.questions import PITCHES, YAWS, Questions, place_loss, weighted
from training.experiments import heldout

SMALL = ("--seconds", 0.01, "--workers", 0)  # at least one step is taken
ENDS = ("out_layer", "input_layer")  # where latent statistics are folded in


def run(step, *arguments):
    with mock.patch.object(sys, "argv", [step.__name__, *map(str, arguments)]):
        step.main()


def log(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def weights(folder, name):
    return {k: v for file in sorted(folder.glob(f"{name}-*.safetensors")) for k, v in load_file(file).items()}


def unchanged(before, after, but=()):
    return [k for k in before if torch.equal(before[k], after[k]) or any(end in k for end in but)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bricks")
    source = write(folder / "ldraw")
    table, colors = source / "catalog.csv", source / "colors.csv"
    run(prepare, "--ldraw", source, "--catalog", table, "--colors", colors, "--data", folder / "data", "--workers", 1)
    return folder / "data"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def vae(data, out):
    run(train_structure_vae, "--data", data, "--out", out, *SMALL, "--batch", 1, "--pool", 2)
    return weights(out, "structure_vae")


@pytest.fixture(scope="module")
def structure(data, out, vae):
    flow(data, out, "--span", 0, 0.5, "--lr", 1e-3)
    return weights(out, "structure_flow")


@pytest.fixture(scope="module")
def appearance(data, out):
    run(train_appearance, "--data", data, "--out", out, *SMALL, "--batch", 1, "--pool", 1)
    return weights(out, "appearance")


def flow(data, out, *arguments):
    pools = ("--batch", 4, "--pool", 4, "--first-pool", 4)
    run(train_structure_flow, "--data", data, "--out", out, "--state", out / "state", *SMALL, *pools, *arguments)


def test_prepare_writes_what_the_steps_read(data):
    words = json.loads((data / "words.json").read_text())
    assert words == sorted(set(words)) and {"figure", "hat", "wings", "red"} <= set(words)
    unread = json.loads((data / "unread.json").read_text())
    assert unread == sorted(set(unread)) and set(unread) <= set(words)
    assert prepare.load_catalog(data).part("hat").phrase == "cowboy hat"


def test_a_stream_is_the_same_with_and_without_workers(data):
    streams = [pool.Stream(data, 3, seed=5, workers=workers) for workers in (0, 1)]
    for _ in range(3):
        here, there = (stream.next() for stream in streams)
        assert here.caption == there.caption and (here.placement == there.placement).all()
    for stream in streams:
        stream.close()


def test_structure_vae_latents_are_normalised_and_training_goes_on(data, out, vae):
    assert log(out, "structure_vae")[-2]["step"] >= 1
    run(train_structure_vae, "--data", data, "--out", out, *SMALL, "--batch", 1, "--pool", 2, "--lr", 0, "--resume")
    kept = unchanged(vae, weights(out, "structure_vae"), but=ENDS)
    assert kept == list(vae)


def test_structure_flow_goes_on_from_its_state(data, out, structure):
    before = load_file(out / "state" / "raw.safetensors")
    rows = log(out, "structure_flow")
    flow(data, out, "--span", 0.5, 1, "--lr", 0)
    assert unchanged(before, load_file(out / "state" / "raw.safetensors")) == list(before)
    assert {key.split(".")[0] for key in before} == {"flow", "picture", "words", "questions"}
    assert {key.split(".")[0] for key in structure} == {"flow", "picture", "words"}
    assert rows[0]["pool"] >= 4 and log(out, "structure_flow")[-1]["progress"] == 1


@pytest.fixture(scope="module")
def reading(data, out, structure, tmp_path_factory):
    """The same checkpoints, whose picture encoder reads features."""
    folder = tmp_path_factory.mktemp("reading")
    nets = train_structure_flow.started(out, len(Vocabulary(json.loads((data / "words.json").read_text()))))
    torch.save(whole_network(), folder / "released.pth")
    nets["picture"] = unpack.reading_features(nets["picture"], folder / "released.pth")
    save_half(nets, folder / "structure_flow")
    shutil.copy(out / "structure_vae-0.safetensors", folder)
    return folder


def test_features_are_read_and_stay_as_they_were(data, reading):
    before = weights(reading, "structure_flow")
    assert train_structure_flow.with_features(reading)
    run(train_picture_encoder, "--data", data, "--out", reading, *SMALL, "--batch", 4, "--pool", 4, "--first-pool", 4)
    after = weights(reading, "structure_flow")
    same = unchanged(before, after)
    assert all(name in same for name in before if name.startswith("picture.features."))
    assert "picture.feature_layer.1.weight" not in same
    assert "features" in package.networks(40)["structure_flow"]["picture"].config


def test_steps_start_with_features_where_they_are_there(tmp_path):
    assert not train_structure_flow.with_features(tmp_path)
    known = PictureFeatures()
    known.load_state_dict(released(whole_network()))
    save_half({"features": known}, tmp_path / train_structure_flow.FEATURES)
    encoder = train_structure_flow.started(tmp_path, 40)["picture"]
    torch.testing.assert_close(encoder.features.stem.bias, known.stem.bias, rtol=1e-2, atol=1e-3)


def test_held_out_losses_are_compared_object_by_object(data, out, structure, tmp_path):
    nets = train_structure_flow.started(out, len(Vocabulary(json.loads((data / "words.json").read_text()))))
    with torch.no_grad():
        nets["picture"].places.bias += 0.25
        nets["flow"].out_layer.bias += 1.0
    save_half(nets, tmp_path / "structure_flow")
    rows = {"part": ("filled", splits.TRAIN, "picture"), "words": ("figure", splits.TRAIN, "words")}
    with mock.patch.dict(heldout.ROWS, rows, clear=True), mock.patch.object(heldout, "TIMES", (0.9,)):
        run(heldout, out, tmp_path, "--data", data, "--count", 3, "-o", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    for row in found.values():
        first, other = row[str(out)], row[str(tmp_path)]
        assert first["more"] == first["half"] == 0 < first["loss"]
        assert other["more"] != 0 and other["loss"] == pytest.approx(first["loss"] + other["more"])
    assert found["part"][str(tmp_path)]["places"] > found["part"][str(out)]["places"] + 1


def test_structure_flow_asks_for_the_vae_first(data, tmp_path):
    with pytest.raises(SystemExit, match="run train_structure_vae first"):
        run(train_structure_flow, "--data", data, "--out", tmp_path, *SMALL)


def test_the_picture_encoder_learns_alone_and_leaves_the_rest(data, out, structure):
    step = ("--data", data, "--out", out, *SMALL, "--batch", 4, "--pool", 4, "--first-pool", 4, "--views", 2)
    run(train_picture_encoder, *step)
    after = weights(out, "structure_flow")
    rows = log(out, "picture_encoder")
    assert rows[0]["pool"] >= 4 and rows[-1]["step"] >= 1
    answers = {"picture_parts", "picture_colors", "picture_patches", "picture_places", "picture_views"}
    assert answers <= set().union(*rows)
    same = unchanged(structure, after)
    assert {key.split(".")[0] for key in same} >= {"flow", "words"}
    assert "picture.places.weight" not in same and all(
        "words." not in k and "flow." not in k for k in set(after) - set(same)
    )


def test_appearance_goes_on(data, out, appearance):
    row = log(out, "appearance")[-1]
    assert row["step"] >= 1 and {"cover", "color", "tilt", "size", "opacity", "sdf", "kl"} <= set(row)
    run(train_appearance, "--data", data, "--out", out, *SMALL, "--batch", 1, "--pool", 1, "--lr", 0, "--resume")
    assert unchanged(appearance, weights(out, "appearance"), but=ENDS) == list(appearance)


def test_slat_flow_goes_on(data, out, structure, appearance):
    step = ("--data", data, "--out", out, *SMALL, "--batch", 2, "--pool", 2)
    run(train_slat_flow, *step)
    before = weights(out, "slat_flow")
    assert log(out, "slat_flow")[-1]["step"] >= 1
    run(train_slat_flow, *step, "--lr", 0, "--resume")
    assert unchanged(before, weights(out, "slat_flow")) == list(before)


def test_segmenter_goes_on(data, out):
    step = ("--data", data, "--out", out, *SMALL, "--batch", 4, "--pool", 8)
    run(train_segmenter, *step)
    before = weights(out, "segmenter")
    assert 0 <= log(out, "segmenter")[-1]["held_iou"] <= 1
    run(train_segmenter, *step, "--lr", 0, "--resume")
    assert unchanged(before, weights(out, "segmenter")) == list(before)


class Seen(Exception):
    """Ends a step once its first pool is made."""


def tensors(value):
    """All tensors in what a step keeps, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    return [tensor for item in value for tensor in tensors(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "step, maker, arguments",
    [
        (train_structure_vae, "shell", ("--pool", 4)),
        (train_picture_encoder, "make_pool", ("--first-pool", 4)),
        (train_structure_flow, "make_pool", ("--first-pool", 4)),
        (train_appearance, "shell", ("--pool", 2, "--batch", 1)),
        (train_slat_flow, "make_pool", ("--pool", 4)),
        (train_segmenter, "make_scenes", ("--pool", 4)),
    ],
)
def test_another_seed_gives_other_data(data, out, structure, appearance, step, maker, arguments):
    """Or a second call, with --resume, would train on what the first has seen."""
    make = getattr(step, maker)

    def first_pool(*seed):
        def stop(*given, **named):
            raise Seen(make(*given, **named))

        with mock.patch.object(step, maker, stop), pytest.raises(Seen) as seen:
            run(step, "--data", data, "--out", out, "--workers", 0, *arguments, *seed)
        return tensors(seen.value.args[0])

    default, again, other = first_pool(), first_pool("--seed", 0), first_pool("--seed", 1)
    assert default and len(default) == len(again)
    assert all(torch.equal(a, b) for a, b in zip(default, again))
    assert len(default) != len(other) or any(not torch.equal(a, b) for a, b in zip(default, other))


def test_seeds_do_not_meet():
    device = torch.device("cpu")
    first, generator = seeded(0, 501, device)
    second, another = seeded(1, 501, device)
    assert second - first == LOTS
    draws = torch.rand(8), torch.rand(8, generator=generator), torch.rand(8, generator=another)
    assert not torch.equal(draws[1], draws[2])
    seeded(1, 501, device)
    assert torch.equal(draws[0], torch.rand(8))


def test_patch_colours_are_read_patch_by_patch():
    """Tokens that hold the quarters' colours, read by the identity, cost nothing; in another order they do."""
    head = Questions(3, 2, channels=16)
    with torch.no_grad():
        head.patches.weight.copy_(torch.eye(16))
        head.patches.bias.zero_()
    small = torch.rand(2, 4, 6, 6)  # three patches a side, two quarters each
    image = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    tokens = small.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(2, 9, 16)
    tokens = torch.cat([torch.rand(2, 1, 16), tokens], 1)
    assert head.patch_loss(tokens, image) < 1e-12
    assert head.patch_loss(tokens[:, [0, 2, 1, *range(3, 10)]], image) > 1e-3


def test_places_count_where_there_is_something_to_see():
    place = torch.rand(2, 7, 6, 6)
    place[:, 6, :, :3] = 0  # nothing there
    found = place[:, :6].clone()
    found[..., :3] += 9
    assert place_loss(found, place) == 0
    found[:, :2] += torch.tensor([0.3, 0.4])[:, None, None]  # the nearer of two surfaces is half a side away
    assert abs(place_loss(found, place, soft=0) - 0.25) < 1e-6
    place[:, 6] = 0
    assert place_loss(found, place) == 0


def test_of_two_places_that_fit_either_costs_no_more_than_the_middle():
    """Squares would ask for the middle, where nothing is."""
    place = torch.ones(3, 7, 2, 2)
    place[:, 0] = torch.tensor([-0.4, -0.4, 0.4])[:, None, None]  # two of three are here
    either, middle = (place[:1, :6].expand(3, -1, -1, -1).clone() for _ in range(2))
    middle[:, 0] = -0.4 / 3
    assert place_loss(either, place) < place_loss(middle, place)


def test_the_view_is_asked_in_bins_of_five_degrees():
    """Tokens that hold the right bins, read by a trunk and head that pass them on, cost nothing."""
    head = Questions(3, 2, channels=YAWS + PITCHES)
    head.trunk = torch.nn.Identity()
    head.views = torch.nn.Identity()
    view = torch.deg2rad(torch.tensor([[-59.0, 1.0], [2.0, 34.0], [60.0, 35.0]]))
    tokens = torch.zeros(3, 1, YAWS + PITCHES)
    for row, (yaw, pitch) in enumerate(((0, 0), (12, 6), (23, 6))):
        tokens[row, 0, [yaw, YAWS + pitch]] = 50.0
    assert head.view_loss(tokens, view) < 1e-6
    assert head.view_loss(tokens.roll(1, 0), view) > 10


def test_only_questions_count_among_the_losses():
    losses = {"picture": torch.tensor(5.0), "picture_places": torch.tensor(0.5), "words_parts": torch.tensor(1.0)}
    assert weighted(losses) == pytest.approx(4.0 * 0.5 + 0.01)


def test_softened_pictures_lie_between_the_picture_and_its_blur():
    picture = torch.zeros(64, 4, 9, 9)
    picture[:, :, 4, 4] = 1
    soft = softened(picture)
    assert torch.allclose(soft.sum((2, 3)), torch.ones(64, 4))  # no light is lost
    assert ((soft[:, 0, 4, 4] >= 0.25) & (soft[:, 0, 4, 4] <= 1)).all() and soft[:, 0, 4, 4].std() > 0.1
    assert torch.allclose(soft[:, 0, 3, 4], (1 - soft[:, 0, 4, 4]) / 6)
    flat = torch.full((2, 4, 5, 5), 0.7)
    assert torch.allclose(softened(flat), flat)  # borders, too


def test_squeezed_weights_are_smaller_and_read_the_same(tmp_path):
    file, same = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    weights = {"w": torch.arange(4096).remainder(61).to(torch.int8)}
    save_file(weights, file)
    save_file(weights, same)
    plain, squeezed = deflate(same), deflate(file)
    package.squeeze(squeezed)
    assert squeezed.stat().st_size < plain.stat().st_size
    assert gzip.decompress(squeezed.read_bytes()) == gzip.decompress(plain.read_bytes())
