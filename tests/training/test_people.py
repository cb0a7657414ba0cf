"""People: a body as the base of its own frame, and parts fitted to its measures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.training import tiny_pack
from tests.training.tiny_ldraw import tiny
from training.bricks import catalog as catalogs
from training.bricks import grids
from training.bricks.assembly import SKIN
from training.bricks.ldraw import INHERIT
from training.bricks.placement import apply
from training.world import people

BODY = {
    "height": 160.0,
    "head": {"top": [0.0, -2.0, 160.0], "width": 15.0, "depth": 18.0, "chin": 140.0},
    "back": [0, 10.0, 130.0],
    "chest": [0, -12.0, 130.0],
    "rear": 12.0,
    "shoulders": 31.0,
    "torso": 45.0,
    "fistR": {"at": [-25.0, -20.0, 95.0], "up": [0.0, 0.0, 1.0], "forward": [0.0, -1.0, 0.0]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    corners, triangles = tiny_pack.box((-20, -10, 0), (20, 10, 160))
    regions = [0, 0, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5]  # skin, hair, shirt, trousers, shoes, eyes
    tiny_pack.write(folder / "pack.xz", {"man": (corners, triangles, [[90, 60, 40, 1]] * 6, regions)})
    (folder / "anchors.json").write_text(json.dumps({"man": BODY}))
    (folder / "bodies.csv").write_text("id,phrase\nman,tall man\n")
    return folder


def test_a_hat_sits_on_the_head_and_is_as_wide_as_it():
    hat = tiny()[1].part("hat")
    place = people.fitted(hat, BODY)
    left, right = apply(place, [[-13, 0, 0], [13, 0, 0]])  # the sides of a minifigure's head
    assert right[0] - left[0] == pytest.approx(1.1 * 15)
    assert left[2] == pytest.approx(160 + 0.6 * (1.1 * 15 + 1.1 * 18) / 2 / 26, abs=1e-4)
    front, above = apply(place, [[0, 0, -10], [0, -10, 0]])
    assert front[1] < -2 and above[2] > 160
    covering = people.fitted(replace(hat, kind="helmet"), BODY)
    assert apply(covering, [0, 24, 0])[2] < apply(place, [0, 24, 0])[2] + 1e-4


def test_a_pack_hangs_behind_and_the_quiver_is_turned():
    worn = tiny()[1].part("pack")
    near, far = apply(people.fitted(worn, BODY), [[0, 10, 10], [0, 10, 25]])
    assert near[1] == pytest.approx(10.9) and far[1] > near[1]  # the plane z = 10 lies on the back
    turned = people.fitted(replace(worn, id="4498"), BODY)
    assert apply(turned, [0, 10, -25])[1] == pytest.approx(far[1])


def test_what_is_held_lies_in_the_fist_and_points_up():
    sword = tiny()[1].part("sword")
    grip, tip = apply(people.fitted(sword, BODY), [sword.grip.point, sword.grip.point - [0, 60, 0]])
    assert np.allclose(grip, BODY["fistR"]["at"])
    assert np.allclose(tip - grip, [0, 0, 60 * 0.66 * 1.6], atol=1e-4)


def test_what_nobody_wears_is_not_fitted():
    parts = tiny()[1]
    assert people.fitted(parts.part("lamp"), BODY) is None
    assert people.fitted(replace(parts.part("pack"), id="2610"), BODY) is None


def test_a_bank_of_people(folder, monkeypatch):
    monkeypatch.setattr(people, "ONE_IN", 1)
    library, parts = tiny()
    bank, (man,) = people.build([folder], parts, library, workers=1, first=len(parts))
    assert (man.phrase, man.split, man.bottom) == ("tall man", "train", "trousers")
    assert bank.part.tolist()[:3] == ["man"] * 3 and bank.slot.tolist()[:3] == ["torso", "lower", "head"]
    assert set(bank.shape_class[:3]) == {len(parts)}
    whole = np.logical_or.reduce(grids.unpack(bank.grid[:3]))
    base = np.flatnonzero(whole.any(axis=(0, 1)))
    assert base[0] == 2 and base[-1] in (51, 52)  # soles two voxels up, 64 / 1.28 = 50 voxels tall
    hat = bank.lookup["hat", "man", "headwear", ""]
    assert np.flatnonzero(grids.unpack(bank.grid[hat]).any(axis=(0, 1)))[-1] >= 52
    assert ("sword", "man", "right", "") in bank.lookup and ("lamp", "man", "prop", "") not in bank.lookup


def test_shirt_skin_and_shoes_change_colour_and_eyes_do_not(folder):
    found, meshes, _ = people.bodies(folder)
    upper, lower, head = people.shapes(found[0], meshes["man"], 0)
    assert set(upper.soup.color.tolist()) == {SKIN, INHERIT} == set(lower.soup.color.tolist())
    assert set(head.soup.color.tolist()) == {INHERIT, 0x2000000 + (88 << 16) + (64 << 8) + 40}


def test_who_wears_what():
    hat, sword = tiny()[1].part("hat"), tiny()[1].part("sword")
    man = people.Body("man", "man", child=False, male=True, bald=False, bottom="trousers")
    boy, woman = replace(man, child=True), replace(man, male=False)
    hair, beard = replace(hat, kind="hair"), replace(hat, family="neckwear", kind="beard")
    assert people.suits(hat, boy) and not people.suits(hair, man) and people.suits(hair, replace(man, bald=True))
    assert people.suits(beard, man) and not people.suits(beard, woman) and not people.suits(beard, boy)
    assert people.suits(sword, man) and not people.suits(sword, boy) and people.suits(replace(sword, kind="tool"), boy)


def test_the_shipped_catalogue_hangs_the_quiver_on_the_back():
    shipped = catalogs.load(catalogs.Path(catalogs.__file__).with_name("catalog.csv"))
    (place,) = shipped.part("4498").placements
    assert np.array_equal(place[:, :3], np.diag([-1.0, 1, -1])) and not place[:, 3].any()
