"""Eq. 14 and the pruning after it."""

from __future__ import annotations

import pytest
import torch

from cast3d.voxels import anchor, coarse_geometry, components, drop_crumbs, expand, prune, remove_halo

from .scenes import box, dressed, noise


def test_the_anchor_is_the_exclusive_or_of_eq_14():
    main, layout = noise(0.3, 1), noise(0.3, 2)
    parts = torch.stack([noise(0.002, 3), noise(0.002, 4)])
    near = torch.stack([expand(part) for part in parts]).any(0)  # the sum over parts of Expand(p_i)
    difference = (main ^ layout) & expand(parts.any(0))
    assert torch.equal(anchor(main, layout, parts), main ^ difference)
    # Blurring the union instead of adding up blurs only adds voxels where two tails meet.
    assert not (near & ~expand(parts.any(0))).any()


@pytest.mark.parametrize("thickness", [1, 8])
def test_expand_reaches_two_voxels_beyond_a_wall(thickness):
    wall = box((30, 4, 4), (29 + thickness, 59, 59))
    middle = expand(wall)[:, 32, 32].nonzero().flatten()
    assert (middle.min(), middle.max()) == (28, 31 + thickness)


def test_the_dressed_body():
    scene = dressed()
    coarse = coarse_geometry(scene.main_geometry, scene.base_hint, scene.hints, scene.parts)
    kept = coarse.pruned.kept
    assert (scene.halo & coarse.anchor).any()  # the layout brings it in
    assert not (scene.halo & coarse.geometry & ~scene.parts.any(0)).any()
    assert (scene.crumb_8 & coarse.anchor).sum() == 8 and not (scene.crumb_8 & coarse.geometry).any()
    assert (kept & scene.eye_8).sum() == 8
    assert (kept & scene.arm_tip_160).sum() == 160
    assert not (scene.parts.any(0) & ~coarse.geometry).any()
    rules = {region.size: region.rule for region in coarse.pruned.regions}
    assert rules[160] == "large"
    sizes = [region.size for region in coarse.pruned.regions]
    assert sizes == sorted(sizes, reverse=True) and coarse.pruned.regions[0].rule == "largest"
    eye, crumb = (region for region in coarse.pruned.regions if region.size == 8)
    if eye.rule is None:
        eye, crumb = crumb, eye
    assert (eye.rule, eye.unchanged, crumb.rule, crumb.unchanged) == ("unchanged", 1.0, None, 0.0)
    assert coarse.pruned.dropped == (crumb,)
    assert "dropped 8 voxels" in str(crumb) and "unchanged" in str(eye)


def test_a_large_share_rule_loses_the_arm_tip():
    """The tip is an anatomy's end, not a scrap: why `relative` is .005 and not, say, .02."""
    scene = dressed()
    anchored = coarse_geometry(scene.main_geometry, scene.base_hint, scene.hints, scene.parts).anchor
    residual = remove_halo(anchored, scene.main_geometry, scene.base_hint, scene.hints) & ~scene.parts.any(0)
    assert (prune(residual, scene.main_geometry).kept & scene.arm_tip_160).any()
    assert not (prune(residual, scene.main_geometry, relative=0.02).kept & scene.arm_tip_160).any()


def test_no_parts_leave_the_main_geometry():
    scene = dressed()
    nothing = torch.zeros(0, 64, 64, 64, dtype=torch.bool)
    for base_hint in (scene.main_geometry, scene.base_hint):
        coarse = coarse_geometry(scene.main_geometry, base_hint, nothing, nothing)
        assert torch.equal(coarse.geometry, scene.main_geometry)
    crumbs = noise(0.1)
    assert torch.equal(coarse_geometry(crumbs, crumbs, crumbs[None] & False, crumbs[None] & False).geometry, crumbs)


def test_far_parts_change_nothing_near_the_base():
    main = box((5, 5, 5), (20, 20, 20))
    part = box((50, 50, 50), (58, 58, 58))
    coarse = coarse_geometry(main, torch.zeros_like(main), part[None], part[None])
    assert torch.equal(coarse.geometry, main | part)


@pytest.mark.parametrize("seed", range(3))
def test_pruning_again_changes_nothing(seed):
    main = noise(0.25, seed)
    residual = main & ~noise(0.2, seed + 10)
    once = prune(residual, main, absolute=8)
    again = prune(once.kept, main, absolute=8)
    assert torch.equal(again.kept, once.kept) and not again.dropped
    assert not (once.kept & ~residual).any() and once.dropped
    # Regions are kept or dropped whole.
    labels, sizes = components(residual)
    kept = torch.bincount(labels[once.kept], minlength=len(sizes) + 1)[1:]
    assert ((kept == 0) | (kept == sizes)).all()


def test_looser_rules_keep_more():
    main = noise(0.25)
    residual = main & ~noise(0.2, 10)
    strict, small, torn = prune(residual, main, 20), prune(residual, main, 3), prune(residual, main, 20, unchanged=0.3)
    for loose in (small, torn):
        assert not (strict.kept & ~loose.kept).any() and (loose.kept & ~strict.kept).any()


