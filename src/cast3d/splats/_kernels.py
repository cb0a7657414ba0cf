"""Compiled tile loops of `fast`. Imported at first use only: it loads numba.

A tile's footprints are visited front to back, each over its own pixels (three times faster than asking every pixel for
its footprints). Tiles share nothing, so the bytes do not depend on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from .project import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN

TILE = 16
_ALPHA_MIN, _ALPHA_MAX, _T_MIN = np.float32(ALPHA_MIN), np.float32(ALPHA_MAX), np.float32(TRANSMITTANCE_MIN)
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_SLACK = np.float32(0.01)  # px; a row's range may be too wide by this, never too narrow


@njit(cache=True)
def bin_footprints(means, extents, height, width):
    """Per tile, row-major, the footprints that touch it in their order: (starts [tiles + 1], ids [pairs])."""
    columns, rows = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    boxes = np.empty((len(means), 4), np.int32)  # first and last tile, x and y
    starts = np.zeros(columns * rows + 1, np.int64)
    for k in range(len(means)):
        boxes[k, 0] = max(0, math.floor((means[k, 0] - extents[k, 0]) / TILE))
        boxes[k, 1] = min(columns - 1, math.floor((means[k, 0] + extents[k, 0]) / TILE))
        boxes[k, 2] = max(0, math.floor((means[k, 1] - extents[k, 1]) / TILE))
        boxes[k, 3] = min(rows - 1, math.floor((means[k, 1] + extents[k, 1]) / TILE))
        for row in range(boxes[k, 2], boxes[k, 3] + 1):
            for column in range(boxes[k, 0], boxes[k, 1] + 1):
                starts[row * columns + column + 1] += 1
    starts = np.cumsum(starts)
    ids = np.empty(starts[-1], np.int32)
    free = starts[:-1].copy()
    for k in range(len(means)):
        for row in range(boxes[k, 2], boxes[k, 3] + 1):
            for column in range(boxes[k, 0], boxes[k, 1] + 1):
                tile = row * columns + column
                ids[free[tile]] = k
                free[tile] += 1
    return starts, ids


@njit(cache=True, inline="always")
def _row_range(conic, mean_x, dy, reach, left, right):
    """First and last pixel of a row that the ellipse q <= reach covers, within left..right (empty: first > last)."""
    across = conic[1] * dy
    root = across * across - conic[0] * (conic[2] * dy * dy - reach)
    if root < 0:
        return right + 1, right
    root = math.sqrt(root)
    first = math.ceil(mean_x - (root + across) / conic[0] - _SLACK)
    last = math.floor(mean_x + (root - across) / conic[0] + _SLACK)
    return max(left, first), min(right, last)


@njit(cache=True, inline="always")
def _alpha(conic, opacity, dx, dy):
    q = conic[0] * dx * dx + _TWO * conic[1] * dx * dy + conic[2] * dy * dy
    return min(_ALPHA_MAX, opacity * math.exp(-_HALF * q))


@njit(cache=True, parallel=True)
def composite(means, conics, opacities, extents, features, masks):
    """Features [K, C] and masks [H, W, N] -> blended [H, W, C + 1] and sums [K, N + 1].

    `blended` holds the sums of alpha T f and of alpha T per pixel; `sums` those of alpha T per mask and in all.
    """
    height, width, count = masks.shape
    starts, ids = bin_footprints(means, extents, height, width)
    blended = np.zeros((height, width, features.shape[1] + 1), np.float32)
    shares = np.zeros((len(ids), count + 1), np.float32)  # a tile's share of each sum: no two threads write to one
    for tile in prange(len(starts) - 1):
        _composite_tile(tile, starts, ids, means, conics, opacities, extents, features, masks, blended, shares)
    sums = np.zeros((len(means), count + 1), np.float32)
    for pair in range(len(ids)):
        for mask in range(count + 1):
            sums[ids[pair], mask] += shares[pair, mask]
    return blended, sums


@njit(cache=True)
def _composite_tile(tile, starts, ids, means, conics, opacities, extents, features, masks, blended, shares):
    height, width, count = masks.shape
    channels = features.shape[1]
    columns = (width + TILE - 1) // TILE
    left, top = tile % columns * TILE, tile // columns * TILE
    right, bottom = min(left + TILE, width) - 1, min(top + TILE, height) - 1
    transmittance = np.ones((TILE, TILE), np.float32)  # 0 = finished
    open_pixels = (right - left + 1) * (bottom - top + 1)
    for pair in range(starts[tile], starts[tile + 1]):
        k = ids[pair]
        conic, opacity, x_mean, y_mean = conics[k], opacities[k], means[k, 0], means[k, 1]
        reach = _TWO * math.log(opacity / _ALPHA_MIN)
        first_row = max(top, math.ceil(y_mean - extents[k, 1] - _SLACK))
        last_row = min(bottom, math.floor(y_mean + extents[k, 1] + _SLACK))
        for y in range(first_row, last_row + 1):
            dy = np.float32(y) - y_mean
            first, last = _row_range(conic, x_mean, dy, reach, left, right)
            for x in range(first, last + 1):
                before = transmittance[y - top, x - left]
                if before == _ZERO:
                    continue
                alpha = _alpha(conic, opacity, np.float32(x) - x_mean, dy)
                if alpha < _ALPHA_MIN:
                    continue
                after = before * (_ONE - alpha)
                if after < _T_MIN:
                    transmittance[y - top, x - left] = _ZERO
                    open_pixels -= 1
                    continue
                transmittance[y - top, x - left] = after
                weight = alpha * before
                for channel in range(channels):
                    blended[y, x, channel] += weight * features[k, channel]
                blended[y, x, channels] += weight
                for mask in range(count):
                    if masks[y, x, mask]:
                        shares[pair, mask] += weight
                shares[pair, count] += weight
        if open_pixels == 0:
            return
