"""Grids, surface samples and placements of the bank."""

from dataclasses import fields

import numpy as np
import pytest
from scipy import ndimage

from tests.training.tiny_ldraw import real_pack, tiny, tiny_bank
from training.bricks import assembly, bank, catalog, grids, placement
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog
from training.bricks.ldraw import Library
from training.bricks.placement import HANGING, Pose

RAISED = assembly.pose_name(Pose(45, 0), HANGING)


def rows(b: Bank, part: str, frame: str) -> np.ndarray:
    return np.flatnonzero((b.part == part) & (b.frame == frame))


def samples(b: Bank, row: int) -> slice:
    shape = b.shape_index[row]
    return slice(b.offsets[shape], b.offsets[shape + 1])


def test_lattice_covers_triangles_at_its_spacing():
    rng = np.random.default_rng(0)
    triangles = rng.normal(size=(20, 3, 3)) * rng.uniform(0.1, 5, (20, 1, 1))
    for triangle in triangles:
        points = grids.lattice(triangle[None], 0.3)
        weights = rng.dirichlet(np.ones(3), 400)
        gap = np.linalg.norm((weights @ triangle)[:, None] - points[None], axis=2).min(axis=1)
        assert gap.max() <= 0.3 / np.sqrt(2) + 1e-4
        corner_gap = np.linalg.norm(triangle[:, None] - points[None], axis=2).min(axis=1)
        assert corner_gap.max() < 1e-4


def test_lattice_spends_few_points_on_slivers():
    sliver = np.array([[[0, 0, 0], [100, 0, 0], [50, 0.01, 0]]], float)
    assert len(grids.lattice(sliver, 1.0)) < 110


def test_outside_equals_component_labelling():
    rng = np.random.default_rng(1)
    for density in (0.3, 0.6, 0.75):
        grid = rng.random((64, 64, 64)) < density
        label, _ = ndimage.label(~np.pad(grid, 1))
        assert np.array_equal(grids.outside(grid), (label == label[0, 0, 0])[1:-1, 1:-1, 1:-1])


def test_shell_is_what_the_outside_touches():
    grid = np.zeros((64, 64, 64), bool)
    grid[10:20, 10:20, 10:20] = True
    grid[12:18, 12:18, 12:18] = False  # a sealed hollow
    grid[0, 0, 0] = True  # the border of the grid is outside
    expected = grid.copy()
    expected[11:19, 11:19, 11:19] = False
    assert np.array_equal(grids.shell(grid), expected)


def test_packing_is_packbits_of_the_c_order_grid():
    grid = np.random.default_rng(2).random((64, 64, 64)) < 0.5
    bits = grids.pack(grid)
    assert np.array_equal(bits, np.packbits(grid)) and bits.shape == (32768,)
    assert np.array_equal(grids.unpack(np.stack([bits, ~bits])), np.stack([grid, ~grid]))


def test_occupancy_of_a_box_is_closed():
    b = tiny_bank()
    grid = grids.unpack(b.grid[b.lookup["lamp", "filled", "free", ""]])
    # 10 x 30 x 20 LDU (x, y, z), longest side 60.16 voxels: x, depth, height
    low, high = 32 - np.array([10, 20, 30]) * 60.16 / 60, 32 + np.array([10, 20, 30]) * 60.16 / 60
    solid = np.zeros((64, 64, 64), bool)
    solid[tuple(slice(int(l), int(np.ceil(h))) for l, h in zip(low, high))] = True
    filled = ~grids.outside(grid)
    assert not (filled & ~solid).any()
    assert (solid & ~filled).sum() < 0.001 * solid.sum()  # voxels that the box only grazes, along its edges
    assert np.array_equal(grids.shell(grid), grid & ~ndimage.binary_erosion(filled))


def test_a_bare_figure_is_50_voxels_tall_with_its_soles_at_2():
    b = tiny_bank()
    keys = (("76382", "torso", RAISED), ("head", "head", ""), ("73200b-f1", "lower", ""))
    figure = np.bitwise_or.reduce([b.grid[b.lookup[id, "figure", slot, variant]] for id, slot, variant in keys])
    heights = np.flatnonzero(grids.unpack(figure).any(axis=(0, 1)))
    assert (heights.min(), heights.max()) == (2, 51)


def test_every_part_fills_the_grid_once_and_long_ones_have_no_other_place():
    b, (_, parts) = tiny_bank(), tiny()
    assert sorted(b.part[b.frame == "filled"]) == sorted(p.id for p in parts)
    assert len(rows(b, "sword", "figure")) == 2  # right and left hand
    assert len(rows(b, "pole", "figure")) == 0  # 300 LDU, the frame is 128
    assert len(rows(b, "lamp", "figure")) == 0
    assert (b.inside_share >= 0.95).all()


