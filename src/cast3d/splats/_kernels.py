"""Compiled loops of `fast`. Imported at first use only: it loads numba.

A tile's footprints are visited front to back, each over its own pixels (three times faster than asking every pixel for
its footprints). Rows of tiles share no output, so they can run in threads, and the bytes do not depend on how many.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import compiled
from .project import ALPHA_MAX, ALPHA_MIN, LINEAR_RANGE, TRANSMITTANCE_MIN

TILE = 16
_ALPHA_MIN, _ALPHA_MAX, _T_MIN = np.float32(ALPHA_MIN), np.float32(ALPHA_MAX), np.float32(TRANSMITTANCE_MIN)
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_TINY = np.finfo(np.float64).tiny
_SLACK = np.float32(0.01)  # px; a row's range may be too wide by this, never too narrow


@compiled(nogil=True)
def project(positions, scales, rotations, opacities, extrinsics, lens, height, width, screen_filter):
    """`project.project` in float64, before sorting: (means, conics, opacities, depths, extents, visible) of all.

    `lens` = (focal x, focal y, centre x, centre y in pixels, near, 1 if orthographic).
    """
    focal_x, focal_y, center_x, center_y, near, orthographic = lens
    limit_x, limit_y = LINEAR_RANGE * 0.5 * width / focal_x, LINEAR_RANGE * 0.5 * height / focal_y
    count = len(positions)
    means, conics, extents = np.zeros((count, 2)), np.zeros((count, 3)), np.zeros((count, 2))
    compensated, depths, visible = np.zeros(count), np.zeros(count), np.zeros(count, np.bool_)
    point, axes, a, b = np.empty(3), np.empty((3, 3)), np.empty(3), np.empty(3)
    for j in range(count):
        for i in range(3):
            point[i] = extrinsics[i, 3]
            for k in range(3):
                point[i] += extrinsics[i, k] * positions[j, k]
        depths[j] = point[2]
        if not point[2] > near:
            continue
        distance = 1.0 if orthographic else point[2]
        x, y = point[0] / distance, point[1] / distance
        slope_x = 0.0 if orthographic else min(max(x, -limit_x), limit_x)
        slope_y = 0.0 if orthographic else min(max(y, -limit_y), limit_y)
        _write_axes(rotations[j], scales[j], axes)
        for k in range(3):  # a and b: how the two pixel coordinates move along the Gaussian's own axes
            a[k] = b[k] = 0.0
            for i in range(3):
                a[k] += focal_x / distance * (extrinsics[0, i] - slope_x * extrinsics[2, i]) * axes[i, k]
                b[k] += focal_y / distance * (extrinsics[1, i] - slope_y * extrinsics[2, i]) * axes[i, k]
        xx, xy, yy = _dot(a, a) + screen_filter, _dot(a, b), _dot(b, b) + screen_filter
        before = (a[1] * b[2] - a[2] * b[1]) ** 2 + (a[2] * b[0] - a[0] * b[2]) ** 2 + (a[0] * b[1] - a[1] * b[0]) ** 2
        after = max(before + screen_filter * (xx + yy - screen_filter), _TINY)
        opacity = opacities[j] * math.sqrt(before / after)
        if not opacity >= ALPHA_MIN:
            continue
        reach = 2 * math.log(opacity / ALPHA_MIN)
        extents[j, 0], extents[j, 1] = math.sqrt(reach * xx), math.sqrt(reach * yy)
        means[j, 0], means[j, 1] = focal_x * x + center_x, focal_y * y + center_y
        conics[j, 0], conics[j, 1], conics[j, 2] = yy / after, -xy / after, xx / after
        compensated[j] = opacity
        visible[j] = abs(means[j, 0] - 0.5 * (width - 1)) <= extents[j, 0] + 0.5 * (width - 1) and abs(
            means[j, 1] - 0.5 * (height - 1)
        ) <= extents[j, 1] + 0.5 * (height - 1)
    return means, conics, compensated, depths, extents, visible


@compiled(nogil=True)
def _write_axes(quaternion, scales, axes):
    """The columns of the rotation (wxyz of any length), each times its scale, into axes [3, 3]."""
    w, x, y, z = (
        np.float64(quaternion[0]),
        np.float64(quaternion[1]),
        np.float64(quaternion[2]),
        np.float64(quaternion[3]),
    )
    s = 2 / (w * w + x * x + y * y + z * z)
    axes[0, 0], axes[0, 1], axes[0, 2] = 1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)
    axes[1, 0], axes[1, 1], axes[1, 2] = s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)
    axes[2, 0], axes[2, 1], axes[2, 2] = s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)
    for i in range(3):
        for k in range(3):
            axes[i, k] *= scales[k]


@compiled(nogil=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled(nogil=True)
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


@compiled(nogil=True, inline="always")
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


@compiled(nogil=True, inline="always")
def _alpha(conic, opacity, dx, dy):
    q = conic[0] * dx * dx + _TWO * conic[1] * dx * dy + conic[2] * dy * dy
    return min(_ALPHA_MAX, opacity * math.exp(-_HALF * q))


@compiled(nogil=True)
def composite_row(row, starts, ids, means, conics, opacities, extents, features, masks, blended, shares):
    """One row of tiles: features [K, C] and masks [H, W, N] add to blended [H, W, C + 1] and shares [pairs, N + 1].

    `blended` gets the sums of alpha T f and of alpha T per pixel; `shares` a tile's part of those per mask and in all.
    """
    columns = (masks.shape[1] + TILE - 1) // TILE
    for column in range(columns):
        _composite_tile(row, column, starts, ids, means, conics, opacities, extents, features, masks, blended, shares)


@compiled(nogil=True)
def add_shares(ids, shares, count):
    """Shares [pairs, N + 1] -> sums of the `count` footprints, in a fixed order."""
    sums = np.zeros((count, shares.shape[1]), np.float32)
    for pair in range(len(ids)):
        for mask in range(shares.shape[1]):
            sums[ids[pair], mask] += shares[pair, mask]
    return sums


@compiled(nogil=True)
def _composite_tile(row, column, starts, ids, means, conics, opacities, extents, features, masks, blended, shares):
    height, width, count = masks.shape
    channels = features.shape[1]
    tile = row * ((width + TILE - 1) // TILE) + column
    left, top = column * TILE, row * TILE
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


@compiled(nogil=True)
def weights_of(starts, ids, means, conics, opacities, extents, height, width):
    """Every alpha T of a picture: (pixel, footprint, weight), pixels row-major; the same rules as `composite_row`."""
    columns = (width + TILE - 1) // TILE
    capacity, filled = 8 * height * width, 0
    pixels, owners, weights = np.empty(capacity, np.int32), np.empty(capacity, np.int32), np.empty(capacity, np.float32)
    transmittance = np.ones((height, width), np.float32)  # 0 = finished
    for tile in range(len(starts) - 1):
        left, top = tile % columns * TILE, tile // columns * TILE
        right, bottom = min(left + TILE, width) - 1, min(top + TILE, height) - 1
        open_pixels = (right - left + 1) * (bottom - top + 1)
        for pair in range(starts[tile], starts[tile + 1]):
            if open_pixels == 0:
                break
            k = ids[pair]
            conic, opacity, x_mean, y_mean = conics[k], opacities[k], means[k, 0], means[k, 1]
            reach = _TWO * math.log(opacity / _ALPHA_MIN)
            first_row = max(top, math.ceil(y_mean - extents[k, 1] - _SLACK))
            last_row = min(bottom, math.floor(y_mean + extents[k, 1] + _SLACK))
            if filled + TILE * TILE > capacity:
                capacity *= 2
                pixels, owners = _grown(pixels, capacity), _grown(owners, capacity)
                weights = _grown(weights, capacity)
            for y in range(first_row, last_row + 1):
                dy = np.float32(y) - y_mean
                first, last = _row_range(conic, x_mean, dy, reach, left, right)
                for x in range(first, last + 1):
                    before = transmittance[y, x]
                    if before == _ZERO:
                        continue
                    alpha = _alpha(conic, opacity, np.float32(x) - x_mean, dy)
                    if alpha < _ALPHA_MIN:
                        continue
                    after = before * (_ONE - alpha)
                    if after < _T_MIN:
                        transmittance[y, x] = _ZERO
                        open_pixels -= 1
                        continue
                    transmittance[y, x] = after
                    pixels[filled], owners[filled], weights[filled] = y * width + x, k, alpha * before
                    filled += 1
    return pixels[:filled], owners[:filled], weights[:filled]


@compiled(nogil=True)
def _grown(values, capacity):
    larger = np.empty(capacity, values.dtype)
    larger[: len(values)] = values
    return larger
