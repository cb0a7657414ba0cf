"""The experiment on shapes: its arms, what they are trained on, and one arm from end to end at toy size."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cast3d.backbones import load_backbone
from tests.training.test_steps import data, out, structure, vae  # noqa: F401  (the toy bank and its checkpoints)
from tests.training.test_world import folder  # noqa: F401  (two models)
from training.bricks.condition_pool import Shown
from training.bricks.objects import FAMILIES
from training.experiments import shapes
from training.experiments.arms import Arm, strengthened

HOW = shapes.Training(
    samples=2, seconds=100, batch=2, pool=16, first_pool=16, epochs=1, picture_share=0.5, lr=1e-3, workers=0, seed=7,
    compiled=False,
)  # fmt: skip


def test_arms_are_read_from_their_names():
    assert Arm.parse("none") == Arm("none") and not Arm.parse("none").things
    assert not Arm.parse("shipped").trained
    arm = Arm.parse("5000+home3d+augment")
    assert arm.shapes == 5000 and arm.home3d and arm.augment and not arm.poses and arm.things
    for wrong in ("fifty", "5+6", "none+home"):
        with pytest.raises(ValueError, match="an arm is"):
            Arm.parse(wrong)


def shown(image):
    n = len(image)
    return Shown(
        image, torch.zeros(n), torch.zeros(n, 7, 28, 28), torch.zeros(n, 2), torch.zeros(n, 1), torch.rand(n, 2, 3),
        torch.ones(n, 2),
    )  # fmt: skip


def test_strengthened_pictures_keep_their_outline():
    alpha = torch.zeros(16, 1, 112, 112)
    alpha[..., 20:90, 30:80] = 1
    picture = torch.cat([torch.rand(16, 3, 1, 1) * alpha, alpha], 1)
    changed = strengthened(shown(picture)).image
    assert ((changed >= 0) & (changed <= 1)).all() and not torch.allclose(changed, picture, atol=0.05)
    assert torch.equal(changed[:, 3] > 0.5, picture[:, 3] > 0.5)
    assert (changed[:, :3] <= changed[:, 3:] + 1e-5).all()


def test_things_take_the_place_of_single_parts_alone(data, folder):  # noqa: F811
    shared = shapes.Data.read(data, folder, shapes=3, count=2, workers=1)
    source = shapes.Source.of(Arm.parse("2+home3d"), shared, 0, 0, 200, torch.device("cpu"))
    objects, things = source.next()
    single = objects.family == FAMILIES.index("filled")
    assert 0.4 < things[single].mean() < 0.8 and not things[~single].any()
    used = set(objects.placement[things, 0].tolist())
    assert used == {source.first_shape, source.first_shape + 1, source.first_model}  # models that are trained
    assert (objects.placement[things, 1:] == -1).all() and (objects.part_class[things] == -1).all()
    assert (objects.placement[~things, 0] < source.first_shape).all()
    alone = shapes.Source.of(Arm.parse("none"), shared, 0, 0, 200, torch.device("cpu"))
    same, none = alone.next()
    assert not none.any() and (same.placement[~things] == objects.placement[~things]).all()


def test_the_first_shapes_of_a_bank(data):  # noqa: F811
    bank = shapes.Data.read(data, None, shapes=3, count=1, workers=1).shapes
    some = shapes.first(bank, 2)
    assert len(some.grid) == 2 and len(some.points) == some.offsets[-1] == bank.offsets[2]
    assert shapes.first(bank, 9) is bank


def in_few_steps(*given):
    """The shipped backbone, which finds shapes in fewer steps than for users."""
    backbone = load_backbone(*given)
    few = {"structure_steps": 2, "layout_starts": 2, "part_start": 1, "refine_start": 1}
    return replace(backbone, defaults=backbone.defaults.changed(few))


@pytest.mark.slow
def test_an_arm_is_trained_saved_and_measured(data, structure, out, folder, tmp_path, monkeypatch):  # noqa: F811
    shared = shapes.Data.read(data, folder, shapes=2, count=1, workers=1)
    known = shapes.measures(shared, 1)
    assert {"LDraw test parts", "LDraw test parts in place", "LDraw trained parts", "shapes never trained"} < set(known)
    some = {name: run for name, run in known.items() if not name.startswith("LDraw test")}
    monkeypatch.setattr(shapes, "measures", lambda *_: some)
    monkeypatch.setattr(shapes, "load_backbone", in_few_steps)
    args = argparse.Namespace(out=tmp_path, start=out, count=1)
    shapes.work(Arm.parse("2+home3d+augment+poses"), shared, args, HOW, 0)
    kept = tmp_path / "2+home3d+augment+poses"
    assert len(list(kept.glob("structure_flow-*.safetensors"))) >= 1
    found = json.loads((kept / "results.json").read_text())
    assert found["training"]["samples"] == 2 and found["rows"]["home3d test models"]["count"] == 1
    assert all(0 <= row["f1"] <= 1 for row in found["rows"].values())
    assert (kept / "home3d_test_models.jpg").stat().st_size > 0
    assert "| home3d test models (1) |" in shapes.table(tmp_path)


def test_the_table_has_a_column_per_arm(tmp_path):
    for name, f1 in (("50000", 0.6), ("none", 0.5), ("shipped", 0.4)):
        (tmp_path / name).mkdir()
        rows = {"LDraw test parts": {"f1": f1, "error": 0.03, "count": 48}}
        text = json.dumps({"arm": name, "training": {"samples": 10}, "rows": rows})
        Path(tmp_path, name, "results.json").write_text(text)
    lines = shapes.table(tmp_path).splitlines()
    assert lines[0].split("|")[2:-1] == [" shipped ", " none ", " 50000 "]
    assert "0.400 ± 0.030 | 0.500 ± 0.030 | 0.600 ± 0.030" in lines[2]


def test_rows_are_spread_evenly():
    assert shapes.spread(list(range(10)), 3) == [0, 3, 6] and shapes.spread([4], 3) == [4]
    assert np.array_equal(shapes.spread(range(5), 5), range(5))
