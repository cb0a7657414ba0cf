"""The two rasterisers against each other, against closed forms, and against what a picture has to show."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from cast3d.errors import InputError
from cast3d.splats import accumulate, fast, orbit, rasterizer, reference, render, views
from cast3d.splats.project import ALPHA_MIN, TRANSMITTANCE_MIN, project

from .scenes import balls, cloud, wall

CAMERAS = {"perspective": orbit(25, 15), "orthographic": orbit(25, 15, fov=None, width=1.1)}
TWINS = [fast, reference]
NAMES = ("positions", "features_dc", "scales", "rotations", "opacities")
BAND = 1e-5  # relative; closer to a threshold two correct programs may decide differently


def decided(gaussians, camera, size) -> torch.Tensor:
    """[H, W] pixels where no alpha and no transmittance is within the band of its threshold."""
    footprints = project(gaussians, camera, size)
    rows = torch.arange(len(footprints))
    means, (a, b, c) = footprints.means, footprints.conics.unbind(-1)
    dx = torch.arange(size[1])[None, :, None] - means[:, 0]
    dy = torch.arange(size[0])[:, None, None] - means[:, 1]
    raw = footprints.opacities * torch.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))
    kept = reference.alphas(footprints, rows, 0, size[0], size[1]).unflatten(0, size)
    after = (1 - kept).cumprod(-1)
    close = ((raw / ALPHA_MIN - 1).abs() < BAND) | ((after / TRANSMITTANCE_MIN - 1).abs() < 10 * BAND)
    return ~close.any(-1)


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
@pytest.mark.parametrize("size", [(48, 48), (33, 70)])
def test_twins_draw_the_same_picture(camera, size):
    gaussians = cloud(400)
    plain, quick = (twin.render(gaussians, camera, size, background=0.3) for twin in (reference, fast))
    clear = decided(gaussians, camera, size)
    assert clear.float().mean() > 0.95
    for name in ("color", "alpha", "depth"):
        difference = (getattr(plain, name) - getattr(quick, name)).abs()
        assert difference[clear].max() < 5e-6, name
        assert difference.max() < 2 * ALPHA_MIN, name


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
def test_twins_give_the_same_sums(camera):
    gaussians = cloud(400)
    masks = torch.rand(3, 48, 40, generator=torch.Generator().manual_seed(1)) > 0.5
    plain, quick = (twin.accumulate(gaussians, camera, masks) for twin in (reference, fast))
    assert plain.shape == (400, 4)
    # One pixel on the other side of a threshold moves a sum by at most that alpha.
    torch.testing.assert_close(quick, plain, atol=2 * ALPHA_MIN, rtol=0)
    assert (quick - plain).abs().median() < 1e-6


def test_the_scene_of_the_twin_tests_reaches_both_thresholds():
    gaussians, camera = cloud(400), CAMERAS["perspective"]
    footprints = project(gaussians, camera, (48, 48))
    _, _, rows, weights = next(reference.compositing_weights(footprints, (48, 48)))
    alpha = reference.alphas(footprints, rows, 0, 48, 48)
    assert (alpha == 0).any() and ((alpha > 0) & (weights == 0)).any()


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
@pytest.mark.parametrize("screen_filter", [0.0, 0.1])
def test_twins_see_the_same_footprints(camera, screen_filter):
    gaussians = cloud(500)
    gaussians = replace(gaussians, positions=1.5 * gaussians.positions, opacities=gaussians.opacities**6)
    exact = type(gaussians)(*(getattr(gaussians, name).double() for name in NAMES))
    plain = project(exact, camera, (40, 30), screen_filter)
    _, quick = fast._footprints(gaussians, camera, (40, 30), screen_filter)
    assert 100 < len(plain) < 500  # some are too faint, some out of the picture
    assert torch.equal(plain.index, quick.index)
    for name in ("means", "conics", "opacities", "depths", "extents"):
        torch.testing.assert_close(getattr(quick, name), getattr(plain, name), atol=1e-9, rtol=1e-9)


def test_one_gaussian_is_the_closed_form():
    camera, size = orbit(fov=None, width=1.0), 32
    sigma = 0.05
    ball = balls([[0.1, 0.0, -0.05]], opacity=0.8, size=sigma, dtype=torch.float64)
    ball = replace(ball, features_dc=torch.zeros(1, 3, dtype=torch.float64))  # grey
    drawn = reference.render(ball, camera, size)
    variance = (sigma * size) ** 2
    pixel = torch.arange(size, dtype=torch.float64)
    u, v = (0.5 + 0.1) * size - 0.5, (0.5 + 0.05) * size - 0.5
    squared = (pixel[None, :] - u) ** 2 + (pixel[:, None] - v) ** 2
    alpha = 0.8 * variance / (variance + 0.1) * torch.exp(-0.5 * squared / (variance + 0.1))
    alpha = torch.where(alpha < ALPHA_MIN, 0, alpha)
    torch.testing.assert_close(drawn.alpha, alpha, atol=1e-6, rtol=0)  # float32 camera
    torch.testing.assert_close(drawn.color[..., 0], 0.5 * alpha, atol=1e-6, rtol=0)
    torch.testing.assert_close(drawn.depth[alpha > 0], torch.full_like(alpha, 2.0)[alpha > 0], atol=1e-6, rtol=0)


def test_the_screen_filter_dims_what_it_widens():
    """A point far smaller than a pixel keeps its integral: peak x area is that of the unfiltered point."""
    point = balls([[0.0, 0.0, 0.0]], opacity=0.9, size=1e-3, dtype=torch.float64)
    camera, variance = orbit(fov=None, width=1.0), (1e-3 * 33) ** 2
    filtered = project(point, camera, (33, 33))
    area = 2 * torch.pi / (filtered.conics[0, 0] * filtered.conics[0, 2]).sqrt()
    assert (filtered.opacities[0] * area).item() == pytest.approx(0.9 * 2 * torch.pi * variance, rel=1e-6)
    assert reference.render(point, camera, 33).alpha[16, 16] == pytest.approx(0.9 * variance / (variance + 0.1))
    assert reference.render(point, camera, 33, screen_filter=0.0).alpha.max() == pytest.approx(0.9)


def test_the_projected_covariance_is_the_linearised_perspective():
    camera, gaussians = CAMERAS["perspective"], cloud(20, dtype=torch.float64)
    footprints = project(gaussians, camera, (64, 64), screen_filter=0.0)
    chosen = gaussians[footprints.index]
    for k in range(len(footprints)):
        jacobian = torch.autograd.functional.jacobian(lambda p: camera.to_picture(p) * 64, chosen.positions[k])
        spread = torch.from_numpy(_matrix(chosen.rotations[k].numpy())) @ torch.diag(chosen.scales[k])
        covariance = jacobian @ spread @ spread.T @ jacobian.T
        a, b, c = footprints.conics[k].tolist()
        conic = torch.tensor([[a, b], [b, c]], dtype=torch.float64)
        torch.testing.assert_close(conic @ covariance, torch.eye(2, dtype=torch.float64), atol=1e-9, rtol=0)


def _matrix(wxyz):
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(wxyz[[1, 2, 3, 0]]).as_matrix()


@pytest.mark.parametrize("twin", TWINS)
def test_weights_add_up(twin):
    gaussians, camera = cloud(300), CAMERAS["perspective"]
    generator = torch.Generator().manual_seed(2)
    label = torch.randint(0, 3, (40, 40), generator=generator)
    masks = torch.stack([label == i for i in range(3)])  # a partition of the picture
    sums = twin.accumulate(gaussians, camera, masks)
    alpha = twin.render(gaussians, camera, 40).alpha
    assert alpha.max() <= 1 and sums.min() >= 0
    torch.testing.assert_close(sums[:, :3].sum(1), sums[:, 3], atol=1e-4, rtol=1e-5)
    for i in range(3):
        torch.testing.assert_close(sums[:, i].sum(), alpha[masks[i]].sum(), atol=1e-2, rtol=1e-5)


@pytest.mark.parametrize("twin", TWINS)
def test_the_order_of_gaussians_does_not_matter(twin):
    gaussians, camera = cloud(200), CAMERAS["perspective"]
    order = torch.randperm(200, generator=torch.Generator().manual_seed(3))
    masks = torch.ones(1, 40, 40, dtype=torch.bool)
    assert torch.equal(twin.render(gaussians, camera, 40).color, twin.render(gaussians[order], camera, 40).color)
    sums = twin.accumulate(gaussians, camera, masks)
    torch.testing.assert_close(twin.accumulate(gaussians[order], camera, masks), sums[order], atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("twin", TWINS)
def test_an_opaque_wall_hides_what_is_behind(twin):
    front, back = wall(-0.2), wall(0.2)
    both = replace(front, **{
        name: torch.cat([getattr(front, name), getattr(back, name)])
        for name in NAMES
    })  # fmt: skip
    camera = orbit(fov=None, width=1.0)
    masks = torch.ones(1, 64, 64, dtype=torch.bool)
    sums = twin.accumulate(both, camera, masks)[:, -1]
    inner = (front.positions[:, [0, 2]].abs() < 0.25).all(1)
    assert sums[: len(front)][inner].min() > 0.2
    assert sums[len(front) :][inner].max() < 0.02
    depth = twin.render(both, camera, 64).depth
    assert depth[24:40, 24:40].max() < 1.81  # the camera is 1.8 from the front wall, 2.2 from the other


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("lens", [dict(fov=40.0), dict(fov=None, width=1.2)])
def test_from_the_front_plus_x_is_right_and_plus_z_is_up(twin, lens):
    def center(position, yaw=0.0):
        alpha = twin.render(balls([position]), orbit(yaw, **lens), 65).alpha
        rows, columns = torch.meshgrid(torch.arange(65.0), torch.arange(65.0), indexing="ij")
        return (columns * alpha).sum() / alpha.sum() - 32, (rows * alpha).sum() / alpha.sum() - 32

    x, y = center([0.3, 0.0, 0.0])
    assert x > 8 and abs(y) < 0.1
    x, y = center([0.0, 0.0, 0.3])
    assert y < -8 and abs(x) < 0.1
    x, y = center([0.0, -0.3, 0.0])  # the nose
    assert abs(x) < 0.1 and abs(y) < 0.1
    x, y = center([0.0, -0.3, 0.0], yaw=90)  # seen from the object's own right hand, it faces right
    assert x > 8 and abs(y) < 0.1


@pytest.mark.parametrize("twin", TWINS)
def test_nothing_in_view_leaves_the_background(twin):
    behind = balls([[0.0, -3.0, 0.0], [0.0, -1.5, 0.0]])  # behind the camera, and before its near plane
    background = torch.rand(20, 24, 3)
    drawn = twin.render(behind, orbit(), (20, 24), background)
    assert torch.equal(drawn.color, background)
    assert not drawn.alpha.any() and not drawn.depth.any()
    assert not twin.accumulate(behind, orbit(), torch.ones(2, 20, 24, dtype=torch.bool)).any()


def test_threads_do_not_change_a_byte():
    gaussians, masks, before = cloud(300), torch.rand(2, 70, 70) > 0.3, torch.get_num_threads()
    results = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        results.append((fast.render(gaussians, orbit(), 70).color, fast.accumulate(gaussians, orbit(), masks)))
    torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*results))


@pytest.mark.parametrize("twin", TWINS)
def test_runs_repeat_to_the_byte(twin):
    gaussians, masks = cloud(300), torch.rand(2, 40, 40) > 0.3
    first, second = (twin.render(gaussians, CAMERAS["perspective"], 40) for _ in range(2))
    assert torch.equal(first.color, second.color) and torch.equal(first.depth, second.depth)
    sums = [twin.accumulate(gaussians, CAMERAS["perspective"], masks) for _ in range(2)]
    assert torch.equal(*sums)


def test_the_gradient_of_a_feature_picture_is_accumulate():
    """F(p) = sum_j alpha_j T_j f_j, so d/df_j sum_p M(p) F(p) is Eq. 12's sum: any differentiable renderer has it."""
    gaussians = cloud(150, dtype=torch.float64)
    masks = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(4)) > 0.5
    channels = torch.cat([masks, torch.ones_like(masks[:1])]).double()
    total = torch.zeros(150, 4, dtype=torch.float64)
    for camera in CAMERAS.values():
        features = torch.zeros(150, 4, dtype=torch.float64, requires_grad=True)
        footprints = project(gaussians, camera, (32, 32))
        picture = reference.blend(footprints, features[footprints.index], (32, 32))
        (picture * channels.permute(1, 2, 0)).sum().backward()
        sums = reference.accumulate(gaussians, camera, masks)
        torch.testing.assert_close(features.grad, sums, atol=1e-12, rtol=0)
        total += sums
    assert (total > 0).any(0).all()


