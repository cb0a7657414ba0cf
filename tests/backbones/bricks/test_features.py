"""Features of a network that knows pictures of the wide world, and an encoder that reads them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cast3d.backbones.bricks.encoders import PictureEncoder
from cast3d.backbones.bricks.features import BLOCKS, CHANNELS, EPSILON, MEAN, STEM, PictureFeatures, _padded, released
from tests.tiny_backbone import drawn

FRAME = torch.zeros(1, dtype=torch.int64)


def picture(side: int = 32, seed: int = 0) -> torch.Tensor:
    """Premultiplied, half of it transparent."""
    image = torch.rand(1, 4, side, side, generator=torch.Generator().manual_seed(seed))
    image[:, 3] = (torch.arange(side) < side / 2).float()
    image[:, :3] *= image[:, 3:]
    return image


def whole_network() -> dict[str, torch.Tensor]:
    """Random weights by the released names: convolutions without biases, and batch norms."""
    generator = torch.Generator().manual_seed(3)
    weights: dict[str, torch.Tensor] = {}

    def layer(conv: str, norm: str, *shape: int) -> None:
        weights[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / math.prod(shape[1:])) ** 0.5
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            weights[f"{norm}.{name}"] = value + 0.3 * torch.rand(shape[0], generator=generator)

    layer("_conv_stem", "_bn0", STEM, 3, 3, 3)
    width = STEM
    for i, (expansion, kernel, _, channels) in enumerate(BLOCKS):
        wide = width * expansion
        if expansion > 1:
            layer(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", wide, width, 1, 1)
        layer(f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", wide, 1, kernel, kernel)
        layer(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", channels, wide, 1, 1)
        width = channels
    return weights


def as_published(weights: dict[str, torch.Tensor], x: torch.Tensor) -> list[torch.Tensor]:
    """What each block gives, batch norms applied one by one: Sandler et al. 2018, Tan and Le 2019."""

    def layer(x, conv, norm, stride=1, groups=1):
        kernel = weights[f"{conv}.weight"]
        y = F.conv2d(_padded(x, kernel.shape[-1], stride), kernel, stride=stride, groups=groups)
        mean, var, scale, bias = (weights[f"{norm}.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(y, mean, var, scale, bias, eps=EPSILON)

    x, given = F.relu6(layer(x, "_conv_stem", "_bn0", 2)), []
    for i, (expansion, _, stride, channels) in enumerate(BLOCKS):
        name, h = f"_blocks.{i}", x
        if expansion > 1:
            h = F.relu6(layer(h, f"{name}._expand_conv", f"{name}._bn0"))
        h = F.relu6(layer(h, f"{name}._depthwise_conv", f"{name}._bn1", stride, h.shape[1]))
        h = layer(h, f"{name}._project_conv", f"{name}._bn2")
        x = x + h if stride == 1 and x.shape[1] == channels else h
        given.append(x)
    return given


def test_folded_weights_give_what_the_published_network_gives():
    weights, net, image = whole_network(), PictureFeatures(), picture(64)
    net.load_state_dict(released(weights))
    found = net(image)
    rgb, alpha = image[:, :3], image[:, 3:]
    pixels = (rgb + (1 - alpha) * MEAN) * 255
    x = F.interpolate((pixels - 127) / 128, scale_factor=2.0, mode="bilinear")
    blocks = as_published(weights, x)
    assert found.shape == (1, CHANNELS, 8, 8) and blocks[4].shape[-1] == 16 and blocks[10].shape[-1] == 8
    expected = torch.cat([F.pixel_unshuffle(blocks[4], 2), blocks[10]], 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_weights_of_another_network_are_an_error():
    with pytest.raises(KeyError):
        released({"conv.weight": torch.zeros(1)})


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_a_convolution_divides_the_size_by_its_stride(kernel, stride):
    assert nn.Conv2d(1, 1, kernel, stride)(_padded(torch.zeros(1, 1, 16, 16), kernel, stride)).shape[-1] == 16 // stride


def test_features_are_never_trained():
    encoder = PictureEncoder(32, 32, 16, 1, 2, features=True)
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert trained and not any(name.startswith("features.") for name in trained)
    assert "feature_layer.1.weight" in trained


def test_an_encoder_heeds_features_only_once_it_has_learned_to():
    plain = drawn(PictureEncoder(32, 32, 16, 1, 2), 5)
    grown = PictureEncoder(**plain.config | {"features": True})
    missing = grown.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert all(name.startswith(("features.", "feature_layer.")) for name in missing)
    assert torch.equal(grown(picture(), FRAME), plain(picture(), FRAME))
    with torch.no_grad():
        grown.feature_layer[1].weight.normal_(generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(grown(picture(), FRAME), plain(picture(), FRAME))


def test_features_of_a_patch_come_from_around_it():
    """Row by row, as the encoder's own patches."""
    net = PictureFeatures()
    net.load_state_dict(released(whole_network()))
    image = picture(128, seed=1)
    image[:, 3] = 1
    other = image.clone()
    other[:, :3, :8, -8:] = 1 - other[:, :3, :8, -8:]  # one patch, top right
    moved = (net(image) - net(other)).abs().amax(1)[0]
    assert moved.argmax() == 15 and moved[8:, :8].max() < 0.1 * moved.max()
