import math

import pytest
import torch
from torch.nn import functional as F

from cast3d import flow
from cast3d.following import Outline, Pose, find_pose, guided_by_outlines, soft_silhouette
from cast3d.following.guidance import disagreement, moved
from cast3d.following.seen import Points
from cast3d.splats import orbit

from .things import chair, gaussians, picture

FRONT = Pose(0, 0, 1.0).camera


def outline(**more) -> Outline:
    return Outline.of(
        picture(gaussians(chair()), orbit(20, 15, fov=None, width=1.0)), more.pop("camera", FRONT), **more
    )


def decode(latent):
    """A decoder of latents [1, 1, 16, 16, 16] that only enlarges."""
    return F.interpolate(8 * latent, scale_factor=4, mode="trilinear")


def still(x, t):
    """The velocity of a model that always predicts x̂_0 = -0.5: nothing anywhere."""
    return (x + 0.5) / t


def test_a_slab_is_seen_where_it_is():
    logits = torch.full((64, 64, 64), -30.0)
    logits[16:32, :, 32:] = 30.0  # the left of the middle, the upper half
    seen = soft_silhouette(logits, outline().places)
    size = len(seen)
    across = (torch.arange(size) + 0.5) / size * (size / (round(size / 1.15 / 2) * 2)) - (
        size / (round(size / 1.15 / 2) * 2) - 1
    ) / 2
    column = int((across - 0.375).abs().argmin())  # x = -0.125, the slab's middle
    row = int((across - 0.25).abs().argmin())
    assert seen[row, column] > 0.999
    assert seen[-row - 1, column] < 1e-3 and seen[row, -column - 1] < 1e-3


def test_chances_along_a_ray_multiply():
    logits = torch.full((64, 64, 64), -30.0)
    # A slab of one layer would be read between voxels: fill all and count the samples inside.
    logits[:] = math.log(0.01 / 0.99)
    places = outline().places
    inside = (places.abs() <= 1).all(-1).sum(0)
    assert torch.allclose(soft_silhouette(logits, places), 1 - 0.99**inside, atol=1e-5)


def test_without_trust_nothing_changes():
    x = torch.randn(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    for own in ([[], []], [[outline(weight=0.0)], []]):
        assert torch.equal(guided_by_outlines(still, decode, own)(x, 0.5), still(x, 0.5))
    assert torch.equal(guided_by_outlines(still, decode, [[outline()], []], high=0.4)(x, 0.5), still(x, 0.5))


def test_only_the_latent_with_an_outline_is_changed():
    x = torch.randn(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    v = guided_by_outlines(still, decode, [[], [outline()]])(x, 0.5)
    assert torch.equal(v[0], still(x, 0.5)[0])
    assert not torch.equal(v[1], still(x, 0.5)[1])


def test_sampling_ends_in_the_outline_of_the_picture():
    camera = find_pose(Points.of_grid(chair()), picture(gaussians(chair()), orbit(20, 15, fov=None, width=1.0))).camera
    wanted = outline(camera=camera)
    noise = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    t = flow.times(6, 3.0)
    losses = []
    for velocity in (still, guided_by_outlines(still, decode, [[wanted]], steps=4, rate=0.3, turn=0.0)):
        seen = soft_silhouette(decode(flow.sample(velocity, noise, t)[0])[0, 0], wanted.places)
        losses.append(float(disagreement(seen, wanted.mask)))
    assert losses[1] < 0.4 * losses[0]


def test_trust_scales_the_change():
    x = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    plain = still(x, 0.5)
    full, half = (
        guided_by_outlines(still, decode, [[outline(weight=w)]], steps=1, turn=0.0)(x, 0.5) - plain for w in (1.0, 0.5)
    )
    assert torch.allclose(half, full / 2, atol=1e-4)


@pytest.mark.parametrize("yaw, pitch", [(2.0, 0.0), (0.0, 2.0)])
def test_a_moved_camera_is_another_camera(yaw, pitch):
    one, other = outline(camera=Pose(0, 0, 1.0).camera), outline(camera=Pose(yaw, pitch, 1.0).camera)
    move = torch.tensor([math.radians(pitch), math.radians(yaw), 0.0, 0.0, 0.0])
    for sign_x in (1, -1):
        for sign_z in (1, -1):
            tried = moved(one, move * torch.tensor([sign_x, sign_z, 1, 1, 1]))
            if torch.allclose(tried, other.places, atol=3e-3):
                return
    raise AssertionError("no turn of the samples gives the other camera's")
