"""The evaluation suite: cases, pictures, ground truth, what is dropped and why."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from cast3d.errors import InputError
from tests.training.tiny_ldraw import tiny, tiny_bank
from training.bricks import assembly, combinations, combos, grids, suite
from training.bricks.assembly import FILLED, pose_name
from training.bricks.objects import sample, stack
from training.bricks.options import Options
from training.bricks.pictures import Studio
from training.bricks.placement import HANGING, Pose

BARE = {"torso_color": "", "skin_color": "", "head": "", "lower": ""}
BASE = {"uses_held_out": "0", "torso_color": "4", "skin_color": "14", "head": "head:14", "lower": "73200b-f1:1"}
ROWS = [
    {"combo_id": "one", "caption": "a figure wearing a western hat and a backpack and holding a suitcase",
     "headwear": "hat:4", "neckwear": "pack:0", "hand_right": "case:1"},
    {"combo_id": "long", "caption": "a figure holding a pole", "hand_right": "pole:0"},
    {"combo_id": "unnamed", "caption": "a figure with a crown", "headwear": "hat:4"},
    {"combo_id": "twins", "caption": "a figure holding a sword and a sword", "hand_right": "sword:0",
     "hand_left": "sword:4"},
]  # fmt: skip


def table(path, rows, columns=suite.COLUMNS):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(BASE | row for row in rows)
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    library, parts = tiny()
    combinations = list(suite.read(table(folder / "combos.csv", ROWS)))
    assert suite.write(combinations, library, parts, folder / "out", workers=1) == (1, 3)
    return folder / "out"


def test_a_case_names_pictures_and_truth_by_term(written):
    (case,) = json.loads((written / "suite.json").read_text())
    assert (case["id"], case["main"], case["prompt"]) == ("one", "figure", ROWS[0]["caption"])
    terms = [asset["term"] for asset in case["assets"]]
    assert terms == ["figure", "western hat", "backpack", "suitcase"] == list(case["truth"])
    for asset in case["assets"]:
        picture = Image.open(written / asset["image"])
        assert picture.mode == "RGBA" and picture.size == (suite.SIZE, suite.SIZE)
        assert np.asarray(picture)[..., 3].any() and not np.asarray(picture)[0, :, 3].any()


def test_truth_is_the_shell_of_each_part_and_what_the_composite_shows(written):
    (case,) = json.loads((written / "suite.json").read_text())
    truth = {term: dict(np.load(written / path)) for term, path in case["truth"].items()}
    b = tiny_bank()
    hat = grids.unpack(b.grid[b.lookup["hat", "figure", "headwear", ""]])
    assert np.array_equal(truth["western hat"]["voxels"], grids.shell(hat))
    keys = [("76382", "torso", pose_name(Pose(45, 90), HANGING)), ("head", "head", ""), ("73200b-f1", "lower", "")]
    base = np.bitwise_or.reduce([b.grid[b.lookup[id, "figure", slot, variant]] for id, slot, variant in keys])
    assert np.array_equal(truth["figure"]["voxels"], grids.shell(grids.unpack(base)))  # arms as the suitcase wants
    for arrays in truth.values():
        assert arrays["voxels"].dtype == bool and not (arrays["visible"] & ~arrays["voxels"]).any()
    head = np.flatnonzero(truth["figure"]["visible"].any(axis=(0, 1))).max()
    assert head < np.flatnonzero(truth["figure"]["voxels"].any(axis=(0, 1))).max()  # the hat hides the top of the head


def test_dropped_combinations_say_why(written):
    reasons = {row["id"]: row["reason"] for row in json.loads((written / "dropped.json").read_text())}
    assert set(reasons) == {"long", "unnamed", "twins"}
    assert "more than 5% outside" in reasons["long"]
    assert "does not name hat" in reasons["unnamed"]
    assert "share a term" in reasons["twins"]


def test_a_table_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "combos.csv"
    path.write_text("combo_id,caption\n1,a figure\n")
    with pytest.raises(InputError, match=r"lacks the columns .*headwear"):
        list(suite.read(path))


FURTHER_ROWS = [
    {"combo_id": "rider", "caption": "a figure wearing a cowboy hat riding a horse with a saddle", "headwear": "hat:4",
     "base": "4493c00:70", "rider": "1", "mount": "4491b:0"},
    {"combo_id": "bareback", "caption": "a figure wearing a cowboy hat riding a horse", "headwear": "hat:4",
     "base": "4493c00:70", "rider": "1"},
    {"combo_id": "horse", "caption": "a horse with a saddle", "base": "4493c00:70", "mount": "4491b:0"},
    {"combo_id": "handless", "caption": "a horse holding a sword", "base": "4493c00:70", "hand_right": "sword:0"},
]  # fmt: skip


@pytest.fixture(scope="module")
def ridden(tmp_path_factory):
    """Rides and riders; the hash that gives a share of the hats to riders passes by the tiny hat, so all get it."""
    folder = tmp_path_factory.mktemp("ridden")
    library, parts = tiny()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "_RIDER_SHARE", {"headwear": 1})
        rows = [row if "rider" in row else BARE | row for row in FURTHER_ROWS]
        combinations = list(suite.read(table(folder / "combos.csv", rows, (*suite.COLUMNS, *suite.FURTHER))))
        look = suite.Look(size=64, view_size=48, format="webp")
        suite.write(combinations, library, parts, folder / "out", workers=1, look=look)
    return folder / "out"


def test_further_columns_make_riders_and_creatures(ridden):
    cases = {case["id"]: case for case in json.loads((ridden / "suite.json").read_text())}
    dropped = json.loads((ridden / "dropped.json").read_text())
    assert set(cases) == {"rider", "bareback", "horse"} and dropped[0]["id"] == "handless"
    assert list(cases["rider"]["truth"]) == ["horse", "figure", "cowboy hat", "saddle"]
    assert cases["horse"]["main"] == "horse" and list(cases["horse"]["truth"]) == ["horse", "saddle"]

    def lowest(case, term):
        return np.flatnonzero(np.load(ridden / cases[case]["truth"][term])["voxels"].any(axis=(0, 1))).min()

    assert lowest("rider", "figure") > lowest("bareback", "figure") > lowest("rider", "horse")  # the saddle lifts
    assert lowest("rider", "cowboy hat") > lowest("rider", "figure")


def test_one_part_in_one_colour_is_one_picture(ridden):
    cases = json.loads((ridden / "suite.json").read_text())
    images = {(case["id"], asset["term"]): asset["image"] for case in cases for asset in case["assets"]}
    assert images["rider", "cowboy hat"] == images["bareback", "cowboy hat"]
    assert images["rider", "saddle"] == images["horse", "saddle"] != images["rider", "horse"]
    assert len(list((ridden / "assets").iterdir())) == len(set(images.values())) == 4
    assert Image.open(ridden / images["rider", "horse"]).size == (64, 64)


def test_a_held_part_is_pictured_upright_not_as_it_is_held(tmp_path):
    """Nothing of the composite leaks into what methods are given."""
    library, parts = tiny()
    b = tiny_bank()
    row = {"combo_id": "1", "caption": "a figure holding a suitcase", "hand_right": "case:1"}
    combination = next(combinations.read(table(tmp_path / "combos.csv", [row])))
    objects = stack([suite.compose(combination, parts, Options(b, parts, split=None))])
    vertices, _, _ = suite.alone(suite.Studio(library, parts, b), objects, 1)
    sides = np.ptp(vertices.reshape(-1, 3), axis=0)
    assert np.allclose(sides / sides.max(), np.array([32, 8, 20]) / 32, atol=1e-3)  # the box of the file, z up


def test_cases_say_what_was_never_trained_and_show_the_composite(written):
    (case,) = json.loads((written / "suite.json").read_text())
    assert case["unseen"] == ["western hat", "backpack", "suitcase"]  # none of the tiny parts is in the fixed splits
    assert [view["yaw"] for view in case["views"]] == list(suite.VIEWS)
    assert all(Image.open(written / view["image"]).mode == "RGBA" for view in case["views"])


def test_sampled_combinations_can_be_written_and_read(tmp_path):
    library, parts = tiny()
    drawn = sample(tiny_bank(), parts, 60, 0, mix={"figure": 1})
    found = list(combos.rows(drawn, parts, "train"))
    combinations = list(suite.read(table(tmp_path / "combos.csv", found)))
    assert len(combinations) == len(found) > 5
    assert suite.write(combinations[:4], library, parts, tmp_path / "out", workers=1)[0] == 4


def test_a_pair_of_wings_is_pictured_as_the_pair(tmp_path):
    """A shape of its own, as what is fitted to a person is, but not one that a single wing stands for."""
    library, parts = tiny()
    plain = tiny_bank()
    worn = plain.lookup["pack", "figure", "neckwear", ""]
    (filled,) = np.flatnonzero((plain.part == "pack") & (plain.frame == FILLED))
    (other,) = np.flatnonzero((plain.part == "hat") & (plain.frame == FILLED))
    shape, variant = plain.shape_index.copy(), plain.variant.astype(object)
    shape[filled] = shape[other]  # so the worn shape has no upright one of its own
    (row,) = suite.read(table(tmp_path / "combos.csv", ROWS[:1]))
    objects = stack([combinations.compose(row, parts, Options(plain, parts, split=None))])
    role = objects.terms[0].index("backpack")

    def seen(value):
        variant[worn] = value
        bank = dataclasses.replace(plain, shape_index=shape, variant=variant.astype(str))
        studio = Studio(library, parts, bank)
        as_worn = studio.triangles(objects, 0, lambda r: r == role)[0]
        return suite.alone(studio, objects, role)[0], as_worn

    drawn, stands = seen(assembly.PAIR)
    assert np.array_equal(drawn, stands)
    drawn, stands = seen("")
    assert drawn.shape != stands.shape or not np.array_equal(drawn, stands)
