"""STM contains FlowEdit and FlowAlign (paper Eq. 4-6), checked against editors written without STM."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from cast3d import flow

from .fields import CASES, EditorsCase

ZETA, SCALE = 0.05, 2.0


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> EditorsCase:
    return EditorsCase(request.param)


def gap(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def edit_with(case: EditorsCase, n: int, lam: float, mapper: flow.Mapper = flow.identity) -> Tensor:
    generator = flow.Static(case["noise_stc"])
    return flow.stm(case.x0, case.v_src, case.v_tgt, case.t, start=n, diffusion=lam, generator=generator, mapper=mapper)


@pytest.mark.parametrize("n", [1, 9, 15, 25])
def test_flowedit_is_stm_without_diffusion(case: EditorsCase, n: int) -> None:
    reference = flow.flowedit(case.x0, case.v_src, case.v_tgt, case.t, n, case["noise_stc"])
    assert gap(edit_with(case, n, 0.0), reference) < 1e-12


@pytest.mark.parametrize("n", [1, 9, 15, 25])
@pytest.mark.parametrize("lam", [0.1, 0.6, 2.0])
def test_flowedit_is_stm_with_the_mapper_of_eq_5(case: EditorsCase, n: int, lam: float) -> None:
    reference = flow.flowedit(case.x0, case.v_src, case.v_tgt, case.t, n, case["noise_stc"])
    assert gap(edit_with(case, n, lam, flow.flowedit_mapper), reference) < 1e-12
    assert gap(edit_with(case, n, lam), reference) > 1e-5  # with the identity, λ does act


def printed_eq_6(zeta: float) -> flow.Mapper:
    def mapper(eps: Tensor, s: flow.Step) -> Tensor:
        g, t = flow.diffusion_coefficient(s.t, s.diffusion), s.t
        factor = g * s.dt / (2 * math.sqrt(-s.dt)) - zeta * t**2 / (1 - t)
        return eps + factor * s.score_change + zeta / (1 - t) * (s.x_src - s.x_tgt)

    return mapper


def corrected_eq_6(zeta: float) -> flow.Mapper:
    """Eq. 6 in the paper's own terms, both ζ terms divided by g √|Δt|."""

    def mapper(eps: Tensor, s: flow.Step) -> Tensor:
        g, t, root = flow.diffusion_coefficient(s.t, s.diffusion), s.t, math.sqrt(-s.dt)
        factor = g * s.dt / (2 * root) - zeta * t**2 / ((1 - t) * g * root)
        return eps + factor * s.score_change + zeta / ((1 - t) * g * root) * (s.x_src - s.x_tgt)

    return mapper


@pytest.mark.parametrize("n", [9, 15, 24])
@pytest.mark.parametrize("lam", [0.1, 0.6, 2.0])
def test_flowalign_is_stm_with_the_corrected_eq_6(case: EditorsCase, n: int, lam: float) -> None:
    # FlowAlign guides the target by the source prompt: the same velocities, handed to STM ready-made.
    aligned = flow.guided(case.target, case.source, SCALE - 1)

    def edit(mapper: flow.Mapper) -> Tensor:
        generator = flow.Static(case["noise_stc"])
        return flow.stm(
            case.x0, case.source, aligned, case.t, start=n, diffusion=lam, generator=generator, mapper=mapper
        )

    reference = flow.flowalign(case.x0, case.source, case.target, case.t, n, case["noise_stc"], zeta=ZETA, scale=SCALE)
    assert gap(edit(flow.flowalign_mapper(ZETA)), reference) < 1e-10
    assert gap(edit(corrected_eq_6(ZETA)), reference) < 1e-10
    assert gap(edit(printed_eq_6(ZETA)), reference) > 1e-2


def test_flowalign_mapper_is_finite_at_the_top(case: EditorsCase) -> None:
    """At t = 1 the 1/(1-t) of Eq. 6 is infinite; written with clean predictions, the mapper still agrees."""
    aligned = flow.guided(case.target, case.source, SCALE - 1)
    edited = flow.stm(
        case.x0,
        case.source,
        aligned,
        case.t,
        start=25,
        generator=flow.Static(case["noise_stc"]),
        mapper=flow.flowalign_mapper(ZETA),
    )
    reference = flow.flowalign(case.x0, case.source, case.target, case.t, 25, case["noise_stc"], zeta=ZETA, scale=SCALE)
    assert gap(edited, reference) < 1e-10


def test_printed_eq_6_is_flowalign_with_a_shrunken_zeta(case: EditorsCase) -> None:
    """What the printed equation computes: ζ times g √|Δt| instead of ζ, step by step."""
    lam, n = 0.6, 15
    shrunk: list[float] = []

    def mapper(eps: Tensor, s: flow.Step) -> Tensor:
        shrunk.append(s.noise_scale)
        return flow.flowalign_mapper(ZETA * s.noise_scale)(eps, s)

    assert gap(edit_with(case, n, lam, mapper), edit_with(case, n, lam, printed_eq_6(ZETA))) < 1e-10
    assert min(shrunk) > 0.1 and max(shrunk) < 0.2


def test_stored_states_without_eq_8_restart_the_target_ode(case: EditorsCase) -> None:
    """With λ = 0 and the raw states of the source ODE as path, STM is a plain restart of the target ODE."""
    raw, n = case["pre_traj"], 18
    edited = flow.stm(
        case.x0, case.v_src, case.v_tgt, case.t, start=n, diffusion=0.0, generator=lambda x0, t, i: raw[i]
    )
    assert gap(edited, flow.sample(case.v_tgt, raw[n], case.t[: n + 1])[0]) < 1e-12


def test_flowedit_average_is_the_mean_of_its_draws(case: EditorsCase) -> None:
    args = (case.x0, case.v_src, case.v_tgt, case.t)
    noise = flow.noise((3, *case.x0.shape), 0, "edit")
    one_step = flow.flowedit(*args, 1, noise, average=3)
    singles = [flow.flowedit(*args, 1, lambda i, k=k: noise(i)[k]) for k in range(3)]
    assert gap(one_step, sum(singles) / 3) < 1e-14
    assert gap(flow.flowedit(*args, 9, lambda i: noise(i)[:1].expand(3, -1, -1), average=3),
               flow.flowedit(*args, 9, lambda i: noise(i)[0])) < 1e-13  # fmt: skip


def test_flowedit_keeps_the_source_bit_for_bit_when_nothing_changes(case: EditorsCase) -> None:
    x0 = case.x0.float()
    same = lambda x, t: torch.sin(9 * x) * t  # noqa: E731
    assert torch.equal(flow.flowedit(x0, same, same, case.t, 25, case["noise_stc"]), x0)
