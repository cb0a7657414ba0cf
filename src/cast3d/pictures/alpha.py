"""What an alpha channel says of the object: all, nothing, the opposite, or half of it.

Alpha counts if it leaves a clear share of the picture transparent, above all at the border. If not (a screenshot with
round corners, an export with alpha 254, one pixel rubbed out), the picture is treated as one on a background.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from ..errors import InputError
from .crops import OPAQUE
from .opening import Picture

CLEAR = 0.2 * 255  # alpha up to which a pixel counts as transparent
FAINT = 0.1 * 255  # alpha of a border that counts as empty
STEP = 0.25 * 255  # least difference between the alpha of the object and that of the border
EVEN = 0.04 * 255  # deviation up to which the alpha of a border is the same all along
BORDER_SHARE = 0.25  # of the border, transparent, by which alone alpha counts
TIGHT_BORDER, TIGHT_WHOLE = 0.05, 0.1  # shares of border and picture where an object fills its frame
INVERTED_BORDER, INVERTED_WHOLE = 0.01, 0.02  # less of the border, and at least so much of the picture
SPECK = 0.01  # separate pieces smaller than this share of the largest are dropped
ROUND = np.ones((3, 3), bool)  # pixels that touch at a corner are one piece


def settled(picture: Picture) -> Picture:
    """The picture with an alpha channel that shows the object alone, or with none if alpha does not show it.

    Raises InputError where nothing is opaque.
    """
    alpha = np.asarray(picture.rgba.getchannel("A"))
    if alpha.min() == 255:
        return picture
    if alpha.max() <= FAINT:
        raise InputError("the picture is transparent everywhere; give one with an object in it")
    clear, border = alpha <= CLEAR, alpha[border_band(alpha.shape)]
    at_border, whole = (border <= CLEAR).mean(), clear.mean()
    if at_border >= BORDER_SHARE or (at_border >= TIGHT_BORDER and whole >= TIGHT_WHOLE):
        return _solid(picture, alpha)
    if at_border < INVERTED_BORDER and whole >= INVERTED_WHOLE:
        if not _has_colors(picture.rgba, clear):
            return picture.warned(
                "the alpha channel is opaque at the border and transparent inside, so it was not used; the colours "
                "there may be lost. Look at the result, or give a picture whose background is transparent",
                rgba=_opaque(picture.rgba, np.zeros_like(clear)),
            )
        inverted = _with_alpha(picture.rgba, 255 - alpha)
        return picture.warned(
            "the alpha channel is opaque at the border and transparent inside; it was taken as inverted. Look at the "
            "result, or give a picture whose background is transparent",
            rgba=inverted,
        )
    level = float(np.median(border))
    if whole < INVERTED_WHOLE and _object_level(alpha, level) - level >= STEP and border.std() <= EVEN:
        stretched = (alpha - level - EVEN) / (_object_level(alpha, level) - level - EVEN)
        mended = _with_alpha(picture.rgba, (stretched.clip(0, 1) * 255).round().astype(np.uint8))
        return picture.noted("the background is half transparent; what is more opaque was taken", rgba=mended)
    return picture.noted(
        "the alpha channel leaves hardly anything transparent, so it was not used", rgba=_opaque(picture.rgba, clear)
    )


def without_specks(rgba: Image.Image) -> tuple[Image.Image, int]:
    """The picture without pieces that are tiny beside the largest, and how many there were."""
    alpha = np.asarray(rgba.getchannel("A"))
    labels, sizes = pieces(alpha > CLEAR, ROUND)
    small = (sizes < SPECK * sizes.max(initial=0)) & (np.arange(len(sizes)) > 0)
    if not small.any():
        return rgba, 0
    # The faint edge of a piece goes with it.
    near = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    kept = np.where(small[labels[tuple(near)]], 0, alpha)
    return _with_alpha(rgba, kept.astype(np.uint8)), int(small.sum())


def pieces(mask: np.ndarray, structure: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the connected pieces (0 = outside the mask) and the size per label, 0 for label 0."""
    labels, _ = ndimage.label(mask, structure)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels, sizes


def border_band(shape: tuple[int, ...]) -> np.ndarray:
    """The pixels [H, W] within a fiftieth of the shorter side from the border."""
    height, width = shape[:2]
    depth = max(2, min(height, width) // 50)
    band = np.ones((height, width), bool)
    band[depth:-depth, depth:-depth] = False
    return band


def _solid(picture: Picture, alpha: np.ndarray) -> Picture:
    """A thing seen through, such as glass, made as opaque as others: crops look for what is opaque."""
    level = _object_level(alpha, 0)
    if level > OPAQUE:
        return picture
    stretched = (alpha.astype(np.float32) * (255 / level)).clip(0, 255).round().astype(np.uint8)
    return picture.noted(
        f"the object is seen through (alpha {level / 255:.0%}); it was taken as solid",
        rgba=_with_alpha(picture.rgba, stretched),
    )


def _object_level(alpha: np.ndarray, background: float) -> float:
    """Alpha of most of what is more opaque than the background; soft shadows may be the smaller part of it."""
    more = alpha[alpha > max(CLEAR, background + EVEN)]
    return float(np.percentile(more, 75)) if more.size else float(alpha.max())


def _has_colors(rgba: Image.Image, hidden: np.ndarray) -> bool:
    """Whether something is drawn where the picture is transparent: many programs erase the colours there."""
    return bool(np.asarray(rgba)[hidden][:, :3].std(axis=0).max() > 3)


def _opaque(rgba: Image.Image, clear: np.ndarray) -> Image.Image:
    """Without alpha; what was transparent takes the nearest colour, because the one stored there is arbitrary."""
    pixels = np.array(rgba)
    if clear.any():
        nearest = ndimage.distance_transform_edt(clear, return_distances=False, return_indices=True)
        pixels = pixels[tuple(nearest)]
    pixels[..., 3] = 255
    return Image.fromarray(pixels)


def _with_alpha(rgba: Image.Image, alpha: np.ndarray) -> Image.Image:
    result = rgba.copy()
    result.putalpha(Image.fromarray(alpha))
    return result
