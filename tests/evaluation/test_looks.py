"""Renders, likeness to a picture, palettes, text agreement, voxelised meshes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.evaluation import likeness as module
from cast3d.evaluation.cells import shaded
from cast3d.evaluation.likeness import NONE, PITCHES, SIZE, YAWS, Reference, likeness, palette, sides
from cast3d.evaluation.outcome import voxelise
from cast3d.evaluation.wording import text_agreement
from cast3d.meshes.mesh import Mesh
from cast3d.meshes.raster import framed, shoot
from cast3d.splats import orbit
from tests.evaluation.scenes import BOXES, box, cuboid, mesh_of

RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)
TALL = cuboid((-0.1, -0.1, -0.3), (0.1, 0.1, 0.3), RED)
FLAT = cuboid((-0.3, -0.1, -0.1), (0.3, 0.1, 0.1), RED)


def pictured(mesh: Mesh, yaw: float = 0.0) -> Reference:
    """A picture of a mesh as users give them: cut out, lit."""
    camera = framed([mesh], yaw, 20.0)
    shot = shoot([shaded(mesh, camera)], camera, 128)
    rgba = np.concatenate([shot.color, shot.mask[..., None]], -1)
    return Reference.of(Image.fromarray((255 * rgba).round().astype(np.uint8), "RGBA"))


def test_a_box_fills_the_pixels_that_it_covers():
    shot = shoot([TALL], orbit(0, 0, fov=None, width=1.0), 100)
    rows, columns = np.nonzero(shot.mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 79, 40, 59)
    assert np.allclose(shot.color[50, 50], RED, atol=1e-6) and not shot.color[0, 0].any()


def test_the_nearer_mesh_is_seen():
    front, back = cuboid((-0.1, -0.3, -0.1), (0.1, -0.2, 0.1)), cuboid((-0.3, 0.2, -0.3), (0.3, 0.3, 0.3))
    seen = shoot([back, front], orbit(0, 0, fov=None, width=1.0), 64).part
    assert seen[32, 32] == 1 and seen[20, 20] == 0 and seen[0, 0] == -1
    assert (shoot([back, front], orbit(180, 0, fov=None, width=1.0), 64).part <= 0).all()
    assert (shoot([], orbit(), 8).part == -1).all()


def test_framing_makes_the_object_as_large_as_cropping_makes_it_in_pictures():
    for yaw in (0, 30):
        columns = np.nonzero(shoot([FLAT], framed([FLAT], yaw, 0), 120).mask.any(0))[0]
        assert abs((columns[-1] - columns[0] + 1) - 100) <= 1 and abs(columns.mean() - 59.5) <= 0.5


def test_a_thing_is_like_its_own_picture_and_less_like_another():
    same, other = likeness(sides(TALL), pictured(TALL, 30)), likeness(sides(TALL), pictured(FLAT))
    assert same.outline > 0.9 and same.color > 0.85
    assert other.outline < 0.5 < same.outline


def test_colour_counts_but_not_the_light():
    blue = likeness(sides(TALL), pictured(replace(TALL, colors=torch.tensor(BLUE).expand(8, 3))))
    darker = likeness(sides(TALL), pictured(replace(TALL, colors=TALL.colors * 0.85)))
    black = likeness(sides(TALL), pictured(replace(TALL, colors=TALL.colors * 0.1)))
    assert blue.outline > 0.9 and blue.color < 0.1
    assert darker.color > 0.85 and black.color < 0.4


def test_hidden_pixels_do_not_count():
    hat = cuboid((-0.2, -0.2, 0.1), (0.2, 0.2, 0.35), BLUE)  # covers the upper third
    headless = cuboid((-0.1, -0.1, -0.3), (0.1, 0.1, 0.1), RED)
    reference = pictured(TALL)
    assert likeness(sides(TALL, [hat]), reference).outline > 0.9
    assert likeness(sides(headless, [hat]), reference).outline > likeness(sides(headless), reference).outline


def test_a_part_out_of_sight_is_like_nothing():
    shell = cuboid((-0.4, -0.4, -0.4), (0.4, 0.4, 0.4))
    assert likeness(sides(TALL, [shell]), pictured(TALL)) == NONE


def test_the_palette_looks_at_every_side():
    back_is_blue = replace(TALL, colors=torch.where(TALL.vertices[:, 1:2] > 0, torch.tensor(BLUE), torch.tensor(RED)))
    assert palette(sides(TALL), pictured(TALL)) == 1
    assert 0.2 < palette(sides(back_is_blue), pictured(TALL)) < 0.8
    assert palette(sides(replace(TALL, colors=torch.tensor(BLUE).expand(8, 3))), pictured(TALL)) == 0


def test_both_look_at_what_each_would_draw_for_itself(monkeypatch):
    """24 sides, the part alone and among the others; what they look at and no more is drawn."""
    hat, reference = cuboid((-0.2, -0.15, 0.1), (0.2, 0.2, 0.35), BLUE), pictured(TALL, 30)
    shots = []
    monkeypatch.setattr(module, "shoot", lambda *given: shots.append(len(given[0])) or shoot(*given))
    together = sides(TALL, [hat])
    assert sorted(shots) == [1] * 24 + [2] * 24 and len(together) == 24
    expected = [(yaw, pitch) for yaw in YAWS for pitch in PITCHES]
    for side, (yaw, pitch) in zip(together, expected):
        camera = framed([TALL], yaw, pitch)
        for mine, meshes in ((side.alone, [TALL]), (side.together, [TALL, hat])):
            separately = shoot(meshes, camera, SIZE)
            assert (mine.color == separately.color).all() and (mine.part == separately.part).all()
    assert likeness(together, reference) == likeness(sides(TALL, [hat]), reference)
    assert palette(together, reference) == palette(sides(TALL, [hat]), reference)
    assert len(shots) == 3 * 48  # neither draws anything


def test_reference_is_cropped_to_the_object():
    picture = Image.new("RGBA", (400, 200))
    picture.paste((255, 0, 0, 255), (250, 40, 370, 160))
    reference = Reference.of(picture)
    rows = np.nonzero(reference.mask.any(1))[0]
    assert reference.mask.shape == (SIZE, SIZE) and (rows[-1] - rows[0] + 1) / SIZE == pytest.approx(1 / 1.2, abs=0.05)


def test_text_agreement_is_the_overlap_with_what_words_find():
    meshes = {term: mesh_of(term) for term in BOXES}
    views = []

    def perfect(image, alpha, term):
        """Knows where the cap is: everything above its lower edge in the pictures of the cap alone."""
        views.append(image)
        return mask_of(term, len(views) - 1)

    def mask_of(term, index):
        camera = orbit(range(15, 360, 45)[index % 8], 15.0, fov=None, width=1.0)
        return torch.from_numpy(shoot(list(meshes.values()), camera, 112).part == list(meshes).index(term))

    assert text_agreement(meshes, ["cap"], perfect) == 1
    assert len(views) == 8 and views[0].shape == (3, 112, 112) and views[0][:, 0, 0].tolist() == [1, 1, 1]
    assert text_agreement(meshes, ["cap"], lambda image, alpha, term: alpha < -1) == 0
    assert text_agreement(meshes, ["hat"], perfect) == 0  # not there
    assert text_agreement(meshes, [], perfect) == 1


def test_text_agreement_is_a_mean_over_sides_and_terms():
    """What words find: the cap with as many pixels of nothing, the backpack right on every other side it is seen on."""
    meshes = {term: mesh_of(term) for term in BOXES}
    cameras = [orbit(yaw, 15.0, fov=None, width=1.0) for yaw in range(15, 360, 45)]
    masks = {
        term: [torch.from_numpy(shoot(list(meshes.values()), camera, 112).part == index) for camera in cameras]
        for index, term in enumerate(meshes)
    }
    seen = {term: iter([mask for mask in masks[term] if mask.sum() >= 20]) for term in masks}
    asked = {"cap": 0, "backpack": 0}

    def half(image, alpha, term):
        mask, asked[term] = next(seen[term]).clone(), asked[term] + 1
        if term == "cap":
            nothing = (alpha == 0).nonzero()[: int(mask.sum())]
            assert len(nothing) == mask.sum()
            mask[tuple(nothing.unbind(-1))] = True
        return mask if term == "cap" or asked[term] % 2 else mask & False

    found = text_agreement(meshes, ["cap", "backpack"], half)
    sides_of_it = asked["backpack"]
    assert asked["cap"] == 8 and 4 <= sides_of_it < 8  # from the front it is hidden
    right = (sides_of_it + 1) // 2 / sides_of_it
    assert found == pytest.approx((0.5 + right) / 2)


@pytest.mark.parametrize("term", list(BOXES))
def test_a_voxelised_box_is_its_shell(term):
    assert (voxelise(mesh_of(term)) == box(*BOXES[term])).all()


def test_voxelising_leaves_out_what_is_outside_the_cube():
    assert not voxelise(cuboid((1, 1, 1), (2, 2, 2))).any()
