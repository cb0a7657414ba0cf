"""Workers on a real Ray of this machine: several actors, one killed in the middle; folders that travel."""

from __future__ import annotations

import json

import pytest

from cast3d.jobs import rays
from cast3d.jobs.batch import Batch, Outcome
from cast3d.jobs.crew import work_off
from cast3d.jobs.job import read_job
from cast3d.jobs.scenes import read_scenes
from cast3d.jobs.slots import WorkBroke
from tests.jobs.sums import Adding
from tests.jobs.tiny import Tiny
from tests.tiny_backbone import pictures

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster():
    rays.connect("local", 2)
    yield
    ray.shutdown()


def test_several_actors_one_killed_in_the_middle(cluster, tmp_path):
    slots, end = rays.slots(Adding(), tmp_path, on_gpu=False, cores=1, most=None)
    tasks = [{"numbers": [i, i], "slow": 0.05} for i in range(6)]
    tasks[2]["die"] = str(tmp_path / "mark")
    tasks[4]["break"] = True
    results, told = {}, []
    work_off(tasks, slots, results.__setitem__, lambda place, event: told.append((place, event)))
    end()
    assert len(slots) == 2 and (tmp_path / "mark").exists()
    broke = results.pop(4)
    assert results == {0: 0, 1: 2, 2: 4, 3: 6, 5: 10}
    assert isinstance(broke, WorkBroke) and "ZeroDivisionError" in str(broke)
    assert (3, 6) in told and (5, 10) in told
    assert [path.name for path in tmp_path.iterdir()] == ["mark"]


def test_a_batch_goes_on_where_its_actor_was_killed(cluster, tmp_path):
    for term, picture in pictures().items():
        picture.save(tmp_path / f"{term}.png")
    scene = {"prompt": "a figure wearing a cap", "assets": {"figure": "figure.png", "cap": "cap.png"}}
    lines = [scene, {"prompt": "a figure", "assets": {"figure": "figure.png"}}]
    (tmp_path / "two.jsonl").write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "out"
    start = Tiny(die_at="layout", die_in="a-figure-wearing-a-cap", times=1, marks=str(tmp_path))
    slots, end = rays.slots(start, out, on_gpu=False, cores=1, most=2)
    outcome = Batch(read_scenes(tmp_path / "two.jsonl"), out, {}, "tiny").run(slots)
    end()
    assert outcome == Outcome(2, 0, 0) and (tmp_path / "death-0").exists()
    assert all((out / name / "scene.glb").is_file() for name in ("a-figure", "a-figure-wearing-a-cap"))
    reused = {
        name: [one["name"] for one in read_job(out / name).stages if one["reused"]]
        for name in ("a-figure", "a-figure-wearing-a-cap")
    }
    assert reused == {"a-figure": [], "a-figure-wearing-a-cap": ["main"]}  # the scene whose actor died went on


def test_a_folder_that_the_worker_does_not_see_travels(cluster, tmp_path, monkeypatch):
    for term, picture in pictures().items():
        picture.save(tmp_path / f"{term}.png")
    (tmp_path / "one.jsonl").write_text('{"prompt": "a figure", "assets": {"figure": "figure.png"}}')
    out = tmp_path / "out"
    slots, end = rays.slots(Tiny(), out, on_gpu=False, cores=1, most=1)
    slots[0].probe = tmp_path / "elsewhere"
    outcome = Batch(read_scenes(tmp_path / "one.jsonl"), out, {}, "tiny").run(slots)
    end()
    assert outcome == Outcome(1, 0, 0) and (out / "a-figure" / "scene.glb").is_file()
    assert read_job(out / "a-figure").state == "done" and (out / "a-figure" / "report.html").is_file()


def test_folders_there_and_back(tmp_path):
    (tmp_path / "a" / "stages").mkdir(parents=True)
    (tmp_path / "a" / "stages" / "x.json").write_text("1")
    (tmp_path / "a" / ".lock").write_text("held")
    rays.unpack(rays.packed(tmp_path / "a"), tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").rglob("*")] == ["stages", "x.json"]
