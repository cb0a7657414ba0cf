"""Cuts an object out of a plain background: a colour model of the border, a flood fill from it, a soft edge.

No network and no download. It is meant for objects on a backdrop of one colour or of a smooth gradient; for anything
else it says so, and `matting` has networks. The colour model is a quadratic surface per Lab channel, fitted to the
border without its outliers (an object may touch the border).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab

from ..errors import Cast3dError, InputError
from ..files import printable
from . import matting
from .alpha import SPECK, border_band, pieces, settled, without_specks
from .checks import risks, slab_risk
from .crops import OPAQUE
from .opening import MIN_SIDE, Picture, open_picture

WORK_SIDE = 1024  # longest side of the result, as in TRELLIS's preprocessing
NEAREST, FARTHEST = 5.0, 14.0  # bounds of the Lab distance at which background ends
NOISES = 4.0  # that distance in units of the border's own noise
EDGE = 2  # pixels on either side of the outline that may be mixtures
FAILED, UNSURE = 0.35, 0.7  # confidence below which it raises, and below which it warns
SHADOW, SOFT = 45.0, 3.0  # darkening in L, and its slope per pixel, up to which a shadow is background
SMALL_HOLE, LARGE_HOLE = 0.002, 0.02  # shares of the object
WHITE = 96.0  # L from which a background counts as white
PLAIN = "plain"  # the method of this module; others are names of networks
AUTO = "auto"  # this module's, or the network below where the background is not plain and networks can run
NETWORK = "u2net"  # what TRELLIS's own preprocessing uses
RECENT = 8  # pictures
CARD = 0.95  # least share of its box that a card with an object on it fills; corners may be round
FLAT_NOISE, FLAT_RANGE = 1.5, 4.0  # of the colour along a card's rim, in Lab: drawn, not lit
ON_CARD = 0.03, 0.9  # shares of a card that an object on it takes
CARDS = 3  # one on the other
EMPTY, FULL = 0.001, 0.98  # shares of a picture that a network's object must have and must not exceed
ADVICE = (
    "give a PNG with a transparent background or a picture on a plain one, or set background to one of "
    + ", ".join(matting.RELEASES)
)


_recent: dict[tuple[str, str], Picture] = {}


@dataclass(frozen=True)
class _Border:
    """The background as the border shows it."""

    lab: np.ndarray  # [H, W, 3] float32, expected background everywhere
    reach: float  # Lab distance up to which a pixel is background
    plain: float  # share of the border that agrees with the model
    noise: float  # Lab distance from it, of the middle one of its pixels


def open_cut_out(source: str | Path | bytes | Image.Image, method: str = PLAIN, name: str = "the picture") -> Picture:
    """`cut_out(open_picture(source), method)`; its errors name the file, or say `name` of a picture without one."""
    picture = open_picture(source)
    try:
        return cut_out(picture, method)
    except InputError as error:
        named = printable(source) if isinstance(source, str | Path) else name
        raise InputError(f"{named}: {error}") from error


def cut_out(picture: Picture, method: str = PLAIN) -> Picture:
    """The picture with its background transparent; one whose alpha channel shows the object alone is returned as it is.

    `method` is "plain", a network of `matting`, or "auto": plain where that works, by a network elsewhere if
    onnxruntime is installed. Raises InputError where the background is not plain, or the network finds no object;
    warns if somebody should look at the cut-out. The last few are kept: a command checks every picture before the
    networks load, and its run opens the picture again.
    """
    key = picture.sha256, method
    if key not in _recent:
        _recent[key] = _cut_out(picture, method)
        if len(_recent) > RECENT:
            del _recent[next(iter(_recent))]
    return _recent[key]


def _cut_out(picture: Picture, method: str) -> Picture:
    try:
        picture = settled(picture)
    except InputError as error:
        raise InputError(f"{error}, or {ADVICE.removeprefix('give ')}") from error
    if picture.has_alpha:
        rgba, specks = without_specks(picture.rgba)
        if specks:
            what = "one speck" if specks == 1 else f"{specks} specks"
            picture = picture.noted(f"{what} away from the object left out", rgba=rgba)
    else:
        picture = _without_background(picture, method)
    picture = _off_cards(picture)
    found, confidence = risks(picture.rgba), min(picture.confidence, 1 - slab_risk(picture.rgba))
    return picture if not found and confidence > UNSURE else picture.warned(*found, confidence=confidence)


def _without_background(picture: Picture, method: str) -> Picture:
    image = picture.rgba.convert("RGB")
    image.thumbnail((WORK_SIDE, WORK_SIDE), Image.Resampling.LANCZOS)
    if method not in (PLAIN, AUTO):
        return _by_network(picture, image, method)
    rgb = np.asarray(image)
    inside, confidence, _ = _told_apart(rgb)
    if confidence < FAILED:
        problem = f"the background could not be told from the object (confidence {confidence:.2f})"
        if method == AUTO and matting.available():
            try:
                return _by_network(picture, image, NETWORK)
            except Cast3dError as error:
                raise InputError(f"{problem}, and the network {NETWORK} did not help: {error}") from error
        notes = "".join(f"; {note}" for note in picture.notes if "alpha" in note)
        raise InputError(f"{problem}{notes}; {ADVICE}")
    result = Image.fromarray(_matte(rgb.astype(np.float32), inside))
    if confidence < UNSURE:
        return picture.warned(
            f"the background was cut out with low confidence ({confidence:.2f}); look at the result, or {ADVICE}",
            rgba=result,
            confidence=confidence,
        )
    return picture.noted("the plain background was cut out", rgba=result, confidence=confidence)


def _told_apart(
    rgb: np.ndarray,  # [H, W, 3] uint8
) -> tuple[np.ndarray, float, _Border]:
    """The object [H, W] bool on a plain background, how sure that is, and the background."""
    lab = rgb2lab(rgb).astype(np.float32)
    border = _border_model(lab)
    distance = np.linalg.norm(lab - border.lab, axis=-1)
    inside = _inside(lab - border.lab, border)
    return inside, _confidence(distance, inside, border), border


def _off_cards(picture: Picture) -> Picture:
    """Without a card that the object stands on: a white page in a window, a frame around a picture, an app's icon."""
    for _ in range(CARDS):
        rgba = _off_card(picture.rgba)
        if rgba is None:
            return picture
        picture = picture.warned(
            "what was cut out is a card with an object on it, and the object was taken; look at the result, or crop "
            "the picture to the object and its background",
            rgba=rgba,
            confidence=min(picture.confidence, UNSURE),
        )
    return picture


