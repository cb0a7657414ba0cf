"""The Euler sampler, the time grid, guidance and keyed noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cast3d import flow

from .fields import rough, two_modes

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


def constant(value: float) -> flow.Velocity:
    return lambda x, t: torch.full_like(x, value)


# --- times -----------------------------------------------------------------------------------------------------------


def test_times() -> None:
    t = flow.times()
    assert t.shape == (26,) and t.dtype == torch.float64 and t[0] == 0 and t[-1] == 1
    assert t[[9, 14, 18, 21]].tolist() == pytest.approx([0.628, 0.792, 0.885, 0.940], abs=5e-4)
    assert flow.times(4, 1.0).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert flow.times(12, 3.0)[3] == 0.5  # exact, or an interval from 0.5 would miss it


# --- sample ----------------------------------------------------------------------------------------------------------


def test_a_straight_flow_is_exact_in_one_step() -> None:
    """v = ε - x_0 is constant along the path, so Euler lands on x_0 for every number of steps."""
    x0, noise = X.double(), X.double().flip(0)
    for steps in (1, 7):
        states = flow.sample(lambda x, t: noise - x0, noise, flow.times(steps))
        expected = torch.stack([flow.noised(x0, noise, t) for t in flow.times(steps).tolist()])
        assert (states - expected).abs().max() < 1e-14


def test_pulling_to_known_data_returns_it_from_any_field_before() -> None:
    """v* = (x - x_0) / t (paper Eq. 15) held to the end returns x_0, whatever drove the first steps."""
    x0, t = X.flip(0).double(), flow.times(25)

    def override(x: Tensor, time: float) -> Tensor:
        return (x - x0) / time if time < 0.8 else rough(1)(x, time)

    assert (flow.sample(override, X.double(), t)[0] - x0).abs().max() < 1e-13


def test_euler_converges_with_order_one() -> None:
    field = two_modes()
    z = torch.randn(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = flow.sample(field, z, flow.times(800))[0]
    # The median: a sample on the ridge between the modes may fall to either side.
    coarse, fine = ((flow.sample(field, z, flow.times(n))[0] - exact).norm(dim=1).median() for n in (25, 50))
    assert 1.8 < (coarse / fine).item() < 2.3


def test_a_restart_continues_the_same_path() -> None:
    t = flow.times(12)
    states = flow.sample(rough(1), X, t)
    assert torch.equal(flow.sample(rough(1), states[7], t[:8]), states[:8])


def test_sample_reports_each_step_after_it_ran() -> None:
    events: list[object] = []

    def velocity(x: Tensor, t: float) -> Tensor:
        assert type(t) is float
        events.append("v")
        return x

    flow.sample(velocity, X, flow.times(3), on_step=lambda i, n: events.append((i, n)))
    assert events == ["v", (1, 3), "v", (2, 3), "v", (3, 3)]


# --- guidance --------------------------------------------------------------------------------------------------------


def test_guidance_counts_from_the_condition_and_includes_both_ends() -> None:
    v = flow.guided(constant(2.0), constant(1.0), 7.5, interval=(0.5, 0.75))
    for t, expected in ((0.49, 2.0), (0.5, 9.5), (0.6, 9.5), (0.75, 9.5), (0.76, 2.0)):
        assert torch.equal(v(X, t), torch.full_like(X, expected))


def test_guidance_skips_the_negative_where_it_is_not_needed() -> None:
    def never(x: Tensor, t: float) -> Tensor:
        raise AssertionError("called")

    flow.guided(constant(1.0), never, 0.0)(X, 0.9)
    flow.guided(constant(1.0), never, 3.0, interval=(0.5, 1.0))(X, 0.4)


def test_several_views() -> None:
    views = [constant(1.0), constant(2.0), constant(6.0)]
    assert torch.equal(flow.mean_of(views)(X, 0.3), torch.full_like(X, 3.0))
    t = flow.times(7)
    cycled = flow.cycled(views, t)
    picked = [cycled(X, time)[0, 0].item() for time in t.flip(0).tolist()[:-1]]
    assert picked == [1, 2, 6, 1, 2, 6, 1]
    assert cycled(X, t[-1].item())[0, 0] == 1  # by time, so asking twice does not advance


# --- noise -----------------------------------------------------------------------------------------------------------


def test_noise_is_addressed_by_seed_key_and_level() -> None:
    shape = (8, 16, 16, 16)
    one = flow.noise(shape, 0, ("geometry", "cap"))
    assert one(3).shape == shape and one(3).dtype == torch.float32 and one(3).device.type == "cpu"
    assert torch.equal(one(3), flow.noise(shape, 0, ["geometry", "cap"])(3))
    others = [
        one(4),
        flow.noise(shape, 1, ("geometry", "cap"))(3),
        flow.noise(shape, 0, ("geometry", "backpack"))(3),
        flow.noise(shape, 0, ("appearance", "cap"))(3),
        flow.noise(shape, 0, "geometrycap")(3),
    ]
    for other in others:  # independent, not merely different: correlation of 32768 values within 5 deviations of 0
        assert abs((one(3) * other).mean().item()) < 5 / 32768**0.5
    assert one(3).mean().abs() < 0.03 and (one(3).std() - 1).abs() < 0.02


def test_noise_does_not_depend_on_what_else_is_drawn() -> None:
    alone = flow.noise((4, 6), 0, "cap")(9)
    noise, other = flow.noise((4, 6), 0, "cap"), flow.noise((4, 6), 0, "backpack")
    torch.manual_seed(5)
    for i in range(20, 0, -1):
        other(i)
        drawn = noise(i)
        if i == 9:
            assert torch.equal(drawn, alone)


def test_noise_is_pinned() -> None:
    """A change of the key scheme would silently change every result of every seed."""
    first = flow.noise((4,), 7, ("parts", "cap"))(12)
    torch.testing.assert_close(first, torch.tensor([-0.596555, 1.658484, 0.016379, -1.714831]), rtol=0, atol=1e-6)
