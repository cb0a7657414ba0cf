"""gsplat against the readable twin: on a card all of it, elsewhere its projection and what it is called with."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch

from cast3d.errors import InputError
from cast3d.segmentation.voting import vote
from cast3d.splats import cuda, fast, orbit, rasterizer, reference, render, rings
from cast3d.splats.project import ALPHA_MIN, Footprints, project

from .scenes import cloud
from .test_rasterizers import CAMERAS, decided

on_card = pytest.mark.skipif(not cuda.available(), reason=f"needs gsplat on a CUDA card: {cuda.problem()}")


@pytest.fixture
def gsplat():
    return pytest.importorskip("gsplat", reason="gsplat 1.5.3 is not installed: pip install gsplat==1.5.3")


def softened(count: int = 400):
    """No Gaussian above 0.99, where gsplat's limit for alpha differs from the released one."""
    gaussians = cloud(count)
    return replace(gaussians, opacities=gaussians.opacities.clamp_max(0.98))


def stand_in(means, quats, scales, opacities, colors, viewmats, Ks, width, height, near_plane, eps2d, **how):
    """gsplat.rasterization as documented: its own projection (in torch), then front-to-back compositing.

    Pixel centres are at halves there, at integers here.
    """
    from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci

    assert how["rasterize_mode"] == "antialiased"
    covariances, _ = _quat_scale_to_covar_preci(quats, scales, compute_preci=False)
    radii, centers, depths, conics, compensations = (
        value[0] for value in _fully_fused_projection(
            means, covariances, viewmats, Ks, width, height, eps2d, near_plane,
            calc_compensations=True, camera_model=how["camera_model"],
        )
    )  # fmt: skip
    faded = opacities * compensations
    index = ((radii > 0).all(1) & (faded >= ALPHA_MIN)).nonzero().squeeze(1)
    index = index[depths[index].argsort(stable=True)]
    footprints = Footprints(
        index, centers[index] - 0.5, conics[index], faded[index], depths[index], radii[index].float()
    )  # fmt: skip
    picture = reference.blend(footprints, colors[index], (height, width))
    return picture[None], picture.new_zeros(1, height, width, 1), {}


# --- without a card ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
def test_gsplat_is_called_in_its_own_conventions(gsplat, monkeypatch, camera):
    monkeypatch.setattr(cuda, "rasterization", lambda _: stand_in)
    gaussians, size = softened(), (33, 70)
    ours, theirs = (by.render(gaussians, camera, size, background=0.3) for by in (reference, cuda))
    clear = decided(gaussians, camera, size)
    assert clear.float().mean() > 0.95
    for name in ("color", "alpha", "depth"):
        difference = (getattr(ours, name) - getattr(theirs, name)).abs()
        assert difference[clear].max() < 2e-4, name  # float32 in both, by different formulas
    masks = torch.rand(3, *size, generator=torch.Generator().manual_seed(1)) > 0.5
    plain, sums = (by.accumulate(gaussians, camera, masks) for by in (reference, cuda))
    torch.testing.assert_close(sums, plain, atol=2 * ALPHA_MIN, rtol=1e-3)
    assert (sums - plain).abs().median() < 1e-4


def test_gsplat_s_projection_is_ours(gsplat):
    """The Mip filter: 0.1 px^2 wider, and fainter by sqrt(det before / det after)."""
    seen = {}
    camera, gaussians, size = CAMERAS["perspective"], softened(), (48, 48)

    def watch(**given):
        seen.update(given)
        return stand_in(**given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "rasterization", lambda _: watch)
        cuda.render(gaussians, camera, size)
    assert seen["eps2d"] == 0.1 and seen["near_plane"] == camera.near and seen["camera_model"] == "pinhole"
    assert seen["Ks"][0, 0, 2] == seen["Ks"][0, 1, 2] == 24
    from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci

    covariances, _ = _quat_scale_to_covar_preci(seen["quats"], seen["scales"], compute_preci=False)
    _, centers, _, conics, compensations = (
        value[0] for value in _fully_fused_projection(
            seen["means"], covariances, seen["viewmats"], seen["Ks"], 48, 48, 0.1, camera.near, calc_compensations=True
        )
    )  # fmt: skip
    ours = project(gaussians, camera, size)
    torch.testing.assert_close(ours.means, centers[ours.index] - 0.5, atol=1e-3, rtol=0)
    torch.testing.assert_close(ours.conics, conics[ours.index], atol=1e-4, rtol=2e-3)
    faded = (gaussians.opacities * compensations)[ours.index]
    torch.testing.assert_close(ours.opacities, faded, atol=1e-3, rtol=0)


