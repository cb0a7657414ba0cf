"""Alpha channels that tell the object, tell it badly, or tell nothing; cards, specks, several things."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from cast3d.errors import InputError
from cast3d.pictures.checks import RISKY, large_pieces, slab_risk
from cast3d.pictures.cutout import cut_out
from cast3d.pictures.opening import open_picture

N = 200
WHITE, RED, BLUE, GOLD = (255, 255, 255), (190, 40, 30), (30, 60, 160), (230, 190, 60)


def figure(size: int = N) -> Image.Image:
    """A thing of a few shapes and colours, on nothing."""
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    unit = size / 20
    draw.rectangle((7 * unit, 9 * unit, 13 * unit, 17 * unit), fill=(*BLUE, 255))
    draw.polygon([(5 * unit, 14 * unit), (10 * unit, 6 * unit), (15 * unit, 14 * unit)], fill=(*RED, 255))
    draw.ellipse((8 * unit, 3 * unit, 12 * unit, 7 * unit), fill=(*GOLD, 255))
    return image


def mask(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getchannel("A")) > 127


def on_card(color=WHITE, size: int = N) -> Image.Image:
    """The figure on an opaque card."""
    card = Image.new("RGBA", (size, size), (*color, 255))
    card.alpha_composite(figure(size))
    return card


def with_alpha(image: Image.Image, alpha: np.ndarray | int) -> Image.Image:
    result = image.copy()
    levels = np.broadcast_to(np.asarray(alpha), (image.height, image.width))
    result.putalpha(Image.fromarray(levels.astype(np.uint8)))
    return result


def framed(shape) -> np.ndarray:
    """Alpha 255 within what `shape(draw)` draws, 0 outside."""
    image = Image.new("L", (N, N))
    shape(ImageDraw.Draw(image))
    return np.asarray(image)


def one_pixel() -> np.ndarray:
    alpha = np.full((N, N), 255)
    alpha[0, 0] = 0
    return alpha


def noisy() -> np.ndarray:
    return np.random.default_rng(0).integers(250, 256, (N, N))


def overlap(rgba: Image.Image, expected: np.ndarray) -> float:
    found = mask(rgba)
    return (found & expected).sum() / (found | expected).sum()


HARDLY = {
    "254 everywhere": 254,
    "100 everywhere": 100,
    "250 to 255": noisy(),
    "one pixel": one_pixel(),
    "round corners": framed(lambda draw: draw.rounded_rectangle((0, 0, N - 1, N - 1), 20, fill=255)),
    "a line of pixels": framed(lambda draw: draw.rectangle((1, 1, N - 1, N - 1), fill=255)),
}


@pytest.mark.parametrize("kind", HARDLY)
@pytest.mark.parametrize("hidden", [WHITE, (0, 0, 0)])
def test_alpha_that_is_hardly_alpha_is_not_used(kind, hidden):
    """The white card does not become the object, whatever colours are stored in transparent pixels."""
    image = with_alpha(on_card(), HARDLY[kind])
    pixels = np.array(image)
    pixels[pixels[..., 3] == 0, :3] = hidden
    picture = cut_out(open_picture(Image.fromarray(pixels)))
    assert overlap(picture.rgba, mask(figure())) > 0.97
    assert "alpha channel leaves hardly anything transparent" in picture.notes[0] and not picture.warnings
    assert picture.confidence > 0.9


def test_an_object_that_fills_its_frame_keeps_its_alpha():
    tight = figure().crop(figure().getbbox())
    assert cut_out(picture := open_picture(tight)) is picture


def test_alpha_of_a_bust_counts():
    bust = figure().crop((0, 0, N, N * 3 // 5))  # the figure leaves by the bottom
    assert cut_out(picture := open_picture(bust)) is picture


def test_inverted_alpha_is_turned_round_and_warned_of():
    picture = cut_out(open_picture(with_alpha(on_card(), 255 - 255 * mask(figure()))))
    assert overlap(picture.rgba, mask(figure())) > 0.98
    assert "taken as inverted" in picture.warnings[0]


def test_inverted_alpha_without_colours_is_warned_of():
    flat = np.array(on_card())
    flat[mask(figure())] = (*RED, 0)
    picture = cut_out(open_picture(Image.fromarray(flat)))
    assert overlap(picture.rgba, mask(figure())) > 0.97  # the colour is there, by luck
    assert "colours there may be lost" in picture.warnings[0]


def test_a_half_transparent_background_is_not_the_object():
    for background in (90, 140, 180):
        alpha = np.where(mask(figure()), 255, background)
        picture = cut_out(open_picture(with_alpha(on_card(RED), alpha)))  # of the colour of the figure itself
        assert overlap(picture.rgba, mask(figure())) > 0.98
        assert "half transparent" in picture.notes[0]


@pytest.mark.parametrize("level", [30, 60, 110, 153, 200])
def test_glass_is_taken_as_solid(level):
    picture = cut_out(open_picture(with_alpha(figure(), mask(figure()) * level)))
    np.testing.assert_array_equal(np.asarray(picture.rgba)[..., 3], mask(figure()) * 255)
    assert f"seen through (alpha {level / 255:.0%})" in picture.notes[0] and not picture.warnings


def test_glass_with_a_lid_is_not_the_lid_alone():
    alpha = mask(figure()) * 100
    alpha[: N // 3] = mask(figure())[: N // 3] * 255
    picture = cut_out(open_picture(with_alpha(figure(), alpha)))
    assert overlap(picture.rgba, mask(figure())) > 0.98


def test_a_soft_shadow_does_not_make_its_object_glass():
    shadow = figure().getchannel("A").filter(ImageFilter.GaussianBlur(12)).point(lambda value: value // 3)
    alpha = np.maximum(np.asarray(shadow), np.asarray(figure().getchannel("A")))
    picture = open_picture(with_alpha(figure(), alpha))
    assert cut_out(picture) is picture


# --- cards ----------------------------------------------------------------------------------------------------------


def in_window() -> Image.Image:
    """A white page with a soft shadow around it, as programs copy windows."""
    page = Image.new("L", (N + 80, N + 80))
    page.paste(255, (40, 40, N + 40, N + 40))
    alpha = Image.fromarray(np.maximum(np.asarray(page), np.asarray(page.filter(ImageFilter.GaussianBlur(10))) // 2))
    window = Image.new("RGBA", page.size)
    window.paste(on_card(), (40, 40))
    window.putalpha(alpha)
    return window


def in_frame(color, width: int = 12) -> Image.Image:
    image = on_card().convert("RGB")
    ImageDraw.Draw(image).rectangle((0, 0, N - 1, N - 1), outline=color, width=width)
    return image


def icon() -> Image.Image:
    return with_alpha(on_card(), framed(lambda draw: draw.rounded_rectangle((0, 0, N - 1, N - 1), 44, fill=255)))


CARDS = {
    "window": in_window(),
    "black frame": in_frame((0, 0, 0)),
    "thin grey frame": in_frame((120, 120, 120), 5),
    "icon": icon(),
    "frame in a frame": in_frame((0, 0, 0)).resize((160, 160)),
}
_double = Image.new("RGB", (N, N), (90, 30, 30))
_double.paste(CARDS["frame in a frame"], (20, 20))
CARDS["frame in a frame"] = _double


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_or_a_frame_is_not_the_object(kind):
    picture = cut_out(open_picture(CARDS[kind]))
    aspect = np.divide(*np.subtract(picture.rgba.getbbox()[2:], picture.rgba.getbbox()[:2]))
    expected = np.divide(*np.subtract(figure().getbbox()[2:], figure().getbbox()[:2]))
    assert aspect == pytest.approx(expected, rel=0.05)
    assert any("card with an object on it" in warning and "crop the picture" in warning for warning in picture.warnings)
    assert slab_risk(picture.rgba) < RISKY and picture.confidence <= 0.7


def test_slabs_that_cannot_be_told_from_things_are_warned_of():
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8).repeat(6, 0).repeat(6, 1)
    canvas = Image.new("RGB", (N, N), "white")
    canvas.paste(Image.fromarray(photo), (40, 40))
    picture = cut_out(open_picture(canvas))
    assert picture.confidence < 0.35
    (warning,) = picture.warnings
    assert "slab" in warning and "transparent or plain background" in warning


def test_a_round_page_is_warned_of_and_a_shield_is_none():
    round_ = framed(lambda draw: draw.ellipse((0, 0, N - 1, N - 1), fill=255))
    (warning,) = cut_out(open_picture(with_alpha(on_card(), round_))).warnings
    assert "slab" in warning
    assert not cut_out(open_picture(with_alpha(on_card(BLUE), round_))).warnings


def test_lit_boxes_and_flat_shapes_are_no_cards():
    """A red block stays one, and so does a cupboard whose front is lit, with a knob."""
    block = Image.new("RGBA", (N, N))
    ImageDraw.Draw(block).rectangle((50, 60, 150, 140), fill=(*RED, 255))
    assert cut_out(picture := open_picture(block)) is picture
    shade = (np.linspace(150, 235, 120)[None, :, None] * [1, 0.8, 0.6]).repeat(140, 0).astype(np.uint8)
    cupboard = Image.new("RGBA", (N, N))
    front = Image.fromarray(shade)
    ImageDraw.Draw(front).ellipse((90, 60, 110, 80), fill=BLUE)
    cupboard.paste(front, (40, 30))
    assert overlap(cut_out(open_picture(cupboard)).rgba, mask(cupboard)) == 1


# --- specks and several things --------------------------------------------------------------------------------------


def test_specks_are_left_out_with_their_faint_edges():
    image = figure()
    spotted = image.copy()
    for x, y in ((2, 3), (N - 4, 5)):
        ImageDraw.Draw(spotted).rectangle((x - 1, y - 1, x + 2, y + 2), fill=(0, 0, 0, 40))
        ImageDraw.Draw(spotted).rectangle((x, y, x + 1, y + 1), fill=(0, 0, 0, 255))
    picture = cut_out(open_picture(spotted))
    np.testing.assert_array_equal(np.asarray(picture.rgba)[..., 3], np.asarray(image)[..., 3])
    assert picture.notes == ("2 specks away from the object left out",) and not picture.warnings


def two_things(gap: int = 20) -> Image.Image:
    one = figure().crop(figure().getbbox())
    both = Image.new("RGBA", (2 * one.width + gap + 20, one.height + 20))
    both.paste(one, (10, 10))
    both.paste(one.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (10 + one.width + gap, 10))
    return both


@pytest.mark.parametrize("background", [None, WHITE])
def test_several_things_are_told(background):
    image = two_things()
    if background:
        card = Image.new("RGBA", image.size, (*background, 255))
        card.alpha_composite(image)
        image = card
    (warning,) = cut_out(open_picture(image)).warnings
    assert "2 separate things" in warning and "crop it" in warning


def test_one_thing_with_a_small_loose_piece_is_one():
    image = figure()
    ImageDraw.Draw(image).ellipse((170, 20, 185, 35), fill=(*GOLD, 255))
    assert large_pieces(image) == 1
    assert cut_out(picture := open_picture(image)) is picture


def test_a_busy_background_with_round_corners_says_what_became_of_its_alpha():
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (N, N, 3), np.uint8)).convert("RGBA")
    with pytest.raises(InputError, match=r"could not be told.*alpha channel leaves hardly anything transparent"):
        cut_out(open_picture(with_alpha(photo, HARDLY["round corners"])))
