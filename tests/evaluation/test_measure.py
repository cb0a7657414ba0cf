"""All metrics together, the scores, and what a failed run counts as."""

from dataclasses import replace

import pytest
import torch

from cast3d import voxels
from cast3d.evaluation import measure as module
from cast3d.evaluation.measure import failed
from cast3d.evaluation.scores import NAMES, apart, scores, smooth
from cast3d.evaluation.suite import Truth, load_suite
from cast3d.voxels import outer_shell
from tests.evaluation.scenes import box, filled, perfect, truths, write_suite
from tests.tiny_backbone import pictures


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return load_suite(write_suite(tmp_path_factory.mktemp("suite")))[0]


def seeing(image, alpha, term):
    return alpha > 0.5


def measure(outcome, case, segmenter=None, **others):
    """Looks are compared with the pictures of the suite, but for `others`."""
    return module.measure(outcome, case, pictures() | others, segmenter)


def test_the_truth_is_perfect_in_everything_but_its_looks(case):
    figure = truths()["figure"].voxels
    whole = measure(perfect(main_geometry=figure, hints={"cap": truths()["cap"].visible}), case, seeing)["object"]
    for name in ("part_present", "part_f1_1", "part_iou", "part_shape", "base_f1_2", "part_contact_iou", "drift_iou"):
        assert whole[name] == 1, name
    for name in ("part_offset", "part_chamfer", "part_contact_error", "fragments", "interpenetration_excess"):
        assert whole[name] == 0, name
    assert whole["part_hint_f1_1"] == 1 and whole["roughness"] == whole["roughness_truth"]
    assert whole["seen_f1_1"] == whole["unseen_f1_1"] == 1
    assert whole["rationality"] == 10 and whole["faithfulness"] == pytest.approx(
        5 + 5 * (2 * whole["part_likeness"] + whole["base_likeness"]) / 3
    )


def test_looks_are_compared_with_the_pictures_that_are_given(case):
    looks = [measure(perfect(), case, cap=pictures()[term])["parts"]["cap"] for term in ("cap", "figure")]
    assert looks[0]["outline"] > looks[1]["outline"] and looks[0]["f1_1"] == looks[1]["f1_1"]


def test_turning_and_moving_the_whole_changes_nothing_but_looks(case):
    def turned(grid):
        return voxels.shift(grid.rot90(1, (0, 1)), (2, -3, 5))

    plain = measure(perfect(), case)["object"]
    outcome = perfect(grids={term: turned(truth.voxels) for term, truth in truths().items()})
    moved = measure(outcome, case)["object"]
    for name in ("part_f1_1", "base_f1_1", "part_contact_iou"):
        assert moved[name] == pytest.approx(plain[name], abs=0.02), name


BASE = ((20, 20, 10), (32, 36, 31))  # its box has a diagonal of exactly 29 voxels: 12, 16, 21
SIDE = ((32, 22, 14), (33, 30, 22))  # of the backpack: a plate beside the base


def plate(start: int) -> torch.Tensor:
    """100 voxels, in 10 columns from `start` on, those up to 31 on top of the base and the others beyond its edge."""
    return filled((start, 22, 31), (start + 10, 32, 32))


def given(case, grids, shown=None):
    """The case with another truth: whole parts, and what shows of them."""
    changed = replace(case)
    parts = {term: (grid, (shown or grids)[term]) for term, grid in grids.items()}
    changed.__dict__["truth"] = {term: Truth(*pair) for term, pair in parts.items()}
    return changed


def test_errors_of_a_part_that_can_be_counted(case):
    """A plate of ten columns that lies two columns off, with a hint that lies three off."""
    others = {"figure": box(*BASE), "backpack": filled(*SIDE)}
    whole = {**others, "cap": plate(27)}
    surface = outer_shell(filled(*BASE) | whole["cap"] | whole["backpack"])
    changed = given(case, whole, {term: grid & surface for term, grid in whole.items()})
    outcome = perfect(grids={**others, "cap": plate(25)}, meshes={}, hints={"cap": plate(24)})
    found = measure(outcome, changed)
    cap = found["parts"]["cap"]
    assert cap["f1_1"] == pytest.approx(0.9) and cap["f1_2"] == 1 and cap["iou"] == pytest.approx(90 / 110)
    assert cap["chamfer"] == pytest.approx((2 + 1) / 10 / 29) and cap["offset"] == pytest.approx(2 / 29)
    # What shows of the base touches the first column, the three at the base's edge, and both ends of those between.
    assert cap["contact"] == pytest.approx((40 + 4 * 2) / 100)
    assert cap["contact_error"] == pytest.approx(((40 + 4 * 2) - (40 + 2 * 2)) / 100)
    assert cap["contact_iou"] == 1 and cap["shape"] == 1
    assert cap["hint_f1_1"] == pytest.approx(0.8) and cap["hint_f1_2"] == pytest.approx(0.9)
    assert cap["hint_iou"] == pytest.approx(80 / (80 + 20 + 20))
    assert found["object"]["part_contact_error"] == pytest.approx(0.04 / 2)  # the other part is right
    assert found["object"]["part_offset"] == pytest.approx(1 / 29)


