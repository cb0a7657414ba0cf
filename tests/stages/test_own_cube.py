"""New parts of an edit in cubes of their own."""

from __future__ import annotations

import pytest
import torch

from cast3d.pictures.opening import open_picture
from cast3d.result.kept import own_part
from cast3d.stages.kit import Kit, Seeds
from cast3d.stages.operators import times
from cast3d.stages.own_cube import FREE, box_to_box, own_cube
from cast3d.voxels import Similarity
from tests.tiny_backbone import pictures, tiny_backbone

BACKBONE = tiny_backbone()
SEEDS = Seeds(0, {"cap": 0})


def box(low, high) -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return grid


def kit(**settings) -> Kit:
    return Kit(BACKBONE, BACKBONE.defaults.changed(settings), {"cap": [open_picture(pictures()["cap"])]}, SEEDS)


SMALL = box((20, 30, 40), (30, 36, 44))


def test_boxes_lie_on_each_other():
    """Ten voxels wide in its own cube, five in the model's: half the scale, and the same middles."""
    own, model = box((4, 10, 10), (14, 14, 18)), box((40, 21, 30), (45, 23, 34))
    scale, *translation = box_to_box(own, model).tolist()
    assert scale == 0.5
    placed = Similarity(scale, tuple(translation))
    corners = torch.tensor([[4, 10, 10], [14, 14, 18]]).double() / 64 - 0.5
    expected = torch.tensor([[40, 21, 30], [45, 23, 34]]).double() / 64 - 0.5
    torch.testing.assert_close(placed(corners), expected)


def test_a_small_part_fills_its_own_cube_and_stands_where_it_was():
    made = own_cube(kit(), "cap", SMALL)
    own = made.coords.amax(0) - made.coords.amin(0) + 1
    assert len(made.coords) and own.max() > 30  # of ten
    part = own_part(BACKBONE, "cap", made, SMALL)
    low, high = torch.tensor([20, 30, 40]) / 64 - 0.5, torch.tensor([30, 36, 44]) / 64 - 0.5
    places = part.gaussians.positions
    assert (places.amin(0) - low).abs()[0] < 2 / 64 and (places.amax(0) - high).abs()[0] < 2 / 64  # the longest side
    torch.testing.assert_close((places.amin(0) + places.amax(0)) / 2, (low + high) / 2, atol=2 / 64, rtol=0)
    own_scales = BACKBONE.gaussians(made.coords, made.feats).scales
    torch.testing.assert_close(part.gaussians.scales, own_scales * made.placed.scale)
    assert torch.equal(part.voxels, SMALL)


def test_what_would_be_no_finer_or_is_several_things_has_none():
    assert not len(own_cube(kit(), "cap", box((0, 20, 20), (47, 30, 30))).coords)  # 1.25 times finer is 46 voxels
    assert not len(own_cube(kit(), "cap", SMALL, things=2).coords)
    assert not len(own_cube(kit(), "cap", torch.zeros_like(SMALL)).coords)


def test_enlarged_blocks_give_no_shape():
    """STM begins near noise: at ten of twelve steps, whatever `part_start` is."""
    calls = []
    net = BACKBONE.structure_flows["image"]
    handle = net.register_forward_hook(lambda _, inputs, __: calls.append(float(inputs[1][0])))
    try:
        own_cube(kit(part_start=1), "cap", SMALL)
    finally:
        handle.remove()
    steps = BACKBONE.defaults.structure_steps
    assert max(calls) == pytest.approx(1000 * float(times(steps)[round(FREE * steps)]))
