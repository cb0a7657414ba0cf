"""Random bodies: their names, their packs, and a body of one box on two bones that takes a pose."""

import gzip
import json

import numpy as np
import pytest

from tests.training import tiny_pack
from training.world import bodies, pack
from training.world.mpfb import Human, normals, rotation, turning


def test_a_pack_is_written_as_the_tests_write_it(tmp_path):
    corners, triangles = tiny_pack.box((-20, -10, 0), (20, 10, 160))
    model = (corners, triangles, [[90, 60, 40, 1], [1, 2, 3, 0]], [0] * 5 + [1] * 7)
    tiny_pack.write(tmp_path / "a.xz", {"man": model, "other": model})
    pack.write(tmp_path / "b.xz", {"man": model, "other": model})
    one, two = (pack.read(tmp_path / name) for name in ("a.xz", "b.xz"))
    for id, mesh in one.items():
        for key, value in vars(mesh).items():
            assert np.array_equal(value, getattr(two[id], key)), key


def test_rows_are_the_same_for_the_same_seed_and_names_say_what_they_are():
    rows = [bodies.drawn(np.random.default_rng(seed)) for seed in (*range(200), 0)]
    assert rows[0] == rows[-1] and set(rows[0]) == set(bodies.COLUMNS[2:])
    assert all(not (row["bald"] and row["age"] < bodies.CHILD) for row in rows)
    assert all(row["skirt"] == 0 or row["gender"] == 0 for row in rows)
    plain = dict(gender=1.0, age=0.5, muscle=0.5, weight=0.5, height=0.5, belly=0, bald=0)
    assert bodies.phrase(plain) == "man"
    assert bodies.phrase(plain | dict(gender=0.0, age=0.9, height=0.57, weight=0.1)) == "tall slim old woman"
    assert bodies.phrase(plain | dict(age=0.2, belly=0.3)) == "chubby boy"
    assert bodies.phrase(plain | dict(age=0.7, muscle=0.95, bald=1)) == "muscular bald middle-aged man"
    assert bodies.phrase(plain | dict(age=0.06, weight=0.1)) == "toddler boy"


def test_rotations():
    assert rotation([0, 0, 1], np.pi / 2) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-9)
    turned = turning([1, 2, 3], [-2, 0, 1])
    assert turned @ turned.T == pytest.approx(np.eye(3), abs=1e-9) and np.linalg.det(turned) == pytest.approx(1)
    assert turned @ np.array([1, 2, 3]) / np.sqrt(14) == pytest.approx(np.array([-2, 0, 1]) / np.sqrt(5), abs=1e-9)
    assert turning([0, 0, 2], [0, 0, 5]) == pytest.approx(np.eye(3))


@pytest.fixture
def human(tmp_path):
    """A square in the plane y = 0 with a joint cube, and one target that moves a corner by a decimetre."""
    (tmp_path / "3dobjs").mkdir()
    square = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 0 0\ng body\nf 1/1 2/2 3/3 4/4\ng joint-root\nf 5 5 5\n"
    (tmp_path / "3dobjs/base.obj").write_text(square)
    (tmp_path / "rigs/standard").mkdir(parents=True)
    end = {"strategy": "CUBE", "cube_name": "joint-root"}
    rig = {"spine": {"parent": "root", "head": end, "tail": end}, "root": {"parent": "", "head": end, "tail": end}}
    (tmp_path / "rigs/standard/rig.default.json").write_text(json.dumps(rig))
    weights = {"weights": {"spine": [[2, 1.0], [3, 3.0]], "root": [[3, 1.0]]}}
    (tmp_path / "rigs/standard/weights.default.json").write_text(json.dumps(weights))
    (tmp_path / "targets/macrodetails").mkdir(parents=True)
    for name in ("asian-female-young", "asian-male-young"):
        with gzip.open(tmp_path / f"targets/macrodetails/{name}.target.gz", "wt") as file:
            file.write("# a comment\n2 0 1 0\n")
    return Human(tmp_path)


def test_a_shape_blends_its_targets_and_is_turned_upright(human):
    assert human.faces["body"].tolist() == [[0, 1, 2], [0, 2, 3]] and human.bones == ["root", "spine"]
    assert human.weights[3] == pytest.approx([0.25, 0.75]) and human.main_bone[3] == "spine"
    shaped = human.shape({"asian": 1, "african": 3}, {}, gender=0.3, age=0.5)
    assert shaped[2] == pytest.approx([10, 0, 10 * (1 + 0.25)])  # a quarter asian; y up becomes z up, in centimetres
    assert human.head(shaped, "root") == pytest.approx([5, 0, 0])
    assert np.abs(normals(shaped, human.faces["body"])[:4, 1]) == pytest.approx(np.ones(4))
