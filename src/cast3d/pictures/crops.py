"""Square crops around an object: exactly as TRELLIS preprocesses pictures, and for the small backbone."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..errors import InputError

OPAQUE = 0.8 * 255  # TRELLIS: a pixel belongs to the object where alpha exceeds this
TRELLIS_SIZE = 518  # DINOv2 at patch 14: 37 x 37 patches


def object_box(rgba: Image.Image) -> tuple[int, int, int, int]:
    """(left, top, right, bottom): first and last columns and rows, inclusive, with alpha above 0.8 * 255."""
    alpha = np.asarray(rgba.getchannel("A"))
    rows, columns = np.nonzero((alpha > OPAQUE).any(axis=1))[0], np.nonzero((alpha > OPAQUE).any(axis=0))[0]
    if not rows.size:
        raise InputError("the picture is transparent everywhere; give one with an object in it")
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def crop_square(rgba: Image.Image, margin: float = 1.2) -> Image.Image:
    """The square of `int(margin * longest side)` pixels about the object's centre; outside the picture is transparent.

    TRELLIS's arithmetic to the letter: sides are last - first pixel, half sizes are floored, and half-pixel corners
    round to even.
    """
    left, top, right, bottom = object_box(rgba)
    half = int(max(right - left, bottom - top) * margin) // 2
    if half < 1:
        raise InputError("the object in the picture is a single pixel; give a larger picture")
    x, y = (left + right) / 2, (top + bottom) / 2
    return rgba.crop((x - half, y - half, x + half, y + half))


def preprocess_trellis(rgba: Image.Image) -> Image.Image:
    """518 x 518 RGB on black, pixel for pixel what TRELLIS's `preprocess_image` makes of a picture with alpha."""
    square = crop_square(rgba).resize((TRELLIS_SIZE, TRELLIS_SIZE), Image.Resampling.LANCZOS)
    pixels = np.asarray(square).astype(np.float32) / 255
    return Image.fromarray((pixels[..., :3] * pixels[..., 3:] * 255).astype(np.uint8))


def preprocess_small(
    rgba: Image.Image,
    size: int = 112,
) -> np.ndarray:  # [4, size, size] float32 in [0, 1]
    """Premultiplied RGB (the object on black) and alpha, cropped as TRELLIS does."""
    square = crop_square(rgba).convert("RGBa")  # premultiplied, so that hidden colours do not bleed in
    small = square.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    pixels = np.asarray(small).astype(np.float32).transpose(2, 0, 1) / 255
    pixels[:3] = np.minimum(pixels[:3], pixels[3:])  # Lanczos overshoots at edges
    return pixels
