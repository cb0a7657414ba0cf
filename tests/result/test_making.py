"""What is said of a result whose things do not look like their pictures."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from cast3d.pictures.checks import is_thin
from cast3d.result.making import unlike
from cast3d.scene import Scene
from cast3d.stages.refit import Refit


def test_things_that_look_like_their_pictures_from_no_side_are_told():
    shown = Image.new("RGB", (64, 64), "red")
    scene = Scene.make("a figure holding a cup and an axe", {"figure": shown, "cup": shown, "axe": shown})
    detail = Refit(torch.zeros(0, 3), ((1.0,), (0.7, 0.1), (0.065,)))
    (said,) = unlike(detail, scene, "bricks")
    assert said.startswith("axe: what came out looks like its picture from no side") and "--reseed 'axe'" in said
    (said,) = unlike(Refit(torch.zeros(0, 3), ((0.2,), (0.9,), ())), scene, "bricks")  # nobody looked at the axe
    assert said.startswith("figure: ") and "bricks may not know such a thing" in said
    assert unlike(detail, scene, "bricks", ["axe"]) == []  # a stick
    assert unlike(Refit(torch.zeros(0, 3)), scene, "bricks") == []


@pytest.mark.parametrize(
    ("size", "thin"), [((10, 100), True), ((100, 20), True), ((50, 100), False), ((64, 64), False)]
)
def test_sticks_are_thin_however_they_lie(size, thin):
    shown = Image.new("RGBA", (200, 200))
    shown.paste("red", (50, 50, 50 + size[0], 50 + size[1]))
    assert is_thin(shown) == thin and is_thin(shown.rotate(30)) == thin
    assert not is_thin(Image.new("RGBA", (64, 64)))
