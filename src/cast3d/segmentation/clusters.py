"""Voxels joined to clusters: neighbours that look alike first (Ward 1963, over the graph of neighbours).

Two clusters are joined whose joining costs least; the cost is by how much the squared distances from the clusters'
means grow: |A| |B| / (|A| + |B|) |mean A - mean B|^2. Only neighbours are joined, so a cluster hangs together. Nothing
is drawn by chance: the same voxels give the same clusters.
"""

from __future__ import annotations

import heapq

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

TOUCHING = 1.8  # voxels between the centres of neighbours: the 26 around a voxel are at most sqrt(3) away

Pairs = NDArray[np.int64]
Floats = NDArray[np.float64]


def clusters(
    coords: Tensor,  # [N, 3] voxels
    features: Tensor,  # [N, C]
    count: int,
    least: int = 1,
) -> Tensor:
    """[N] int64 in 0 .. K - 1, K <= count: which cluster each voxel is of, numbered by their first voxels.

    Of clusters with fewer than `least` voxels each is joined to the neighbour that it is most like.
    """
    if not len(coords):
        return torch.zeros(0, dtype=torch.int64)
    values = features.detach().double().cpu().numpy()
    pairs = neighbours(coords.detach().cpu().numpy())
    labels = _cut(_merges(values, pairs), len(values), count)
    labels = _without_specks(labels, values, pairs, least)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return torch.from_numpy(rank[inverse.reshape(-1)].astype(np.int64))


def neighbours(coords: NDArray) -> Pairs:
    """[E, 2] pairs of rows of voxels [N, 3] that touch; pieces that do not are joined where they are nearest."""
    pairs = cKDTree(coords).query_pairs(TOUCHING, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    while True:
        piece = _pieces(pairs, len(coords))
        if piece.max(initial=0) == 0:
            return pairs[np.lexsort(pairs.T[::-1])]
        bridges = set()
        for one in range(piece.max() + 1):
            mine, others = np.flatnonzero(piece == one), np.flatnonzero(piece != one)
            away, nearest = cKDTree(coords[others]).query(coords[mine])
            best = away.argmin()
            a, b = int(mine[best]), int(others[nearest[best]])
            bridges.add((min(a, b), max(a, b)))
        pairs = np.concatenate([pairs, np.array(sorted(bridges), np.int64)])


def _pieces(pairs: Pairs, count: int) -> NDArray:
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _merges(values: Floats, pairs: Pairs) -> list[tuple[int, int]]:
    """Which clusters are joined, in order: row i of the answer makes cluster N + i; the first N are the voxels."""
    means: list[Floats] = list(values)
    sizes = [1] * len(values)
    beside: list[set[int] | None] = [set() for _ in values]
    for a, b in pairs.tolist():
        beside[a].add(b)  # type: ignore[union-attr]  # only joined clusters have none
        beside[b].add(a)  # type: ignore[union-attr]
    costs = ((values[pairs[:, 0]] - values[pairs[:, 1]]) ** 2).sum(1) / 2
    queue = list(zip(costs.tolist(), pairs[:, 0].tolist(), pairs[:, 1].tolist()))
    heapq.heapify(queue)
    merges: list[tuple[int, int]] = []
    while queue:
        _, a, b = heapq.heappop(queue)
        of_a, of_b = beside[a], beside[b]
        if of_a is None or of_b is None:  # joined to another meanwhile
            continue
        new, size = len(means), sizes[a] + sizes[b]
        means.append((sizes[a] * means[a] + sizes[b] * means[b]) / size)
        sizes.append(size)
        around = (of_a | of_b) - {a, b}
        beside[a] = beside[b] = None
        beside.append(around)
        merges.append((a, b))
        if not around:
            continue
        rows = sorted(around)
        apart = np.stack([means[row] for row in rows]) - means[new]
        others = np.array([sizes[row] for row in rows])
        grown = others * size / (others + size) * (apart**2).sum(1)
        for row, cost in zip(rows, grown.tolist()):
            own = beside[row]
            assert own is not None  # it is a neighbour still
            own -= {a, b}
            own.add(new)
            heapq.heappush(queue, (cost, row, new))
    return merges


def _cut(merges: list[tuple[int, int]], count: int, clusters: int) -> NDArray[np.int64]:
    """[N] labels after so many joinings that `clusters` are left."""
    parent = np.arange(2 * count, dtype=np.int64)
    for row, (a, b) in enumerate(merges[: max(0, count - clusters)]):
        parent[[a, b]] = count + row
    while (parent[parent] != parent).any():
        parent = parent[parent]
    return parent[:count]


def _without_specks(labels: NDArray[np.int64], values: Floats, pairs: Pairs, least: int) -> NDArray[np.int64]:
    labels = labels.copy()
    while True:
        known, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        if len(known) == 1 or sizes.min() >= least:
            return labels
        inverse = inverse.reshape(-1)
        speck = int(sizes.argmin())
        ends = inverse[pairs]
        touching = ends[(ends == speck).sum(1) == 1]
        around = np.unique(touching[touching != speck])
        means = np.stack([values[inverse == one].mean(0) for one in around])
        apart = ((means - values[inverse == speck].mean(0)) ** 2).sum(1)
        labels[inverse == speck] = known[around[int(apart.argmin())]]
