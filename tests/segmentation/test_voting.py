"""Eq. 12 and the hints made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cast3d.errors import InputError
from cast3d.segmentation.voting import Votes, counted_views, hints, vote
from cast3d.splats import Gaussians, rasterizer, reference, rings
from cast3d.splats.project import project
from cast3d.voxels import outer_shell, to_coords, to_grid, to_world

PER_VOXEL = 8


def figure_with_cap() -> tuple[Gaussians, Tensor, Tensor]:
    """Gaussians of a block with a smaller block on top, the voxels [M, 3], and which of them are the cap's [M]."""
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[24:40, 26:38, 16:36] = True
    grid[26:38, 27:37, 36:44] = True
    coords = to_coords(grid)
    generator = torch.Generator().manual_seed(0)
    voxel = torch.arange(len(coords)).repeat_interleave(PER_VOXEL)
    jitter = torch.rand(len(voxel), 3, generator=generator) - 0.5
    cap = coords[:, 2] >= 36
    count = len(voxel)
    gaussians = Gaussians(
        positions=to_world(coords[voxel] + jitter),
        features_dc=torch.zeros(count, 3),
        scales=torch.full((count, 3), 0.006),
        rotations=torch.tensor([1.0, 0, 0, 0]).expand(count, 4),
        opacities=torch.full((count,), 0.9),
        voxel=voxel,
        part=cap[voxel].long(),
    )
    return gaussians, coords, cap


def true_masks(gaussians: Gaussians, cameras, size: int) -> Tensor:
    """[V, 2, H, W] where a part makes up most of what a pixel shows."""
    views = []
    for camera in cameras:
        sums = []
        for part in range(2):
            dc = ((gaussians.part == part).float()[:, None] - 0.5) / 0.28209479177387814
            sums.append(rasterizer("fast").render(replace(gaussians, features_dc=dc.expand(-1, 3)), camera, size).color)
        views.append(torch.stack([color[..., 0] > 0.5 for color in sums]))
    return torch.stack(views)


CAMERAS = rings(6, (-20, 10, 40), fov=None, width=1.0)


@pytest.fixture(scope="module")
def scene():
    gaussians, coords, cap = figure_with_cap()
    return gaussians, coords, cap, true_masks(gaussians, CAMERAS, 128)


def test_scores_are_eq_12_by_the_gradient_of_a_rendered_picture():
    generator = torch.Generator().manual_seed(1)
    gaussians, _, _ = figure_with_cap()
    chosen = torch.randperm(len(gaussians), generator=generator)[:200]
    gaussians = gaussians[chosen]
    gaussians = Gaussians(*(getattr(gaussians, name).double() for name in NAMES))
    cameras = CAMERAS[:3]
    masks = torch.rand(3, 2, 24, 24, generator=generator) > 0.6
    votes = vote(gaussians, cameras, masks, by=reference)
    features = torch.zeros(200, 2, dtype=torch.float64, requires_grad=True)
    loss = 0
    for camera, mask in zip(cameras, masks):
        footprints = project(gaussians, camera, (24, 24))
        picture = reference.blend(footprints, features[footprints.index], (24, 24))
        loss = loss + (picture * (2 * mask.double() - 1).permute(1, 2, 0)).sum()
    loss.backward()
    torch.testing.assert_close(votes.scores, features.grad, atol=1e-12, rtol=0)
    quick = vote(Gaussians(*(getattr(gaussians, name).float() for name in NAMES)), cameras, masks)
    torch.testing.assert_close(quick.scores, votes.scores.float(), atol=3 / 255, rtol=0)


NAMES = ("positions", "features_dc", "scales", "rotations", "opacities")


def test_true_masks_bring_back_the_cap(scene):
    gaussians, coords, cap, masks = scene
    votes = vote(gaussians, CAMERAS, masks)
    body_hint, cap_hint = hints(votes, gaussians.voxel, coords, base=0)
    assert torch.equal(body_hint, ~cap_hint)
    # The pictures show the surface; what lies inside is nobody's, which leaves it to the base.
    surface = outer_shell(to_grid(coords))[tuple(coords.unbind(1))]
    assert (cap_hint & cap & surface).sum() > 0.9 * (cap & surface).sum()
    assert (cap_hint & ~cap).sum() < 0.02 * (cap & surface).sum()


def test_an_all_or_nothing_mask_takes_everything_or_nothing(scene):
    gaussians, coords, _, masks = scene
    everything = torch.stack([torch.ones_like(masks[:, 0]), torch.zeros_like(masks[:, 0])], dim=1)
    votes = vote(gaussians, CAMERAS, everything)
    torch.testing.assert_close(votes.scores[:, 0], votes.seen)
    torch.testing.assert_close(votes.scores[:, 1], -votes.seen)
    found, nothing = hints(votes, gaussians.voxel, coords)
    in_sight = torch.bincount(gaussians.voxel[votes.seen > 0], minlength=len(coords))
    assert torch.equal(found, in_sight >= PER_VOXEL / 4) and not nothing.any()


def test_complementary_masks_vote_opposite(scene):
    gaussians, _, _, masks = scene
    pair = torch.stack([masks[:, 1], ~masks[:, 1]], dim=1)
    scores = vote(gaussians, CAMERAS, pair).scores
    torch.testing.assert_close(scores[:, 0], -scores[:, 1], atol=1e-3, rtol=1e-4)


