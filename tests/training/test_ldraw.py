"""LDraw files and catalogues: flattening, colours, look-up, errors."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cast3d.errors import InputError
from tests.training import tiny_ldraw
from training.bricks import captions, catalog, prepare, splits
from training.bricks.ldraw import Library

TRIANGLE = "3 16 0 0 0 1 0 0 0 1 0\n"


def library(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dat", ".dat")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Library(folder)


def test_quads_split_into_012_and_230(tmp_path):
    lib = library(tmp_path, parts__q_dat="4 4 0 0 0 1 0 0 1 1 0 0 1 0\n")
    soup = lib.triangles("q.dat")
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    assert np.array_equal(soup.vertices, corners[[[0, 1, 2], [2, 3, 0]]])
    assert soup.color.tolist() == [4, 4]


def test_transforms_nest_and_colour_16_inherits_through_levels(tmp_path):
    lib = library(
        tmp_path,
        parts__outer_dat="1 1 10 0 0 0 -1 0 1 0 0 0 0 1 middle.dat\n",
        parts__middle_dat="1 16 0 0 5 2 0 0 0 2 0 0 0 2 leaf.dat\n1 0x2FF8001 0 0 0 1 0 0 0 1 0 0 0 1 leaf.dat\n",
        p__leaf_dat=TRIANGLE + "3 4 0 0 0 1 0 0 0 1 0\n0 a comment\n2 24 0 0 0 1 1 1\n5 24 0 0 0 1 1 1 2 2 2 3 3 3\n",
    )
    soup = lib.triangles("outer.dat")
    # leaf (x, y, z) -> middle (2x, 2y, 2z + 5) -> outer (10 - y, x, z)
    assert np.array_equal(soup.vertices[0], np.array([[10, 0, 5], [10, 2, 5], [8, 0, 5]], np.float32))
    assert soup.color.tolist() == [1, 4, 0x2FF8001, 4]
    assert lib.triangles("middle.dat").color.tolist() == [16, 4, 0x2FF8001, 4]


def test_lookup_ignores_case_and_prefers_parts(tmp_path):
    lib = library(
        tmp_path,
        parts__A_dat="1 16 0 0 0 1 0 0 0 1 0 0 0 1 S\\Sub.DAT\n1 16 0 0 0 1 0 0 0 1 0 0 0 1 both.dat\n",
        parts__s__sub_dat=TRIANGLE,
        parts__both_dat="3 1 0 0 0 1 0 0 0 1 0\n",
        p__both_dat="3 2 0 0 0 1 0 0 0 1 0\n",
    )
    assert lib.triangles("a.DAT").color.tolist() == [16, 1]
    assert lib.triangles("p/both.dat").color.tolist() == [2]


def test_zip_equals_folder_and_earlier_sources_win(tmp_path):
    folder = tiny_ldraw.write(tmp_path / "tiny")
    archive = tmp_path / "tiny.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in folder.rglob("*.dat"):
            out.write(path, path.relative_to(folder))
    for name in ("76382.dat", "hat.dat"):
        ours, theirs = Library(archive).triangles(name), Library(folder).triangles(name)
        assert np.array_equal(ours.vertices, theirs.vertices) and np.array_equal(ours.color, theirs.color)
    other = library(tmp_path / "other", parts__hat_dat=TRIANGLE)
    assert len(Library(*other.sources, archive).triangles("hat.dat")) == 1
    assert len(Library(archive, *other.sources).triangles("hat.dat")) == 24


def test_missing_file_cycle_and_damage_are_named(tmp_path):
    lib = library(
        tmp_path,
        parts__a_dat="1 16 0 0 0 1 0 0 0 1 0 0 0 1 b.dat\n",
        parts__b_dat="1 16 0 0 0 1 0 0 0 1 0 0 0 1 a.dat\n",
        parts__c_dat="1 16 0 0 0 1 0 0 0 1 0 0 0 1 lost.dat\n",
        parts__d_dat="3 16 0 0 0 1 0 0 0 1\n",
    )
    with pytest.raises(InputError, match=r"cycle: parts/a\.dat -> parts/b\.dat -> parts/a\.dat"):
        lib.triangles("a.dat")
    with pytest.raises(InputError, match=r"parts/c\.dat names 'lost\.dat'"):
        lib.triangles("c.dat")
    with pytest.raises(InputError, match=r"parts/d\.dat has a damaged line"):
        lib.triangles("d.dat")
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        Library(tmp_path / "parts" / "a.dat")


def test_catalogue_reads_grips_flags_and_copies():
    _, parts = tiny_ldraw.tiny()
    assert parts.part("76382").flags == {"free_right", "free_left"}
    assert [t[0, 3] for t in parts.part("ski").placements] == [10, -10]
    grip = parts.part("case").grip
    assert (grip.hand, grip.wrist, grip.arm_pitch) == ("right", 90, 45)
    assert np.array_equal(grip.rotation, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert [p.index for p in parts] == list(range(len(parts)))
    with pytest.raises(InputError, match="did you mean 'sword'"):
        parts.part("swrd")


def test_titles_and_keywords_never_reach_text():
    _, parts = tiny_ldraw.tiny()
    words = set(captions.vocabulary(parts))
    assert {"cowboy", "western", "hat"} <= words
    assert not {"stetson", "sheriff"} & words
    assert not hasattr(parts.part("hat"), "title") and not hasattr(parts.part("hat"), "keywords")


def test_the_catalogue_beside_the_code_is_that_of_the_shipped_weights():
    folder = Path(catalog.__file__).parent
    parts = catalog.load(folder / "catalog.csv")
    shipped = json.loads((folder.parents[1] / "src/cast3d/weights/bricks/pipeline.json").read_text())["cast3d"]
    words, unread = prepare.vocabulary(parts), set(prepare.unread(parts))
    assert shipped["words"][: len(words)] == words  # those of people and things follow
    assert set(shipped["unread"]) <= unread and unread - set(shipped["unread"]) <= set(shipped["words"])
    assert {part.id for part in parts.family(*catalog.ACCESSORY_FAMILIES)} == set(splits.load())
    with open(folder / "catalog.csv", newline="") as file:
        columns = set(csv.DictReader(file).fieldnames)
    assert not columns & {"title", "keywords"} and {"author", "license"} <= columns


def test_several_catalogues_must_not_share_ids(tmp_path):
    folder = tiny_ldraw.write(tmp_path)
    shutil.copy(folder / "catalog.csv", folder / "again.csv")
    with pytest.raises(InputError, match="more than once"):
        catalog.load(folder / "catalog.csv", folder / "again.csv")


def test_colour_words_are_short_and_unnamed_codes_take_the_nearest():
    colors = tiny_ldraw.tiny()[1].colors
    assert colors.rgb(4) == (0xB4, 0, 0) and colors.rgb(0x2FF8001) == (0xFF, 0x80, 0x01)
    assert colors.word(16) == "light skin"  # closest named colour to #FFFF80
    with pytest.raises(InputError, match="colour code 999"):
        colors.rgb(999)


def test_real_pack_flattens_to_the_triangle_counts_of_its_catalogue():
    folder = tiny_ldraw.real_pack()
    lib, parts = Library(folder / "ldraw-parts.zip"), catalog.load(folder / "catalog.csv")
    assert {p.id for p in parts if len(lib.triangles(p.file)) != p.triangles} == set()
    assert all(len(word.split()) <= 2 for word in parts.colors.words.values())
