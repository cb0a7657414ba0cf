"""Eq. 15: what is held stays exactly on its path; seams are soft; the last steps are free."""

from __future__ import annotations

import pytest
import torch

from cast3d import flow
from cast3d.stages.appearance import compose_appearance, correspond, held
from tests.tiny_backbone import tiny_backbone


def box(low: tuple[int, int, int], high: tuple[int, int, int]) -> torch.Tensor:
    """[N, 3] voxels of a box, ends included."""
    axes = [torch.arange(a, b + 1) for a, b in zip(low, high)]
    return torch.cartesian_prod(*axes)


def latents(coords: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(seed))


COORDS = box((20, 20, 20), (29, 29, 29))
SETTINGS = tiny_backbone().defaults
NOISE = flow.noise((len(COORDS), 8), 0, "test")


def wild(x: torch.Tensor, t: float) -> torch.Tensor:
    return torch.sin(3 * x) * 5 + t


def test_full_override_ends_in_the_held_latents():
    clean = latents(COORDS, 1)
    match = correspond(COORDS, [(COORDS, clean)], 0, SETTINGS)
    assert torch.equal(match.hold, torch.ones(len(COORDS), 1)) and torch.equal(match.clean, clean)
    t = flow.times(25, 3.0)
    states = flow.sample(held(wild, match, -1.0), NOISE(25), t)
    for level, time in enumerate(t.tolist()):
        torch.testing.assert_close(states[level], (1 - time) * clean + time * NOISE(25), rtol=0, atol=2e-6)


@pytest.mark.parametrize("steps, free", [(25, 3), (12, 1), (4, 0), (20, 3)])
def test_the_last_steps_are_the_models(steps, free):
    settings = SETTINGS.changed({"slat_steps": steps, "structure_steps": 25, "free_fraction": 0.15})
    backbone, clean = tiny_backbone(), latents(COORDS, 2)
    condition = backbone.of_text("a figure")
    made = compose_appearance(backbone, COORDS, [(COORDS, clean)], 0, condition, settings, NOISE)
    t = flow.times(steps, settings.rescale)
    velocity = backbone.slat_velocity(condition, COORDS, settings.slat_text_guidance)

    def with_free(count: int) -> torch.Tensor:
        start = (1 - t[count]) * clean + t[count] * NOISE(steps)
        return flow.sample(velocity, start.float(), t[: count + 1])[0] if count else clean

    torch.testing.assert_close(made.feats, with_free(free), rtol=0, atol=1e-4)
    assert (made.feats - with_free(free + 1)).abs().max() > 1e-3


def test_everything_free_is_plain_sampling():
    backbone, clean = tiny_backbone(), latents(COORDS, 2)
    condition = backbone.of_text("a figure")
    settings = SETTINGS.changed({"free_fraction": 1.0})
    made = compose_appearance(backbone, COORDS, [(COORDS, clean)], 0, condition, settings, NOISE)
    t = flow.times(settings.slat_steps, settings.rescale)
    plain = flow.sample(backbone.slat_velocity(condition, COORDS, 0.0), NOISE(settings.slat_steps), t)[0]
    assert torch.equal(made.feats, plain)


def test_seams_are_soft_and_insides_are_held():
    known = box((20, 20, 20), (24, 29, 29))  # half of the object
    match = correspond(COORDS, [(known, latents(known, 3))], 0, SETTINGS)
    hold, x = match.hold[:, 0], COORDS[:, 0]
    assert hold.min() == 0 and hold.max() == 1
    assert (hold[x <= 22] == 1).all()
    assert (hold[x >= 26] == 0).all()  # farther than one voxel from anything known
    seam = hold[(x == 24) | (x == 25)]
    assert ((seam > 0) & (seam < 1)).any()
    inner = hold.view(10, 10, 10)[:, 5, 5]
    assert (inner.diff() <= 0).all()


def test_a_mixed_velocity_lies_between():
    known = box((20, 20, 20), (24, 29, 29))
    match = correspond(COORDS, [(known, latents(known, 3))], 0, SETTINGS)
    x, t = NOISE(0), 0.5
    own, optimal = wild(x, t), (x - match.clean) / t
    mixed = held(wild, match, 0.2)(x, t)
    torch.testing.assert_close(mixed, match.hold * optimal + (1 - match.hold) * own)
    assert torch.equal(held(wild, match, 0.2)(x, 0.2), wild(x, 0.2))


@pytest.mark.parametrize("base", [0, 1])
def test_accessories_own_what_they_share_with_the_base(base):
    parts = [(COORDS, latents(COORDS, 4)), (COORDS, latents(COORDS, 5))]
    match = correspond(COORDS, parts, base, SETTINGS)
    assert (match.owner == 1 - base).all()
    assert torch.equal(match.clean, parts[1 - base][1])


def test_unmatched_voxels_belong_to_the_nearest_part():
    left, right = box((20, 20, 20), (20, 29, 29)), box((29, 20, 20), (29, 29, 29))
    match = correspond(COORDS, [(left, latents(left, 6)), (right, latents(right, 7))], 0, SETTINGS)
    x = COORDS[:, 0]
    assert torch.equal(match.owner, (x > 24).long())
    assert (match.hold[(x > 21) & (x < 28)] == 0).all()


def test_a_part_without_voxels_takes_nothing():
    parts = [(COORDS, latents(COORDS, 4)), (torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, 8))]
    assert (correspond(COORDS, parts, 0, SETTINGS).owner == 0).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_neighbouring_accessories_do_not_take_from_each_other(order):
    low, high = box((20, 20, 20), (29, 29, 24)), box((20, 20, 25), (29, 29, 29))
    base = torch.tensor([[0, 0, 0]])
    parts = [((low, high)[i], latents((low, high)[i], i)) for i in order]
    match = correspond(COORDS, [*parts, (base, latents(base, 9))], 2, SETTINGS)
    assert torch.equal(match.owner, torch.where(COORDS[:, 2] < 25, order.index(0), order.index(1)))
    assert torch.equal(match.clean[COORDS[:, 2] < 25], latents(low, 0))
