"""The light on each pixel of `result.pictures`, compiled at first use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def blocked(
    depth: Floats,  # [S, S] what a light sees
    places: Floats,  # [K, 3] in its picture
    slack: float,  # a point counts as reached if it lies behind by less
    blur: float,  # pixels
    taps: int,
) -> Floats:  # [K] share of the places around a point, `blur` wide, where something lies before it
    """How much of a light is kept from points."""
    from . import _shading

    return _shading.blocked(depth, places, np.float32(slack), blur, taps)


def shade(
    index: NDArray[np.int64],  # [H, W] triangles
    weights: Floats,  # [H, W, 2]
    faces: NDArray[np.int64],  # [T, 3]
    attributes: Floats,  # [V, 13] place, normal, linear colour, share of the sky, place in the key light's picture
    eye: Floats,  # [3]
    key: Floats,  # [3] unit, towards the key light
    depth: Floats,  # [S, S] what the key light sees
    texel: float,  # world units of a pixel of that
    samples: int,  # per pixel and axis
) -> Floats:  # [H / samples, W / samples, 4] mean linear colour times coverage, and coverage
    """Light much as in the viewers, with shadows."""
    from . import _shading

    return _shading.shade(index, weights, faces, attributes, eye, key, depth, np.float32(texel), samples)
