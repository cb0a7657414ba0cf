"""The documents: what they link to is there, and their pictures can be made again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch
from PIL import Image, ImageDraw

from cast3d.meshes.glb import write_glb
from cast3d.meshes.surface import from_sdf
from cast3d.pictures.cutout import open_cut_out
from cast3d.run.folder import RunFolder
from cast3d.scene import Scene
from cast3d.scene.files import read_any
from cast3d.settings import Settings
from docs import pictures
from docs.pictures import CELL, SHEETS, TITLE, comparison, example, sheets, write
from tests.meshes.shapes import ball

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("suites/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```|`[^`\n]*`(?!\])", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [unquote(target.split("#")[0]) for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and not target.startswith(("http:", "https:", "mailto:"))]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/*/scene.yaml")), ids=lambda file: file.parent.name)
def test_examples_can_be_read(file):
    scene = read_any(file)
    Settings().changed(scene.settings)
    assert len(scene.assets) >= (2 if isinstance(scene, Scene) else 0)
    for asset in scene.assets:
        for image in asset.images:
            assert open_cut_out(image).has_alpha


def test_pictures_of_the_method_are_small():
    kept = list((ROOT / "docs" / "pictures").iterdir())
    of_method = {file.name for file in kept if not file.name.startswith("results-")}
    assert of_method == {f"{name}.webp" for name in SHEETS}
    assert sum(file.stat().st_size for file in kept) < 250_000


def test_pictures_come_from_a_run(tmp_path):
    preview = Image.new("RGB", (512, 256), "white")
    ImageDraw.Draw(preview).rectangle((100, 50, 399, 200), fill="red")
    stages = {"main": ["geometry"], "layout": ["layout"], "layout_appearance": ["layout"], "hints": ["hints", "masks"]}
    stages |= {"part-cap": ["part"], "part-bag": ["part"], "geometry": ["coarse", "geometry"], "slat-cap": ["part"]}
    with RunFolder(tmp_path / "out") as run:
        for index, (name, labels) in enumerate(stages.items()):
            run.save_stage(name, index, {}, previews=dict.fromkeys(labels, preview))
        with pytest.raises(ValueError, match="no stage appearance"):
            sheets(run.path)
        run.save_stage("appearance", 20, {}, previews={"object": preview})
        made = sheets(run.path)
    assert list(made) == list(SHEETS)
    assert {picture.height for picture in made.values()} == {200}
    one, two = made["main"].width, made["parts"].width
    assert abs(one - 300 * 200 / 256) <= 4 and two == 2 * one + 16  # without white at the sides
    assert write(made, tmp_path / "pictures") == sum(f.stat().st_size for f in (tmp_path / "pictures").iterdir())


def test_the_row_of_an_example_shows_pictures_and_the_mesh_from_three_sides(tmp_path):
    Image.new("RGB", (300, 200), "blue").save(tmp_path / "cap.png")
    (tmp_path / "run.json").write_text(json.dumps({"images": {"cap": [{"file": "cap.png"}]}, "main": "cap"}))
    mesh = from_sdf(ball(24))
    red = torch.tensor([0.9, 0.1, 0.1]).expand(len(mesh.vertices), 3)
    write_glb(tmp_path / "scene.glb", {"cap": replace(mesh, colors=red.contiguous())}, {})
    row = example(tmp_path).convert("RGB")
    assert row.size == (4 * 256, 256)
    for k in range(1, 4):
        r, g, b = row.getpixel((256 * k + 128, 128))
        assert r > 2 * max(g, b)


def test_methods_are_compared_side_by_side(tmp_path):
    """One case, two methods, of which the second gave up."""
    suite, out = tmp_path / "suite", tmp_path / "out"
    suite.mkdir()
    Image.new("RGB", (50, 50), "red").save(suite / "asset.png")
    Image.new("RGB", (50, 50), "blue").save(suite / "view.png")
    case = {
        "id": "a", "assets": [{"term": "cap", "image": "asset.png"}],
        "views": [{"image": "view.png", "yaw": yaw} for yaw in (0.0, 45.0)],
    }  # fmt: skip
    (suite / "suite.json").write_text(json.dumps([case]))
    for method in ("ours", "theirs"):
        (out / "cells" / method / "a" / "0").mkdir(parents=True)
    views = Image.new("RGB", (4 * CELL, CELL), "white")
    views.paste("green", (CELL, 0, 2 * CELL, CELL))
    views.save(out / "cells" / "ours" / "a" / "0" / "views.webp", lossless=True)
    sheet = comparison(out, suite, ["a"], ["ours", "theirs"])
    assert sheet.size == (4 * CELL, CELL + TITLE)
    middles = [sheet.getpixel((CELL * x + CELL // 2, TITLE + CELL // 2)) for x in range(3)]
    assert middles == [(255, 0, 0), (0, 0, 255), (0, 128, 0)]


def test_examples_are_shown_then_and_now(tmp_path, monkeypatch):
    """A composition with one picture, an edit in a row of its own shape, and an example that did not exist then."""
    small, given, left = 160, 1, 160

    def row(name, size, *colors):
        (tmp_path / name).mkdir()
        made = Image.new("RGB", size, "white")
        for x, color in enumerate(colors):
            made.paste(color, (256 * x, 0, 256 * (x + 1), 256))
        made.save(tmp_path / name / "result.webp", lossless=True)

    row("1-cap", (1024, 256), "red", "blue", "blue", "blue")
    row("2-edit", (812, 200), "lime", "lime", "lime", "lime")
    row("3-boy", (1024, 256), "red", "blue", "blue", "blue")
    before = Image.new("RGB", (1024, 256), "yellow")
    monkeypatch.setattr(pictures, "_then", lambda file, commit: before if "1-cap" in str(file) else None)
    sheet = pictures.then_and_now(tmp_path, "abc")
    assert sheet.size == (left + (given + 6) * small, TITLE + 3 * small)

    def middles(y):
        return [sheet.getpixel((left + small * x + 80, TITLE + small * y + 80)) for x in (0, 1, 4)]

    red, yellow, blue, white = (255, 0, 0), (255, 255, 0), (0, 0, 255), (255, 255, 255)
    assert middles(0) == [red, yellow, blue] and middles(2) == [red, white, blue]
    assert sheet.getpixel((sheet.width - 4, TITLE + small + 80)) == (0, 255, 0)
    assert (ROOT / "docs" / "examples.webp").stat().st_size < 300_000