def _off_card(rgba: Image.Image) -> Image.Image | None:
    """The object on a card; None where this is none. A lit thing of that shape, such as a book, has no flat rim."""
    solid = np.asarray(rgba.getchannel("A")) > OPAQUE
    rows, columns = np.nonzero(solid.any(axis=1))[0], np.nonzero(solid.any(axis=0))[0]
    if not rows.size or min(np.ptp(rows), np.ptp(columns)) < MIN_SIDE:
        return None
    box = int(columns[0]) + 1, int(rows[0]) + 1, int(columns[-1]), int(rows[-1])  # the outermost pixels may be mixed
    filled = ndimage.binary_fill_holes(np.asarray(rgba.crop(box).getchannel("A")) > OPAQUE)
    if filled.mean() < CARD:
        return None
    card = rgba.crop(box)
    clear = np.asarray(card.getchannel("A")) <= OPAQUE
    rgb = np.asarray(card)[..., :3]
    if clear.any():
        rgb = rgb[tuple(ndimage.distance_transform_edt(clear, return_distances=False, return_indices=True))]
    inside, confidence, border = _told_apart(rgb)
    rim = border.lab[border_band(rgb.shape)]
    flat = border.noise <= FLAT_NOISE and np.ptp(rim.reshape(-1, 3), axis=0).max() <= FLAT_RANGE
    if not flat or confidence < UNSURE or not ON_CARD[0] <= inside.mean() <= ON_CARD[1]:
        return None
    matte = _matte(rgb.astype(np.float32), inside)
    matte[clear] = 0
    return Image.fromarray(matte)


def _by_network(picture: Picture, image: Image.Image, method: str) -> Picture:
    """Alpha from a network, colours as they are: an edge keeps a trace of the background, as in TRELLIS."""
    alpha = matting.load_matting(method)(image)
    share = (np.asarray(alpha) > OPAQUE).mean()
    if not EMPTY < share < FULL:
        what = "no object" if share <= EMPTY else "no background"
        raise InputError(f"{method} found {what} in the picture; {matting.ADVICE}")
    image.putalpha(alpha)
    return picture.noted(f"the background was cut out by {method}", rgba=image)


def _border_model(
    lab: np.ndarray,  # [H, W, 3]
) -> _Border:
    height, width = lab.shape[:2]
    band = border_band(lab.shape)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    basis, colors = terms[band], lab[band]
    # Least squares over the agreeing part, found from the commonest colour outwards (least trimmed squares).
    residual = np.linalg.norm(colors - _mode(colors), axis=1)
    for order in (1, 3, 6, 6, 6):
        agreeing = residual <= max(np.median(residual), NEAREST / 2)
        fit, *_ = np.linalg.lstsq(basis[agreeing, :order], colors[agreeing], rcond=None)
        residual = np.linalg.norm(colors - basis[:, :order] @ fit, axis=1)
    noise = float(np.median(residual))
    reach = float(np.clip(NOISES * noise, NEAREST, FARTHEST))
    return _Border(terms @ fit, reach, float((residual < reach).mean()), noise)


