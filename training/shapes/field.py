"""Compiled loops from solids to voxels and surface samples.

A shape is a field over the voxel centres of a cube: about the distance to its surface in voxels, negative inside. A
voxel is taken where the surface, or what is behind it, meets its cube.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from .sketch import ADD, BALL, BOX, CUT, KEEP, LATHE, RING, TUBE, Sketch

FAR = 6.0  # voxels: fields stop there
_CLOSE = 0.4  # voxels that a shape may be longer or shorter than it should
REACH = 3.0  # voxels around a solid in which it counts
_jit = numba.njit(cache=True, error_model="numpy", fastmath=True)

Grid = NDArray[np.float32]  # [n, n, n]


@_jit
def _ball(x, y, z, rows, s):
    a, b, c, power, rise = abs(x) / rows[s, 19], abs(y) / rows[s, 20], abs(z) / rows[s, 21], rows[s, 23], rows[s, 24]
    if power == 2.0:
        flat = a * a + b * b
        size = math.sqrt(flat + c * c) if rise == 2.0 else (flat ** (0.5 * rise) + c**rise) ** (1.0 / rise)
    elif power == rise:
        size = (a**power + b**power + c**power) ** (1.0 / power)
    else:
        flat = (a**power + b**power) ** (rise / power)
        size = (flat + c**rise) ** (1.0 / rise)
    if size < 1e-2:
        return -min(rows[s, 19], rows[s, 20], rows[s, 21])
    a, b, c = a / rows[s, 19], b / rows[s, 20], c / rows[s, 21]
    return size * (size - 1.0) / math.sqrt(a * a + b * b + c * c)


@_jit
def _box(x, y, z, rows, s):
    edge = rows[s, 23]
    a, b, c = abs(x) - rows[s, 19] + edge, abs(y) - rows[s, 20] + edge, abs(z) - rows[s, 21] + edge
    p, q, r = max(a, 0.0), max(b, 0.0), max(c, 0.0)
    return math.sqrt(p * p + q * q + r * r) + min(max(a, b, c), 0.0) - edge


@_jit
def _lathe(x, y, z, rows, tables, s):
    oval, count, depth, sides = rows[s, 23], rows[s, 24], rows[s, 25], rows[s, 26]
    y = y / oval
    rho = math.sqrt(x * x + y * y)
    if sides >= 3:
        part = 2 * math.pi / sides
        angle = math.atan2(x, y) / part + 0.5
        rho = rho * math.cos((angle - math.floor(angle) - 0.5) * part)
    half, last = rows[s, 21], tables.shape[1] - 1
    at = (z / half + 1) * 0.5 * last
    k = int(min(max(at, 0.0), last - 0.001))
    share = min(max(at - k, 0.0), 1.0)
    radius = tables[s, k, 0] * (1 - share) + tables[s, k + 1, 0] * share
    slope = (tables[s, k + 1, 0] - tables[s, k, 0]) * last / (2 * half)
    if count > 0:
        radius = radius * (1 + depth * math.cos(count * math.atan2(x, y)))
    return max((rho - radius) / math.sqrt(1 + min(slope * slope, 9.0)), abs(z) - half)


@_jit
def _ring(x, y, z, rows, s):
    a, b = (math.sqrt(x * x + y * y) - rows[s, 23]) / rows[s, 24], z / rows[s, 25]
    return (math.sqrt(a * a + b * b) - 1.0) * min(rows[s, 24], rows[s, 25])


@_jit
def _tube(x, y, z, rows, tables, s):
    best = 1e9
    for k in range(int(rows[s, 23]) - 1):
        ax, ay, az = tables[s, k, 0], tables[s, k, 1], tables[s, k, 2]
        bx, by, bz = tables[s, k + 1, 0] - ax, tables[s, k + 1, 1] - ay, tables[s, k + 1, 2] - az
        px, py, pz = x - ax, y - ay, z - az
        share = (px * bx + py * by + pz * bz) / max(bx * bx + by * by + bz * bz, 1e-9)
        share = min(max(share, 0.0), 1.0)
        px, py, pz = px - share * bx, py - share * by, pz - share * bz
        radius = tables[s, k, 3] + share * (tables[s, k + 1, 3] - tables[s, k, 3])
        best = min(best, math.sqrt(px * px + py * py + pz * pz) - radius)
    return best


@_jit
def _slab(x, y, z, rows, tables, s):
    count, edge = int(rows[s, 23]), rows[s, 24]
    nearest, inside = 1e9, False
    before = count - 1
    for k in range(count):
        ax, ay, bx, by = tables[s, k, 0], tables[s, k, 1], tables[s, before, 0], tables[s, before, 1]
        ex, ey, px, py = bx - ax, by - ay, x - ax, y - ay
        share = min(max((px * ex + py * ey) / max(ex * ex + ey * ey, 1e-9), 0.0), 1.0)
        dx, dy = px - share * ex, py - share * ey
        nearest = min(nearest, dx * dx + dy * dy)
        if (ay > y) != (by > y) and px < ex * py / ey:
            inside = not inside
        before = k
    flat = math.sqrt(nearest)
    a, c = (-flat if inside else flat) + edge, abs(z) - rows[s, 21] + edge
    p, r = max(a, 0.0), max(c, 0.0)
    return math.sqrt(p * p + r * r) + min(max(a, c), 0.0) - edge


@_jit
def _distance(rows, tables, s, bend, twist, taper, wx, wy, wz):
    """From a point of the world to one solid, in the world's unit."""
    kind = int(rows[s, 0])
    if bend != 0.0 or twist != 0.0 or taper != 0.0:
        grown = 1.0 / max(1.0 - taper * wz, 0.2)
        wx, wy = wx * grown, wy * grown
        c, t = math.cos(twist * wz), math.sin(twist * wz)
        wx, wy = c * wx - t * wy, t * wx + c * wy
        c, t = math.cos(bend * wz), math.sin(bend * wz)
        wx, wz = c * wx - t * wz, t * wx + c * wz
    px, py, pz = wx - rows[s, 4], wy - rows[s, 5], wz - rows[s, 6]
    x = rows[s, 7] * px + rows[s, 8] * py + rows[s, 9] * pz
    y = rows[s, 10] * px + rows[s, 11] * py + rows[s, 12] * pz
    z = rows[s, 13] * px + rows[s, 14] * py + rows[s, 15] * pz
    if kind == BALL:
        d = _ball(x, y, z, rows, s)
    elif kind == BOX:
        d = _box(x, y, z, rows, s)
    elif kind == LATHE:
        d = _lathe(x, y, z, rows, tables, s)
    elif kind == RING:
        d = _ring(x, y, z, rows, s)
    elif kind == TUBE:
        d = _tube(x, y, z, rows, tables, s)
    else:
        d = _slab(x, y, z, rows, tables, s)
    return d * rows[s, 22]


