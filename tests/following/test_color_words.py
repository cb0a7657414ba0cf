"""What the main colour of a picture is called."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cast3d.following.color_words import NAMED, WORDS, color_word


def drawn(*stripes: tuple[int, int, int], shade: float = 1.0) -> Image.Image:
    """Equal stripes of colours on transparent ground; the lower half is darker by `shade`."""
    pixels = np.zeros((40, 12 * len(stripes), 4), np.uint8)
    for i, color in enumerate(stripes):
        pixels[4:36, 12 * i : 12 * (i + 1), :3] = color
        pixels[20:36, 12 * i : 12 * (i + 1), :3] = (shade * np.array(color)).round()
    pixels[4:36, :, 3] = 255
    return Image.fromarray(pixels, "RGBA")


RED, BLUE, GREEN = (170, 10, 10), (25, 75, 140), (10, 110, 40)


@pytest.mark.parametrize(
    "color, word",
    [(RED, "red"), (BLUE, "blue"), ((15, 22, 30), "black"), ((205, 205, 205), "white"), ((180, 90, 25), "orange"),
     ((190, 155, 8), "yellow"), ((80, 40, 8), "brown"), ((172, 149, 112), "tan"), ((70, 20, 110), "dark purple")],
)  # fmt: skip
def test_colours_under_a_usual_light(color, word):
    assert color_word([drawn(color)]) == word


def test_shades_count_together():
    assert color_word([drawn(BLUE, shade=0.4)]).endswith("blue")
    assert color_word([drawn(RED, RED, (60, 5, 12), BLUE)]) == "red"  # half red and a quarter dark red


def test_of_many_colours_none_is_the_main_one():
    assert color_word([drawn(RED, BLUE, GREEN)]) == ""
    assert color_word([drawn(RED, RED, BLUE)]) == "red"


def test_several_pictures_are_one_thing():
    assert color_word([drawn(RED), drawn(RED), drawn(BLUE)]) == "red"
    assert color_word([drawn(RED), drawn(BLUE), drawn(GREEN)]) == ""


def test_what_is_not_solid_does_not_count():
    glass = drawn(BLUE)
    glass.putalpha(60)
    assert color_word([glass]) == "" and color_word([]) == ""
    assert color_word([glass, drawn(RED)]) == "red"


def test_every_word_ends_in_a_colour():
    assert {word.split()[-1] for word in WORDS} <= NAMED and "gray" in NAMED
