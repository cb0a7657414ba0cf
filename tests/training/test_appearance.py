"""Targets of the second stage on shapes whose answer is known."""

import pytest
import torch

from training.bricks.appearance import (
    FEATURES,
    FINE,
    THICKNESS,
    TRUNCATE,
    Drawn,
    draw,
    features,
    gaussian_loss,
    signed_distance,
    voxel_distances,
    voxel_points,
)
from training.bricks.assemble import Points

NEAR = slice(20, 44)  # away from the sheet's edges


def words(grid):
    """bool [B, 64, 64, 64] -> int64 [B, 64, 64]."""
    return (grid.long() << torch.arange(64)).sum(-1)


def lattice(axis, at, low, high, step=0.25):
    """Points on a square at `at` along one axis, and its normals."""
    line = torch.arange(low + step / 2, high, step)
    u, v = torch.meshgrid(line, line, indexing="ij")
    planes = [u.flatten(), v.flatten()]
    planes.insert(axis, torch.full_like(planes[0], at))
    normal = torch.zeros(len(planes[0]), 3)
    normal[:, axis] = 1
    return torch.stack(planes, 1), normal


def as_points(position, normal, color=None):
    n = len(position)
    color = torch.full((n, 3), 0.5) if color is None else color
    return Points(position[None], normal[None], color[None], torch.zeros(1, n).long(), torch.ones(1, n).bool())


def scene(*sheets):
    """(words, voxel points) of the surface through some lattices."""
    position, normal = (torch.cat(parts) for parts in zip(*sheets))
    grid = torch.zeros(1, 64, 64, 64, dtype=torch.bool)
    grid[0, *position.floor().long().unbind(-1)] = True
    return words(grid), voxel_points(words(grid), as_points(position, normal))


@pytest.fixture(scope="module")
def sheet():
    return scene(lattice(2, 30.3, 8, 56))


@pytest.fixture(scope="module")
def box():
    return scene(*(lattice(axis, at, 20.5, 40.5) for axis in range(3) for at in (20.5, 40.5)))


def test_points_are_sorted_into_their_voxels(box):
    _, v = box
    assert torch.equal(v.coords[v.row, 1:].long(), v.position.floor().long())
    assert (v.row.diff() >= 0).all() and v.count.sum() == len(v.row) and (v.count > 0).all()
    assert torch.equal(v.row[v.start], torch.arange(len(v.coords)))


@pytest.fixture(scope="module")
def fields(sheet, box):
    """Distances around the sheet and around the box, computed one after the other."""
    surface = torch.cat([sheet[0], box[0]])
    points = [as_points(v.position, v.normal) for _, v in (sheet, box)]
    n = max(p.valid.shape[1] for p in points)

    def padded(name):
        rows = [getattr(p, name)[0] for p in points]
        return torch.stack([torch.cat([r, r.new_zeros(n - len(r), *r.shape[1:])]) for r in rows])

    both = Points(*(padded(name) for name in ("position", "normal", "color", "role", "valid")))
    return signed_distance(surface, voxel_points(surface, both), chunk=1).float()


def test_distance_to_a_flat_sheet_is_exact(fields):
    z = (torch.arange(64 * FINE) + 0.5) / FINE
    expected = ((z - 30.3).abs() - THICKNESS).clamp(-TRUNCATE, TRUNCATE)
    inner = fields[0, NEAR.start * FINE : NEAR.stop * FINE, NEAR.start * FINE : NEAR.stop * FINE]
    assert (inner - expected).abs().max() < 2e-3  # half precision


def test_a_closed_box_is_solid_and_the_outside_is_free(fields):
    field = fields[1]
    assert (field[22 * FINE : 39 * FINE, 22 * FINE : 39 * FINE, 22 * FINE : 39 * FINE] < 0).all()
    assert (field[: 19 * FINE] > 0).all() and (field[42 * FINE :] > 0).all()


def test_voxels_get_the_cells_around_them():
    field = torch.arange(128**3, dtype=torch.float32).reshape(1, 128, 128, 128)
    block = voxel_distances(field, torch.tensor([[0, 5, 6, 7], [0, 0, 63, 63]], dtype=torch.int32)).view(2, 4, 4, 4)
    assert torch.equal(block[0], field[0, 9:13, 11:15, 13:17])
    assert (block[1][0] == TRUNCATE).all() and (block[1][:, 3] == TRUNCATE).all()  # beyond the grid is empty
    assert block[1][1, 0, 0] == field[0, 0, 125, 125]


def test_features_of_a_sheet(sheet):
    v = sheet[1]
    f = features(v)
    assert f.shape == (len(v.coords), FEATURES)
    assert torch.allclose(f[:, :3], torch.zeros(()), atol=1e-6)  # mean colour 0.5
    assert torch.allclose(f[:, 3:9], torch.tensor([0.0, 0, 1, 0, 0, 0]).expand(len(f), 6), atol=1e-6)  # n n^T
    assert torch.allclose(f[:, 11], torch.tensor(2 * (30.3 - 30.5)), atol=1e-5)
    assert torch.allclose(f[:, 12:20].view(-1, 2, 2, 2).sum((1, 2))[:, 0], torch.ones(()))  # all in the lower octants


def test_drawn_points_belong_to_their_voxel(box):
    drawn = draw(box[1], 5)
    assert drawn.position.shape == (len(box[1].coords), 5, 3)
    assert drawn.position.abs().max() <= 0.5 and drawn.real.all()


def discs(position, color=0.5, rotation=(1.0, 0, 0, 0)):
    """Arguments of `gaussian_loss`: flat discs of the wanted size and opacity."""
    shape = position.shape[:2]
    return dict(
        position=position,
        color=torch.full((*shape, 3), color),
        scale=torch.tensor([0.30, 0.30, 0.10]).expand(*shape, 3),
        rotation=torch.tensor(rotation).expand(*shape, 4),
        opacity=torch.full(shape, 0.97),
    )


def test_gaussians_on_the_points_cost_nothing_and_others_do():
    position = torch.rand(6, 8, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    position[..., 2] = 0
    drawn = Drawn(position, torch.tensor([0.0, 0, 1]).expand(6, 8, 3), torch.full((6, 8, 3), 0.5), torch.ones(6).bool())
    exact = gaussian_loss(**discs(position), drawn=drawn)
    assert all(value < 1e-6 for value in exact.values())
    aside = gaussian_loss(**discs(position + torch.tensor([0, 0, 0.3])), drawn=drawn)
    assert aside["cover"] == pytest.approx(2 * 0.09, rel=1e-3)
    assert gaussian_loss(**discs(position, color=0.7), drawn=drawn)["color"] == pytest.approx(0.04, rel=1e-3)
    half = 0.5**0.5
    upright = gaussian_loss(**discs(position, rotation=(half, half, 0.0, 0.0)), drawn=drawn)
    assert upright["tilt"] == pytest.approx(1, abs=1e-5)


def test_voxels_without_points_do_not_count():
    position = torch.zeros(2, 8, 3)
    drawn = Drawn(
        position, torch.tensor([0.0, 0, 1]).expand(2, 8, 3), torch.full((2, 8, 3), 0.5), torch.tensor([True, False])
    )
    far = position.clone()
    far[1] = 9
    assert gaussian_loss(**discs(far), drawn=drawn)["cover"] == 0
