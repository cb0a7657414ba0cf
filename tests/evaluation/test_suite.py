"""Reading suites."""

import json

import numpy as np
import pytest

from cast3d.errors import InputError
from cast3d.evaluation.suite import load_suite
from tests.evaluation.scenes import BOXES, truths, write_suite


def test_a_case_is_what_the_files_say(tmp_path):
    (case,) = load_suite(write_suite(tmp_path))
    assert case.terms == tuple(BOXES) and case.accessories == ("cap", "backpack") and case.unseen == ("cap",)
    for term, truth in truths().items():
        assert (case.truth[term].voxels == truth.voxels).all() and (case.truth[term].visible == truth.visible).all()
    scene = case.scene(3)
    assert scene.seed == 3 and scene.main == "figure" and scene.terms == case.terms
    assert [view.yaw for view in case.views] == [0, 45]


def test_the_digest_follows_every_file(tmp_path):
    before = load_suite(write_suite(tmp_path))[0].digest
    assert load_suite(tmp_path)[0].digest == before
    np.savez(tmp_path / "cap.npz", voxels=np.zeros((64,) * 3, bool), visible=np.zeros((64,) * 3, bool))
    assert load_suite(tmp_path)[0].digest != before


def test_cases_can_be_picked_and_misspelt(tmp_path):
    write_suite(tmp_path, ("one", "two", "three"))
    assert [case.id for case in load_suite(tmp_path, ("three", "one"))] == ["one", "three"]
    with pytest.raises(InputError, match="did you mean 'three'"):
        load_suite(tmp_path, ("thre",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("prompt"), "KeyError"),
        (lambda row: row.update(main="hat"), "main and truth must name"),
        (lambda row: row["truth"].pop("cap"), "main and truth must name"),
        (lambda row: row.update(id="../up"), "not a plain name"),
        (lambda row: row["assets"][0].update(image="../../etc/passwd"), "lies outside"),
    ],
)
def test_damaged_suites_are_refused(tmp_path, change, message):
    write_suite(tmp_path)
    rows = json.loads((tmp_path / "suite.json").read_text())
    change(rows[0])
    (tmp_path / "suite.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=message):
        load_suite(tmp_path)


def test_truth_of_another_size_is_refused(tmp_path):
    write_suite(tmp_path)
    np.savez(tmp_path / "cap.npz", voxels=np.zeros((32,) * 3, bool), visible=np.zeros((32,) * 3, bool))
    with pytest.raises(InputError, match="64\\^3"):
        _ = load_suite(tmp_path)[0].truth


def test_a_folder_without_a_suite_is_refused(tmp_path):
    with pytest.raises(InputError, match="no suite"):
        load_suite(tmp_path)
