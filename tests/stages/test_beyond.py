"""Parts by their place: what a model has beyond its plain main thing, where things of such a name sit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cast3d.errors import InputError
from cast3d.existing.frame import Stand, frame_of
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.stages import beyond as module
from cast3d.stages.beyond import Plain, beyond, sitting
from cast3d.stages.existing import Source, encoded_model, existing_model
from cast3d.stages.field import clustered, looked_at
from cast3d.stages.kit import Kit
from cast3d.stages.regions import FINE, PLACE, TEXT, by_text
from cast3d.voxels import outer_shell
from tests.existing.made import Gltf
from tests.stages.boxes import box
from tests.tiny_backbone import Bands, tiny_backbone

MAN = box((26, 38), (28, 36), (4, 44))  # 40 voxels high; the front is at -y


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Existing:
    """A man as a post, with a hat, a pack on his back and a stick in his hand, as one mesh without names."""
    made = Gltf()
    made.box("", (12, 40, 8), (-6, 0, -4), color=(0.1, 0.1, 0.9))  # y up, the front at +z
    made.box("", (16, 6, 12), (-8, 38, -6), color=(0.9, 0.1, 0.1))
    made.box("", (8, 14, 6), (-4, 16, -10), color=(0.1, 0.8, 0.1))
    made.box("", (3, 20, 3), (-14, 10, 0), color=(0.9, 0.9, 0.1))
    model = open_model(made.write(tmp_path_factory.mktemp("model") / "man.glb"))
    frame = frame_of(model, stand=Stand(40 / 64, 4 / 64), main=[0])
    return Existing(model, frame)


@pytest.fixture
def kit(model, monkeypatch) -> Kit:
    """Of a backbone whose plain man is the post."""
    monkeypatch.setattr(module, "decoded", lambda kit, latents: [outer_shell(MAN)])
    backbone = replace(tiny_backbone(Bands({})), stand=Stand(lifted=True))
    return Kit(backbone, backbone.defaults, existing=model)


def found_beyond(kit: Kit, source: Source, part: str) -> tuple[torch.Tensor, str]:
    """What a man without that part would not have."""
    sights = looked_at(kit, source)
    ((grid, place),) = beyond(kit, source, sights, clustered(kit, source, sights, FINE) - 1, "man", [part])
    return grid, place


def of_piece(source: Source, piece: int) -> torch.Tensor:
    return source.shell_of(source.piece == piece) & source.grid


@pytest.mark.parametrize("part, piece", [("party hat", 1), ("knapsack or backpack", 2), ("walking stick", 3)])
def test_a_part_is_what_stands_out_at_its_place(kit, part, piece):
    source = existing_model(kit)
    grid, place = found_beyond(kit, source, part)
    own = of_piece(source, piece)
    assert (grid & own).sum() > 0.75 * own.sum() and (grid & own).sum() > 0.75 * grid.sum()
    assert place == {1: "head", 2: "back", 3: "hand"}[piece]


def test_nothing_where_the_main_thing_is_not_as_its_word_says(kit, monkeypatch):
    source = existing_model(kit)
    for plain in (
        box((2, 8), (2, 8), (4, 44)),  # elsewhere
        box((10, 54), (28, 36), (4, 30)),  # lying: where is its head?
        torch.zeros(64, 64, 64, dtype=torch.bool),
    ):
        monkeypatch.setattr(module, "decoded", lambda kit, latents, plain=plain: [plain])
        grid, place = found_beyond(kit, source, "hat")
        assert not grid.any() and place == ""
    other = replace(kit, backbone=replace(kit.backbone, stand=Stand()))  # whose things stand anywhere
    assert not found_beyond(other, source, "hat")[0].any()


def test_what_the_segmenter_sees_goes_first(kit, model):
    """And what is found by place takes nothing of that."""
    backbone = replace(tiny_backbone(Bands({"red thing": (0.0, 0.35)})), stand=Stand(lifted=True))
    kit = replace(kit, backbone=backbone)
    source = existing_model(kit)
    found = by_text(kit, source, encoded_model(kit, source), "man", ["red thing", "backpack"])
    assert {part: way for part, (_, way, _) in found.items()} == {"red thing": TEXT, "backpack": PLACE}
    assert not (found["red thing"][0] & found["backpack"][0]).any()
    assert "on the back" in found["backpack"][2]
    with pytest.raises(InputError, match="the segmenter sees none"):
        by_text(kit, source, encoded_model(kit, source), "man", ["ice skates"])


def test_places_of_a_plain_man():
    plain = Plain(MAN.numpy())
    assert plain.upright and not Plain(box((10, 54), (28, 36), (4, 30)).numpy()).upright
    for name, inside, outside in (
        ("head", (32, 32, 46), (32, 32, 30)),
        ("face", (32, 24, 40), (32, 40, 40)),
        ("back", (32, 40, 25), (32, 24, 25)),
        ("hand", (20, 32, 25), (32, 32, 25)),
        ("hand", (32, 20, 25), (32, 40, 25)),
        ("feet", (32, 32, 6), (32, 32, 20)),
        ("neck", (32, 32, 30), (32, 32, 10)),
        ("body", (32, 32, 20), (32, 32, 46)),
    ):
        assert plain.place(name)[inside] and not plain.place(name)[outside]
    assert not plain.place("beside").any()


def test_whole_pieces_that_lie_mostly_in_the_place_else_what_lies_there():
    place = np.zeros((64, 64, 64), bool)
    place[:, :, 32:] = True
    mostly, partly, crumb = (
        box((2, 8), (2, 8), (30, 40)),
        box((20, 26), (2, 8), (10, 40)),
        box((40, 41), (2, 3), (40, 42)),
    )
    out = (mostly | partly | crumb).numpy()
    assert (sitting(out, place, 12) == mostly.numpy()).all()
    assert (sitting(partly.numpy(), place, 12) == (partly.numpy() & place)).all()