def test_orders_do_not_matter(scene):
    gaussians, coords, _, masks = scene
    votes = vote(gaussians, CAMERAS, masks)
    expected = hints(votes, gaussians.voxel, coords)
    order = torch.randperm(len(gaussians), generator=torch.Generator().manual_seed(2))
    moved = gaussians[order]
    assert torch.equal(hints(vote(moved, CAMERAS, masks), moved.voxel, coords), expected)
    swapped = vote(gaussians, CAMERAS[::-1], masks.flip(0).flip(1))
    assert torch.equal(hints(swapped, gaussians.voxel, coords).flip(0), expected)


def test_views_without_a_detection_are_skipped_if_the_term_is_found_elsewhere():
    detected = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.bool)
    counted = counted_views(detected)
    assert counted.tolist() == [[True, False, True], [True, True, True], [True, False, True], [False, False, True]]


def test_a_failed_view_does_not_vote(scene):
    gaussians, _, _, masks = scene
    detected = torch.ones(len(CAMERAS), 2, dtype=torch.bool)
    detected[3, 1] = detected[7, 1] = False
    kept = [v for v in range(len(CAMERAS)) if v not in (3, 7)]
    votes = vote(gaussians, CAMERAS, masks, detected)
    expected = vote(gaussians, [CAMERAS[v] for v in kept], masks[kept])
    torch.testing.assert_close(votes.scores[:, 1], expected.scores[:, 1], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(votes.scores[:, 0], vote(gaussians, CAMERAS, masks).scores[:, 0])


def test_a_term_that_is_hardly_found_is_background_elsewhere(scene):
    gaussians, _, _, masks = scene
    detected = torch.ones(len(CAMERAS), 2, dtype=torch.bool)
    detected[1:, 1] = False  # whatever stands in the masks of such views is not used
    only_first = masks.clone()
    only_first[1:, 1] = False
    expected = vote(gaussians, CAMERAS, only_first).scores
    assert torch.equal(vote(gaussians, CAMERAS, masks, detected).scores, expected)


def test_masks_and_cameras_go_together(scene):
    gaussians, _, _, masks = scene
    with pytest.raises(InputError, match="3 pictures"):
        vote(gaussians, CAMERAS, masks[:3])


def line(count: int) -> Tensor:
    """[count, 3] voxels in a row."""
    return torch.stack([torch.arange(count), torch.zeros(count), torch.zeros(count)], dim=1).long()


def ballot(members: list[list[int]], unseen: list[int], terms: int = 1) -> tuple[Votes, Tensor]:
    """Per voxel ten Gaussians: the first `members[v][i]` of them vote 1 for term i, the last `unseen[v]` are unseen."""
    scores, seen = -torch.ones(len(members), 10, terms), torch.ones(len(members), 10)
    for v, counts in enumerate(members):
        for i, count in enumerate(counts):
            scores[v, :count, i] = 1.0
        seen[v, 10 - unseen[v] :] = 0
    scores *= seen[..., None]
    return Votes(scores.flatten(0, 1), seen.flatten()), torch.arange(len(members)).repeat_interleave(10)


def test_the_threshold_is_strict_and_counts_what_is_in_sight():
    votes, voxel = ballot([[10], [9], [8], [8], [2], [3]], unseen=[0, 0, 0, 2, 8, 7])
    kept = hints(votes, voxel, line(6), minimum=1)[0]
    # 10/10, 9/10 is not more than .9, 8/10, 8/8, 2 in sight are fewer than a quarter of ten, 3/3
    assert kept.tolist() == [True, False, False, True, False, True]
    kept = hints(votes, voxel, line(6), minimum=1, mask_threshold=0.7)[0]
    assert kept.tolist() == [True, True, True, True, False, True]


def test_the_larger_ratio_then_the_larger_vote_decides():
    votes, voxel = ballot([[10, 9], [9, 10], [10, 10], [10, 10]], unseen=[0] * 4, terms=2)
    votes.scores[25, 0] = 3.0  # a Gaussian of voxel 2 is surer of term 0
    votes.scores[35, 1] = 3.0
    first, second = hints(votes, voxel, line(4), mask_threshold=0.5, minimum=1)
    assert first.tolist() == [True, False, True, False] and second.tolist() == [False, True, False, True]


def test_hints_with_a_base_are_a_partition():
    generator = torch.Generator().manual_seed(3)
    coords = to_coords(torch.rand(8, 8, 8, generator=generator) < 0.6)
    voxel = torch.arange(len(coords)).repeat_interleave(4)
    scores = torch.randn(len(voxel), 3, generator=generator) + 0.5
    seen = (torch.rand(len(voxel), generator=generator) < 0.7).float()
    votes = Votes(scores * seen[:, None], seen)
    found = hints(votes, voxel, coords, base=1, mask_threshold=0.6, minimum=2)
    assert torch.equal(found.sum(0), torch.ones(len(coords), dtype=torch.int64))
    assert found.any(1).all()
    free = hints(votes, voxel, coords, mask_threshold=0.6, minimum=2)
    assert (free.sum(0) <= 1).all()


def test_small_pieces_go_back_to_the_base():
    coords = torch.cat([line(25), line(12) + torch.tensor([30, 0, 0])])
    votes, voxel = ballot([[0, 10]] * 37, unseen=[0] * 37, terms=2)
    base, cap = hints(votes, voxel, coords, base=0)
    assert cap.tolist() == [True] * 25 + [False] * 12
    assert torch.equal(base, ~cap)


def test_a_tie_is_no_member():
    votes = Votes(torch.tensor([[0.0, 1e-6, -1e-6]]), torch.ones(1))
    assert votes.members.tolist() == [[False, True, False]]
