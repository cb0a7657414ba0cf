"""Velocity fields with a closed form: Gaussian mixtures, whose score and predictions are known exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch import Tensor

from cast3d import flow
from tests.golden_data import golden


@dataclass(frozen=True)
class Mixture:
    """x_0 ~ Σ w_k N(μ_k, C_k); called as a velocity."""

    weights: Tensor  # [K]
    means: Tensor  # [K, D]
    covs: Tensor  # [K, D, D]

    def predictions(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """x̂_0 and ε̂ at x [B, D], from the exact posterior over components."""
        eye = torch.eye(self.means.shape[1], dtype=x.dtype)
        s = (1 - t) ** 2 * self.covs + t**2 * eye  # [K, D, D]
        delta = x[:, None] - (1 - t) * self.means  # [B, K, D]
        solved = torch.einsum("kde,bke->bkd", torch.linalg.inv(s), delta)  # S^-1 δ
        log_r = self.weights.log() - 0.5 * (delta * solved).sum(-1) - 0.5 * torch.logdet(s)
        r = log_r.softmax(-1)[..., None]  # [B, K, 1]
        clean = self.means + (1 - t) * torch.einsum("kde,bke->bkd", self.covs, solved)
        return (r * clean).sum(1), (r * t * solved).sum(1)

    def __call__(self, x: Tensor, t: float) -> Tensor:
        if t == 0:
            return -x  # x̂_0 = x, ε̂ = 0
        clean, noise = self.predictions(x, t)
        return noise - clean

    def score(self, x: Tensor, t: float) -> Tensor:
        return -self.predictions(x, t)[1] / t


class EditorsCase:
    """One pair of the editors' reference files: fields, guided velocities and every stored tensor."""

    def __init__(self, name: str) -> None:
        self.spec = json.loads(golden(f"editors/{name}.json").read_text())
        self.tensors = load_file(golden(f"editors/{name}.safetensors"))
        self.config = self.spec["config"]
        self.source, self.target, self.null = (self._mixture(k) for k in ("src", "tgt", "unc"))
        self.v_src = flow.guided(self.source, self.null, self.config["w_src"])
        self.v_tgt = flow.guided(self.target, self.null, self.config["w_tgt"])
        self.t = flow.times(self.spec["steps"], self.spec["rescale_t"])
        self.x0 = self.tensors["x0_src"]
        self.n_stc, self.n_trj = self.config["n_stc"], self.config["n_trj"]

    def _mixture(self, key: str) -> Mixture:
        field = self.spec["fields"][key]
        return Mixture(*(torch.tensor(field[k], dtype=torch.float64) for k in ("weights", "means", "covs")))

    def __getitem__(self, key: str) -> Tensor:
        return self.tensors[key]


CASES = ("editors_guided_d6", "editors_unguided_d6")


def two_modes() -> Mixture:
    """The 2D mixture of the marginals test: two unequal modes with full covariance, weight 0.3 and 0.7."""
    return Mixture(
        torch.tensor([0.3, 0.7], dtype=torch.float64),
        torch.tensor([[-1.5, 1.0], [1.2, -0.8]], dtype=torch.float64),
        torch.tensor([[[0.09, 0.03], [0.03, 0.06]], [[0.05, -0.04], [-0.04, 0.2]]], dtype=torch.float64),
    )


def rough(seed: int) -> flow.Velocity:
    """A velocity without any smoothness to lean on: a random two-layer network with large weights, any dtype."""
    g = torch.Generator().manual_seed(seed)
    a, b = 6 * torch.randn(16, 6, generator=g), 3 * torch.randn(6, 16, generator=g)

    def velocity(x: Tensor, t: float) -> Tensor:
        return torch.sin(x @ a.T.to(x) + 9 * t) @ b.T.to(x)

    return velocity
