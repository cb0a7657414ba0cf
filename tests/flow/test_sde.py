"""The SDE view: predictions, score and drift against closed forms, and the same marginals for every λ."""

from __future__ import annotations

import pytest
import torch

from cast3d import flow

from .fields import two_modes

FIELD = two_modes()
X = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("t", [0.3, 0.7, 0.99])
def test_predictions_and_score_are_the_closed_forms(t: float) -> None:
    v = FIELD(X, t)
    clean, noise = FIELD.predictions(X, t)
    torch.testing.assert_close(flow.clean_prediction(X, v, t), clean, rtol=0, atol=1e-13)
    torch.testing.assert_close(flow.noise_prediction(X, v, t), noise, rtol=0, atol=1e-13)
    torch.testing.assert_close(flow.score(X, v, t), FIELD.score(X, t), rtol=0, atol=1e-12)
    torch.testing.assert_close(flow.noised(clean, noise, t), X, rtol=0, atol=1e-13)


def test_score_is_the_gradient_of_the_log_density() -> None:
    """Independent of every identity: autograd through log p_t, which is a mixture with covariances (1-t)² C + t² I."""
    t, x = 0.4, X.clone().requires_grad_()
    normals = torch.distributions.MultivariateNormal(
        (1 - t) * FIELD.means, (1 - t) ** 2 * FIELD.covs + t**2 * torch.eye(2, dtype=x.dtype)
    )
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(FIELD.weights), normals)
    (gradient,) = torch.autograd.grad(mixture.log_prob(x).sum(), x)
    torch.testing.assert_close(flow.score(X, FIELD(X, t), t), gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lam", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("t", [1e-6, 0.1, 0.5, 1.0])
def test_drift_is_eq_2_and_finite_at_both_ends(t: float, lam: float) -> None:
    v = FIELD(X, t)
    g = flow.diffusion_coefficient(t, lam)
    f = flow.drift(X, v, t, lam)
    torch.testing.assert_close(f, v - g**2 / 2 * FIELD.score(X, t), rtol=0, atol=1e-8)
    assert g == pytest.approx((2 * lam * t) ** 0.5) and f.isfinite().all()


def test_drift_at_the_ends() -> None:
    v = FIELD(X, 1.0)
    torch.testing.assert_close(flow.drift(X, v, 1.0, 0.6), v + 0.6 * X)
    torch.testing.assert_close(flow.drift(X, v, 0.0, 0.6), 1.6 * v + 0.6 * X)
    assert flow.diffusion_coefficient(0.0, 0.6) == 0


def test_no_diffusion_is_the_ode() -> None:
    t = flow.times(10)
    states = flow.sample_sde(FIELD, X, t, 0.0, flow.noise(X.shape, 0, "unused"))
    torch.testing.assert_close(states, flow.sample(FIELD, X, t), rtol=0, atol=1e-14)


@pytest.mark.parametrize("lam", [0.0, 0.6, 2.0])
def test_marginals_do_not_depend_on_the_diffusion(lam: float) -> None:
    """400 steps and 20000 samples: weight, means and standard deviations of both modes to 0.01 (means to 0.015)."""
    g = torch.Generator().manual_seed(0)
    noise = lambda i: torch.randn(20_000, 2, dtype=torch.float64, generator=g)  # noqa: E731
    x = flow.sample_sde(FIELD, noise(400), flow.times(400), lam, noise)[0]

    first = (x[:, None] - FIELD.means).norm(dim=-1).argmin(1) == 0  # the modes lie nine deviations apart
    assert first.double().mean().item() == pytest.approx(0.3, abs=0.01)
    for mode, members in enumerate((x[first], x[~first])):
        exact = FIELD.covs[mode].diagonal().sqrt()
        torch.testing.assert_close(members.std(0), exact, rtol=0, atol=0.01)
        torch.testing.assert_close(members.mean(0), FIELD.means[mode], rtol=0, atol=0.015)