def test_gradients_are_those_of_finite_differences():
    gaussians = cloud(12, size=0.15, dtype=torch.float64)
    weights = torch.rand(12, 12, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def picture(*values):
        return (
            weights * reference.render(replace(gaussians, **dict(zip(NAMES, values))), orbit(30, 20), 12).color
        ).sum()

    values = [getattr(gaussians, name).clone().requires_grad_() for name in NAMES]
    gradients = torch.autograd.grad(picture(*values), values)
    for value, gradient in zip(values, gradients):
        direction = torch.randn(value.shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
        step = 1e-7 * direction
        shifted = [[v.detach() + s * step if v is value else v.detach() for v in values] for s in (-1, 1)]
        low, high = (picture(*v) for v in shifted)
        assert (gradient * direction).sum().item() == pytest.approx((high - low).item() / 2e-7, rel=1e-4, abs=1e-5)


def test_the_chooser_keeps_gradients_and_explains_names():
    gaussians = cloud(20)
    assert torch.equal(render(gaussians, orbit(), 24).color, fast.render(gaussians, orbit(), 24).color)
    wanted = replace(gaussians, features_dc=gaussians.features_dc.clone().requires_grad_())
    assert render(wanted, orbit(), 24).color.requires_grad
    assert not fast.render(wanted, orbit(), 24).color.requires_grad
    with torch.no_grad():
        assert torch.equal(render(wanted, orbit(), 24).color, fast.render(gaussians, orbit(), 24).color)
    masks = torch.ones(1, 24, 24, dtype=torch.bool)
    assert torch.equal(accumulate(gaussians, orbit(), masks), fast.accumulate(gaussians, orbit(), masks))
    assert rasterizer("reference") is reference
    with pytest.raises(InputError, match="did you mean 'fast'"):
        rasterizer("fasst")


def test_bands_do_not_change_the_reference(monkeypatch):
    gaussians, camera = cloud(100), CAMERAS["perspective"]
    whole = reference.render(gaussians, camera, 32).color
    monkeypatch.setattr(reference, "_CHUNK", 5000)
    torch.testing.assert_close(reference.render(gaussians, camera, 32).color, whole, atol=1e-6, rtol=0)


def test_importing_splats_leaves_numba_alone():
    code = "import sys, cast3d.splats; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_released_views_see_the_object():
    gaussians = cloud(50)
    for camera in [*views.snapshot(), *views.multiview(4)]:
        alpha = render(gaussians, camera, 32).alpha
        assert alpha[12:20, 12:20].mean() > 0.05
