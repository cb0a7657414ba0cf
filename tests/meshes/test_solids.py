"""Closed solids from distances that are known near a surface only: closed forms, leaks, contacts, and both meshers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from cast3d.meshes import solids
from cast3d.meshes.flexicubes import extract, extract_parts
from cast3d.meshes.solids import Distances, enclosed, part_distances, whole
from cast3d.meshes.surface import from_sdf

from .checks import faults, read
from .shapes import grid, volume
from .test_flexicubes import ball_voxels

DENSITY = 2
SIDE = 24  # voxels


def boxed(low, high, resolution=SIDE * DENSITY) -> np.ndarray:
    """Signed distance to a box, in voxels."""
    points = grid(resolution)
    low, high = torch.tensor(low), torch.tensor(high)
    beyond = torch.maximum(low - points, points - high)
    outside = beyond.clamp_min(0).norm(dim=-1)
    return ((outside + beyond.amax(-1).clamp_max(0)) * SIDE).numpy().astype(np.float32)


def told(true: np.ndarray, drop: np.ndarray | None = None) -> tuple[Distances, np.ndarray]:
    """What the small backbone's decoder would tell of a true distance, and the voxels [N, 3] of its shell.

    `drop` [SIDE, SIDE, SIDE] are voxels that generation has missed.
    """
    blocks = true.reshape(SIDE, DENSITY, SIDE, DENSITY, SIDE, DENSITY)
    shell = (blocks.min(axis=(1, 3, 5)) < 0) & (blocks.max(axis=(1, 3, 5)) > -0.5)
    if drop is not None:
        shell &= ~drop
    fine = shell.repeat(DENSITY, 0).repeat(DENSITY, 1).repeat(DENSITY, 2)
    known = fine.copy()
    for axis in range(3):
        known |= np.roll(known, 1, axis) | np.roll(known, -1, axis)
    value = np.where(known, true.clip(-0.8, 0.8), 0.8).astype(np.float32)
    return Distances(value, known, DENSITY, offset=0.5, unit=1 / DENSITY), np.argwhere(shell)


def at(voxels: np.ndarray) -> np.ndarray:  # [N, 3] world
    return (voxels + 0.5) / SIDE - 0.5


def mesh_of(field: np.ndarray):
    return from_sdf(torch.from_numpy(field))


BOX = ([-0.3, -0.3, -0.3], [0.3, 0.3, 0.3])


def test_a_shell_becomes_a_solid_without_an_inner_wall():
    distances, _ = told(boxed(*BOX))
    assert (distances.value[24, 24, 24] > 0).all()  # nothing is told of the middle
    mesh = mesh_of(whole(distances)[0])
    assert faults(mesh) == {} and read(mesh).body_count == 1
    assert volume(mesh) == pytest.approx(0.6**3, rel=0.02)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_hole_is_spanned(width):
    """A flood fill from outside would run through it and leave a wall on both sides of the shell."""
    drop = np.zeros((SIDE,) * 3, bool)
    middle = slice(12 - width // 2, 12 - width // 2 + width)
    drop[middle, middle, 12:] = True
    distances, _ = told(boxed(*BOX), drop)
    mesh = mesh_of(whole(distances)[0])
    assert faults(mesh) == {} and read(mesh).body_count == 1
    assert volume(mesh) == pytest.approx(0.6**3, rel=0.05)


def test_what_is_told_stays_where_it_is():
    distances, _ = told(boxed(*BOX))
    value, solid = whole(distances)
    assert np.array_equal(value[~solid], distances.value[~solid])
    assert np.array_equal(value[distances.value < 0], distances.value[distances.value < 0])


def test_a_cup_stays_open():
    """Its inner wall is told: no lid is put on it."""
    cup = np.maximum(boxed(*BOX), -boxed([-0.2, -0.2, -0.2], [0.2, 0.2, 0.9]))
    mesh = mesh_of(whole(told(cup)[0])[0])
    assert faults(mesh) == {}
    assert volume(mesh) == pytest.approx(0.6**3 - 0.4 * 0.4 * 0.5, rel=0.03)


def test_a_ring_stays_a_ring():
    points = grid(SIDE * DENSITY)
    radius = points[..., :2].norm(dim=-1) - 0.3
    ring = ((radius**2 + points[..., 2] ** 2).sqrt() - 0.12) * SIDE
    mesh = mesh_of(whole(told(ring.numpy().astype(np.float32))[0])[0])
    assert faults(mesh) == {} and read(mesh).euler_number == 0
    assert volume(mesh) == pytest.approx(2 * math.pi**2 * 0.3 * 0.12**2, rel=0.03)


def test_a_thin_shell_stays_thin():
    plate = boxed([-0.3, -0.3, -0.04], [0.3, 0.3, 0.04])
    mesh = mesh_of(whole(told(plate)[0])[0])
    assert faults(mesh) == {} and volume(mesh) == pytest.approx(0.6 * 0.6 * 0.08, rel=0.06)


def test_the_cheapest_surface_is_the_one_around_what_is_told():
    inside = np.zeros((9, 9, 9), bool)
    inside[2:7, 2:7, 2:7] = True
    inside[3:6, 3:6, 3:6] = False  # a room of which nothing is told
    known = inside | ~np.pad(np.ones((5, 5, 5), bool), 2)
    full = np.pad(np.ones((5, 5, 5), bool), 2)
    assert np.array_equal(enclosed(inside, known), full)
    inside[4, 4, 6] = False  # and a leak into it
    assert np.array_equal(enclosed(inside, known), full)
    assert not enclosed(np.zeros((4, 4, 4), bool), np.ones((4, 4, 4), bool)).any()


def noise(seed: int) -> np.ndarray:
    """Shells with holes, rooms and crumbs."""
    rng = np.random.default_rng(seed)
    solid = ndimage.gaussian_filter(rng.normal(size=(14, 15, 16)), 1.0) > 0.05
    return solid & ~ndimage.binary_erosion(solid) & (rng.random(solid.shape) < 0.95)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reach", [None, 3])
def test_what_is_settled_before_the_cut_is_what_the_cut_would_say(monkeypatch, seed, reach):
    inside = noise(seed)
    known = np.random.default_rng(seed + 9).random(inside.shape) < 0.7
    settled = enclosed(inside, known, reach)
    monkeypatch.setattr(solids, "_settle", lambda: lambda *_: None)
    assert np.array_equal(settled, enclosed(inside, known, reach))


@pytest.mark.parametrize("reach", [1, 3, 6])
def test_distances_are_exact_as_far_as_they_are_asked_for(reach):
    inside = noise(0)
    inside[:, :, 6:] = False
    true, found = (
        ndimage.distance_transform_edt(~inside),
        np.sqrt(solids._squared_distance(inside, reach).astype(float)),
    )
    near = true <= reach
    assert np.array_equal(true[near], found[near]) and (found[~near] > reach).all() and near.any()


# --- parts ------------------------------------------------------------------------------------------------------------

LEFT, RIGHT = ([-0.4, -0.2, -0.2], [0.0, 0.2, 0.2]), ([0.0, -0.2, -0.2], [0.4, 0.2, 0.2])


def two_boxes():
    """Two boxes that touch; the shell of the whole has no wall between them."""
    distances, coords = told(np.minimum(boxed(*LEFT), boxed(*RIGHT)))
    return distances, coords, (coords[:, 0] >= SIDE // 2).astype(np.int64)


@pytest.mark.parametrize("base", [None, 0, 1])
def test_two_touching_boxes_share_the_face_between_them(base):
    distances, coords, owner = two_boxes()
    left, right = (mesh_of(field) for field in part_distances(distances, coords, owner, 2, base))
    for mesh in (left, right):
        assert faults(mesh) == {} and read(mesh).body_count == 1
        assert volume(mesh) == pytest.approx(0.4**3, rel=0.06)
    assert left.vertices[:, 0].max() == pytest.approx(0, abs=0.03)
    together = whole(distances)[0]
    assert volume(left) + volume(right) == pytest.approx(volume(mesh_of(together)), rel=0.01)


def test_no_sample_is_inside_two_parts_and_all_of_the_whole_is_in_one():
    distances, coords, owner = two_boxes()
    one, other = (field < 0 for field in part_distances(distances, coords, owner, 2))
    assert not (one & other).any()
    assert ((whole(distances)[1]) & ~(one | other)).sum() <= 0.01 * (one | other).sum()


def test_the_outer_surface_does_not_move():
    """Away from the face between the parts their distances are the whole's, to the bit."""
    distances, coords, owner = two_boxes()
    together = whole(distances)[0]
    for sign, field in zip((-1, 1), part_distances(distances, coords, owner, 2)):
        x = grid(len(together))[..., 0].numpy() * sign
        near = np.abs(together) < 0.6
        assert np.array_equal(field[near & (x > 0.1)], together[near & (x > 0.1)])