def _mode(
    colors: np.ndarray,  # [B, 3]
) -> np.ndarray:
    """The mean of the fullest cell of a coarse colour histogram."""
    _, cell, counts = np.unique((colors // 8).astype(int), axis=0, return_inverse=True, return_counts=True)
    return colors[cell.reshape(-1) == counts.argmax()].mean(axis=0)


def _inside(
    offset: np.ndarray,  # [H, W, 3] Lab, from the expected background
    border: _Border,
) -> np.ndarray:  # [H, W] bool
    """What a flood from the border through background and soft shadow does not reach, without holes and specks."""
    distance = np.linalg.norm(offset, axis=-1)
    plain = distance < border.reach
    frame = np.zeros(plain.shape, bool)
    frame[[0, -1]] = frame[:, [0, -1]] = True
    flooded = ndimage.binary_propagation(frame & plain, mask=plain | _shadow(offset, border.reach))
    inside = ndimage.binary_opening(~flooded, iterations=1)  # single-pixel whiskers of compression
    inside &= ~_holes(inside, distance, border)
    labels, sizes = pieces(inside)
    return inside & (sizes >= SPECK * sizes[1:].max(initial=0))[labels] if len(sizes) > 1 else inside


def _shadow(offset: np.ndarray, reach: float) -> np.ndarray:
    """Background that is darker without a change of hue and without an edge."""
    tint = np.linalg.norm(offset[..., 1:], axis=-1)
    slope = ndimage.gaussian_gradient_magnitude(offset[..., 0], 1.0)
    return (offset[..., 0] < 0) & (offset[..., 0] > -SHADOW) & (tint < reach / 2) & (slope < SOFT)


def _holes(inside: np.ndarray, distance: np.ndarray, border: _Border) -> np.ndarray:
    """Enclosed regions of background colour, as inside a handle; on white only large ones, because eyes are white."""
    labels, sizes = pieces(inside & (distance < border.reach / 2))
    white = np.median(border.lab[..., 0]) > WHITE
    return (sizes > (LARGE_HOLE if white else SMALL_HOLE) * inside.sum())[labels] & (labels > 0)


def _confidence(
    distance: np.ndarray,  # [H, W]
    inside: np.ndarray,  # [H, W] bool
    border: _Border,
) -> float:
    """The weakest of: a plain border, an object of sensible size, a clear step at its outline, an outline unlike lace.

    Measured on pictures of things on backdrops and on textures and photographs without one: 0.99 to 1 and up to 0.8 of
    the border agree; outlines are 6 to 18 and 40 to 110 times the square root of the area.
    """
    share = inside.mean()
    if share == 0:
        return 0.0
    outline = inside & ~ndimage.binary_erosion(inside, iterations=EDGE + 1)
    lace = (inside & ~ndimage.binary_erosion(inside)).sum() / np.sqrt(inside.sum())
    step = np.median(ndimage.maximum_filter(distance, 2 * EDGE + 1)[outline])
    return float(
        min(
            _ramp(border.plain, 0.55, 0.85),
            _ramp(-lace, -50, -20),
            _ramp(share, 0.002, 0.01),
            _ramp(1 - share, 0.03, 0.1),
            _ramp(step, border.reach, 2 * border.reach),
        )
    )


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _matte(
    rgb: np.ndarray,  # [H, W, 3] float32, 0..255
    inside: np.ndarray,  # [H, W] bool
) -> np.ndarray:  # [H, W, 4] uint8
    """Alpha by projection onto the line from local background to local object colour; edge pixels take the latter."""
    core = ndimage.binary_erosion(inside, iterations=EDGE, border_value=1)
    core |= inside & ~ndimage.binary_dilation(core, iterations=2 * EDGE)  # thin pieces have no core
    outer = ~ndimage.binary_dilation(inside, iterations=EDGE)
    mixed = ~core & ~outer
    front, back = _nearest_color(rgb, core, mixed), _nearest_color(rgb, outer, mixed)
    line = front - back
    alpha = ((rgb[mixed] - back) * line).sum(axis=1) / np.maximum((line * line).sum(axis=1), 1)
    result = np.zeros((*inside.shape, 4), np.float32)
    result[core] = np.concatenate([rgb[core], np.full((core.sum(), 1), 255, np.float32)], axis=1)
    result[mixed] = np.concatenate([front, 255 * alpha.clip(0, 1)[:, None]], axis=1)
    return (result + 0.5).astype(np.uint8)


def _nearest_color(rgb: np.ndarray, source: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted pixel the colour of the nearest source pixel."""
    rows, columns = ndimage.distance_transform_edt(~source, return_distances=False, return_indices=True)
    return rgb[rows[wanted], columns[wanted]]