@_jit
def _combine(rows, tables, s, bend, twist, taper, wx, wy, wz, step, old):
    """What a solid makes of the field `old` at a point: the new value, and whether the solid is what is seen there."""
    op = int(rows[s, 1])
    d = _distance(rows, tables, s, bend, twist, taper, wx, wy, wz) / step
    if op == ADD:
        blend = rows[s, 2] / step
        near = max(blend - abs(d - old), 0.0) / max(blend, 1e-6)
        return min(d, old) - near * near * blend * 0.25, d < old
    d = -d if op == CUT else d
    return max(d, old), d > old and op == CUT and rows[s, 3] >= 0


@_jit
def _evaluate(rows, tables, warp, low, step, n):
    """The field over n^3 cells of side `step` from the corner `low`, and the material of what is nearest.

    Looks at the middles of blocks of 4^3 cells, then of 2^3, and only goes on where the surface can be. The loop over
    the solids stands here three times: a compiled function of it made shapes a sixth slower.
    """
    out = np.full((n, n, n), np.float32(FAR))
    paint = np.zeros((n, n, n), np.uint8)
    bend, twist, taper = warp
    bent = bend != 0.0 or twist != 0.0 or taper != 0.0
    steep = 1.0
    for s in range(rows.shape[0]):
        steep = max(steep, rows[s, 31])
    steep = min(steep, 2.0) * (1.5 if bent else 1.0)
    count = n // 4
    active = np.zeros(rows.shape[0], np.int64)
    for block in range(count**3):
        bi, bj, bk = block // (count * count) * 4, block // count % count * 4, block % count * 4
        wx, wy, wz = low[0] + (bi + 2) * step, low[1] + (bj + 2) * step, low[2] + (bk + 2) * step
        used = 0
        for s in range(rows.shape[0]):  # solids whose box comes near this block
            margin = (REACH + 2) * step + rows[s, 2]
            if (
                bent
                or int(rows[s, 1]) == KEEP
                or (
                    abs(wx - rows[s, 4]) < rows[s, 16] + margin
                    and abs(wy - rows[s, 5]) < rows[s, 17] + margin
                    and abs(wz - rows[s, 6]) < rows[s, 18] + margin
                )
            ):
                active[used] = s
                used += 1
        if used == 0:
            continue
        value, seen = 1e3, 0
        for a in range(used):
            s = active[a]
            value, mine = _combine(rows, tables, s, bend, twist, taper, wx, wy, wz, step, value)
            if mine:
                seen = int(rows[s, 3])
        if abs(value) > 3.5 * steep + 1.5:
            if value < 0:
                out[bi : bi + 4, bj : bj + 4, bk : bk + 4] = -FAR
                paint[bi : bi + 4, bj : bj + 4, bk : bk + 4] = seen
            continue
        for part in range(8):
            ci, cj, ck = bi + part // 4 * 2, bj + part // 2 % 2 * 2, bk + part % 2 * 2
            wx, wy, wz = low[0] + (ci + 1) * step, low[1] + (cj + 1) * step, low[2] + (ck + 1) * step
            value = 1e3
            for a in range(used):
                s = active[a]
                value, mine = _combine(rows, tables, s, bend, twist, taper, wx, wy, wz, step, value)
                if mine:
                    seen = int(rows[s, 3])
            if abs(value) > 1.75 * steep + 1.5:
                if value < 0:
                    out[ci : ci + 2, cj : cj + 2, ck : ck + 2] = -FAR
                    paint[ci : ci + 2, cj : cj + 2, ck : ck + 2] = seen
                elif value < FAR:
                    out[ci : ci + 2, cj : cj + 2, ck : ck + 2] = value
                continue
            for i in range(ci, ci + 2):
                for j in range(cj, cj + 2):
                    for k in range(ck, ck + 2):
                        wx, wy, wz = low[0] + (i + 0.5) * step, low[1] + (j + 0.5) * step, low[2] + (k + 0.5) * step
                        value, seen = 1e3, 0
                        for a in range(used):
                            s = active[a]
                            value, mine = _combine(rows, tables, s, bend, twist, taper, wx, wy, wz, step, value)
                            if mine:
                                seen = int(rows[s, 3])
                        out[i, j, k] = min(max(value, -FAR), FAR)
                        paint[i, j, k] = seen
    return out, paint


