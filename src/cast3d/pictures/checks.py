"""What may be wrong with a picture that was cut out: it is a slab, it is cut by the border, it shows several things."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab

from .alpha import ROUND, pieces
from .crops import OPAQUE

SIDE = 256  # pictures are reduced to this for looking at
RISKY = 0.7  # slab risk from which a picture is warned of
FILLS = 0.94, 0.985  # shares of its box that a slab fills, from doubtful to sure
ROUND_FILLS = 0.95, 0.98  # shares that a round page has in common with a disc, likewise
WHITE, PLAIN_RIM = 90.0, 0.95  # L of the rim of a round page, and how much of it is of one colour: a shield is no page
LEAVES = 0.4, 0.7  # shares of the picture's border that the object covers, likewise
THIN = 0.25  # width of a stick, as a share of its length
UNLIKE, VARIED = 12.0, (0.01, 0.04)  # Lab distance from the commonest colour of the rim; shares of the object
LARGE = 0.15  # pieces with this share of the largest are things of their own
GAP = 1  # pixels of `SIDE`: pieces nearer than that are one thing


def risks(rgba: Image.Image) -> list[str]:
    """A warning for each risk of a cut-out, with its remedy."""
    found = []
    if (risk := slab_risk(rgba)) >= RISKY:
        found.append(
            f"the object fills its picture like a slab (risk {risk:.2f}), as where a card or a frame is taken for it; "
            f"look at the result, and give the object alone on a transparent or plain background"
        )
    if (count := large_pieces(rgba)) > 1:
        found.append(
            f"the picture shows {count} separate things, which are taken as one; crop it to the thing that is meant, "
            f"unless they belong together"
        )
    return found


def slab_risk(rgba: Image.Image) -> float:
    """0 to 1: the object is a rectangle with something on it, or covers the border of its picture."""
    solid, lab = _reduced(rgba)
    if not solid.any():
        return 0.0
    edge = np.concatenate([solid[0], solid[-1], solid[1:-1, 0], solid[1:-1, -1]])
    rows, columns = np.nonzero(solid.any(axis=1))[0], np.nonzero(solid.any(axis=0))[0]
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    filled = ndimage.binary_fill_holes(solid[box])
    rim = filled & ~ndimage.binary_erosion(filled, iterations=max(2, min(filled.shape) // 40))
    commonest = np.median(lab[box][rim & solid[box]], axis=0) if (rim & solid[box]).any() else np.zeros(3)
    unlike = (np.linalg.norm(lab[box] - commonest, axis=-1)[solid[box]] > UNLIKE).mean()
    page = _ramp(filled.mean(), *FILLS)
    if commonest[0] > WHITE and (np.linalg.norm(lab[box] - commonest, axis=-1)[rim] < UNLIKE).mean() > PLAIN_RIM:
        page = max(page, _ramp(_roundness(filled), *ROUND_FILLS))
    slab = page * (0.25 + 0.75 * _ramp(unlike, *VARIED))
    return float(max(slab, _ramp(edge.mean(), *LEAVES)))


def _roundness(filled: np.ndarray) -> float:
    """How much of a shape and of the ellipse in its box they share."""
    y, x = (np.linspace(-1, 1, side) for side in filled.shape)
    ellipse = x[None] ** 2 + y[:, None] ** 2 <= 1
    return float((filled & ellipse).sum() / max((filled | ellipse).sum(), 1))


def large_pieces(rgba: Image.Image) -> int:
    """How many separate things of some size there are."""
    solid, _ = _reduced(rgba)
    near = ndimage.binary_dilation(solid, ROUND, iterations=GAP)
    labels, _ = pieces(near, ROUND)
    sizes = np.bincount(labels[solid], minlength=1)
    sizes[0] = 0
    return int((sizes >= LARGE * max(sizes.max(), 1)).sum())


def _reduced(rgba: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The object [H, W] bool and colours [H, W, 3] in Lab, at a size that is quick to look at."""
    small = rgba.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
    pixels = np.asarray(small)
    return pixels[..., 3] > OPAQUE, rgb2lab(pixels[..., :3]).astype(np.float32)


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def is_thin(rgba: Image.Image) -> bool:
    """Whether a cut-out thing is a stick: much longer than wide, by the moments of its outline."""
    y, x = np.nonzero(np.asarray(rgba.getchannel("A")) > 127)
    if len(x) < 2:
        return False
    spread = np.linalg.eigvalsh(np.cov(np.stack([x, y]).astype(np.float64)))
    return bool(spread[0] < (THIN * spread[1] ** 0.5) ** 2)
