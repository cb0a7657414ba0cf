"""Eq. 13: the source is "no picture", unguided, on the path of the hint."""

from __future__ import annotations

import pytest
import torch

from cast3d import flow
from cast3d.stages.kit import Kit
from cast3d.stages.operators import times
from cast3d.stages.parts import PartPlan, chosen_frame, remade
from cast3d.voxels import drop_small
from tests.tiny_backbone import pictures, tiny_backbone, with_bias

BACKBONE = tiny_backbone()
SETTINGS = BACKBONE.defaults
CAP = BACKBONE.of_pictures([pictures()["cap"]])
NOISE = flow.noise((1, *BACKBONE.structure_shape), 0, "part")


def cube(low: int, high: int) -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[low:high, low:high, low:high] = True
    return grid


HINT = cube(20, 36)


def part(condition=CAP, backbone=BACKBONE, hint=HINT, frame="composite", **settings):
    return remade(Kit(backbone, SETTINGS.changed(settings)), [PartPlan(hint, condition, frame, NOISE)])[0]


def test_source_and_target_conditions():
    calls = []
    net = BACKBONE.structure_flows["image"]
    handle = net.register_forward_hook(lambda _, inputs, __: calls.append(inputs))
    try:
        part()
    finally:
        handle.remove()
    t = times(SETTINGS.structure_steps).tolist()
    clean = BACKBONE.encode_structure(HINT)
    expected_times = [1000 * t[level] for level in range(SETTINGS.part_start, 0, -1) for _ in range(3)]
    assert [time.item() for _, time, _ in calls] == pytest.approx(expected_times)
    for step, level in enumerate(range(SETTINGS.part_start, 0, -1)):
        source, *target = calls[3 * step : 3 * step + 3]
        path = (1 - t[level]) * clean + t[level] * NOISE(level)
        torch.testing.assert_close(source[0], path)
        assert not source[2].any()  # once, without a picture: null guided by null is null
        assert sorted(bool(call[2].any()) for call in target) == [False, True]
        assert torch.equal(target[0][0], target[1][0])
        assert step == 0 or not torch.equal(target[0][0], path)


def test_no_picture_gives_the_hint_as_the_structure_vae_sees_it():
    blocks = torch.rand(16, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.03
    hint = blocks.repeat_interleave(4, 0).repeat_interleave(4, 1).repeat_interleave(4, 2)
    backbone = with_bias(BACKBONE, 0.5)
    seen = backbone.decode_structure(backbone.encode_structure(hint))
    assert seen.any() and not torch.equal(seen, hint)
    assert torch.equal(part(CAP.unconditional, backbone, hint, image_guidance=0.0), seen)


def test_crumbs_of_the_hint_play_no_role():
    crumbs = HINT.clone()
    crumbs[50, 50, 50:53] = True
    assert torch.equal(drop_small(crumbs, SETTINGS.minimum_hint), HINT)
    assert torch.equal(part(hint=crumbs), part())


def test_the_hint_is_encoded_without_crumbs(monkeypatch):
    encoded = []
    encode = type(BACKBONE).encode_structure
    monkeypatch.setattr(type(BACKBONE), "encode_structure", lambda b, grid: encoded.append(grid) or encode(b, grid))
    crumbs = HINT.clone()
    crumbs[50, 50, 50:53] = True
    part(hint=crumbs)
    assert len(encoded) == 1 and torch.equal(encoded[0], HINT)


def test_an_empty_result_falls_back_to_the_hint():
    assert torch.equal(part(backbone=with_bias(BACKBONE, -100.0)), HINT)


def test_parts_in_the_canonical_frame_return_to_their_place():
    made = part(frame="canonical", hint=cube(20, 30))
    coords = made.nonzero()
    # The enlarged frame maps back to the hint's surroundings: 10 voxels fill 0.9 of the cube, the cube 11.
    assert coords.min() >= 18 and coords.max() <= 31
    assert not torch.equal(made, cube(20, 30))  # else it came back empty, and the hint took its place


def test_small_hints_choose_the_canonical_frame():
    auto = SETTINGS.changed({"part_frame": "auto"})
    assert chosen_frame(cube(20, 39), auto) == "canonical"
    assert chosen_frame(cube(20, 40), auto) == "composite"
    assert chosen_frame(cube(20, 35), SETTINGS) == "composite"


def test_a_hint_of_crumbs_alone_is_a_hint():
    """All its pieces are smaller than the least one: it is taken as it is, not as nothing."""
    crumbs = cube(20, 22) | cube(30, 32)
    assert part(hint=crumbs, frame="canonical", minimum_hint=100).any()
