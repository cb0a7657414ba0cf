"""The released TRELLIS samplers, single and multi-image, through our functions: values and network calls."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cast3d import flow
from tests.golden_data import golden

SAMPLERS = ["euler", "euler_rescale3", "cfg7.5", "interval_0.5_1.0", "interval_0_1", "interval_broadcast"]


class Recorded:
    """The reference's tiny network as velocities of one condition each; it records every call."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self.calls: list[tuple[Tensor, int]] = []

    def network(self, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        h = torch.einsum("bcxyz,hc->bhxyz", x, self.tensors["W1"])
        shift = (t / 1000)[:, None] * self.tensors["a"] + cond.mean(1) @ self.tensors["Wc"].T
        return torch.einsum("bhxyz,ch->bcxyz", torch.tanh(h + shift[..., None, None, None]), self.tensors["W2"])

    def velocity(self, cond: Tensor, label: int) -> flow.Velocity:
        def velocity(x: Tensor, t: float) -> Tensor:
            batch = torch.tensor([1000 * t] * len(x), dtype=torch.float32)
            self.calls.append((batch, label))
            return self.network(x, batch, cond.expand(len(x), *cond.shape[1:]))

        return velocity

    def check(self, run: str, states: Tensor) -> None:
        expected = self.tensors
        assert torch.equal(torch.stack([t for t, _ in self.calls]), expected[f"{run}.call_t"])
        assert [label for _, label in self.calls] == expected[f"{run}.call_cond"].tolist()
        torch.testing.assert_close(states[0], expected[f"{run}.samples"], rtol=0, atol=1e-5)
        torch.testing.assert_close(states.flip(0)[1:], expected[f"{run}.pred_x_t"], rtol=0, atol=1e-5)


def load(case: str) -> tuple[dict, dict[str, Tensor]]:
    folder = golden(f"trellis/{case}")
    return json.loads((folder / "case.json").read_text())["runs"], load_file(folder / "io.safetensors")


@pytest.mark.parametrize("run", SAMPLERS)
def test_samplers(run: str) -> None:
    runs, tensors = load("samplers")
    kwargs, recorded = runs[run]["kwargs"], Recorded(tensors)
    t = flow.times(kwargs["steps"], kwargs.get("rescale_t", 1.0))
    assert torch.equal(t.flip(0), tensors[f"{run}.t_seq"])

    cond, negative = tensors["cond"], tensors["neg_cond"]
    if run == "interval_broadcast":
        cond, negative = cond[:1], torch.zeros_like(cond[:1])
    velocity = recorded.velocity(cond, 0)
    if "cfg_strength" in kwargs:
        interval = tuple(kwargs.get("cfg_interval", (0.0, 1.0)))
        velocity = flow.guided(velocity, recorded.velocity(negative, 1), kwargs["cfg_strength"], interval)
    recorded.check(run, flow.sample(velocity, tensors["noise"], t))


@pytest.mark.parametrize("mode", ["stochastic", "multidiffusion"])
def test_several_images(mode: str) -> None:
    run = f"{mode}_7"
    runs, tensors = load("multi_image")
    kwargs, recorded = runs[run]["kwargs"], Recorded(tensors)
    t = flow.times(kwargs["steps"], kwargs["rescale_t"])
    images = [recorded.velocity(tensors["cond"][k : k + 1], k) for k in range(3)]
    merge: Callable[[list[flow.Velocity]], flow.Velocity] = (
        flow.mean_of if mode == "multidiffusion" else lambda views: flow.cycled(views, t)
    )
    velocity = flow.guided(
        merge(images), recorded.velocity(tensors["neg_cond"], 3), kwargs["cfg_strength"], tuple(kwargs["cfg_interval"])
    )
    recorded.check(run, flow.sample(velocity, tensors["noise"], t))


def test_predictions_agree_with_the_released_conversions() -> None:
    """The released path adds sigma_min = 1e-5 of noise at t = 0, which the plain identities leave out."""
    _, tensors = load("samplers")
    x, v, t = tensors["noise"], tensors["conv.v"], 0.37
    for ours, name in ((flow.clean_prediction, "conv.x0"), (flow.noise_prediction, "conv.eps")):
        torch.testing.assert_close(ours(x, v, t), tensors[name], rtol=0, atol=2e-5 * v.abs().max().item())
