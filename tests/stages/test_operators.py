"""D_ss, D_slat and D_ss^STM: which velocities are steered, and on which grid."""

from __future__ import annotations

import torch

from cast3d import flow
from cast3d.stages.kit import Kit
from cast3d.stages.operators import d_slat, d_ss, d_ss_stm, static, structure_guide, times, unguided
from tests.tiny_backbone import pictures, tiny_backbone

BACKBONE = tiny_backbone()
KIT = Kit(BACKBONE, BACKBONE.defaults)
CAP = BACKBONE.of_pictures([pictures()["cap"]])
NOISE = flow.noise((1, *BACKBONE.structure_shape), 0, "test")


def still(velocity: flow.Velocity) -> flow.Velocity:
    return lambda x, t: torch.zeros_like(x)


def test_the_grid_is_the_papers():
    assert torch.equal(times(25), flow.times(25, 3.0)) and torch.equal(times(4), flow.times(4, 3.0))


def test_generation_can_be_steered():
    states = d_ss(KIT, [CAP], 0.0, [NOISE], steer=still)
    assert torch.equal(states[0], NOISE(KIT.settings.structure_steps)) and len(states) == 6
    coords = torch.tensor([[1, 2, 3], [4, 5, 6]])
    noise = flow.noise((2, 8), 0, "slat")
    assert torch.equal(d_slat(KIT, [coords], [CAP], 0.0, [noise], steer=still)[0], noise(KIT.settings.slat_steps))


def test_steering_stm_moves_the_target_alone():
    """With a target that stands still, STM equals the closed form of a still target over the source as it was."""
    clean = BACKBONE.encode_structure(torch.rand(64, 64, 64, generator=torch.Generator().manual_seed(0)) < 0.02)
    source, target = unguided(KIT, CAP), structure_guide(KIT, CAP, 2.0)
    generator = static(KIT, [NOISE], 3)
    made = d_ss_stm(KIT, clean, [source], [target], 3, generator, steer=still)
    velocity = BACKBONE.structure_velocities([source])
    expected = flow.stm(clean, velocity, still(velocity), times(5), 3, generator, KIT.settings.diffusion)
    torch.testing.assert_close(made, expected)
    assert not torch.allclose(made, d_ss_stm(KIT, clean, [source], [target], 3, generator), atol=1e-3)


def test_source_and_target_are_not_swapped():
    clean = BACKBONE.encode_structure(torch.rand(64, 64, 64, generator=torch.Generator().manual_seed(0)) < 0.02)
    source, target = unguided(KIT, CAP), structure_guide(KIT, CAP, 2.0)
    generator = static(KIT, [NOISE], 3)
    pair = (BACKBONE.structure_velocities([one]) for one in (source, target))
    expected = flow.stm(clean, *pair, times(5), 3, generator, KIT.settings.diffusion)
    torch.testing.assert_close(d_ss_stm(KIT, clean, [source], [target], 3, generator), expected)