def test_an_empty_residual_stays_empty():
    main = box((2, 2, 2), (5, 5, 5), 16)
    pruned = prune(torch.zeros_like(main), main)
    assert not pruned.kept.any() and pruned.regions == ()
    only = prune(main, torch.zeros_like(main))
    assert torch.equal(only.kept, main) and only.regions[0].unchanged == 0.0


def test_halo_is_what_only_a_hint_brought():
    main, base_hint, hints, base = noise(0.3, 1), noise(0.3, 2), torch.stack([noise(0.3, 3)]), noise(0.9, 4)
    kept = remove_halo(base, main, base_hint, hints)
    removed = base & ~kept
    assert removed.any() and not (kept & ~base).any()
    assert torch.equal(removed, base & hints[0] & ~main & ~base_hint)


def test_crumbs_go_and_whatever_holds_a_part_stays():
    whole, crumb = box((10, 10, 10), (29, 29, 29)), box((40, 40, 40), (42, 42, 42))
    far = box((50, 50, 50), (51, 51, 51))
    grid = whole | crumb | far
    part = box((40, 40, 40), (42, 42, 41))  # most of it lies in what would be a crumb
    assert torch.equal(drop_crumbs(grid, part[None] & False, 0.01)[0], whole)
    kept, dropped = drop_crumbs(grid, part[None], 0.01)
    assert torch.equal(kept, whole | crumb) and dropped == 1
    assert torch.equal(drop_crumbs(grid, part[None] & False, 0.0)[0], grid)
    assert drop_crumbs(grid & False, part[None], 0.01)[1] == 0


def test_pieces_that_touch_by_a_corner_are_one():
    grid = box((10, 10, 10), (29, 29, 29)) | box((30, 30, 30), (30, 30, 30))
    assert torch.equal(drop_crumbs(grid, grid[:0], 0.01)[0], grid)


# --- bounds, and which neighbours count -------------------------------------------------------------------------------


def span(*ranges: tuple[int, int]) -> torch.Tensor:
    """Occupied from low to high along each axis, high left out."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[tuple(slice(a, b) for a, b in ranges)] = True
    return grid


BODY = span((10, 30), (10, 30), (10, 30))
TIP = span((30, 34), (30, 34), (30, 33))  # 48 voxels that touch the body by one corner


def test_regions_that_touch_by_a_corner_are_one_where_corners_count():
    """A part takes half of the tip: alone it is a scrap, with the body it is none."""
    main, half = BODY | TIP, span((32, 34), (30, 34), (30, 33))
    faces, corners = (prune(main & ~half, main, connectivity=n).regions for n in (6, 26))
    assert [region.rule for region in faces] == ["largest", None]
    assert [region.rule for region in corners] == ["largest"]


def test_the_choice_of_neighbours_is_passed_on():
    main = BODY | TIP
    part = span((33, 34), (33, 34), (32, 33))  # one voxel of the tip; the base follows the layout near it
    kept = {n: coarse_geometry(main, main, part[None], part[None], connectivity=n).geometry for n in (6, 26)}
    assert torch.equal(kept[26], main)
    assert torch.equal(kept[6], main)  # 47 of 48 voxels: unchanged
    half = span((32, 34), (30, 34), (30, 33))
    kept = {n: coarse_geometry(main, main, half[None], half[None], connectivity=n).geometry for n in (6, 26)}
    assert torch.equal(kept[26], main) and torch.equal(kept[6], BODY | half)


def test_a_piece_of_the_main_geometry_is_counted_with_the_same_neighbours():
    """Cut off at its corner, the tip is a small share of the whole piece that it was of."""
    residual = (BODY | TIP) & ~span((30, 31), (30, 31), (30, 31))
    assert [region.rule for region in prune(residual, BODY | TIP, connectivity=26).regions] == ["largest", None]
    assert [region.rule for region in prune(residual, BODY | TIP, connectivity=6).regions] == ["largest", "unchanged"]


def test_without_pruning_scraps_stay():
    main, half = BODY | TIP, span((32, 34), (30, 34), (30, 33))
    assert torch.equal(coarse_geometry(main, main, half[None], half[None], pruned=False).geometry, main)


def test_bounds_belong_to_what_is_kept():
    main = BODY | span((40, 50), (10, 12), (10, 11))  # a piece of 20 voxels
    eight = BODY | span((40, 44), (10, 12), (10, 11))
    assert [region.rule for region in prune(eight, main, absolute=8, relative=0.0).regions] == ["largest", "large"]
    assert [region.rule for region in prune(eight, main, absolute=9, relative=0.0).regions] == ["largest", None]
    nineteen = BODY | (main & ~BODY & ~span((40, 41), (10, 11), (10, 11)))
    assert [region.rule for region in prune(nineteen, main).regions] == ["largest", "unchanged"]


def test_a_crumb_of_just_the_share_stays():
    ninety, ten = span((0, 9), (0, 10), (0, 1)), span((20, 30), (0, 1), (0, 1))
    nothing = torch.zeros(0, 64, 64, 64, dtype=torch.bool)
    assert torch.equal(drop_crumbs(ninety | ten, nothing, 0.1)[0], ninety | ten)
    assert torch.equal(drop_crumbs(ninety | ten, nothing, 0.11)[0], ninety)