@_jit
def _slope(d, i, j, k):
    n = d.shape[0]
    a, b = max(i - 1, 0), min(i + 1, n - 1)
    x = (d[b, j, k] - d[a, j, k]) / (b - a)
    a, b = max(j - 1, 0), min(j + 1, n - 1)
    y = (d[i, b, k] - d[i, a, k]) / (b - a)
    a, b = max(k - 1, 0), min(k + 1, n - 1)
    z = (d[i, j, b] - d[i, j, a]) / (b - a)
    return x, y, z


@_jit
def _near_inside(d, i, j, k):
    """Whether one of the 26 cells around is inside the shape."""
    n = d.shape[0]
    for a in range(max(i - 1, 0), min(i + 2, n)):
        for b in range(max(j - 1, 0), min(j + 2, n)):
            for c in range(max(k - 1, 0), min(k + 2, n)):
                if d[a, b, c] <= 0:
                    return True
    return False


@_jit
def _extent(d):
    """Lowest and highest place of the surface along each axis, in cells; highest < lowest where there is none.

    Ends are where the field changes its sign along the axis. What is thinner than a cell counts where it comes near.
    """
    n = d.shape[0]
    low, high = np.full(3, 1e9), np.full(3, -1e9)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                value = d[i, j, k]
                if value > 0.3 or (value > 0 and _near_inside(d, i, j, k)):
                    continue
                for axis in range(3):
                    at = (i, j, k)[axis]
                    before = after = FAR
                    if at > 0:
                        before = d[i - 1, j, k] if axis == 0 else d[i, j - 1, k] if axis == 1 else d[i, j, k - 1]
                    if at < n - 1:
                        after = d[i + 1, j, k] if axis == 0 else d[i, j + 1, k] if axis == 1 else d[i, j, k + 1]
                    first = last = at + 0.5
                    if value <= 0:
                        first -= value / (value - before) if before > 0 else 0.5
                        last += value / (value - after) if after > 0 else 0.5
                    low[axis], high[axis] = min(low[axis], first), max(high[axis], last)
    return low, high


