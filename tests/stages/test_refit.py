"""The pictures on the surface, within a composition: who changes, who does not, what is told."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from cast3d.following import pose as pose_module
from cast3d.pictures.opening import open_picture
from cast3d.stages.appearance import Appearance
from cast3d.stages.kit import Kit, Seeds
from cast3d.stages.layout import Slat
from cast3d.stages.reading import Reading
from cast3d.stages.refit import Refit, refit_colors
from cast3d.voxels import outer_shell, to_coords
from tests.tiny_backbone import tiny_backbone

TERMS = ("figure", "cap")


def shell(low: int, high: int) -> torch.Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    grid[16:48, 24:40, low:high] = True
    return to_coords(outer_shell(grid))


def striped() -> Image.Image:
    """A card with a dark stripe, taller than wide."""
    image = Image.new("RGBA", (64, 64))
    image.paste((220, 180, 40, 255), (12, 8, 52, 56))
    image.paste((20, 20, 20, 255), (12, 28, 52, 34))
    return image


@pytest.fixture(scope="module")
def composed():
    body, hat = shell(4, 40), shell(40, 60)
    feats = [torch.zeros(len(one), 8) for one in (body, hat)]
    owner = torch.cat([torch.full((len(one),), i) for i, one in enumerate((body, hat))])
    return Appearance(torch.cat([body, hat]), torch.cat(feats), owner), dict(zip(TERMS, map(Slat, (body, hat), feats)))


def refit(composed, **settings) -> tuple[Refit, torch.Tensor]:
    backbone = tiny_backbone(**settings)
    shown = dict.fromkeys(TERMS, (open_picture(striped()),))
    kit = Kit(backbone, backbone.defaults, shown, Seeds(0, dict.fromkeys(TERMS, 0)))
    appearance, slats = composed
    made = refit_colors(kit, appearance, slats, Reading("a figure wearing a cap", TERMS, TERMS, "figure", 1))
    return made, backbone.gaussians(appearance.coords, appearance.feats).features_dc


def test_without_strength_nothing_is_looked_for(composed, monkeypatch):
    monkeypatch.setattr(pose_module, "find_pose", lambda *_, **__: pytest.fail("a camera was looked for"))
    made, before = refit(composed, refit=0.0, recolor=0.0)
    assert torch.equal(made.colors, before) and made.confidence == () and not made.unlike(0)


def test_every_picture_has_a_camera_and_colours_alone_change(composed):
    made, before = refit(composed, refit=1.0)
    assert [len(one) for one in (made.confidence, made.yaw, made.pitch)] == [2, 2, 2]
    assert made.colors.shape == before.shape and made.colors.isfinite().all()
    assert all(0 <= sure <= 1 for row in made.confidence for sure in row)


def test_colors_move_with_and_without_their_detail(composed):
    (colored, before), (detailed, _), (both, _) = (
        refit(composed, recolor=recolor, refit=detail) for recolor, detail in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    )
    yellow = (before - colored.colors)[..., 2]  # the card is yellow, so what is not loses blue
    assert float(yellow.mean()) > 0.05
    for one, other in ((colored, detailed), (colored, both), (detailed, both)):
        assert not torch.equal(one.colors, other.colors)


def test_a_thing_that_looks_like_none_of_its_pictures_is_told():
    made = Refit(torch.zeros(0, 3), ((0.1, 0.2), (0.1, 0.9)))
    assert made.unlike(0) and not made.unlike(1)
