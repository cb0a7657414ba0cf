"""Tables of dual marching cubes (Nielson 2004), derived from the topology of the cube.

Corner i of a cell sits at (i & 1, i >> 1 & 1, i >> 2 & 1). A case is the sum of 1 << i over the corners inside. On
every face the surface joins the crossed edges in pairs; following the pairs around the cell gives closed loops, and
each loop (a patch) gets one dual vertex. A face with two diagonal corners inside is ambiguous: here its inside corners
are cut off one by one, which both cells at the face agree on.

In 36 cases (C16 and C19 of Nielson's 23) one ambiguous face has both of its cuts in the same loop. Where two such cells
meet at that face, their two dual vertices would be joined by an edge with four triangles. Both cells then take the
patches of the complementary case, which has the same crossed edges and keeps the two cuts apart.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

CORNERS = tuple((i & 1, i >> 1 & 1, i >> 2 & 1) for i in range(8))
# The order of edges, and of the two ends, is that of the released weights (y edges run from high to low).
EDGES = ((0, 1), (1, 5), (4, 5), (0, 4), (2, 3), (3, 7), (6, 7), (2, 6), (2, 0), (3, 1), (7, 5), (6, 4))


class DualTables(NamedTuple):
    """Per case: its loops, and what to look at when a face of the cell is ambiguous."""

    patch_of_edge: np.ndarray  # [256, 12] index of the patch that an edge belongs to, -1 if it is not crossed
    patch_count: np.ndarray  # [256]
    joined: np.ndarray  # [256] bool: an ambiguous face has both of its cuts in one patch
    direction: np.ndarray  # [256, 3] step to the cell behind that face, zero if there is none


@lru_cache(maxsize=1)
def dual_tables() -> DualTables:
    """The tables, computed at the first call."""
    patch_of_edge = np.array([_patches(case) for case in range(256)])
    direction = np.array([_joined_face(case, patch_of_edge[case]) for case in range(256)])
    return DualTables(patch_of_edge, patch_of_edge.max(axis=1) + 1, np.asarray(direction.any(axis=1)), direction)


def inside(case: int) -> list[bool]:
    """Which of the 8 corners of a case are inside."""
    return [bool(case >> corner & 1) for corner in range(8)]


@lru_cache(maxsize=1)
def faces() -> list[tuple[tuple[int, int, int], list[int]]]:
    """The six faces of a cell: outward direction and the indices of the four edges around it."""
    found = []
    for axis in range(3):
        for side in (0, 1):
            x, y, z = (2 * side - 1 if i == axis else 0 for i in range(3))
            around = [e for e, (a, b) in enumerate(EDGES) if CORNERS[a][axis] == CORNERS[b][axis] == side]
            found.append(((x, y, z), around))
    return found


def _crossed(case: int, edges: list[int]) -> list[int]:
    mask = inside(case)
    return [e for e in edges if mask[EDGES[e][0]] != mask[EDGES[e][1]]]


def _cuts(case: int, edges: list[int]) -> list[tuple[int, int]]:
    """The pairs of crossed edges that the surface joins across one face."""
    crossed = _crossed(case, edges)
    if len(crossed) < 4:
        return [(crossed[0], crossed[1])] if crossed else []
    return [(a, b) for a, b in combinations(crossed, 2) if _inside_first(case, a)[0] == _inside_first(case, b)[0]]


def _patches(case: int) -> list[int]:
    """The loop that each of the 12 edges belongs to, -1 where the surface does not cross."""
    label = {e: e for e in _crossed(case, list(range(12)))}
    for _, edges in faces():
        for a, b in _cuts(case, edges):
            low, high = sorted((label[a], label[b]))
            label = {e: low if value == high else value for e, value in label.items()}
    bodies = _bodies(case)
    between = {first: tuple(bodies[c] for c in _inside_first(case, first)) for first in label.values()}
    # The released numbering: by the lowest corner of the inside body that the loop borders, then of the outside one.
    order = sorted(between, key=lambda first: (between[first], first))
    return [order.index(label[e]) if e in label else -1 for e in range(12)]


def _inside_first(case: int, edge: int) -> tuple[int, int]:
    a, b = EDGES[edge]
    return (a, b) if inside(case)[a] else (b, a)


def _bodies(case: int) -> list[int]:
    """For each corner the lowest corner that it reaches along edges without crossing the surface."""
    mask, lowest = inside(case), list(range(8))
    for _ in range(8):
        for a, b in EDGES:
            if mask[a] == mask[b]:
                lowest[a] = lowest[b] = min(lowest[a], lowest[b])
    return lowest


def _joined_face(case: int, patch_of_edge: np.ndarray) -> tuple[int, int, int]:
    """The direction of the ambiguous face whose two cuts lie in one patch, or zero."""
    for direction, edges in faces():
        if len(_crossed(case, edges)) == 4 and len(set(patch_of_edge[edges])) == 1:
            return direction
    return 0, 0, 0