@_jit
def touched(d):
    """Voxels that the shape meets: inside, or the surface is nearer than the cube's own reach towards it."""
    n = d.shape[0]
    out = np.zeros((n, n, n), np.bool_)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                value = d[i, j, k]
                if value <= 0:
                    out[i, j, k] = True
                elif value < 1.2:
                    x, y, z = _slope(d, i, j, k)
                    square = x * x + y * y + z * z
                    if square > 0.02:
                        out[i, j, k] = value <= 0.48 * (abs(x) + abs(y) + abs(z)) * min(1.0, 1.4 / square)
    return out


@_jit
def _spread(words, free):
    """One word's set bits along its runs of free bits, both ways."""
    up, down, ways, paths = words, words, free, free
    for shift in (1, 2, 4, 8, 16, 32):
        s = np.uint64(shift)
        up |= ways & (up << s)
        ways &= ways << s
        down |= paths & (down >> s)
        paths &= paths >> s
    return up | down


@_jit
def shell(taken):
    """Taken voxels that share a face with the outside of a 64^3 grid: free voxels joined to its border. A list, too."""
    n = taken.shape[0]
    one, full = np.uint64(1), ~np.uint64(0)
    free = np.zeros((n, n), np.uint64)
    reached = np.zeros((n, n), np.uint64)
    ends = one | (one << np.uint64(63))
    for i in range(n):
        for j in range(n):
            word = np.uint64(0)
            for k in range(n):
                if not taken[i, j, k]:
                    word |= one << np.uint64(k)
            free[i, j] = word
            border = full if i == 0 or j == 0 or i == n - 1 or j == n - 1 else ends
            reached[i, j] = border & word
    changed = True
    backwards = False
    while changed:
        changed = False
        for a in range(n):
            i = n - 1 - a if backwards else a
            for b in range(n):
                j = n - 1 - b if backwards else b
                word = reached[i, j]
                if i > 0:
                    word |= reached[i - 1, j]
                if i < n - 1:
                    word |= reached[i + 1, j]
                if j > 0:
                    word |= reached[i, j - 1]
                if j < n - 1:
                    word |= reached[i, j + 1]
                word = _spread(word & free[i, j], free[i, j])
                if word != reached[i, j]:
                    reached[i, j] = word
                    changed = True
        backwards = not backwards
    out = np.zeros((n, n, n), np.bool_)
    voxels = np.zeros((n * n * n, 3), np.int32)
    count = 0
    for i in range(n):
        for j in range(n):
            near = full if i == 0 or j == 0 or i == n - 1 or j == n - 1 else ends
            near |= (reached[i, j] << one) | (reached[i, j] >> one)
            if i > 0:
                near |= reached[i - 1, j]
            if i < n - 1:
                near |= reached[i + 1, j]
            if j > 0:
                near |= reached[i, j - 1]
            if j < n - 1:
                near |= reached[i, j + 1]
            near &= ~free[i, j]
            for k in range(n):
                if (near >> np.uint64(k)) & one:
                    out[i, j, k] = True
                    voxels[count, 0], voxels[count, 1], voxels[count, 2] = i, j, k
                    count += 1
    return out, voxels[:count]


