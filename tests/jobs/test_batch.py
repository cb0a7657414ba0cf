"""Scenes from every kind of file; a batch with real workers and the tiny backbone: skipping, failing, going on."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from cast3d.cli.batch import with_address
from cast3d.composer import Composer
from cast3d.errors import InputError
from cast3d.jobs.batch import Batch, Outcome
from cast3d.jobs.job import read_job
from cast3d.jobs.scenes import read_scenes, sliced
from cast3d.jobs.slots import ProcessSlot
from tests.jobs.tiny import Tiny
from tests.jobs.warm import WarmSlot
from tests.test_composer import contents
from tests.tiny_backbone import pictures, tiny_backbone

CAP = "a figure wearing a cap"
YAML = f"prompt: {CAP}\nassets: {{figure: figure.png, cap: cap.png}}\nseed: %d\n"


@pytest.fixture
def shown(tmp_path):
    """A folder with pictures."""
    for term, picture in pictures().items():
        picture.save(tmp_path / f"{term}.png")
    return tmp_path


def asked(entries):
    return [(one.id, one.scene.prompt, one.scene.seed, one.scene.terms) for one in entries]


def test_scenes_of_a_folder(shown):
    (shown / "b.yaml").write_text(YAML % 2)
    (shown / "a").mkdir()
    for term in ("figure", "cap"):
        shutil.copy(shown / f"{term}.png", shown / "a")
    (shown / "a" / "scene.yaml").write_text(YAML % 1)
    assert asked(read_scenes(shown)) == [
        ("a", CAP, 1, ("figure", "cap")),
        ("b", CAP, 2, ("figure", "cap")),
    ]
    (shown / "list.txt").write_text("# mine\nb.yaml\n\na/scene.yaml\n")
    assert [entry.id for entry in read_scenes(shown / "list.txt")] == ["b", "a"]


def test_scenes_as_json_lines_and_as_a_table(shown):
    lines = [
        {"id": "One!", "prompt": CAP, "assets": {"figure": "figure.png", "cap": ["cap.png", "cap.png"]}, "seed": 3},
        {"prompt": CAP, "assets": {"figure": "figure.png", "cap": "cap.png"}, "settings": {"crumbs": 0.1}},
    ]
    (shown / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    first, second = read_scenes(shown / "x.jsonl")
    assert (first.id, second.id) == ("one", "a-figure-wearing-a-cap")
    assert len(first.scene.assets[1].images) == 2 and second.scene.settings == {"crumbs": 0.1}
    (shown / "x.csv").write_text(
        "id,prompt,assets,main,seed\n"
        f"a,{CAP},figure=figure.png; cap=cap.png|cap.png,figure,4\n"
        'a,"a figure wearing a cap, quietly",figure=figure.png;cap=cap.png,,\n'
    )
    first, second = read_scenes(shown / "x.csv")
    assert (first.id, first.scene.seed, second.id) == ("a", 4, "a-2") and second.scene.prompt.endswith(", quietly")


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("x.txt", "nowhere.yaml", "no such scene file"),
        ("x.txt", "", "holds no scenes"),
        ("x.jsonl", "{", "line 1: no JSON"),
        ("x.jsonl", "[]", "line 1: a scene is an object"),
        ("x.jsonl", '{"promt": "x"}', "did you mean 'prompt'"),
        ("x.jsonl", '{"prompt": "x"}', "names no pictures"),
        ("x.jsonl", '{"prompt": "a cap", "assets": {"hat": "cap.png"}}', "line 1: the term 'hat' does not occur"),
        ("x.jsonl", '{"prompt": "a cap", "assets": {"cap": 3}}', "a path or a list of paths"),
        ("x.jsonl", '{"prompt": "a cap", "assets": {"cap": "http://x/y.png"}}', "only files are read"),
        ("x.csv", "prompt,assets\na cap,cap.png\n", "line 2: assets are term=picture"),
        ("x.csv", "prompt,assets,seed\na cap,cap=cap.png,x\n", "line 2: the seed is a whole number"),
        ("x.csv", "prompt,assets\na cap,cap=cap.png,3\n", "more cells than the head"),
        ("x.csv", "prompt,picture\na cap,cap.png\n", "unknown 'picture'"),
        ("x.xls", "", "is no folder and none of"),
    ],
)
def test_scenes_that_cannot_be_are_named(shown, name, text, message):
    (shown / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_scenes(shown / name)


def test_slices_share_all_scenes_out():
    scenes = list(range(10))
    parts = [sliced(scenes, f"{i}/3") for i in (1, 2, 3)]
    assert sorted(one for part in parts for one in part) == scenes and max(map(len, parts)) - min(map(len, parts)) <= 1
    for wrong in ("0/3", "4/3", "3", "a/b", "1/0"):
        with pytest.raises(InputError, match="slice"):
            sliced(scenes, wrong)


def test_ray_s_address_may_be_left_out():
    assert with_address(["batch", "--ray"]) == ["batch", "--ray=local"]
    assert with_address(["batch", "--ray", "scenes", "-o", "x"]) == ["batch", "--ray=local", "scenes", "-o", "x"]
    for address in ("auto", "10.0.0.1:6379", "ray://head:10001", "local"):
        assert with_address(["batch", "--ray", address, "s"]) == ["batch", "--ray", address, "s"]


@pytest.fixture
def two(shown):
    lines = [
        {"id": "cap", "prompt": CAP, "assets": {"figure": "figure.png", "cap": "cap.png"}},
        {"id": "alone", "prompt": "a figure", "assets": {"figure": "figure.png"}},
    ]
    (shown / "two.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return shown / "two.jsonl"


def test_a_batch_is_worked_off_skipped_and_summed_up(two, tmp_path):
    out, told = tmp_path / "out", []
    batch = Batch(read_scenes(two), out, {}, "tiny")
    outcome = batch.run([ProcessSlot(Tiny())], lambda job, what, facts: told.append((job.id, what, facts.get("name"))))
    assert outcome == Outcome(2, 0, 0)
    assert ("cap", "event", "progress") in told and ("alone", "ended", None) in told
    straight = tmp_path / "straight"
    Composer(tiny_backbone()).compose(CAP, {t: pictures()[t] for t in ("figure", "cap")}, out=straight)
    assert contents(out / "cap" / "stages") == contents(straight / "stages")
    rows = json.loads((out / "summary.json").read_text())["scenes"]
    assert [(row["id"], row["state"], row["parts"]) for row in rows] == [
        ("alone", "done", ["figure"]),
        ("cap", "done", ["cap", "figure"]),
    ]
    with (out / "summary.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["alone", "cap"]
    page = (out / "index.html").read_text()
    assert "2 of 2 scenes" in page and "cap/turntable.webp" in page and "<script" not in page
    again = Batch(read_scenes(two), out, {}, "tiny")
    assert [job.id for job in again.skipped] == ["cap", "alone"] and again.jobs == []
    assert again.run([]) == Outcome(0, 2, 0)
    assert [job.id for job in Batch(read_scenes(two), out, {"crumbs": 0.2}, "tiny").jobs] == ["cap", "alone"]
    pictures()["backpack"].save(two.parent / "cap.png")
    assert [job.id for job in Batch(read_scenes(two), out, {}, "tiny").jobs] == ["cap"]


def test_a_scene_that_fails_does_not_stop_the_others(two, tmp_path):
    (tmp_path / "bad.jsonl").write_text(
        two.read_text() + '\n{"prompt": "a figure", "assets": {"figure": "figure.png"}, "settings": {"part_start": 99}}'
    )
    out = tmp_path / "out"
    slot = WarmSlot(Tiny(die_at="layout", times=1, marks=str(tmp_path)))
    outcome = Batch(read_scenes(tmp_path / "bad.jsonl"), out, {}, "tiny").run([slot])
    assert outcome == Outcome(2, 0, 1)
    assert "levels are 1 to 5" in read_job(out / "a-figure").error
    assert "a-figure: failed" in (out / "index.html").read_text()
    assert [job.id for job in Batch(read_scenes(tmp_path / "bad.jsonl"), out, {}, "tiny").jobs] == ["a-figure"]


def test_other_people_s_folders_are_left_alone(two, tmp_path):
    (tmp_path / "out" / "cap").mkdir(parents=True)
    (tmp_path / "out" / "cap" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="holds other files"):
        Batch(read_scenes(two), tmp_path / "out", {}, "tiny")
    assert not (tmp_path / "out" / "alone").exists()
