"""Pictures of stages: what they show, and how large they may become."""

from __future__ import annotations

import pytest
import torch

from cast3d.result.previews import of_masks, part_colors


def views_and_masks(count: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """White views; the base fills all of them, the other term their left half."""
    masks = torch.ones(count, 2, side, side, dtype=torch.bool)
    masks[:, 1, :, side // 2 :] = False
    return torch.full((count, side, side, 3), 255, dtype=torch.uint8), masks


@pytest.mark.parametrize("side, shown", [(64, 64), (512, 512), (1100, 512)])
def test_views_are_shrunk_to_what_a_preview_needs(side, shown):
    """At the largest size of views, eight of them would be more pixels than a picture may have."""
    sheet = of_masks(*views_and_masks(9, side), base=0)
    assert sheet.size == (4 * shown, 2 * shown)
    tint = tuple((255 * (0.45 + 0.55 * part_colors(2)[1])).byte().tolist())
    assert sheet.getpixel((shown // 4, shown // 2)) == tint
    assert sheet.getpixel((shown * 3 // 4, shown // 2)) == (255, 255, 255)


def test_a_single_large_view_is_shrunk_too():
    assert of_masks(*views_and_masks(1, 600), base=0).size == (512, 512)
