"""Writes packs of meshes, as `training.world.pack` reads them."""

import json
import lzma

import numpy as np


def box(low, high):
    """Eight corners and twelve triangles."""
    corners = np.array([[(low, high)[b >> a & 1][a] for a in range(3)] for b in range(8)], float)
    quads = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    return corners, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def write(path, models):
    """`models`: id -> (vertices [V, 3], triangles [T, 3], palette [P, 4], palette row per triangle [T])."""
    head, steps, ages, picks, palettes = [], [], [], [], []
    for id, (vertices, triangles, palette, pick) in models.items():
        order = list(dict.fromkeys(triangles.reshape(-1).tolist()))  # as they are first used
        vertices, triangles = vertices[order], np.vectorize(order.index)(triangles)
        low, size = vertices.min(0), float(np.ptp(vertices, axis=0).max())
        grid = np.rint((vertices - low) / size * 1023).astype(np.int64)
        step = np.diff(grid, axis=0, prepend=0)
        steps.append(np.where(step < 0, -2 * step - 1, 2 * step))
        newest = 0
        for corner in triangles.reshape(-1):
            ages.append(newest - corner)
            newest += corner == newest
        picks += list(pick)
        palettes += list(palette)
        shape = {"nv": len(vertices), "nf": len(triangles), "np": len(palette)}
        head.append({"id": id, **shape, "size": size, "lo": low.tolist()})

    def wide(values):
        values = np.asarray(values, np.int64)
        return (values & 255).astype(np.uint8).tobytes() + (values >> 8).astype(np.uint8).tobytes()

    steps = np.concatenate(steps)
    text = json.dumps(head).encode()
    raw = len(text).to_bytes(4, "little") + text + b"".join(wide(steps[:, a]) for a in range(3)) + wide(ages)
    raw += np.array(picks, np.uint8).tobytes() + np.array(palettes, np.uint8).tobytes()
    path.write_bytes(lzma.compress(raw))
