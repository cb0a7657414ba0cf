"""The small backbone's segmenter: the network's contract, and views of any size through its adapter."""

from __future__ import annotations

import pytest
import torch

from cast3d.backbones.bricks.loading import BricksSegmenter
from cast3d.backbones.bricks.prompted import PromptedSegmenter
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.models import load, save
from tests.tiny_backbone import WORDS, drawn

VOCABULARY = Vocabulary(WORDS)


def network(seed: int = 0) -> PromptedSegmenter:
    return drawn(PromptedSegmenter(len(VOCABULARY), (8, 8, 16), 12), seed)


def words(text: str) -> torch.Tensor:
    return torch.tensor([VOCABULARY.encode(text).indices])


def view(size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture on white with an object in the middle."""
    alpha = torch.zeros(size, size)
    alpha[size // 4 : size * 3 // 4, size // 4 : size * 3 // 4] = 1
    color = torch.rand(3, size, size, generator=torch.Generator().manual_seed(seed))
    return color * alpha + 1 - alpha, alpha


def test_one_mask_per_picture_and_prompt():
    net, image = network(), torch.rand(3, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    prompts = torch.cat([words("cap"), words("backpack"), words("cap")])
    logits = net(image, prompts)
    assert logits.shape == (3, 32, 32) and logits.dtype == torch.float32
    alone = torch.cat([net(image[i : i + 1], prompts[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(logits, alone, rtol=0, atol=1e-4)
    assert not torch.allclose(net(image[:1], words("cap")), net(image[:1], words("backpack")))


def test_padding_behind_the_words_plays_no_role():
    net, image = network(), torch.rand(1, 4, 32, 32)
    short, long = (torch.tensor([VOCABULARY.encode("red cap", n).indices]) for n in (8, 32))
    torch.testing.assert_close(net(image, short), net(image, long))


def test_saved_and_loaded(tmp_path):
    net, image = network(), torch.rand(1, 4, 32, 32)
    save(net, tmp_path / "segmenter")
    again = load(tmp_path / "segmenter")
    torch.testing.assert_close(again(image, words("cap")), net(image, words("cap")))
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in net.state_dict().items())


def adapter(bias: float, least: int = 12) -> BricksSegmenter:
    net = network()
    net.out_layer.weight.mul_(0.01)
    net.out_layer.bias.fill_(bias)
    return BricksSegmenter(net, VOCABULARY, size=32, least=least)


@pytest.mark.parametrize("size", [32, 48, 100, 224])
def test_masks_have_the_size_of_the_view_and_stay_on_the_object(size):
    image, alpha = view(size)
    everything = adapter(5.0)(image, alpha, "cap")
    assert everything.shape == (size, size) and torch.equal(everything, alpha > 0.5)
    assert not adapter(-5.0)(image, alpha, "cap").any()


def test_specks_are_no_finding():
    image, alpha = view(64)
    alpha = alpha * 0
    alpha[30:34, 30:34] = 1  # 16 pixels, 4 of them at the network's size
    assert not adapter(5.0, least=5)(image, alpha, "cap").any()
    assert adapter(5.0, least=4)(image, alpha, "cap").sum() == 16


def test_what_is_marked_with_doubt_is_no_finding():
    image, alpha = view(64)
    assert not adapter(2.0)(image, alpha, "cap").any()  # all pixels a little above 0
    assert adapter(4.0)(image, alpha, "cap").any()
    sure = adapter(2.0)
    sure.net.forward = lambda image, words: torch.where(image[:, 3] > 0.5, 1.0, 9.0)  # sure of the background only
    assert not sure(image, alpha, "cap").any()


def test_background_is_black_to_the_network():
    seen = []
    segmenter = adapter(5.0)
    segmenter.net.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    image, alpha = view(32)
    segmenter(image, alpha, "cap")
    (rgba,) = seen
    assert not rgba[0, :3, 0, 0].any()
    torch.testing.assert_close(rgba[0, :3, 16, 16], image[:, 16, 16])
