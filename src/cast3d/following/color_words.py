"""What people call the colour of a thing in its pictures, for sentences that name none: "a red cap"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from skimage.color import rgb2lab

# By the colours that the shipped backbone was trained on (LDraw's), under the words of its captions.
WORDS = {
    "black": "1B2A34", "white": "F4F4F4", "light grey": "969696", "grey": "8A928D", "dark grey": "545955",
    "red": "B40000", "dark red": "720012", "orange": "D67923", "yellow": "FAC80A", "lime green": "A5CA18",
    "bright green": "58AB41", "green": "00852B", "dark green": "00451A", "olive green": "77774E", "teal": "069D9F",
    "light blue": "97CBD9", "blue": "1E5AA8", "dark blue": "19325A", "purple": "671F81", "dark purple": "441A91",
    "lavender": "A06EB9", "magenta": "901F76", "pink": "F6A9BB", "dark pink": "D3359D", "tan": "D7BA8C",
    "dark tan": "897D62", "gold": "AA7F2E", "brown": "5F3109", "dark brown": "352100",
}  # fmt: skip
NAMED = {word.split()[-1] for word in WORDS} | {
    "beige", "blond", "blonde", "bronze", "cyan", "golden", "gray", "indigo", "ivory", "maroon", "navy", "silver",
    "striped", "transparent", "turquoise", "violet",
}  # fmt: skip
SIZE = 64  # pixels
SOLID = 200  # of 255, alpha of a pixel that counts
LIGHT = 0.8  # of a usual picture: how bright white comes out
LIGHTNESS = 0.6  # weight of its difference: how bright a colour is cannot be told from how bright it is lit
MAIN = 0.5  # least share of the pixels that a colour and its shades have, of a thing that is called by it


def color_word(pictures: Sequence[Image.Image]) -> str:
    """The word for the main colour of what cut-out pictures (RGBA) show; "" where no colour is most of it.

    Shades of one colour count together ("dark blue" as "blue"); the word is that of the shade with the most pixels.
    """
    pixels = [_pixels(picture) for picture in pictures]
    colors = np.concatenate(pixels) if pixels else np.zeros((0, 3))
    if not len(colors):
        return ""
    table = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in WORDS.values()])
    known, seen = (rgb2lab(values[None] / 255)[0] * (LIGHTNESS, 1, 1) for values in (table, colors))
    nearest = np.linalg.norm(seen[:, None] - known, axis=-1).argmin(1)
    votes = dict(zip(WORDS, np.bincount(nearest, minlength=len(WORDS)).tolist()))
    shades: dict[str, int] = {}
    for word, count in votes.items():
        shades[word.split()[-1]] = shades.get(word.split()[-1], 0) + count
    main = max(shades, key=lambda word: shades[word])
    if shades[main] < MAIN * len(colors):
        return ""
    return max((word for word in WORDS if word.split()[-1] == main), key=lambda word: votes[word])


def _pixels(picture: Image.Image) -> np.ndarray:
    """[N, 3] sRGB in 0..255 of what is solid."""
    small = picture.convert("RGBA")
    small.thumbnail((SIZE, SIZE))
    values = np.asarray(small).reshape(-1, 4)
    return np.minimum(values[values[:, 3] >= SOLID, :3] / LIGHT, 255.0)