def test_without_a_card_it_says_what_to_take():
    assert rasterizer("gsplat") is cuda
    with pytest.raises(InputError, match="not on cpu; take the rasteriser 'fast'"):
        cuda.render(cloud(5), orbit(), 16)


def test_what_is_missing_is_named(monkeypatch):
    cuda.problem.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for module in ("gsplat", "gsplat.cuda"):  # installed and loaded or not
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(cuda, "find_spec", lambda _: None)
    assert "not installed; install it with" in cuda.problem()
    cuda.problem.cache_clear()
    monkeypatch.setattr(cuda, "find_spec", lambda _: "found")
    assert "cannot be compiled" in cuda.problem() and not cuda.available()
    monkeypatch.undo()
    cuda.problem.cache_clear()


def test_the_cpu_rasteriser_stays_the_choice_on_the_cpu(monkeypatch):
    monkeypatch.setattr(cuda, "available", lambda: True)
    gaussians = cloud(50)
    assert torch.equal(render(gaussians, orbit(), 24).color, fast.render(gaussians, orbit(), 24).color)


def test_drawing_on_the_cpu_for_want_of_gsplat_is_told(monkeypatch):
    class OnCard(torch.Tensor):
        is_cuda = True

    gaussians = cloud(50)
    drawn = fast.render(gaussians, orbit(), 24).color
    monkeypatch.setattr(cuda, "problem", lambda: "gsplat's kernels cannot be compiled: nvcc is missing")
    elsewhere = replace(gaussians, positions=gaussians.positions.as_subclass(OnCard))
    with pytest.warns(UserWarning, match=r"drawn on the CPU.*nvcc is missing"):
        found = render(elsewhere, orbit(), 24).color
    assert torch.equal(found.as_subclass(torch.Tensor), drawn)


# --- on a card --------------------------------------------------------------------------------------------------------


@on_card
@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
def test_the_card_draws_the_same_picture(camera):
    gaussians, size = softened(), (48, 48)
    ours, theirs = reference.render(gaussians, camera, size), cuda.render(gaussians.to("cuda"), camera, size)
    clear = decided(gaussians, camera, size)
    for name in ("color", "alpha", "depth"):
        difference = (getattr(ours, name) - getattr(theirs, name).cpu()).abs()
        assert difference[clear].max() < 5e-4, name
        assert difference.max() < 0.02, name


@on_card
def test_the_card_votes_alike():
    gaussians, cameras = softened(), rings(4)
    masks = torch.rand(len(cameras), 3, 40, 40, generator=torch.Generator().manual_seed(1)) > 0.4
    ours = vote(gaussians, cameras, masks, by=reference)
    theirs = vote(gaussians.to("cuda"), cameras, masks.cuda())
    torch.testing.assert_close(theirs.scores.cpu(), ours.scores, atol=0.1, rtol=1e-3)
    torch.testing.assert_close(theirs.seen.cpu(), ours.seen, atol=0.1, rtol=1e-3)
    sure = ours.scores.abs() > 0.1
    assert torch.equal((theirs.scores.cpu() > 0)[sure], ours.members[sure])


@on_card
def test_the_card_s_sums_are_the_gradient_of_a_feature_picture():
    gaussians, camera = softened().to("cuda"), CAMERAS["perspective"]
    masks = torch.rand(2, 48, 40, device="cuda") > 0.5
    sums = cuda.accumulate(gaussians, camera, masks)
    torch.testing.assert_close(
        sums.cpu(), reference.accumulate(gaussians.to("cpu"), camera, masks.cpu()), atol=0.02, rtol=1e-3
    )


@on_card
def test_the_card_is_chosen_where_it_can_draw():
    gaussians = cloud(50).to("cuda")
    drawn = render(gaussians, orbit(), 24).color
    assert drawn.is_cuda and torch.equal(drawn, cuda.render(gaussians, orbit(), 24).color)
