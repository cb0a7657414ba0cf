"""Packs of meshes as banks of things."""

import numpy as np
import pytest

from tests.training import tiny_pack
from training.bricks import grids
from training.bricks.ldraw import INHERIT
from training.world import home3d, pack

COLUMNS = "id,archive,entry,phrase,synonyms,family,size_cm,front,split"
PALETTE = [[200, 40, 40, 1], [10, 20, 30, 0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cupboard whose front, a thin plate, is at +x, and a round stool-like block."""
    folder = tmp_path_factory.mktemp("home3d")
    body, sides = tiny_pack.box((-20, -30, 0), (20, 30, 90))
    door, more = tiny_pack.box((20, -10, 10), (24, 10, 80))
    cupboard = (np.concatenate([body, door]), np.concatenate([sides, more + 8]), PALETTE, [0] * 12 + [1] * 12)
    block = (*tiny_pack.box((-5, -5, 0), (5, 5, 5)), PALETTE, [1] * 12)
    tiny_pack.write(folder / "pack.xz", {"cupboard": cupboard, "block": block})
    rows = [
        "cupboard,a,b,tall cupboard,larder;press,storage,40 60 90,90,train",
        "block,a,b,block,,toy,10 10 5,any,test",
    ]
    (folder / "catalog.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return folder


def test_a_pack_is_read_as_it_was_written(folder):
    meshes = pack.read(folder / "pack.xz")
    assert list(meshes) == ["cupboard", "block"]
    mesh = meshes["cupboard"]
    assert np.allclose(mesh.vertices.min(0), (-20, -30, 0), atol=0.1)
    assert np.allclose(mesh.vertices.max(0), (24, 30, 90), atol=0.1)
    assert mesh.triangles.shape == (24, 3) and mesh.main.sum() == 12
    assert (mesh.colors[0] == (200, 40, 40)).all() and (mesh.colors[-1] == (10, 20, 30)).all()
    corners = mesh.vertices[mesh.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(2 * (40 * 60 + 40 * 90 + 60 * 90) + 2 * (4 * 20 + 4 * 70 + 20 * 70), rel=0.01)


def test_colours_are_fixed_but_those_that_may_change(folder):
    mesh = pack.read(folder / "pack.xz")["cupboard"]
    assert set(mesh.soup().color.tolist()) == {INHERIT, 0x2000000 + (8 << 16) + (24 << 8) + 32}
    assert INHERIT not in mesh.soup(fixed=True).color
    assert pack.direct(0x2081820) == (8, 24, 32)


def test_things_fill_the_grid_with_their_front_at_minus_y(folder):
    bank, things = home3d.build(folder, workers=1)[:2]
    assert [thing.phrase for thing in things] == ["tall cupboard", "block"]
    assert things[0].synonyms == ("larder", "press") and home3d.rows(bank, things, "test") == [2]
    grid = grids.unpack(bank.grid[0])
    assert not grid[:, :, 0].any() and grid[:, :, 1].any() and grid[:, :, 62].any()
    depth = np.flatnonzero(grid.any(axis=(0, 2)))
    door, back = grid[:, depth[0]], grid[:, depth[-1]]
    assert door.sum() < back.sum() / 2 and door[:, 5].sum() == 0  # smaller than the back, and above the floor
    second = bank.offsets[1]
    assert set(np.unique(bank.material[:second])) == {0, 2} and (bank.fixed_rgb == (8, 24, 32)).all()