@_jit
def _at(d, x, y, z):
    """The field and its slope at a point in voxel units, from the eight centres around it."""
    n = d.shape[0]
    i = min(max(math.floor(x - 0.5), 0), n - 2)
    j = min(max(math.floor(y - 0.5), 0), n - 2)
    k = min(max(math.floor(z - 0.5), 0), n - 2)
    u, v, w = x - 0.5 - i, y - 0.5 - j, z - 0.5 - k
    value = sx = sy = sz = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                share = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
                value += share * d[i + a, j + b, k + c]
                x, y, z = _slope(d, i + a, j + b, k + c)
                sx, sy, sz = sx + share * x, sy + share * y, sz + share * z
    return value, sx, sy, sz


@_jit
def _room(at, step):
    """Which share of a step from `at` in [0, 1] stays there."""
    if step > 1e-6:
        return min(1.0, (0.99 - at) / step)
    if step < -1e-6:
        return min(1.0, (0.01 - at) / step)
    return 1.0


@_jit
def samples(d, paint, shell, voxels, count, draws):
    """Points on the surface: each starts somewhere in a voxel of the shell, goes to the surface and stays in it."""
    points = np.zeros((count, 3), np.float32)
    normals = np.zeros((count, 3), np.float32)
    colors = np.zeros(count, np.uint8)
    n = d.shape[0]
    for s in range(count):
        i, j, k = voxels[s % len(voxels)]
        x, y, z = (
            i + 0.02 + 0.96 * draws[s, 0],
            j + 0.02 + 0.96 * draws[s, 1],
            k + 0.02 + 0.96 * draws[s, 2],
        )
        sx = sy = sz = 0.0
        for _ in range(2):
            value, sx, sy, sz = _at(d, x, y, z)
            by = value / max(sx * sx + sy * sy + sz * sz, 0.2)
            by = min(_room(x - i, -by * sx), _room(y - j, -by * sy), _room(z - k, -by * sz)) * by
            x, y, z = x - by * sx, y - by * sy, z - by * sz
        length = math.sqrt(sx * sx + sy * sy + sz * sz)
        if length < 0.15:  # the middle of a thin sheet: any way out will do
            sx, sy, sz, length = 0.0, 0.0, 1.0, 1.0
            if i == 0 or i == n - 1 or not shell[i - 1, j, k] or not shell[i + 1, j, k]:
                sx, sz = 1.0, 0.0
            if j == 0 or j == n - 1 or not shell[i, j - 1, k] or not shell[i, j + 1, k]:
                sx, sy, sz = 0.0, 1.0, 0.0
            if k == 0 or k == n - 1 or not shell[i, j, k - 1] or not shell[i, j, k + 1]:
                sx, sy, sz = 0.0, 0.0, 1.0
        points[s, 0], points[s, 1], points[s, 2] = x, y, z
        normals[s, 0], normals[s, 1], normals[s, 2] = sx / length, sy / length, sz / length
        colors[s] = paint[i, j, k]
    return points, normals, colors


def filled(sketch: Sketch, size: int, share: float) -> tuple[Grid, NDArray[np.uint8]] | None:
    """Field and materials of the shape, centred, its longest side `share` of the grid; None for nothing."""
    rows, tables = np.stack(sketch.rows), np.stack(sketch.tables)
    warp = (sketch.bend, sketch.twist, sketch.taper)
    added = rows[rows[:, 1] == 0]
    low = (added[:, 4:7] - added[:, 16:19]).min(0).astype(np.float64)
    high = (added[:, 4:7] + added[:, 16:19]).max(0).astype(np.float64)
    if any(warp):
        reach = np.abs(np.stack([low, high])).max()
        low, high = np.full(3, -1.5 * reach), np.full(3, 1.5 * reach)
    cells, fill = size * 3 // 8, 1 / 1.06  # a first look at all of it, a second from nearer, then the grid itself
    for look in range(5):
        step = float((high - low).max()) / (fill * cells) + 1e-9
        corner = (low + high) / 2 - cells * step / 2
        distance, paint = _evaluate(rows, tables, warp, corner, step, cells)
        first, last = _extent(distance)
        if (last <= first).any():
            return None
        off = abs(float((last - first).max()) - fill * cells)
        if cells == size and (off < _CLOSE or look == 4):
            break
        low, high = corner + first * step, corner + last * step
        if look or off < 0.08 * cells:
            cells, fill = size, share
    return distance, paint
