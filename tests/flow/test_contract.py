"""What every loop promises: precision, result dtype, progress, states by level, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cast3d import flow
from cast3d.errors import InputError

T = flow.times(6)
X0 = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
NOISE = flow.noise(X0.shape, 0, "edit")
STATIC = flow.Static(NOISE)


def source(x: Tensor, t: float) -> Tensor:
    return torch.sin(x + t)


def target(x: Tensor, t: float) -> Tensor:
    return torch.cos(2 * x - t)


EDITORS: dict[str, tuple[int, Callable]] = {  # name -> (steps reported, editor of x0)
    "stm": (4, lambda x, **k: flow.stm(x, source, target, T, start=4, generator=STATIC, **k)),
    "flowedit": (4, lambda x, **k: flow.flowedit(x, source, target, T, 4, NOISE, **k)),
    "flowalign": (4, lambda x, **k: flow.flowalign(x, source, target, T, 4, NOISE, scale=2.0, **k)),
    "sdedit": (4, lambda x, **k: flow.sdedit(x, target, T, 4, NOISE, **k)),
    "sdedit sde": (4, lambda x, **k: flow.sdedit(x, target, T, 4, NOISE, diffusion=0.6, step_noise=NOISE, **k)),
    "ode_inversion": (8, lambda x, **k: flow.ode_inversion(x, source, target, T, 4, **k)),
    "rf_inversion": (12, lambda x, **k: flow.rf_inversion(x, source, target, T, NOISE(6), stop=3, **k)),
}


@pytest.mark.parametrize("name", list(EDITORS))
def test_results_have_the_dtype_of_the_input_and_steps_run_in_float32(name: str) -> None:
    _, edit = EDITORS[name]
    x = X0.half()
    edited, states = edit(x, trajectory=True)
    assert edited.dtype == states.dtype == torch.float16
    # Rounding happens once, at the end: the half-precision input gives the float32 result, rounded.
    assert torch.equal(edited, edit(x.float()).half())
    assert edit(x.double()).dtype == torch.float64
    assert 0 < (edit(x.double()) - edit(x.float())).abs().max() < 1e-5


@pytest.mark.parametrize("name", list(EDITORS))
def test_trajectory_and_progress(name: str) -> None:
    steps, edit = EDITORS[name]
    ticks: list[tuple[int, int]] = []
    edited, states = edit(X0, trajectory=True, on_step=lambda i, n: ticks.append((i, n)))
    assert torch.equal(edited, states[0]) and torch.equal(edit(X0), edited)
    assert len(states) == (7 if name == "rf_inversion" else 5)
    assert ticks == [(i + 1, steps) for i in range(steps)]


def test_networks_see_float32_and_may_answer_in_half() -> None:
    seen: set[torch.dtype] = set()

    def network(x: Tensor, t: float) -> Tensor:
        seen.add(x.dtype)
        return source(x, t).to(torch.bfloat16)

    states = flow.sample(flow.guided(network, network, 3.0), X0.to(torch.bfloat16), T)
    assert seen == {torch.float32} and states.dtype == torch.bfloat16

    answers = [v(X0, 0.5).to(torch.bfloat16) for v in (source, target)]
    guided = flow.guided(lambda x, t: answers[0], lambda x, t: answers[1], 3.0)(X0, 0.5)
    assert torch.equal(guided, flow.combine(answers[0].float(), answers[1].float(), 3.0))  # combined in float32


def test_a_wrapped_velocity_answers_in_the_dtype_of_its_state() -> None:
    x = X0.half()
    for velocity in (
        flow.guided(source, target, 2.0),
        flow.mean_of([source, target]),
        flow.cycled([source, target], T),
    ):
        assert velocity(x, 0.5).dtype == torch.float16


def test_flowedit_takes_a_pair() -> None:
    def pair(x_src: Tensor, x_tgt: Tensor, t: float) -> tuple[Tensor, Tensor]:
        return source(x_src, t), target(x_tgt, t)

    edited = flow.flowedit(X0, None, None, T, 4, NOISE, pair=pair)
    assert torch.equal(edited, flow.flowedit(X0, source, target, T, 4, NOISE))


def stm(**changes: object) -> object:
    return flow.stm(
        **{"x0": X0, "source": source, "target": target, "t": T, "start": 4, "generator": STATIC, **changes}
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stm(start=7), r"start=7 is outside 1 … 6"),
        (lambda: stm(start=0), r"start=0 is outside 1 … 6"),
        (lambda: stm(start=0.6), r"level index \(an integer\), got 0\.6"),
        (lambda: stm(t=T.flip(0)), r"rises from 0 .* got 1 … 0"),
        (lambda: stm(t=1000 * T), r"at most 1"),
        (lambda: stm(t=T[1:]), r"rises from 0"),
        (lambda: stm(t=[0.0]), r"at least two times"),
        (lambda: stm(x0=X0.int()), r"floating-point tensor, got torch\.int32"),
        (lambda: stm(source=None), r"or a `pair`"),
        (lambda: stm(diffusion=-0.1), r"diffusion=-0\.1"),
        (lambda: stm(diffusion=float("nan")), r"diffusion=nan"),
        (lambda: stm(diffusion=0, mapper=flow.flowedit_mapper), r"no noise to map: use flow\.identity"),
        (lambda: stm(target=lambda x, t: x[:1]), r"velocity has shape \[1, 6\].* state has \[5, 6\]"),
        (lambda: stm(pair=lambda a, b, t: (a, b[:1])), r"velocity has shape \[1, 6\]"),
        (lambda: stm(generator=flow.Static(X0)), r"noise of level 4 has shape \[6\], expected \[5, 6\]"),
        (lambda: stm(generator=flow.Static(X0.expand(4, 5, 6))), r"4 rows, but level 4"),
        (lambda: stm(generator=flow.Trajectory(X0.expand(5, 5, 6))), r"\[5, 5, 6\], expected \[7, 5, 6\]"),
        (lambda: flow.flowedit(X0, source, target, T, 4, NOISE, average=3), r"\[5, 6\], expected \[3, 5, 6\]"),
        (lambda: flow.flowedit(X0, source, target, T, 4, NOISE, average=0), r"average=0"),
        (lambda: flow.sdedit(X0, target, T, 4, NOISE, diffusion=0.6), r"give step_noise"),
        (lambda: flow.rf_inversion(X0, source, target, T, NOISE(6)), r"0 <= 0 <= 7 <= 6 does not hold"),
        (lambda: flow.rf_inversion(X0, source, target, T, NOISE(6)[0], stop=3), r"noise has shape \[6\]"),
        (lambda: flow.guided(source, target, 1.0, interval=(1.0, 0.5)), r"low <= high"),
        (lambda: flow.guided(source, target, 1.0, interval=(0.5, 950)), r"<= 1"),
        (lambda: flow.guided(source, target, float("inf")), r"must be finite"),
        (lambda: flow.mean_of([]), r"list of velocities is empty"),
        (lambda: flow.times(0), r"steps must be at least 1"),
        (lambda: flow.times(25, 0.0), r"rescale positive"),
        (lambda: flow.noise((2,), "seed", "cap"), r"integer seed and words"),
        (lambda: flow.noise((2,), 0, 5), r"integer seed and words"),
    ],
)
def test_mistakes_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_flow_imports_nothing_of_ours_but_the_errors() -> None:
    """The arrow of the architecture: this package could be lifted out whole."""
    from pathlib import Path

    for file in Path(flow.__file__).parent.glob("*.py"):
        upward = [line for line in file.read_text().splitlines() if line.startswith(("from ..", "import cast3d"))]
        assert set(upward) <= {"from ..errors import InputError"}, file.name
