"""Exact properties of STM: identity, the literal algorithm, generators, extracted noise, batching, progress."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from cast3d import flow

from .fields import CASES, EditorsCase, rough, two_modes

T = flow.times(25, 3.0)
SHAPE = (5, 6)


def unit(seed: int, *lead: int) -> Tensor:
    return torch.randn(*lead, *SHAPE, generator=torch.Generator().manual_seed(seed))


def generators() -> dict[str, flow.TrajectoryGenerator]:
    return {
        "static": flow.Static(flow.noise(SHAPE, 3, "static")),
        "trajectory": flow.Trajectory(flow.sample(rough(1), unit(2), T)),
        "random states": flow.Trajectory(unit(4, len(T)) * 7),
        "not even a path": lambda x0, t, i: unit(i) * 100,
    }


@pytest.mark.parametrize("name", list(generators()))
@pytest.mark.parametrize("diffusion", [0.0, 0.6, 5.0])
@pytest.mark.parametrize("start", [1, 12, 25])
def test_equal_conditions_return_the_source_bit_for_bit(name: str, diffusion: float, start: int) -> None:
    x0 = unit(0)
    edited = flow.stm(x0, rough(1), rough(1), T, start=start, diffusion=diffusion, generator=generators()[name])
    assert torch.equal(edited, x0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_equal_conditions_in_half_precision(dtype: torch.dtype) -> None:
    x0 = unit(0).to(dtype)
    half = lambda x, t: rough(1)(x.to(dtype), t)  # noqa: E731 - a network that computes and answers in half precision
    edited = flow.stm(x0, half, half, T, start=25, generator=flow.Static(flow.noise(SHAPE, 0, "n")))
    assert edited.dtype == dtype and torch.equal(edited, x0)


def literal(
    x0: Tensor,
    velocities: tuple[flow.Velocity, flow.Velocity],
    generator: flow.TrajectoryGenerator,
    n: int,
    lam: float = 0.6,
    mapper: flow.Mapper = flow.identity,
    as_printed: bool = False,
) -> Tensor:
    """Algorithm 1 line by line, the drift from the score; `as_printed` leaves out the Δt that its last line lacks."""
    t, (source, target) = T.tolist(), velocities
    x_src = x_tgt = generator(x0, t, n)
    for i in range(n, 0, -1):
        dt = t[i - 1] - t[i]
        x_next = generator(x0, t, i - 1)
        g = math.sqrt(2 * lam * t[i])
        v_src, v_tgt = source(x_src, t[i]), target(x_tgt, t[i])
        f_src = v_src - g**2 / 2 * flow.score(x_src, v_src, t[i])
        f_tgt = v_tgt - g**2 / 2 * flow.score(x_tgt, v_tgt, t[i])
        eps = (x_next - x_src - f_src * dt) / (g * math.sqrt(abs(dt)))
        eps = mapper(eps, flow.Step(t[i], dt, lam, x_src, x_tgt, v_src, v_tgt))
        x_src, x_tgt = x_next, x_tgt + f_tgt * (1 if as_printed else dt) + g * math.sqrt(abs(dt)) * eps
    return x_tgt


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mapper", [flow.identity, flow.flowedit_mapper, flow.flowalign_mapper(0.05)])
@pytest.mark.parametrize("lam", [0.1, 0.6, 2.0])
def test_difference_form_is_the_literal_algorithm(name: str, mapper: flow.Mapper, lam: float) -> None:
    case = EditorsCase(name)
    for generator, n in ((flow.Static(case["noise_stc"]), case.n_stc), (flow.Trajectory(case["pre_traj"]), 25)):
        ours = flow.stm(case.x0, case.v_src, case.v_tgt, T, start=n, diffusion=lam, generator=generator, mapper=mapper)
        assert (ours - literal(case.x0, (case.v_src, case.v_tgt), generator, n, lam, mapper)).abs().max() < 1e-10


def test_the_printed_algorithm_does_not_reconstruct() -> None:
    case = EditorsCase("editors_unguided_d6")
    args = (case.x0, (case.v_src, case.v_src), flow.Static(case["noise_stc"]), case.n_stc)
    assert (literal(*args) - case.x0).abs().max() < 1e-10
    assert (literal(*args, as_printed=True) - case.x0).abs().max() > 100


def test_the_literal_form_loses_the_source_in_float32() -> None:
    """Why the code carries a difference: here the same conditions return x_0 bit for bit (first test)."""
    x0 = unit(0)
    found = literal(x0, (rough(1), rough(1)), flow.Static(flow.noise(SHAPE, 3, "static")), 12)
    assert (found - x0).abs().max() > 1e-3


def test_extraction_recovers_the_noise_of_a_sampled_path() -> None:
    """On a path of the reverse SDE itself, ε_src is the very noise that drove it: the inversion is exact."""
    field = two_modes()
    noise = torch.randn(26, 50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    path = flow.sample_sde(field, noise[25], T, 0.6, noise)
    seen: dict[float, Tensor] = {}

    def mapper(eps: Tensor, step: flow.Step) -> Tensor:
        seen[step.t] = eps
        return eps

    flow.stm(path[0], field, field, T, start=24, diffusion=0.6, generator=lambda x0, t, i: path[i], mapper=mapper)
    for i in range(1, 25):
        assert (seen[T[i].item()] - noise[i]).abs().max() < 1e-11


def test_generators_meet_the_source_and_the_stored_top() -> None:
    x0, states, grid = unit(0), unit(1, len(T)) * 50, T.tolist()
    noise = flow.noise(SHAPE, 0, "top")
    assert torch.equal(flow.Static(noise)(x0, grid, 0), x0)
    assert torch.equal(flow.Static(noise)(x0, grid, 25), noise(25))
    assert torch.equal(flow.Trajectory(states)(x0, grid, 0), x0)
    assert torch.equal(flow.Trajectory(states)(x0, grid, 25), states[25])


def test_trajectory_follows_a_straight_path_exactly() -> None:
    """On a straight stored path Eq. 8 returns the path itself, which fixes the index and the divisor."""
    x0, end = unit(0).double(), unit(1).double()
    path = torch.stack([flow.noised(x0, end, t) for t in T.tolist()])
    ours = torch.stack([flow.Trajectory(path)(x0, T.tolist(), i) for i in range(26)])
    assert (ours - path).abs().max() < 1e-14


def test_randomness_is_the_generators_alone() -> None:
    x0 = unit(0)

    def edit(generator: flow.TrajectoryGenerator) -> Tensor:
        return flow.stm(x0, rough(1), rough(2), T, start=12, generator=generator)

    one, again, other = (edit(flow.Static(flow.noise(SHAPE, seed, "part"))) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    states = unit(4, len(T))
    first = edit(flow.Trajectory(states))
    torch.manual_seed(1)
    assert torch.equal(first, edit(flow.Trajectory(states)))


def test_each_level_is_drawn_once() -> None:
    drawn: list[int] = []
    noise = flow.noise(SHAPE, 0, "part")
    flow.stm(
        unit(0),
        rough(1),
        rough(2),
        T,
        start=12,
        generator=flow.Static(lambda i: (drawn.append(i), noise(i))[1]),
    )
    assert drawn == list(range(12, 0, -1))


def test_a_pair_replaces_both_velocities() -> None:
    x0, generator = unit(0), flow.Static(flow.noise(SHAPE, 0, "part"))

    def pair(x_src: Tensor, x_tgt: Tensor, t: float) -> tuple[Tensor, Tensor]:
        return rough(1)(x_src, t), rough(2)(x_tgt, t)

    plain = flow.stm(x0, rough(1), rough(2), T, start=12, generator=generator)
    assert torch.equal(flow.stm(x0, None, None, T, start=12, generator=generator, pair=pair), plain)


def test_trajectory_by_level_and_progress() -> None:
    ticks: list[tuple[int, int]] = []
    generator = flow.Static(flow.noise(SHAPE, 0, "part"))
    edited, states = flow.stm(
        unit(0),
        rough(1),
        rough(2),
        T,
        start=4,
        generator=generator,
        trajectory=True,
        on_step=lambda i, n: ticks.append((i, n)),
    )
    assert states.shape == (5, *SHAPE) and torch.equal(states[0], edited)
    assert torch.equal(states[4], generator(unit(0), T.tolist(), 4))
    assert ticks == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_stronger_starts_change_more() -> None:
    """The size of the change grows with the start level for SDEdit and for G_trj."""
    case = EditorsCase("editors_unguided_d6")
    z = torch.randn(400, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    path = flow.sample(case.source, z, T)
    noise = flow.noise((400, 6), 0, "sdedit")

    def change(edited: Tensor) -> float:
        return (edited - path[0]).square().mean().sqrt().item()

    starts = (2, 6, 12, 18, 24)
    sdedit = [change(flow.sdedit(path[0], case.target, T, n, noise)) for n in starts]
    generator = flow.Trajectory(path)
    stm = [change(flow.stm(path[0], case.source, case.target, T, start=n, generator=generator)) for n in starts]
    assert sdedit == sorted(sdedit) and stm == sorted(stm)
    assert sdedit[-1] > 1.2 * sdedit[0] and stm[-1] > 1.2 * stm[0]
