"""Shapes made by rule: the same for the same number, filling their grid, their samples on their voxels."""

import numpy as np
import pytest
import torch

from training.bricks import grids
from training.bricks.assemble import Batch, DeviceBank, Points, shell, surface_points, to_bool
from training.shapes import field, grammars, make, objects, sheet
from training.shapes.sketch import CUT, KEEP, MAIN, SECOND, Sketch, turned


def voxels(sketch):
    distance, paint = field.filled(sketch, grids.SIZE, 0.94)
    taken = field.touched(distance)
    return taken, field.shell(taken)[0], paint


def test_a_ball_meets_the_voxels_that_it_should():
    sketch = Sketch()
    sketch.ball((3, 4, 5), (1, 1, 1))
    taken, _, _ = voxels(sketch)
    low = np.arange(64)[:, None] - 32.0  # of each voxel, from the middle of the grid
    nearest = np.clip(0, low, low + 1)[:, 0] ** 2
    inside = nearest[:, None, None] + nearest[None, :, None] + nearest[None, None, :] <= 30.08**2
    assert (taken != inside).sum() < 0.01 * inside.sum()


def test_a_turned_box_fills_the_grid_along_its_longest_side():
    sketch = Sketch()
    sketch.box((0, 0, 0), (0.2, 0.1, 1), turn=turned(y=90))
    taken, _, _ = voxels(sketch)
    extent = [np.ptp(np.flatnonzero(taken.any(axis=axes))) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
    assert extent[0] in (61, 62) and extent[1] in (6, 7, 8) and extent[2] in (12, 13, 14)


def test_cutting_opens_keeping_halves_and_twins_mirror():
    sketch = Sketch()
    sketch.lathe((0, 0, 0), [(0, 1), (1, 1)])
    whole = voxels(sketch)[0]
    sketch.lathe((0, 0, 0.2), [(0, 0.8), (2, 0.8)], op=CUT, paint=SECOND)
    cup, outer, paint = voxels(sketch)
    assert whole[32, 32, 32] and not cup[32, 32, 32]
    assert outer[32, 32].sum() <= 4  # the bottom, seen from above and from below
    inner = paint[outer & (np.hypot(*np.indices((64, 64, 64))[:2] - 31.5) < 24)]
    assert (inner == SECOND).mean() > 0.3 and (paint[outer] == MAIN).any()
    half = Sketch()
    half.ball((0, 0, 0), (1, 1, 1))
    half.box((0, 0, 1), (2, 2, 1), op=KEEP)
    extent = np.flatnonzero(voxels(half)[0].any(axis=(0, 1)))
    assert 29 <= np.ptp(extent) <= 33
    pair = Sketch()
    pair.ball((1, 0.2, 0), (0.5, 0.3, 0.2), 4, turn=turned(z=30), twin=True)
    taken = voxels(pair)[0]
    assert (taken != taken[::-1]).sum() <= 0.02 * taken.sum()


def test_the_compiled_shell_is_the_shell():
    for index in range(4):
        taken = voxels(grammars.draw(3, index))[0]
        outer, listed = field.shell(taken)
        assert (outer == grids.shell(taken)).all()
        assert (np.argwhere(outer) == listed).all()


def test_samples_lie_in_the_shell_and_face_outwards():
    made = make.make(0, 1)
    cell = np.floor(made.points).astype(int)
    assert made.grid[tuple(cell.T)].all()
    assert len(np.unique(cell, axis=0)) == made.grid.sum()  # every voxel has some
    assert np.allclose(np.linalg.norm(made.normals, axis=1), 1, atol=1e-3)
    sketch = Sketch()
    sketch.ball((0, 0, 0), (1, 1, 1))
    distance, paint = field.filled(sketch, 64, 0.94)
    outer, listed = field.shell(field.touched(distance))
    draws = np.random.default_rng(0).random((len(listed), 3), np.float32)
    points, normals, _ = field.samples(distance, paint, outer, listed, len(listed), draws)
    away = (points - 32) / np.linalg.norm(points - 32, axis=1, keepdims=True)
    assert np.abs(np.linalg.norm(points - 32, axis=1) - 30.08).mean() < 0.15  # voxels that it grazes keep theirs inside
    assert (normals * away).sum(1).min() > 0.9


@pytest.mark.parametrize("index", range(3))
def test_a_number_always_gives_the_same_shape(index):
    first, again, other = make.make(5, index), make.make(5, index), make.make(6, index)
    assert first.name == again.name and first.name == first.name.lower() and first.noun
    assert (first.grid == again.grid).all() and (first.points == again.points).all()
    assert (first.grid != other.grid).any()


def test_most_shapes_fill_the_grid():
    longest = []
    for index in range(12):
        grid = make.make(1, index).grid
        sides = [np.ptp(np.flatnonzero(grid.any(axis=axes))) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
        longest.append(max(sides))
    assert sum(61 <= side <= 63 for side in longest) >= 10 and min(longest) >= 59  # parts have 62; acute tips more


def test_a_bank_of_shapes_is_the_same_with_workers_and_joins_another():
    bank, names = make.build(34, seed=2, first=5, workers=1)
    parallel, _ = make.build(34, seed=2, first=5, workers=2)
    assert (bank.grid == parallel.grid).all() and (bank.points == parallel.points).all()
    assert names[3] == (make.make(2, 8).name, make.make(2, 8).noun)
    one = DeviceBank.upload(bank, "cpu", shuffle=False)
    both = one.join(one)
    drawn = objects.sample([phrase for phrase, _ in names], range(34), 3, seed=0, first=34)
    batch = Batch.of(drawn, slice(None), "cpu")
    surface = shell(both.grid[batch.placement[:, 0]])
    points = surface_points(both, batch, surface, 256)
    assert points.valid.float().mean() > 0.99
    here = surface_points(one, Batch(batch.placement - 34, *list(vars(batch).values())[1:]), surface, 256)
    assert torch.equal(points.position, here.position) and torch.equal(points.color, here.color)


def test_names_start_with_the_right_article_and_colours_differ():
    drawn = objects.sample(["axe", "boot"], [0, 1], 30, seed=0)
    assert set(drawn.caption) == {"an axe", "a boot"}
    assert len({tuple(c) for c in drawn.main_rgb[:, 0].tolist()}) > 25
    more = objects.join(drawn, drawn)
    assert len(more) == 60 and more.placement.shape == (60, drawn.placement.shape[1])


def test_the_sheet_shows_every_shape():
    bank, names = make.build(2, workers=1)
    drawn = objects.sample([phrase for phrase, _ in names], range(2), 2, seed=0)
    image = sheet.draw(bank, drawn, columns=4)
    assert image.size == (4 * sheet.TILE, sheet.TILE + 14)
    grid = torch.zeros(1, 64, 64, 64, dtype=torch.bool)
    grid[0, 1, 2, 3] = True
    points = sheet.voxel_points(grid)
    assert isinstance(points, Points) and (points.position.floor() == torch.tensor([1.0, 2, 3])).all()
    assert to_bool(torch.tensor([[[5]]])).sum() == 2