def test_a_part_without_voxels_has_no_solid_and_a_small_one_has():
    distances, coords, _ = two_boxes()
    owner = np.zeros(len(coords), np.int64)
    owner[len(coords) // 2] = 2  # one voxel among those of another part
    first, second, third = part_distances(distances, coords, owner, 3)
    assert second is None and (first < 0).sum() > 100 * (third < 0).sum() > 0
    assert faults(mesh_of(third)) == {}


def cap_on_a_head():
    """A ball of which the upper half is under a cap; the crown has no voxels of its own."""
    points = grid(SIDE * DENSITY)
    ball = (points.norm(dim=-1) - 0.25).numpy() * SIDE
    cap = np.maximum((points.norm(dim=-1) - 0.33).numpy(), -points[..., 2].numpy()) * SIDE
    distances, coords = told(np.minimum(ball, cap).astype(np.float32))
    return distances, coords, (at(coords)[:, 2] > 0).astype(np.int64), ball < 0


def test_a_cap_alone_is_closed_across_its_mouth():
    distances, coords, owner, _ = cap_on_a_head()
    head, cap = (mesh_of(field) for field in part_distances(distances, coords, owner, 2, base=0))
    assert faults(head) == {} and faults(cap) == {}
    half = 2 / 3 * math.pi
    assert volume(head) == pytest.approx(half * 0.25**3, rel=0.2)
    assert volume(cap) == pytest.approx(half * 0.33**3, rel=0.1)


def test_shapes_give_the_head_its_crown_back():
    distances, coords, owner, ball = cap_on_a_head()
    blocks = ball.reshape(SIDE, DENSITY, SIDE, DENSITY, SIDE, DENSITY).all(axis=(1, 3, 5))
    shapes = np.stack([blocks, np.zeros_like(blocks)])
    head, cap = (mesh_of(field) for field in part_distances(distances, coords, owner, 2, 0, shapes))
    assert faults(head) == {} and faults(cap) == {}
    assert volume(head) == pytest.approx(4 / 3 * math.pi * 0.25**3, rel=0.15)
    assert volume(cap) == pytest.approx(2 / 3 * math.pi * (0.33**3 - 0.25**3), rel=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_any_owners_give_solids(seed):
    distances, coords, _ = two_boxes()
    owner = np.random.default_rng(seed).integers(0, 3, len(coords))
    for field in part_distances(distances, coords, owner, 3):
        assert faults(mesh_of(field)).keys() <= {"as it is: no volume", "merged: no volume"}


def test_equal_input_gives_equal_fields():
    first, second = (part_distances(*two_boxes(), 2) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second))


# --- FlexiCubes -------------------------------------------------------------------------------------------------------


def shell_of_a_ball(resolution: int = 48, radius: float = 0.3):
    """Fine voxels around a sphere, as the released decoder brings them: none in the middle."""
    coords, feats = ball_voxels(resolution, radius, width=53)
    coarse = torch.div(coords, 4, rounding_mode="floor")
    distance = ((coarse + 0.5) * 4 / resolution - 0.5).norm(dim=1)
    near = (distance - radius).abs() < 4 / resolution
    return coords[near], feats[near]


def split_by(owner_of, count, resolution, **more):
    def split(value, known):
        coarse = np.unique(np.argwhere(known[:-1, :-1, :-1]) // 4, axis=0)
        inside = np.linalg.norm((coarse + 0.5) * 4 / resolution - 0.5, axis=1) < 0.3 + 4 / resolution
        coarse = coarse[inside]
        told_ = Distances(value, known, 4, offset=0.0, unit=1 / resolution, pool=2)
        return part_distances(told_, coarse, owner_of(coarse), count, **more)

    return split


def test_the_released_mesh_of_a_shell_has_an_inner_wall_and_the_solid_has_none():
    coords, feats = shell_of_a_ball()
    released = extract(coords, feats, 48)
    assert read(released).body_count == 2
    (mesh,) = extract_parts(coords, feats, 48, split_by(lambda c: np.zeros(len(c), np.int64), 1, 48))
    assert faults(mesh) == {} and read(mesh).body_count == 1
    assert volume(mesh) == pytest.approx(4 / 3 * math.pi * 0.3**3, rel=0.02)
    outer = released.vertices[released.vertices.norm(dim=1) > 0.28]
    assert torch.equal(mesh.vertices.sort(dim=0).values, outer.sort(dim=0).values)


def test_two_halves_of_a_decoded_ball_are_solids():
    coords, feats = shell_of_a_ball()
    split = split_by(lambda c: (c[:, 2] >= 6).astype(np.int64), 2, 48)
    for mesh in extract_parts(coords, feats, 48, split):
        assert faults(mesh) == {} and read(mesh).body_count == 1
        assert volume(mesh) == pytest.approx(2 / 3 * math.pi * 0.3**3, rel=0.05)


def test_a_body_that_leaves_the_cube_is_closed_at_its_border():
    coords, feats = ball_voxels(24, 0.56, width=53)
    (mesh,) = extract_parts(coords, feats, 24, lambda value, known: [value])
    assert faults(mesh) == {} and mesh.vertices.abs().max() <= 0.5
