import torch

from cast3d.splats import orbit, rasterizer
from cast3d.splats.weights import compositing_matrix

from .scenes import cloud

CAMERA = orbit(20, 10)


def test_a_render_is_the_matrix_times_the_colors():
    thing = cloud()
    matrix = compositing_matrix(thing, CAMERA, (40, 56))
    picture = torch.from_numpy(matrix @ thing.colors.numpy()).view(40, 56, 3)
    for name in ("fast", "reference"):
        assert torch.allclose(picture, rasterizer(name).render(thing, CAMERA, (40, 56)).color, atol=2e-5)


def test_its_transpose_votes():
    thing = cloud()
    matrix = compositing_matrix(thing, CAMERA, 48)
    mask = torch.zeros(1, 48, 48, dtype=torch.bool)
    mask[0, 10:30, 20:40] = True
    sums = rasterizer("fast").accumulate(thing, CAMERA, mask)
    assert torch.allclose(torch.from_numpy(matrix.T @ mask.flatten().numpy().astype("float32")), sums[:, 0], atol=1e-4)


def test_many_weights_fit():
    thing = cloud(2000, size=0.2)  # more than the first guess of their number
    matrix = compositing_matrix(thing, CAMERA, 32)
    alpha = rasterizer("fast").render(thing, CAMERA, 32).alpha.flatten()
    assert torch.allclose(torch.from_numpy(matrix.sum(1)), alpha, atol=1e-4)