def test_overlap_beyond_the_truth_is_counted_pair_by_pair(case):
    """The cap's overlap, which is smaller than the true one, does not pay for the backpack's."""
    base = box((20, 20, 20), (40, 40, 40))
    truth = {"figure": base, "cap": box((20, 22, 35), (30, 32, 45)), "backpack": box((22, 40, 22), (32, 50, 32))}
    mine = {"figure": base, "cap": box((20, 22, 38), (30, 32, 48)), "backpack": box((22, 34, 22), (32, 44, 32))}
    found = measure(perfect(grids=mine, meshes={}), given(case, truth))["object"]
    assert found["interpenetration"] == pytest.approx((0.2 + 0.6 + 0) / 3)
    assert found["interpenetration_excess"] == pytest.approx((0 + 0.6 + 0) / 3)  # the cap's are 0.2 of true 0.5


def test_a_misplaced_part_is_not_aligned_by_itself(case):
    grids = {term: truth.voxels for term, truth in truths().items()}
    grids["cap"] = voxels.shift(grids["cap"], (10, 0, 4))
    found = measure(perfect(grids=grids), case)
    assert found["parts"]["cap"]["f1_2"] < 0.5 and found["parts"]["cap"]["shape"] == 1
    assert found["parts"]["backpack"]["f1_1"] == 1 and found["object"]["unseen_f1_2"] < found["object"]["seen_f1_2"]
    assert found["object"]["rationality"] < 9


def test_a_missing_part_leaves_its_offset_out_and_its_score_at_nothing(case):
    grids = {term: truth.voxels for term, truth in truths().items()}
    grids["cap"] = torch.zeros_like(grids["cap"])
    meshes = {term: mesh for term, mesh in perfect().meshes.items() if term != "cap"}
    found = measure(perfect(grids=grids, meshes=meshes), case)
    assert found["parts"]["cap"]["present"] == 0 and "offset" not in found["parts"]["cap"]
    assert found["object"]["part_present"] == 0.5 and found["object"]["part_offset"] == 0


def test_an_object_without_parts_is_lent_labels(case):
    whole = perfect().whole
    outcome = perfect(grids={"figure": whole}, meshes={}, labelled=False)
    found = measure(outcome, case)["object"]
    assert found["part_f1_1"] == found["base_f1_1"] == 1 and found["part_present"] == 1
    bare = perfect(grids={"figure": truths()["figure"].voxels}, meshes={}, labelled=False)
    assert measure(bare, case)["object"]["part_present"] == 0
    assert found["interpenetration_excess"] == pytest.approx(0, abs=0.01)


def test_a_failed_run_scores_nothing(case):
    found = failed(case)["object"]
    counted = ("present", "f1_1", "f1_2", "iou")
    names = {*NAMES, "average", *(f"{of}_{name}" for of in ("part", "base") for name in counted)}
    names |= {f"{of}_{name}" for of in ("seen", "unseen") for name in ("f1_1", "f1_2")}
    assert found == dict.fromkeys(names, 0)
    assert failed(case)["parts"] == {term: dict.fromkeys(counted, 0) for term in case.terms}


def test_scores_are_what_the_page_says():
    parts = [
        {"present": 1, "likeness": 0.8, "shape": 0.6, "palette": 1.0, "f1_2": 0.9},
        {"present": 0, "likeness": 0.9, "shape": 0.9, "palette": 0.5, "f1_2": 0.1, "contact_iou": 0.4},
    ]
    whole = {"fragments": 1, "roughness": 0.4, "roughness_truth": 0.1, "text": 0.6, "interpenetration_excess": 0.1}
    found = scores(whole, parts)
    assert found["faithfulness"] == pytest.approx(10 * (0.7 + 0) / 2)
    assert found["aesthetic"] == pytest.approx(10 * (0.5 + 0.25 + 0.75 + 0.6) / 4)
    assert found["rationality"] == pytest.approx(10 * (0.5 + 0.5 + 0.4) / 3)
    assert found["average"] == pytest.approx(sum(found[name] for name in NAMES) / 3)


def test_less_overlap_or_roughness_than_the_truth_earns_nothing_extra():
    assert apart({"interpenetration_excess": -0.3}) == 1 and apart({"interpenetration_excess": 0.5}) == 0
    assert smooth({"roughness": 0.01, "roughness_truth": 0.2}) == 1
