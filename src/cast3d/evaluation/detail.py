"""How much of a picture's detail (prints, faces, stripes) is on a part: agreement of local contrast, no network asked.

The part is drawn, unlit, from where its picture's camera stood, as far as its shape and colours tell; there lightness
less its surroundings is compared pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion, gaussian_filter
from skimage.color import rgb2lab

from ..following import ANYHOW, Points, Shown, find_pose
from ..meshes.mesh import Mesh
from ..meshes.raster import shoot

SIZE = 96  # pixels
AROUND = 4.0  # standard deviation of what counts as surroundings, pixels
INSIDE = 3  # pixels from the rim of the part or of the picture's object
LEAST = 3.0  # standard deviation of local lightness (0 to 100) below which a picture has no detail
FEWEST = 150  # pixels that are compared at least
SHIFTS = (-2, -1, 0, 1, 2)  # pixels: a pose is not known better than that


def detail(part: Mesh, picture: Image.Image, around: Sequence[Mesh] = ()) -> float | None:
    """0 (nothing of it, or the contrary) to 1 (all of it); None where the picture has no detail or hardly shows.

    2 cov(a, b) / (var a + var b) of the local lightness a of the part and b of the cut-out picture: Lin's concordance,
    at least 0. `around` are the other parts, which may hide this one.
    """
    if not len(part.vertices) or not len(part.faces):
        return None
    shown = Shown.of(picture, SIZE)
    colors = None if part.colors is None else _array(part.colors)
    points = Points(_array(part.vertices), 0.5 / 64, colors).thinned(1 / 64)
    anyhow: dict[str, Any] = ANYHOW
    camera = find_pose(points, picture, **anyhow).camera
    shot = shoot([part, *around], camera, SIZE)
    seen, there = _inner(shot.part == 0), _inner(shown.alpha > 0.9)
    wanted = local(shown.rgb, shown.alpha > 0.9)
    if there.sum() < FEWEST or wanted[there].std() < LEAST:
        return None
    own = local(shot.color, shot.part == 0)
    return max(_agreement(_moved(own, x, y), wanted, _moved(seen, x, y) & there) for x, y in product(SHIFTS, SHIFTS))


def local(
    rgb: NDArray,  # [S, S, 3] sRGB in 0..1
    mask: NDArray[np.bool_],  # [S, S]
) -> NDArray[np.float64]:  # [S, S]
    """Lightness L* less its mean around, within the mask; 0 outside."""
    lightness = rgb2lab(np.clip(rgb, 0, 1))[..., 0] * mask
    weight = gaussian_filter(mask.astype(np.float64), AROUND)
    mean = gaussian_filter(lightness, AROUND) / np.maximum(weight, 1e-6)
    return np.where(mask, lightness - mean, 0.0)


def _agreement(a: NDArray, b: NDArray, where: NDArray[np.bool_]) -> float:
    """Lin's concordance, at least 0; 0 where hardly anything is compared."""
    if where.sum() < FEWEST:
        return 0.0
    x, y = a[where] - a[where].mean(), b[where] - b[where].mean()
    spread = float((x * x).sum() + (y * y).sum())
    return max(0.0, 2 * float((x * y).sum()) / spread) if spread else 0.0


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return binary_erosion(mask, iterations=INSIDE)


def _moved(image: NDArray, x: int, y: int) -> NDArray:
    return np.roll(image, (y, x), (0, 1))


def _array(values) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().float().cpu().numpy())
