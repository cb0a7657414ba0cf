"""Packs of meshes as banks of things."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training import tiny_pack
from training.bricks import grids
from training.bricks.ldraw import INHERIT
from training.bricks.placement import apply
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


def solid(half: tuple[float, float], low: float, high: float) -> np.ndarray:
    """Points all over a box around the vertical axis, 2 cm apart."""
    axes = [np.arange(-half[0], half[0] + 1, 2), np.arange(-half[1], half[1] + 1, 2), np.arange(low, high + 1, 2)]
    return np.stack(np.meshgrid(*axes), -1).reshape(-1, 3)


def test_things_stand_beside_a_base_and_under_a_table_where_there_is_room():
    table = home3d.Thing("t", "table", "table", (), 90.0, "train", (60, 120, 75), (1.0, 0.1, 0.9, 0.1, 0.9))
    cat = home3d.Thing("c", "animal", "cat", (), 0.0, "train", (20, 40, 30))
    tower = home3d.Thing("h", "storage", "tall shelf", (), 0.0, "train", (30, 30, 200))
    seated = home3d.Thing("s", "person", "sitting man", (), 0.0, "train", (20, 40, 30))
    held = (
        home3d.Thing("d", "animal", "dog", (), 0.0, "dev", (20, 40, 30)),
        home3d.Thing("e", "table", "e", (), 0.0, "test"),
    )
    points = {"t": solid((60, 30), 70, 75), "c": solid((10, 20), 0, 30), "h": solid((15, 15), 0, 200)}
    points |= {"s": points["c"], "d": points["c"], "e": points["t"]}
    tops = home3d.around([table, cat, tower, seated, *held], points)
    of_table = {(top.place, top.top) for top in tops if top.base == "t"}
    assert of_table == {("under", "c"), ("under", "d")}  # a tall shelf is under nothing, and nothing fits beside
    beside = [top for top in tops if (top.base, top.top) == ("h", "c")]
    assert beside and all(top.place == "beside" and top.relation == "next to" for top in beside)
    for top in beside:  # clear of the shelf, and within its cube of 64 voxels of 5 cm
        assert 25 < abs(top.at[0]) < 31 * 5 - 10 and top.at[2] == 0
    under = next(top for top in tops if top.place == "under")
    on = home3d.Top("t", "c", "any", 0.0, (0.0, 0.0, 75.0), (20.0, 40.0))
    assert under.clear_of(on) and not on.clear_of(on)


def test_nothing_is_put_where_a_table_has_its_legs():
    table = home3d.Thing("t", "table", "table", (), 0.0, "train", (120, 60, 75), (1.0, 0.1, 0.9, 0.1, 0.9))
    cat = home3d.Thing("c", "animal", "cat", (), 0.0, "train", (20, 40, 30))
    points = {"t": solid((60, 30), 0, 75), "c": solid((10, 20), 0, 30)}
    assert not [top for top in home3d.around([table, cat], points) if top.place == "under"]


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


def test_a_base_leaves_room_above_it():
    wide = home3d.frame(np.array([-60.0, -80, -30]), np.array([60.0, 0, 30]))  # LDraw's axes, y down
    assert apply(wide, [60, 0, 0]).tolist() == pytest.approx([57, 32, 2]) and wide[2, 1] == pytest.approx(-50 / 120)
    tall = home3d.frame(np.array([-10.0, -200, -10]), np.array([10.0, 0, 10]))
    assert apply(tall, [0, -200, 0])[2] == pytest.approx(42)


def test_a_pair_stands_where_the_base_carries(tmp_path):
    """A block on a table whose front is at +x: it stands on the plate, and the whole is turned with the front to -y."""
    plate, sides = tiny_pack.box((-40, -60, 70), (40, 60, 75))
    foot, more = tiny_pack.box((-5, -5, 0), (5, 5, 70))
    table = (np.concatenate([plate, foot]), np.concatenate([sides, more + 8]), PALETTE, [0] * 24)
    block = (*tiny_pack.box((-6, -6, 0), (6, 6, 30)), PALETTE, [0] * 12)
    tiny_pack.write(tmp_path / "pack.xz", {"table": table, "block": block})
    rows = ["table,a,b,table,,table,80 120 75,90,1 0 1 0 1,train", "block,a,b,block,,toy,12 12 30,any,,train"]
    (tmp_path / "catalog.csv").write_text("\n".join([COLUMNS.replace("split", "carries,split"), *rows]) + "\n")
    (tmp_path / "on_top.csv").write_text("base,top,place,yaw,weight,height_frac\ntable,block,any,any,3,0.3\n")
    bank, things, tops = home3d.build(tmp_path, workers=1, first=7)
    assert len(tops) == home3d.TRIES and {top.base for top in tops} == {"table"} and things[0].main == (200, 40, 40)
    assert bank.shape_class.tolist() == [7, 8]
    for k, top in enumerate(tops):
        stands = grids.unpack(bank.grid[bank.lookup["block", "table", "on", str(k)]])
        base = grids.unpack(bank.grid[bank.lookup["table", "table", "base", ""]])
        heights = np.flatnonzero(stands.any(axis=(0, 1)))
        assert heights[0] in (np.flatnonzero(base.any(axis=(0, 1)))[-1] + d for d in (0, 1))
        middle = np.argwhere(stands).mean(0) + 0.5
        scale = home3d.WIDEST / 120
        # The table's +x is -y of the frame, so its +y is +x.
        assert middle[:2] == pytest.approx([32 + scale * top.at[1], 32 - scale * top.at[0]], abs=1.2)


def test_joined_banks_keep_their_colours(folder):
    bank = home3d.build(folder, workers=1)[0]
    both = bank.join(bank)
    assert both.shape_index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] and both.offsets[-1] == 2 * bank.offsets[-1]
    half, fixed = len(bank.material), len(bank.fixed_rgb)
    first, second = both.material[:half], both.material[half:]
    assert (first == bank.material).all() and (second[first >= 2] == first[first >= 2] + fixed).all()
    assert (second[first < 2] == first[first < 2]).all() and len(both.fixed_rgb) == 2 * fixed


def test_tops_that_meet_do_not_go_together():
    top = home3d.Top("table", "cup", "any", 0.0, (0.0, 0.0, 75.0), (10.0, 10.0))
    assert not top.clear_of(replace(top, at=(8.0, 4.0, 75.0))) and top.clear_of(replace(top, at=(12.0, 0.0, 75.0)))
    assert not top.clear_of(replace(top, at=(40.0, 0.0, 75.0), place="sit"))
    assert (top.relation, replace(top, place="lie").relation) == ("on", "lying on")
