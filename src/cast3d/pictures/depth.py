"""Pictures of more than 8 bits a channel, as 8 bits: white is the largest value of the depth that the camera used."""

from __future__ import annotations

import io
import sys

import numpy as np
from PIL import Image

DEPTHS = (8, 10, 12, 14, 16)  # bits of a grey or a colour that is stored in 16
_LITTLE, _BIG = "L", "B"
_NATIVE = _LITTLE if sys.byteorder == "little" else _BIG


def depth_of(brightest: float) -> int:
    """The smallest depth that holds the brightest value; 0 where none does.

    Cameras and scanners keep 8, 10, 12 or 14 bits in 16.
    """
    return next((bits for bits in DEPTHS if brightest < 1 << bits), 0)


def low_byte_mode(image: Image.Image) -> str:
    """How Pillow must be told to read the low bytes of 16-bit colours, of which it reads the high ones; else empty.

    Read in the other order of bytes, the low byte comes first. Ask before the picture is loaded.
    """
    tiles = getattr(image, "tile", [])
    args = tiles[0].args if len(tiles) == 1 else ""
    raw = args if isinstance(args, str) else args[0] if args else ""
    if raw == "LA;16B":
        return "RGBA"  # four bytes a pixel as they lie: grey high and low, alpha high and low
    kind, _, order = str(raw).partition(";16")
    if kind not in {"RGB", "RGBA", "RGBX"} or not order:
        return ""
    order = _NATIVE if order == "N" else order
    return f"{kind};16{_BIG if order == _LITTLE else _LITTLE}"


def widen(image: Image.Image, data: bytes, low_mode: str) -> str:
    """Spreads colours of 10, 12 or 14 bits in 16 over all 8 bits, in place. Returns what is to be noted, if anything.

    `image` is loaded, and holds the high bytes; `data` is its file. A full alpha shows that the picture has 16 bits.
    """
    high = np.asarray(image).astype(np.uint16)
    if not low_mode or depth_of(int(high.max()) << 8) == 16:
        return ""
    again = Image.open(io.BytesIO(data))
    first = again.tile[0]
    args = (low_mode, *first.args[1:]) if isinstance(first.args, tuple) else low_mode
    again.tile = [first._replace(args=args)]
    low = np.asarray(again)
    if low_mode == "RGBA" and image.mode in {"LA", "RGBA"}:
        low = low[..., [1, 3] if image.mode == "LA" else [1, 1, 1, 3]]
    values = high << 8 | low
    if not values.any():
        return ""
    bits = depth_of(int(values.max()))
    image.paste(Image.fromarray((values / ((1 << bits) - 1) * 255).round().astype(np.uint8), image.mode))
    return f"its colours were read as ones of {bits} bits"


def gray_of(image: Image.Image) -> tuple[Image.Image, str]:
    """16-bit (also held as 32-bit) and floating-point grey as RGBA, and a note.

    Pillow's own conversion clips at 255.
    """
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    brightest, note = values.max(), ""
    if image.mode == "F":
        white = max(1.0, brightest)
    else:
        depth = depth_of(brightest)
        white = (1 << depth) - 1 if depth else brightest
        if 0 < depth < 16 and brightest:
            note = f"its grey was read as one of {depth} bits"
    gray = (values / white * 255).round().clip(0, 255).astype(np.uint8)
    alpha = np.full_like(gray, 255)
    if isinstance(transparent := image.info.get("transparency"), int):
        alpha[values == transparent] = 0
    return Image.fromarray(np.stack([gray, gray, gray, alpha], axis=-1)), note
