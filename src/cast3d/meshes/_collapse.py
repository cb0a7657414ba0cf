"""Compiled loops of `collapse`. Imported at first use only: it loads numba."""

from __future__ import annotations

import heapq

import numpy as np

from ..splats.compiling import compiled

TURN = 0.2  # least cosine between a triangle's normals before and after
SLIVER = 0.03  # least shape of a triangle, 1 = equilateral; one that is worse may not become worse still
FARTHEST = 0.02  # of the diagonal: how far a surface may move in the mean of the triangles around an edge
SHORT = 1e-4  # how much a long edge costs beside its error: flat places get even triangles


@compiled()
def quadric(points, i, j, k):
    """The squared distance to a triangle's plane times its area: a symmetric matrix as 10 numbers."""
    ux, uy, uz = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
    vx, vy, vz = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    q = np.zeros(10)
    if length > 0.0:
        nx, ny, nz = nx / length, ny / length, nz / length
        d = -(nx * points[i, 0] + ny * points[i, 1] + nz * points[i, 2])
        q[0], q[1], q[2], q[3] = nx * nx, nx * ny, nx * nz, nx * d
        q[4], q[5], q[6], q[7], q[8], q[9] = ny * ny, ny * nz, ny * d, nz * nz, nz * d, d * d
        q *= 0.5 * length
    return q


@compiled()
def error(q, x, y, z):
    value = q[0] * x * x + 2 * q[1] * x * y + 2 * q[2] * x * z + 2 * q[3] * x + q[4] * y * y
    return max(value + 2 * q[5] * y * z + 2 * q[6] * y + q[7] * z * z + 2 * q[8] * z + q[9], 0.0)


@compiled()
def best_place(q, points, u, v, place):
    """Where the error is least, near the edge; writes it to `place` and returns the edge's cost."""
    a, b, c, e, f, h = q[0], q[1], q[2], q[4], q[5], q[7]
    trace = a + e + h
    det = a * (e * h - f * f) - b * (b * h - f * c) + c * (b * f - e * c)
    dx, dy, dz = points[u, 0] - points[v, 0], points[u, 1] - points[v, 1], points[u, 2] - points[v, 2]
    squared = dx * dx + dy * dy + dz * dz
    least = np.inf
    if det > 1e-5 * trace * trace * trace:
        r, s, t = -q[3], -q[6], -q[8]
        x = (r * (e * h - f * f) - b * (s * h - f * t) + c * (s * f - e * t)) / det
        y = (a * (s * h - t * f) - r * (b * h - f * c) + c * (b * t - s * c)) / det
        z = (a * (e * t - f * s) - b * (b * t - s * c) + r * (b * f - e * c)) / det
        mx, my, mz = (
            x - 0.5 * (points[u, 0] + points[v, 0]),
            y - 0.5 * (points[u, 1] + points[v, 1]),
            z - 0.5 * (points[u, 2] + points[v, 2]),
        )
        if mx * mx + my * my + mz * mz <= 4 * squared:
            place[0], place[1], place[2] = x, y, z
            least = error(q, x, y, z)
    if least == np.inf:
        for share in (0.5, 0.0, 1.0):
            x = points[u, 0] - share * dx
            y = points[u, 1] - share * dy
            z = points[u, 2] - share * dz
            cost = error(q, x, y, z)
            if cost < least:
                least = cost
                place[0], place[1], place[2] = x, y, z
    return least + SHORT * trace * squared


@compiled()
def neighbours(v, faces, alive, head, following, found):
    """Vertices around a vertex, written to `found`; their number, or -1 where they are too many."""
    count, corner = 0, head[v]
    while corner >= 0:
        face = corner // 3
        if alive[face]:
            for c in range(3):
                w = faces[face, c]
                if w != v:
                    new = True
                    for n in range(count):
                        if found[n] == w:
                            new = False
                            break
                    if new:
                        if count == len(found):
                            return -1
                        found[count] = w
                        count += 1
        corner = following[corner]
    return count


@compiled()
def may_move(v, other, place, points, faces, alive, head, following):
    """Whether the triangles around `v` without `other` keep their side and their shape when it moves."""
    corner = head[v]
    while corner >= 0:
        face = corner // 3
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        if alive[face] and i != other and j != other and k != other:
            while i != v:
                i, j, k = j, k, i
            before, after = np.zeros(3), np.zeros(3)
            sides = np.zeros(2)
            for turn in range(2):
                ox, oy, oz = points[i, 0], points[i, 1], points[i, 2]
                if turn == 1:
                    ox, oy, oz = place[0], place[1], place[2]
                ux, uy, uz = points[j, 0] - ox, points[j, 1] - oy, points[j, 2] - oz
                vx, vy, vz = points[k, 0] - ox, points[k, 1] - oy, points[k, 2] - oz
                n = before if turn == 0 else after
                n[0], n[1], n[2] = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
                wx, wy, wz = vx - ux, vy - uy, vz - uz
                sides[turn] = ux * ux + uy * uy + uz * uz + vx * vx + vy * vy + vz * vz
                sides[turn] += wx * wx + wy * wy + wz * wz
            old, new = np.sqrt((before * before).sum()), np.sqrt((after * after).sum())
            if sides[1] <= 0.0 or new <= 0.0:
                return False
            if (before * after).sum() < TURN * old * new:
                return False
            shape = 3.4641016 * new / sides[1]
            if shape < SLIVER and (sides[0] <= 0.0 or shape < 3.4641016 * old / sides[0]):
                return False
        corner = following[corner]
    return True


