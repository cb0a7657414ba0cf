"""Where animals wear things: head and back are found in their geometry, hats and packs are scaled to them.

LDraw has no attachment frames for dressed animals. Animals face -z: the head is high and in front on the midline (which
leaves ears out), the back is the top of the midline half way along the body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bricks import placement
from training.bricks.catalog import Catalog, Part
from training.bricks.grids import lattice
from training.bricks.placement import Transform, transform

_HEAD_WIDTH = 26.0  # LDU: what headwear fits
_TORSO_WIDTH = 34.0  # LDU: what packs fit
_TORSO_BACK = np.array([0.0, 12.0, 10.0])  # middle of a torso's back, figure frame
_UP_TO_BACK = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # a figure's back becomes the top, its head the front
_WING_LENGTH = 60.0  # LDU, of the single wings that stand on a pin
_WING_TILT = 35.0  # degrees outwards
_FORWARD = 0.4  # how much being in front counts against being high, looking for the head
_NO_HEAD = {  # insects, shells, snakes, spread wings: nothing to put a hat on
    "13665", "11467", "43744", "67632", "23714", "95828", "80674", "33121", "95827", "27152", "29111", "30169",
    "30238", "33122", "30218-f2", "102285", "67040", "78532", "3399", "30103", "98136", "38801", "30115", "15678",
    "52258", "30478", "75174", "75174c01", "6026c01", "18904c01", "76442c01", "76443c01", "5785",
}  # fmt: skip


@dataclass(frozen=True)
class Anatomy:
    """What dressing an animal needs, in LDU of its own frame."""

    length: float  # longest side of the bounding box
    crown: NDArray[np.float64]  # [3] top of the head
    head_width: float
    back: NDArray[np.float64] | None  # [3] top of the back, None where the body stands upright or the head is over it
    body_width: float

    def hat(self) -> Transform:
        """Headwear frame -> animal: the head's width decides the size, the hat sinks a little."""
        scale = float(np.clip(self.head_width / _HEAD_WIDTH, 0.12 * self.length / 26, 0.4 * self.length / 26))
        return transform(np.eye(3) * scale, self.crown + np.array([0, 4 * scale, 0]))

    def pack(self) -> Transform:
        """Figure frame -> animal: what a figure wears on its back lies on top."""
        scale = 0.9 * self.body_width / _TORSO_WIDTH
        return transform(_UP_TO_BACK * scale, self.back + np.array([0, scale, 0]) - _UP_TO_BACK @ _TORSO_BACK * scale)

    def wings(self) -> tuple[Transform, Transform]:
        """Frame of a single wing on a pin -> left and right side of the back, spread outwards."""
        scale = 0.5 * self.length / _WING_LENGTH
        shoulder = self.back + np.array([0.25 * self.body_width, 0.04 * self.length, -0.1 * self.length])
        left = transform(placement.rotation_z(_WING_TILT) * scale, shoulder)
        return left, placement.mirror_x(left)


def wearers(catalog: Catalog) -> Iterator[Part]:
    """Land animals, birds and horses with a head."""
    for part in catalog.family("animal", "ride"):
        if part.kind in ("pet", "bird", "farm", "wild", "horse") and part.id not in _NO_HEAD:
            yield part


def measure(triangles: NDArray[np.float32]) -> Anatomy:
    """Anatomy of an animal that faces -z, from its triangles [T, 3, 3]."""
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    length = float((high - low).max())
    points = lattice(triangles, length / 100)
    height, forward = -points[:, 1], -points[:, 2]
    midline = np.abs(points[:, 0] - (low[0] + high[0]) / 2) < 0.04 * length
    middle = (low[2] + high[2]) / 2
    score = np.where(midline & (points[:, 2] < middle + 0.05 * length), height + _FORWARD * forward, -np.inf)
    crown = points[score > score.max() - 0.03 * length].mean(axis=0)
    around = (np.abs(points[:, 2] - crown[2]) < 0.1 * length) & (np.abs(height + crown[1]) < 0.12 * length)
    over_body = np.abs(points[:, 2] - middle) < 0.08 * length
    top = height[midline & over_body].max()
    body = over_body & (height > top - 0.15 * length)
    lying = (high[2] - low[2]) > 1.1 * (high[1] - low[1]) and middle - crown[2] > 0.15 * length
    return Anatomy(
        length=length,
        crown=crown.astype(np.float64),
        head_width=_width(points[around]),
        back=np.array([(low[0] + high[0]) / 2, -top, middle]) if lying else None,
        body_width=_width(points[body]),
    )


def _width(points: NDArray[np.float32]) -> float:
    """Extent in x without the outermost 5% on either side."""
    low, high = np.percentile(points[:, 0], (5, 95))
    return float(high - low)
