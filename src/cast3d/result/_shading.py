"""Compiled loops of `shading`. Imported at first use only: it loads numba."""

from __future__ import annotations

import numpy as np

from ..splats.compiling import compiled

BELOW, ABOVE = (0.30, 0.29, 0.29), (0.57, 0.59, 0.62)  # light of the ground and of the sky, linear
KEY, FILL, SHINE, GLOSS, RIM = 0.66, 0.12, 0.10, 28, 0.10
DIMMED = 0.15  # share of the surrounding light that reaches the deepest corner
TAPS, BLUR = 12, 2.0  # places in the shadow map that a shadow is the mean of, and how far they spread in pixels
GOLDEN = np.pi * (3 - np.sqrt(5))


@compiled(nogil=True)
def spread(blur, taps):
    result = np.empty((taps, 2))
    for tap in range(taps):
        radius = blur * np.sqrt((tap + 0.5) / taps)
        result[tap, 0] = radius * np.cos(GOLDEN * tap)
        result[tap, 1] = radius * np.sin(GOLDEN * tap)
    return result


@compiled(nogil=True)
def share_before(depth, x, y, z, offsets):
    size, found = depth.shape[0], 0
    for tap in range(len(offsets)):
        column = int(np.floor(x + offsets[tap, 0]))
        row = int(np.floor(y + offsets[tap, 1]))
        if 0 <= row < size and 0 <= column < size and depth[row, column] < z:
            found += 1
    return found / len(offsets)


@compiled(nogil=True)
def blocked(depth, places, slack, blur, taps):
    result, offsets = np.empty(len(places), np.float32), spread(blur, taps)
    for k in range(len(places)):
        result[k] = share_before(depth, places[k, 0], places[k, 1], places[k, 2] - slack, offsets)
    return result


@compiled(nogil=True)
def unit(x, y, z):
    length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
    return x / length, y / length, z / length


@compiled(nogil=True)
def shade(index, weights, faces, attributes, eye, key, depth, texel, samples):
    height, width = index.shape
    result = np.zeros((height // samples, width // samples, 4), np.float32)
    share = 1.0 / (samples * samples)
    at, offsets = np.empty(13), spread(BLUR, TAPS)
    fx, fy, fz = unit(-key[0], -key[1], 0.2)
    for row in range(height):
        for column in range(width):
            t = index[row, column]
            if t < 0:
                continue
            v, w = weights[row, column, 0], weights[row, column, 1]
            i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
            for c in range(13):
                at[c] = (1 - v - w) * attributes[i, c] + v * attributes[j, c] + w * attributes[k, c]
            nx, ny, nz = unit(at[3], at[4], at[5])
            vx, vy, vz = unit(eye[0] - at[0], eye[1] - at[1], eye[2] - at[2])
            facing = nx * vx + ny * vy + nz * vz
            if facing < -0.2:  # the back of an open mesh
                nx, ny, nz, facing = -nx, -ny, -nz, -facing
            diffuse = nx * key[0] + ny * key[1] + nz * key[2]
            open_ = 0.0
            if diffuse > 0.0:
                # The more the light grazes the surface, the deeper the surface reaches within a pixel of the map.
                slack = texel * (1.5 + (1 + BLUR) * min(np.sqrt(1 - min(diffuse, 1.0) ** 2) / diffuse, 3.0))
                open_ = 1.0 - share_before(depth, at[10], at[11], at[12] - slack, offsets)
            hx, hy, hz = unit(key[0] + vx, key[1] + vy, key[2] + vz)
            up, sky = 0.5 + 0.5 * nz, at[9]
            around = DIMMED + (1 - DIMMED) * sky
            strong = KEY * max(diffuse, 0.0) * open_ + FILL * max(nx * fx + ny * fy + nz * fz, 0.0) * sky
            white = SHINE * max(nx * hx + ny * hy + nz * hz, 0.0) ** GLOSS * open_
            white += RIM * (1 - min(max(facing, 0.0), 1.0)) ** 4 * up * sky
            for c in range(3):
                light = (BELOW[c] + (ABOVE[c] - BELOW[c]) * up) * around + strong
                result[row // samples, column // samples, c] += share * min(at[6 + c] * light + white, 1.0)
            result[row // samples, column // samples, 3] += share
    return result
