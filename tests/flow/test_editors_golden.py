"""The editors and STM against reference vectors of closed-form fields, made with the released editors (float64)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cast3d import flow

from .fields import CASES, EditorsCase

TOLERANCE = 1e-9


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> EditorsCase:
    return EditorsCase(request.param)


def close(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    assert (actual - expected).abs().max() <= TOLERANCE


def recording(noises: list[Tensor]) -> flow.Mapper:
    """The identity mapper, which keeps what it saw (and so takes the general path with ε_src formed)."""

    def mapper(eps: Tensor, step: flow.Step) -> Tensor:
        noises.insert(0, eps)
        return eps

    return mapper


def test_grid_and_fields_are_the_references(case: EditorsCase) -> None:
    close(case.t, case["time_grid"])
    for name, field in (("src", case.source), ("tgt", case.target), ("unc", case.null)):
        for row, t in enumerate(case["probe_t"].tolist()):
            v = field(case["probe_x"], t)
            close(v, case[f"probe_v_{name}"][row])
            close(flow.score(case["probe_x"], v, t), case[f"probe_score_{name}"][row])


def test_sample(case: EditorsCase) -> None:
    states = flow.sample(case.v_src, case["z_init"], case.t)
    close(states, case["pre_traj"])
    close(states[0], case.x0)


def test_generators(case: EditorsCase) -> None:
    grid = case.t.tolist()
    for name, generator in (("stc", flow.Static(case["noise_stc"])), ("trj", flow.Trajectory(case["pre_traj"]))):
        close(torch.stack([generator(case.x0, grid, i) for i in range(len(grid))]), case[f"gen_{name}"])


@pytest.mark.parametrize("kind", ["stc", "trj"])
@pytest.mark.parametrize("record", [False, True], ids=["plain path", "mapper path"])
def test_stm(case: EditorsCase, kind: str, record: bool) -> None:
    generator = flow.Static(case["noise_stc"]) if kind == "stc" else flow.Trajectory(case["pre_traj"])
    noises: list[Tensor] = []
    edited, states = flow.stm(
        case.x0,
        case.v_src,
        case.v_tgt,
        case.t,
        start=case.n_stc if kind == "stc" else case.n_trj,
        diffusion=case.config["lam"],
        generator=generator,
        mapper=recording(noises) if record else flow.identity,
        trajectory=True,
    )
    close(states, case[f"stm_{kind}_traj"])
    assert torch.equal(edited, states[0])
    if record:
        close(torch.stack(noises), case[f"stm_{kind}_eps_src"])


def test_stm_without_diffusion_or_without_a_change(case: EditorsCase) -> None:
    common = {"start": case.n_stc, "generator": flow.Static(case["noise_stc"]), "trajectory": True}
    _, states = flow.stm(case.x0, case.v_src, case.v_tgt, case.t, diffusion=0.0, **common)
    close(states, case["stm_stc_lam0_traj"])
    _, states = flow.stm(case.x0, case.v_src, case.v_src, case.t, diffusion=case.config["lam"], **common)
    close(states, case["stm_identity_same_cond_traj"])


def test_flowedit(case: EditorsCase) -> None:
    args = (case.x0, case.v_src, case.v_tgt, case.t, case.n_stc)
    _, states = flow.flowedit(*args, case["noise_stc"], trajectory=True)
    close(states, case["flowedit_traj"])
    by_level = case["noise_navg"].transpose(0, 1)  # [levels, average, ...]
    _, states = flow.flowedit(*args, by_level, average=case.config["n_avg"], trajectory=True)
    close(states, case["flowedit_navg_traj"])


def test_flowalign(case: EditorsCase) -> None:
    for name, start in (("flowalign_traj", len(case.t) - 1), ("flowalign_n_traj", case.n_stc)):
        args = (case.x0, case.source, case.target, case.t, start, case["noise_stc"])
        _, states = flow.flowalign(*args, zeta=case.config["zeta"], scale=case.config["fa_w"], trajectory=True)
        close(states, case[name])


def test_sdedit(case: EditorsCase) -> None:
    args = (case.x0, case.v_tgt, case.t, case.n_stc, case["noise_stc"])
    _, states = flow.sdedit(*args, trajectory=True)
    close(states, case["sdedit_ode_traj"])
    _, states = flow.sdedit(*args, diffusion=case.config["lam"], step_noise=case["noise_sde"], trajectory=True)
    close(states, case["sdedit_sde_traj"])


def test_ode_inversion(case: EditorsCase) -> None:
    close(flow.invert(case.source, case.x0, case.t, case.n_stc), case["odeinv_forward_traj"])
    _, states = flow.ode_inversion(case.x0, case.source, case.v_tgt, case.t, case.n_stc, trajectory=True)
    close(states, case["odeinv_traj"])


def test_rf_inversion(case: EditorsCase) -> None:
    c = case.config
    forward = flow.rf_invert(case.null, case.x0, case.t, case["noise_rf"], gamma=c["gamma"])
    close(forward, case["rfinv_forward_traj"])
    _, states = flow.rf_inversion(
        case.x0,
        case.null,
        case.v_tgt,
        case.t,
        case["noise_rf"],
        gamma=c["gamma"],
        eta=c["eta"],
        start=c["rf_start"],
        stop=c["rf_stop"],
        trajectory=True,
    )
    close(states, case["rfinv_traj"])
