"""Where the camera was as the picture encoder tells it: some encoders say for every patch where its surface is.

Pixels with known places are enough for a camera: a fit of yaw, pitch, scale and shift to all of them, robustly. For a
thing whose shape came out wrong this is the better guess: it was read off the picture and not off the shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor

from .pose import Pose, view_axes

STARTS = (-40.0, 0.0, 40.0)  # degrees of yaw
SPREAD = 0.02  # sides of the picture; what is farther off counts less
DOUBT = 0.03  # sides of the picture: mean error at which nothing is certain


def pose_of_places(
    places: Tensor,  # [6, Q, Q] x, y, z of the nearest and of the farthest surface, world units of the thing's frame
    alpha: Tensor,  # [Q, Q] of the square crop, at the same cells
) -> Pose | None:
    """The orthographic camera that sees the places where the picture has them; None for fewer than eight cells.

    `iou` of the result is 1 - its mean error over `DOUBT`, at least 0: it says how consistent the places are.
    """
    told, solid = places.double().cpu().numpy(), alpha.cpu().numpy() > 0.9
    if solid.sum() < 8:
        return None
    row, column = np.nonzero(solid)
    cells = solid.shape[0]
    at = np.stack([(column + 0.5) / cells - 0.5, (row + 0.5) / cells - 0.5], 1)
    points = np.concatenate([told[:3, solid].T, told[3:, solid].T])
    wanted = np.concatenate([at, at])

    def off(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points @ view_axes(x[0], x[1])[:2].T * x[2] + x[3:] - wanted).ravel()

    fits = [
        least_squares(off, [yaw, 15, 0.9, 0, 0], loss="soft_l1", f_scale=SPREAD, x_scale=[20, 20, 0.3, 0.1, 0.1])
        for yaw in STARTS
    ]
    best = min(fits, key=lambda fit: fit.cost)
    yaw, pitch, scale, x, y = (float(value) for value in best.x)
    if scale <= 0:
        return None
    certain = max(0.0, 1 - float(np.abs(best.fun).mean()) / DOUBT)
    return Pose(yaw, pitch, scale, (x, y), iou=certain)
