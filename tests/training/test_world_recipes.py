"""People, things and scenes as random objects: what they hold, what they are called, and how they are prepared."""

import json
import sys
from collections import Counter
from unittest import mock

import numpy as np
import pytest

from tests.training import tiny_pack
from tests.training.test_people import BODY
from tests.training.tiny_ldraw import write
from training.bricks import prepare
from training.bricks.bank import Bank
from training.bricks.objects import FAMILIES, SLOTS, sample
from training.world import people, suite
from training.world.index import Index, nearest

FAMILY = "person", "bare_person", "thing", "stand", "scene"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A man, a table and a block that stands on it, beside the tiny library."""
    folder = tmp_path_factory.mktemp("world")
    source = write(folder / "ldraw")
    corners, triangles = tiny_pack.box((-20, -10, 0), (20, 10, 160))
    colors, regions = [[90, 60, 40, 1]] * 6, [0, 0, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5]
    (folder / "people").mkdir()
    tiny_pack.write(folder / "people/pack.xz", {"man": (corners, triangles, colors, regions)})
    (folder / "people/anchors.json").write_text(json.dumps({"man": BODY}))
    (folder / "people/bodies.csv").write_text("id,phrase,gender,age,legs\nman,tall man,1,0.5,short\n")
    (folder / "home3d").mkdir()
    table = (*tiny_pack.box((-40, -60, 0), (40, 60, 75)), [[200, 40, 40, 1]], [0] * 12)
    block = (*tiny_pack.box((-6, -6, 0), (6, 6, 30)), [[10, 20, 30, 0]], [0] * 12)
    tiny_pack.write(folder / "home3d/pack.xz", {"table": table, "block": block})
    head = "id,archive,entry,phrase,synonyms,family,size_cm,front,carries,split"
    rows = "table,a,b,workbench,bench;desk,table,80 120 75,0,1 0 1 0 1,train", "block,a,b,urn,,toy,12 12 30,any,,train"
    (folder / "home3d/catalog.csv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "home3d/on_top.csv").write_text("base,top,place,yaw,weight,height_frac\ntable,block,any,any,3,0.3\n")
    step = ["prepare", "--ldraw", source, "--catalog", source / "catalog.csv", "--colors", source / "colors.csv"]
    step += ["--people", folder / "people", "--home3d", folder / "home3d", "--data", folder / "data", "--workers", 1]
    with mock.patch.object(people, "ONE_IN", 1), mock.patch.object(sys, "argv", list(map(str, step))):
        prepare.main()
    return folder / "data"


@pytest.fixture(scope="module")
def drawn(data):
    bank, parts = Bank.load(data / "bank.npz", index_only=True), prepare.load_catalog(data)
    further = prepare.further_recipes(data, bank, parts)
    return bank, {name: sample(bank, parts, 60, 1, "train", {name: 1.0}, further) for name in FAMILY}


def test_new_words_come_after_those_of_parts(data):
    words, parts = json.loads((data / "words.json").read_text()), prepare.load_catalog(data)
    known = prepare.vocabulary(parts)
    assert words[: len(known)] == known and {"workbench", "urn", "bald", "tall"} <= set(words[len(known) :])
    further, later = words[len(known) : -4], words[-4:]
    assert further == sorted(further) and len(set(words)) == len(words)
    assert later == ["beside", "next", "under", "underneath"]  # came later: no word before them changes its number
    assert prepare.classes(data) == len(parts) + 3


def test_an_index_is_read_as_it_was_written(data, tmp_path):
    index = Index.load(data)
    assert [t.id for t in index.things] == ["table", "block"] and index.bodies[0].bottom == "shorts"
    assert Index.load(tmp_path) is None
    index.save(tmp_path)
    assert Index.load(tmp_path) == index


def test_families_hold_what_they_promise(drawn):
    bank, objects = drawn
    for name, o in objects.items():
        assert {FAMILIES[f] for f in o.family} == {name}
        used = o.placement >= 0
        frames = [set(bank.frame[o.placement[i][used[i]]]) for i in range(len(o))]
        assert all(len(found) == 1 for found in frames)  # one base sets the frame of all
        assert set().union(*frames) == {"thing": {"filled"}, "stand": {"table", "block"}, "scene": {"table"}}.get(
            name, {"man"}
        )
        for i, terms in enumerate(o.terms):
            assert len(terms) == o.role[i][used[i]].max() + 1 and terms[0]
            assert all(term in o.caption[i] for term in terms)


def test_people_change_their_clothes_and_keep_off_the_colour_of_skin(drawn):
    o = drawn[1]["bare_person"]
    torso = o.slot == SLOTS.index("torso")
    shirts, skins = o.main_rgb[torso].astype(int), o.skin_rgb[torso].astype(int)
    assert len(np.unique(shirts, axis=0)) > 20 and len(np.unique(skins, axis=0)) > 20
    assert (np.linalg.norm(shirts - skins, axis=1) > 45).all()
    told = [caption for caption in o.caption if " in " in caption]
    assert told and all("shorts" in caption for caption in told)
    assert Counter(terms[0] for terms in o.terms).keys() == {"tall man", "man", "person"}


def test_scenes_are_told_from_either_side(drawn):
    captions = drawn[1]["scene"].caption
    assert any(caption.endswith("on it") for caption in captions)
    assert any(" on a" in caption and "urn" in caption.split(" on ")[0] for caption in captions)
    assert not any("a urn" in caption for caption in captions)


def test_a_suite_names_its_parts_plainly(data):
    bank, parts, index = Bank.load(data / "bank.npz"), prepare.load_catalog(data), Index.load(data)
    with mock.patch.object(suite, "MOST_USES", 9):
        (draft,) = suite.drafts("scene", "dev", 1, 0, bank, parts, index)
    assert draft.caption.text == "a workbench with an urn" and draft.caption.terms == ("workbench", "urn")


def test_the_nearest_colour():
    assert nearest({(0, 0, 0): "black", (250, 250, 250): "white"}, (200, 210, 220)) == (250, 250, 250)
