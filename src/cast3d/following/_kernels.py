"""Compiled loops of `pose` and `refit`. Imported at first use only: it loads numba."""

from __future__ import annotations

import math

import numpy as np

from ..splats.compiling import compiled

GAIN_LOW, GAIN_HIGH = np.float32(0.4), np.float32(1.3)  # how much light may change a colour


@compiled(nogil=True)
def extent(positions, half, view, distance):
    """Left, top, right, bottom of the drawn points, in world units at the origin's depth.

    `view` [3, 3] has the rows right, down and forward; `distance` from the origin, 0 for an orthographic camera.
    """
    left = top = math.inf
    right = bottom = -math.inf
    for j in range(len(positions)):
        x = y = z = 0.0
        for i in range(3):
            x += view[0, i] * positions[j, i]
            y += view[1, i] * positions[j, i]
            z += view[2, i] * positions[j, i]
        near = 1.0 if distance == 0 else distance / (distance + z)
        x, y, reach = x * near, y * near, half * near
        left, right = min(left, x - reach), max(right, x + reach)
        top, bottom = min(top, y - reach), max(bottom, y + reach)
    return left, top, right, bottom


@compiled(nogil=True)
def draw(positions, half, view, distance, scale, shift_x, shift_y, size):
    """The nearest point [S, S] int32 at every pixel, -1 where there is none; a pixel's place is its middle.

    A world point at (x, y) of the camera falls on (0.5 + shift + scale x near) of the picture's side.
    """
    nearest = np.full((size, size), -1, np.int32)
    depth = np.full((size, size), np.inf, np.float32)
    for j in range(len(positions)):
        x = y = z = 0.0
        for i in range(3):
            x += view[0, i] * positions[j, i]
            y += view[1, i] * positions[j, i]
            z += view[2, i] * positions[j, i]
        near = 1.0 if distance == 0 else distance / (distance + z)
        reach = half * near * scale * size
        u = (0.5 + shift_x + scale * x * near) * size - 0.5
        v = (0.5 + shift_y + scale * y * near) * size - 0.5
        for row in range(max(0, math.ceil(v - reach)), min(size - 1, math.floor(v + reach)) + 1):
            for column in range(max(0, math.ceil(u - reach)), min(size - 1, math.floor(u + reach)) + 1):
                if z < depth[row, column]:
                    depth[row, column] = z
                    nearest[row, column] = j
    return nearest


@compiled(nogil=True)
def compare(nearest, colors, alpha, rgb):
    """IoU of the drawn outline and the picture's, and the mean colour distance where both are, free of light.

    Light is one factor per pixel between `GAIN_LOW` and `GAIN_HIGH`. Without colours the distance is 0.
    """
    both = either = total = 0.0
    count = 0
    for row in range(len(alpha)):
        for column in range(len(alpha)):
            j = nearest[row, column]
            a = alpha[row, column]
            if j < 0:
                either += a
                continue
            either += 1
            both += a
            if a < 0.9 or len(colors) == 0:
                continue
            dot = square = np.float32(0)
            for i in range(3):
                dot += colors[j, i] * rgb[row, column, i]
                square += colors[j, i] * colors[j, i]
            gain = min(max(dot / max(square, np.float32(1e-4)), GAIN_LOW), GAIN_HIGH)
            off = np.float32(0)
            for i in range(3):
                off += (gain * colors[j, i] - rgb[row, column, i]) ** 2
            total += math.sqrt(off / 3)
            count += 1
    return both / max(either, 1e-6), total / max(count, 1)
