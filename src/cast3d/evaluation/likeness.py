"""How much a part looks like its picture, without any network: outlines and colours of its renders.

The picture's camera and light are unknown. The part is drawn, unlit and alone, from 24 sides (8 yaws, 3 heights; no
picture was made with such a camera), both are cropped to themselves as pictures are cropped, and the best side counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from ..meshes.mesh import Mesh
from ..meshes.raster import Shot, framed, shoot
from ..pictures.crops import crop_square

YAWS, PITCHES = range(0, 360, 45), (0.0, 20.0, 40.0)
SIZE = 64  # pixels
ZOOMS, SHIFTS = (
    (0.92, 1.0, 1.08),
    (-3, 0, 3),
)  # tried on the best sides, as outlines crop unlike where something is hidden
BEST = 3  # sides that are tried so
GAIN, SHADE = (0.6, 1.25), 1.3  # how much light may change a whole picture, and each pixel beyond that
REACH = 45.0  # Lab distance at which colours have nothing in common
PALETTE = 25.0  # Lab distance within which a colour is one of the picture's
LIGHTS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.2)  # under which a colour may be seen in a picture


@dataclass(frozen=True)
class Likeness:
    outline: float  # IoU of the masks
    color: float  # 1 - mean Lab distance / 45 where both masks are, light aside

    @property
    def value(self) -> float:
        """Their mean."""
        return (self.outline + self.color) / 2


NONE = Likeness(0.0, 0.0)


@dataclass(frozen=True)
class Reference:
    """A cut-out picture, cropped to its object."""

    rgb: NDArray[np.float64]  # [S, S, 3] sRGB in 0..1
    mask: NDArray[np.bool_]  # [S, S]

    @staticmethod
    def of(rgba: Image.Image) -> Reference:
        square = crop_square(rgba).convert("RGBa").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        pixels = np.asarray(square).astype(float) / 255
        alpha = pixels[..., 3:]
        return Reference(np.clip(pixels[..., :3] / np.maximum(alpha, 1e-3), 0, 1), alpha[..., 0] > 0.5)


@dataclass(frozen=True)
class Side:
    """A part drawn from one side, by itself and among others, of which it is the first."""

    alone: Shot
    together: Shot


def sides(part: Mesh, around: Sequence[Mesh] = ()) -> list[Side]:
    """The part as `likeness` and `palette` look at it, from all sides."""
    cameras = (framed([part], yaw, pitch) for yaw, pitch in product(YAWS, PITCHES))
    return [Side(shoot([part], camera, SIZE), shoot([part, *around], camera, SIZE)) for camera in cameras]


def likeness(part: Sequence[Side], reference: Reference) -> Likeness:
    """The best of the sides. Where something else is in front of the part, nothing is asked."""
    found = []
    for side in part:
        # Hidden pixels of an incomplete part may be empty, those of a complete one may be drawn: neither counts.
        seen = Drawn(side.alone.color, side.alone.mask, side.together.part <= 0)
        found.append((compare(seen, reference).value, seen))
    found.sort(key=lambda item: -item[0])
    tries = product((seen for _, seen in found[:BEST]), ZOOMS, SHIFTS, SHIFTS)
    return max((compare(seen.moved(zoom, x, y), reference) for seen, zoom, x, y in tries), key=lambda one: one.value)


@dataclass(frozen=True)
class Drawn:
    """A render: colours, where the part is, and where the comparison counts."""

    rgb: NDArray[np.float32]  # [S, S, 3] sRGB in 0..1, unlit
    mask: NDArray[np.bool_]  # [S, S]
    counts: NDArray[np.bool_]  # [S, S]

    def moved(self, zoom: float, x: int, y: int) -> Drawn:
        """Zoomed about the middle, then moved by pixels."""
        rows, columns = (
            np.round((np.arange(SIZE) - SIZE / 2 - shift) / zoom + SIZE / 2).astype(int) for shift in (y, x)
        )
        inside = ((rows >= 0) & (rows < SIZE))[:, None] & ((columns >= 0) & (columns < SIZE))
        pick = np.ix_(rows.clip(0, SIZE - 1), columns.clip(0, SIZE - 1))
        return Drawn(self.rgb[pick], self.mask[pick] & inside, self.counts[pick] | ~inside)


def compare(seen: Drawn, reference: Reference) -> Likeness:
    both = seen.mask & reference.mask & seen.counts
    either = (seen.mask | reference.mask) & seen.counts
    if not both.any():
        return NONE
    distance = np.linalg.norm(rgb2lab(lit(seen.rgb[both], reference.rgb[both])) - rgb2lab(reference.rgb[both]), axis=-1)
    return Likeness(float(both.sum() / either.sum()), float(1 - np.minimum(distance / REACH, 1).mean()))


def lit(colors: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Colours [N, 3] under the light that brings them nearest to `wanted`, within `GAIN` and `SHADE`."""
    light = (colors * wanted).sum(-1) / np.maximum((colors * colors).sum(-1), 1e-4)
    gain = np.clip(np.median(light), *GAIN)
    return np.clip(colors * np.clip(light, gain / SHADE, gain * SHADE)[:, None], 0, 1).astype(np.float64)


def palette(part: Sequence[Side], reference: Reference) -> float:
    """Share of what is seen of a part from all sides whose colour, under some light, is one of its picture's.

    The picture shows one side: this sees dark or strange patches on the others.
    """
    own = _distinct(rgb2lab(reference.rgb[reference.mask]))
    right = total = 0
    for side in part:
        colors = side.together.color[side.together.part == 0].astype(np.float64)
        found = np.zeros(len(colors), bool)
        for light in LIGHTS:
            distance = np.linalg.norm(rgb2lab(np.clip(colors * light, 0, 1))[:, None] - own, axis=-1)
            found |= distance.min(1, initial=np.inf) <= PALETTE
        right, total = right + int(found.sum()), total + len(colors)
    return right / total if total else 0.0


def _distinct(lab: NDArray[np.float64], step: float = 8.0, share: float = 0.01) -> NDArray[np.float64]:
    """[K, 3] the colours of a picture, on a grid of `step`, that cover at least a hundredth of it."""
    cells, count = np.unique(np.round(lab / step), axis=0, return_counts=True)
    return cells[count >= share * count.sum()] * step
