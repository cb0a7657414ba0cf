"""Packaging networks into a backbone folder, and the quality table measured on one."""

import json
import shutil
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cast3d import splats, voxels
from cast3d.backbones import load_backbone
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.errors import InputError
from cast3d.models.weights import opened, weights_of
from tests.training.test_steps import run
from tests.training.tiny_ldraw import tiny, tiny_bank, write
from training.bricks import (
    condition_pool,
    evaluate,
    package,
    prepare,
    quality,
    splits,
    train_appearance,
    train_namer,
    train_structure_vae,
)
from training.bricks.assemble import Points, frame_views, render, surface_points
from training.bricks.bank import Bank
from training.bricks.common import save_half
from training.bricks.ldraw import Library
from training.bricks.pictures import Studio
from training.bricks.places import places
from training.bricks.quality import ROWS, Bench, Row

ORACLE = SimpleNamespace(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder and a packaged backbone of untrained networks."""
    folder = tmp_path_factory.mktemp("bricks")
    source = write(folder / "ldraw")
    table, colors = source / "catalog.csv", source / "colors.csv"
    run(prepare, "--ldraw", source, "--catalog", table, "--colors", colors, "--data", folder / "data", "--workers", 1)
    words = json.loads((folder / "data" / "words.json").read_text())
    count = len(Vocabulary(words))
    torch.manual_seed(0)
    for name, nets in package.networks(count).items():
        save_half(nets, folder / "checkpoints" / name)
    run(
        package,
        "--checkpoints",
        folder / "checkpoints",
        "--data",
        folder / "data",
        "--out",
        folder / "w",
    )
    return folder


@pytest.fixture(scope="module")
def bench():
    return Bench(ORACLE, None, tiny_bank(), tiny()[1], count=3, seed=0)


def test_a_packaged_folder_is_a_backbone(folder):
    backbone = load_backbone(str(folder / "w"))
    assert backbone.defaults.plain()["structure_steps"] == package.DEFAULTS["structure_steps"]
    assert not backbone.describer.unknown_words("a figure wearing a red cowboy hat")
    assert set(backbone.hashes) == {*package.STEMS.values(), "pipeline", "nouns"}
    grid = voxels.to_grid(torch.tensor([[30, 30, 30], [31, 30, 30]]))
    assert backbone.decode_structure(backbone.encode_structure(grid)).shape == (64, 64, 64)
    coords = voxels.to_coords(grid)
    assert len(backbone.gaussians(coords, torch.zeros(2, 8))) == 2 * train_appearance.PER_VOXEL


def test_pictures_get_names_of_trained_parts(folder, tmp_path, capsys):
    weights, source = tmp_path / "w", folder / "ldraw"
    shutil.copytree(folder / "w", weights)
    table, colors = source / "catalog.csv", source / "colors.csv"
    given = ("--ldraw", source, "--catalog", table, "--colors", colors, "--data", folder / "data")
    run(train_namer, *given, "--weights", weights)
    assert "names; " in capsys.readouterr().out
    describer = load_backbone(str(weights)).describer
    bank, parts = Bank.load(folder / "data" / "bank.npz", index_only=True), prepare.load_catalog(folder / "data")
    studio = Studio(Library(source), parts, bank)
    for name in ("cowboy hat", "sword"):
        part = next(part for part in parts if part.phrase == name)
        shown = list(train_namer.shots(studio, part))
        assert describer.resembling(shown, "", "figure")[0] == name
    worn, held = (set(describer.resembling(shown, relation, "figure")) for relation in ("wearing", "holding"))
    assert not worn & held
    assert "cowboy hat" in describer.animals["wear"] and "sword" not in describer.animals["wear"]


def test_packaged_weights_are_the_saved_ones_up_to_storage(folder):
    backbone = load_backbone(str(folder / "w"))
    torch.manual_seed(0)
    net = train_structure_vae.networks()["decoder"].eval()
    z = torch.randn(1, 8, 16, 16, 16)
    expected = net(z)
    assert (backbone.structure_decoder(z) - expected).abs().max() < 0.03 * expected.abs().max()


def test_half_precision_is_packaged_on_demand(folder, tmp_path):
    arguments = ["--checkpoints", folder / "checkpoints", "--data", folder / "data"]
    run(package, *arguments, "--out", tmp_path, "--half")
    (saved,) = (folder / "checkpoints").glob("slat_flow-*.safetensors")
    expected = {key.removeprefix("slat_flow."): value for key, value in load_file(saved).items()}
    with opened(weights_of(tmp_path / "ckpts/slat_flow")) as file:
        packed = {key: file.tensor(key) for key in list(file.keys())}
    assert {value.dtype for value in packed.values()} == {torch.float16}
    assert all(torch.equal(value, expected[key]) for key, value in packed.items())


def test_packaging_names_what_is_missing(tmp_path):
    for name in ("words.json", "unread.json"):
        (tmp_path / name).write_text("[]")
    with pytest.raises(SystemExit, match="holds no structure_vae weights"):
        run(package, "--checkpoints", tmp_path, "--data", tmp_path, "--out", tmp_path)


def test_the_table_is_printed_saved_and_drawn(folder, capsys):
    rows = ("figure", "places", "layout", "part_shift", "segmenter", "slat_text")
    out = folder / "quality.json"
    arguments = ["--data", folder / "data", "--backbone", folder / "w", "--count", 1, "--sheets", folder / "sheets"]
    few = ("--set", "structure_steps=4", "--set", "layout_starts=3", "--set", "part_start=3")
    run(evaluate, *arguments, "--rows", *rows, *few, "-o", out)
    saved = json.loads(out.read_text())
    assert list(saved["rows"]) == list(rows)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 + len(rows) and all(line.count("|") == 6 for line in printed)
    for name in rows:
        row = saved["rows"][name]
        assert row["count"] == 1 and set(ROWS[name].goals) <= set(row["mean"])
        assert Image.open(folder / "sheets" / f"{name}.png").height == evaluate.TILE
    assert saved["settings"]["slat_steps"] == package.DEFAULTS["slat_steps"]
    assert (saved["settings"]["structure_steps"], saved["settings"]["part_start"]) == (4, 3)
    assert set(saved["models"]) == {*package.STEMS.values(), "pipeline", "nouns"}


def test_places_told_right_cost_nothing_and_each_voxel_beside_counts_as_one(bench):
    """An encoder that is told the places, moved along x by some voxels."""
    answers = []

    def overheard(*asked):
        answers.append(places(*asked))
        return answers[-1]

    def look(image, frame):
        return None, answers[-1][:, :6].float() + torch.tensor([off / 64, 0, 0, 0, 0, 0]).view(1, 6, 1, 1)

    oracle = SimpleNamespace(
        device=torch.device("cpu"), describer=SimpleNamespace(picture_encoder=SimpleNamespace(look=look))
    )
    told = replace(bench, backbone=oracle)
    for off, within in ((0.0, 1.0), (1.5, 1.0), (3.0, 0.0)):
        with mock.patch.object(condition_pool, "places", overheard):
            case = next(quality.reading("filled", "train", "filled")(told))
        assert case.scores["voxels_error"] == pytest.approx(off, abs=0.05)
        assert case.scores["within_two"] == within and len(case.shown) == 3


def test_goals_are_floors_except_for_errors():
    row = Row("", None, {"psnr": 24.0, "color_error": 0.08})
    assert row.met({"psnr": 24.5, "color_error": 0.07})
    assert not row.met({"psnr": 23.5, "color_error": 0.07}) and not row.met({"psnr": 24.5, "color_error": 0.09})


def test_combinations_are_held_out_and_named_and_unknown_families_refused(bench):
    ids = [part.id for part in bench.catalog]
    for truth in islice(bench.truths("figure", "combos", quality.named), 3):
        worn = truth.objects.part_class[truth.index][truth.objects.role[truth.index] > 0]
        assert splits.held_out_combination(ids[k] for k in worn) and all(truth.terms)
    with pytest.raises(InputError, match="no object family"):
        next(bench.truths("figures", "combos"))


def test_the_same_seed_gives_the_same_objects_and_pictures(bench):
    def first(seed):
        b = Bench(ORACLE, None, tiny_bank(), tiny()[1], 3, seed)
        truth = next(b.truths("in_place", "train", quality.accessory))
        return truth.caption, b.picture(truth.batch, truth.surface, b.generator())

    (caption, picture), (again, same) = first(1), first(1)
    assert caption == again and torch.equal(picture, same)


def test_a_shifted_hint_leaves_room_for_the_gain_that_is_asked_for(bench):
    generator = torch.Generator().manual_seed(0)
    for truth in islice(bench.truths("in_place", "train", quality.accessory), 3):
        assert voxels.f1(quality.shifted(bench, truth, generator), truth.grid) < 0.85


def test_another_part_is_of_the_same_slot_but_not_the_same(bench):
    generator = torch.Generator().manual_seed(0)
    truths = bench.truths("in_place", "train", lambda o, i: "hat" in o.caption[i])
    truth = next(truths)
    helmet = quality.another(bench, truth, generator)
    assert helmet.any() and not torch.equal(helmet, truth.grid)


@pytest.mark.parametrize("yaw", [0.0, 50.0, 250.0])
def test_the_splat_camera_of_a_view_is_its_mirrored_yaw(yaw):
    spot = torch.tensor([44.0, 22.0, 50.0])
    ones = torch.ones(1, 1, 3)
    points = Points(spot.view(1, 1, 3), ones, ones, torch.zeros(1, 1).long(), torch.ones(1, 1).bool())
    angles = torch.deg2rad(torch.tensor([[yaw], [15.0]]))
    image = render(points, frame_views(*angles), size=64)[0][0, 3]
    camera = splats.orbit(-yaw, 15.0, fov=None, width=1.0)
    u, v = (camera.to_picture(spot / 64 - 0.5) * 64).tolist()
    row, column = (image.nonzero().float() + 0.5).mean(0).tolist()
    assert (column, row) == pytest.approx((u, v), abs=1)


def test_true_gaussians_score_well_and_wrong_colours_do_not(bench):
    truth = next(bench.truths("figure", "train", quality.named))
    coords = voxels.to_coords(truth.grid)
    points = surface_points(bench.bank, truth.batch, truth.surface, 8192)
    row = torch.full((64, 64, 64), -1)
    row[tuple(coords.unbind(-1))] = torch.arange(len(coords))
    position, color = points.position[points.valid], points.color[points.valid]
    exact = splats.Gaussians(
        position / 64 - 0.5,
        (color - 0.5) / 0.28209479177387814,
        torch.full((len(position), 3), 0.25 / 64),
        torch.tensor([[1.0, 0, 0, 0]]).repeat(len(position), 1),
        torch.full((len(position),), 0.97),
        voxel=row[tuple(position.floor().long().unbind(-1))],
    )
    right = quality._painted(bench, truth, coords, exact, torch.zeros(4, 112, 112)).scores
    assert right["color_error"] < 1e-4 and right["voxel_color_error"] < 1e-4 and right["psnr"] > 20
    grey = splats.Gaussians(
        exact.positions, 0 * exact.features_dc, exact.scales, exact.rotations, exact.opacities, exact.voxel
    )
    wrong = quality._painted(bench, truth, coords, grey, torch.zeros(4, 112, 112)).scores
    assert wrong["psnr"] < right["psnr"] - 3 and wrong["color_error"] > 0.1


def test_psnr_in_decibels():
    assert quality.psnr(torch.full((4,), 0.01)) == pytest.approx(20)