@compiled()
def simplified(points, faces, target):
    count, total = len(points), len(faces)
    alive = np.ones(total, np.bool_)
    head, tail = np.full(count, -1), np.full(count, -1)
    following = np.full(3 * total, -1)
    quadrics = np.zeros((count, 10))
    left = total
    for face in range(total):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        if i == j or j == k or k == i:
            alive[face] = False
            left -= 1
            continue
        q = quadric(points, i, j, k)
        for c in range(3):
            v = faces[face, c]
            quadrics[v] += q
            corner = 3 * face + c
            if tail[v] < 0:
                head[v] = corner
            else:
                following[tail[v]] = corner
            tail[v] = corner
    farthest = 0.0
    for axis in range(3):
        farthest += (FARTHEST * (points[:, axis].max() - points[:, axis].min())) ** 2
    stamp = np.zeros(count, np.int64)
    gone = np.zeros(count, np.bool_)
    place = np.zeros(3)
    heap = [(0.0, 0, 0, 0, 0) for _ in range(0)]
    for face in range(total):
        if alive[face]:
            for c in range(3):
                u, v = faces[face, c], faces[face, (c + 1) % 3]
                if u < v:
                    heap.append((best_place(quadrics[u] + quadrics[v], points, u, v, place), u, v, 0, 0))
    heapq.heapify(heap)
    near_u, near_v, both = np.zeros(256, np.int64), np.zeros(256, np.int64), np.zeros(256, np.int64)
    waiting = [(0.0, 0, 0, 0, 0) for _ in range(0)]  # refused; tried again once the surface around has changed
    retry, before_retry = left - left // 16, -1
    while left > target and len(heap) + len(waiting) > 0:
        if len(waiting) > 0 and (left <= retry or len(heap) == 0):
            if left > retry and left == before_retry:
                break
            before_retry = left
            for entry in waiting:
                heapq.heappush(heap, entry)
            waiting.clear()
            retry = left - left // 16
        entry = heapq.heappop(heap)
        _, u, v, stamp_u, stamp_v = entry
        if gone[u] or gone[v] or stamp[u] != stamp_u or stamp[v] != stamp_v:
            continue
        count_u = neighbours(u, faces, alive, head, following, near_u)
        count_v = neighbours(v, faces, alive, head, following, near_v)
        if count_u < 0 or count_v < 0:
            continue
        shared = 0
        for m in range(count_u):
            for n in range(count_v):
                if near_u[m] == near_v[n]:
                    both[shared] = near_u[m]
                    shared += 1
                    break
        between, corner = 0, head[u]
        while corner >= 0:
            face = corner // 3
            if alive[face] and (faces[face, 0] == v or faces[face, 1] == v or faces[face, 2] == v):
                between += 1
            corner = following[corner]
        # Open edges have one triangle; they and what touches them stay as they are.
        if shared != 2 or between != 2 or count_u + count_v < 8:
            waiting.append(entry)
            continue
        sound = True
        for n in range(2):
            if neighbours(both[n], faces, alive, head, following, near_v) < 4:
                sound = False
        q = quadrics[u] + quadrics[v]
        best_place(q, points, u, v, place)
        if error(q, place[0], place[1], place[2]) > farthest * (q[0] + q[4] + q[7]):
            continue
        sound = sound and may_move(u, v, place, points, faces, alive, head, following)
        if not sound or not may_move(v, u, place, points, faces, alive, head, following):
            waiting.append(entry)
            continue
        corner = head[v]
        while corner >= 0:
            face = corner // 3
            if alive[face]:
                if faces[face, 0] == u or faces[face, 1] == u or faces[face, 2] == u:
                    alive[face] = False
                    left -= 1
                else:
                    faces[face, corner % 3] = u
            corner = following[corner]
        following[tail[u]] = head[v]
        tail[u] = tail[v]
        gone[v] = True
        points[u] = place
        quadrics[u] = q
        stamp[u] += 1
        around = neighbours(u, faces, alive, head, following, near_u)
        for n in range(around):
            w = near_u[n]
            a, b = min(u, w), max(u, w)
            cost = best_place(quadrics[a] + quadrics[b], points, a, b, place)
            heapq.heappush(heap, (cost, a, b, stamp[a], stamp[b]))
    return points, faces[alive]
