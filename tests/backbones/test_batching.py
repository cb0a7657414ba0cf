"""Batched predictions against one at a time, and against the plain wrappers of `flow`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cast3d import flow
from cast3d.backbones import Guided
from cast3d.composer import Composer
from cast3d.errors import InputError
from cast3d.stages.kit import Kit
from cast3d.stages.operators import d_slat, structure_guide
from cast3d.stages.parts import PartPlan, remade
from tests.tiny_backbone import PROMPT, pictures, tiny_backbone

ALONE = tiny_backbone()
TOGETHER = replace(ALONE, batch=64)
THREE = replace(ALONE, batch=3)  # cuts through the branches of an item
FIGURE, CAP, PACK = (ALONE.of_pictures([pictures()[term]]) for term in ("figure", "cap", "backpack"))
BOTH = ALONE.of_pictures([pictures()["figure"], pictures()["cap"]])
TURNS = flow.times(5, 3.0).tolist()
GUIDED = [Guided(FIGURE, 3.0), Guided(CAP), Guided(BOTH, 2.0, (0.5, 1.0)), Guided(BOTH, 2.0, turns=TURNS)]
# Matrix products of other sizes sum in another order; relative to the largest output of these networks.
TOLERANCE = 2e-6


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def block(low: int, size: int) -> torch.Tensor:
    return torch.cartesian_prod(*[torch.arange(low, low + size)] * 3)


def assert_close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=TOLERANCE * b.abs().max().item())


@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("backbone", [TOGETHER, THREE])
def test_structure_predictions_share_a_batch(backbone, t):
    x = random(len(GUIDED), *ALONE.structure_shape)
    assert_close(backbone.structure_velocities(GUIDED)(x, t), ALONE.structure_velocities(GUIDED)(x, t))


@pytest.mark.parametrize("t", [0.2, 0.9])
@pytest.mark.parametrize("backbone", [TOGETHER, THREE])
def test_latents_of_objects_of_any_size_share_a_batch(backbone, t):
    coords = [block(10, 7), block(30, 4), block(10, 4), block(40, 5)]
    x = random(sum(len(one) for one in coords), ALONE.slat_channels)
    assert_close(backbone.slat_velocities(GUIDED, coords)(x, t), ALONE.slat_velocities(GUIDED, coords)(x, t))


def test_one_at_a_time_is_the_same_to_the_bit_however_many_there_are():
    x = random(2, *ALONE.structure_shape)
    both = ALONE.structure_velocities(GUIDED[:2])(x, 0.7)
    for k in range(2):
        assert torch.equal(both[k : k + 1], ALONE.structure_velocities([GUIDED[k]])(x[k : k + 1], 0.7))


@pytest.mark.parametrize("t", [0.2, 0.5, 0.9, TURNS[-1], TURNS[-2]])
def test_the_plain_wrappers_give_the_same(t):
    net, x = ALONE.structure_flows["image"], random(1, *ALONE.structure_shape)

    def towards(tokens):
        return lambda x, t: net(x, torch.tensor([1000 * t]), tokens)

    views, nothing = [towards(tokens) for tokens in BOTH.tokens], towards(BOTH.negative)
    mean = flow.guided(flow.mean_of(views), nothing, 2.0, (0.5, 1.0))
    in_turn = flow.guided(flow.cycled(views, TURNS), nothing, 2.0)
    for plain, guided in ((mean, GUIDED[2]), (in_turn, GUIDED[3])):
        assert_close(ALONE.structure_velocities([guided])(x, t), plain(x, t))
    single = flow.guided(towards(CAP.tokens[0]), nothing, 2.0)
    assert torch.equal(ALONE.structure_velocities([Guided(CAP, 2.0)])(x, t), single(x, t))


def test_forward_passes_are_counted_in_rows():
    rows = []
    handle = ALONE.structure_flows["image"].register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    try:
        for backbone in (ALONE, THREE, TOGETHER):
            backbone.structure_velocities(GUIDED)(random(len(GUIDED), *ALONE.structure_shape), 0.9)
    finally:
        handle.remove()
    assert rows == [1] * 8 + [3, 3, 2] + [8]  # 2 guided + 1 plain + 3 of the mean + 2 in turn


def test_kinds_do_not_mix():
    with pytest.raises(InputError, match="image and text"):
        ALONE.structure_velocities([Guided(CAP), Guided(ALONE.of_text("cap"))])


def test_a_setting_chooses_how_several_pictures_are_used():
    settings = ALONE.defaults.changed({"guidance_interval": "0.5 0.95"})
    assert structure_guide(Kit(ALONE, settings), BOTH, 1.0) == Guided(BOTH, 1.0, (0.5, 0.95))
    turning = Kit(ALONE, settings.changed({"multi_image": "stochastic"}))
    in_turn = structure_guide(turning, BOTH, 1.0)
    assert in_turn.turns == flow.times(settings.structure_steps, settings.rescale).tolist()
    assert structure_guide(turning, CAP, 1.0).turns is None


def test_parts_together_are_the_parts_alone():
    plans = [
        PartPlan(cube, picture, "composite", flow.noise((1, *ALONE.structure_shape), 0, ("parts", name)))
        for cube, picture, name in ((cube_at(8, 20), CAP, "cap"), (cube_at(30, 50), PACK, "backpack"))
    ]
    settings = ALONE.defaults
    alone = [remade(Kit(ALONE, settings), [plan])[0] for plan in plans]
    one_by_one = remade(Kit(ALONE, settings), plans)
    together = remade(Kit(TOGETHER, settings), plans)
    for a, b, c in zip(alone, one_by_one, together):
        assert a.any() and torch.equal(a, b)
        assert (a != c).sum() <= 0.001 * a.sum()  # a logit next to 0 may fall either way


def test_latents_together_are_the_latents_alone():
    coords = [block(10, 6), block(30, 4)]
    noises = [flow.noise((len(one), ALONE.slat_channels), 0, str(len(one))) for one in coords]
    settings = ALONE.defaults.changed({"slat_image_guidance": 3.0})
    made = [d_slat(Kit(b, settings), coords, [CAP, PACK], 3.0, noises) for b in (ALONE, TOGETHER)]
    for a, b in zip(*made):
        torch.testing.assert_close(b, a, rtol=0, atol=1e-4 * a.abs().max().item())


def test_a_composition_at_once_has_the_parts_of_one_by_one(tmp_path):
    results = []
    for name, backbone in (("alone", ALONE), ("together", TOGETHER)):
        results.append(Composer(backbone).compose(PROMPT, pictures(), out=tmp_path / name))
    for term, part in results[0].parts.items():
        other = results[1].parts[term].voxels
        assert (part.voxels != other).sum() <= 0.005 * part.voxels.sum()


def cube_at(low: int, high: int) -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[low:high, low:high, low:high] = True
    return grid