def test_samples_lie_on_the_outer_surface_with_unit_normals():
    b = tiny_bank()
    assert np.allclose(np.linalg.norm(b.normals, axis=1), 1, atol=1e-5)
    for row in range(len(b.part)):
        placed = placement.apply(b.transform[row], b.points[samples(b, row)])
        near = ndimage.binary_dilation(grids.unpack(b.grid[row]), np.ones((3, 3, 3)))
        voxel = grids.voxels_of(placed)
        assert near.reshape(-1)[voxel[voxel >= 0]].all()
    hat = b.lookup["hat", "filled", "headwear", ""]
    assert (b.material[samples(b, hat)] == bank.MAIN).all()  # the blue box inside the hat is never seen


def test_materials_tell_main_skin_and_fixed_colours():
    b = tiny_bank()
    torso = b.lookup["76382", "figure", "torso", RAISED]
    material, points = b.material[samples(b, torso)], b.points[samples(b, torso)]
    assert set(material) == {bank.MAIN, bank.SKIN}
    assert (points[material == bank.SKIN][:, 2] < 0).mean() > 0.95  # hands are in front of the shoulders
    head = b.material[samples(b, b.lookup["head", "figure", "head", ""])]
    assert {tuple(b.fixed_rgb[m - bank.FIXED]) for m in set(head) - {bank.MAIN}} == {(0xB4, 0, 0)}


def test_torso_variants_differ_in_the_arm_of_the_pose_only():
    b = tiny_bank()
    raised = grids.unpack(b.grid[b.lookup["76382", "figure", "torso", RAISED]])
    both = grids.unpack(b.grid[b.lookup["76382", "figure", "torso", assembly.pose_name(Pose(45, 0), Pose(45, 0))]])
    moved = raised != both
    assert moved[:31].sum() < 0.03 * raised[:31].sum()  # own right half stays but for grazed voxels
    assert moved[33:].sum() > 0.1 * raised[33:].sum()


def test_copies_worn_together_are_one_shape():
    b = tiny_bank()
    points = b.points[samples(b, b.lookup["ski", "figure", "footwear", ""])]
    assert (points[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(points[:, 0]).min() > 3.99  # one at +10, one at -10, 12 wide


def test_saddle_keeps_the_frame_of_the_horse():
    b = tiny_bank()
    horse, saddle = b.lookup["4493c00", "4493c00", "base", ""], b.lookup["4491b", "4493c00", "mount", ""]
    assert np.array_equal(b.transform[horse], b.transform[saddle])
    extent = [np.flatnonzero(grids.unpack(b.grid[horse]).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    assert max(e.max() + 1 - e.min() for e in extent) == 50 and extent[2].min() == 2


def test_save_and_load(tmp_path):
    b = tiny_bank()
    b.save(tmp_path / "bank.npz")
    loaded, index = Bank.load(tmp_path / "bank.npz"), Bank.load(tmp_path / "bank.npz", index_only=True)
    for field in fields(Bank):
        assert np.array_equal(getattr(loaded, field.name), getattr(b, field.name))
    assert index.lookup == b.lookup and index.points.size == 0


def test_workers_do_not_change_the_bank():
    library, parts = tiny()
    one, two = tiny_bank(), bank.build(library, parts, workers=2)
    assert all(np.array_equal(getattr(one, f.name), getattr(two, f.name)) for f in fields(Bank))


def test_real_parts_do_not_leak_and_keep_their_places():
    folder = real_pack()
    library = Library(folder / "ldraw-parts.zip")
    whole = catalog.load(folder / "catalog.csv")
    ids = ("76382", "3626cp01", "73200b-f1", "3629", "2524", "3837", "3846", "4493c00")
    chosen = Catalog([whole.part(id) for id in ids], whole.colors)
    b = bank.build(library, chosen, workers=1)
    shapes = {shape.key: shape for shape in assembly.shapes(chosen, library)}
    for row in rows(b, "3629", "filled").tolist() + rows(b, "2524", "filled").tolist():
        soup = shapes[str(b.shape_key[b.shape_index[row]])].triangles(library)
        t = b.transform[row].astype(np.float64)
        dense = placement.apply(t, grids.lattice(soup.vertices, 0.2 / np.linalg.norm(t[:, 0])))
        grid = grids.unpack(b.grid[row])
        hollow = ~grids.outside(grids.occupancy(dense) | grid) & ~grid
        assert not (grids.outside(grid) & hollow & ~grids.occupancy(dense)).any()
    hat = grids.unpack(b.grid[b.lookup["3629", "figure", "headwear", ""]])
    head = grids.unpack(b.grid[b.lookup["3626cp01", "figure", "head", ""]])
    pack = grids.unpack(b.grid[b.lookup["2524", "figure", "neckwear", ""]])
    shovel = grids.unpack(b.grid[b.lookup["3837", "figure", "right", "45.0"]])
    assert np.flatnonzero(hat.any((0, 1))).max() > np.flatnonzero(head.any((0, 1))).max()
    assert np.average(np.flatnonzero(pack.any((0, 2)))) > 34  # behind: +y
    assert np.average(np.flatnonzero(shovel.any((1, 2)))) < 26  # own right: low x
