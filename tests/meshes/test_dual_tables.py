"""The derived tables against the topology of the cube."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest

from cast3d.meshes.dual_tables import CORNERS, EDGES, dual_tables, faces, inside

TABLES = dual_tables()
CASES = range(256)


def loops(case: int) -> set[frozenset[int]]:
    """The edges of each patch of a case."""
    edges = TABLES.patch_of_edge[case]
    return {frozenset(np.flatnonzero(edges == patch).tolist()) for patch in range(TABLES.patch_count[case])}


def is_ambiguous(case: int, edges: list[int]) -> bool:
    mask = inside(case)
    return all(mask[EDGES[e][0]] != mask[EDGES[e][1]] for e in edges)


def rotations() -> list[list[int]]:
    """The 24 rotations of the cube as permutations of its corners."""
    index = {corner: i for i, corner in enumerate(CORNERS)}
    found = []
    for order, signs in product(permutations(range(3)), product((0, 1), repeat=3)):
        matrix = np.zeros((3, 3))
        matrix[range(3), order] = 1 - 2 * np.array(signs)
        if np.linalg.det(matrix) > 0:
            turned = [tuple(c[o] ^ s for o, s in zip(order, signs, strict=True)) for c in CORNERS]
            found.append([index[corner] for corner in turned])
    return found


def test_every_edge_joins_neighbours_and_every_face_has_four():
    assert len({frozenset(edge) for edge in EDGES}) == 12
    assert all(bin(a ^ b).count("1") == 1 for a, b in EDGES)
    assert all(len(edges) == 4 for _, edges in faces())
    assert Counter(e for _, edges in faces() for e in edges) == {e: 2 for e in range(12)}


@pytest.mark.parametrize("case", CASES)
def test_each_crossed_edge_belongs_to_exactly_one_closed_loop(case):
    mask = inside(case)
    crossed = {e for e, (a, b) in enumerate(EDGES) if mask[a] != mask[b]}
    assert set().union(*loops(case)) == crossed and sum(map(len, loops(case))) == len(crossed)
    for loop in loops(case):
        assert len(loop) >= 3
        for _, edges in faces():  # a loop enters and leaves every face that it meets
            assert len(loop & set(edges)) in (0, 2, 4)


def test_counts_of_patches_over_all_cases():
    assert Counter(TABLES.patch_count.tolist()) == {0: 2, 1: 162, 2: 82, 3: 8, 4: 2}


def test_complementary_cases_agree_unless_a_face_is_ambiguous():
    for case in CASES:
        if not any(is_ambiguous(case, edges) for _, edges in faces()):
            assert loops(case) == loops(255 - case)


def test_tables_turn_with_the_cube():
    edge_index = {frozenset(edge): e for e, edge in enumerate(EDGES)}
    assert len(rotations()) == 24
    for turn in rotations():
        edge_turn = [edge_index[frozenset((turn[a], turn[b]))] for a, b in EDGES]
        for case in CASES:
            turned = sum(1 << turn[corner] for corner in range(8) if inside(case)[corner])
            assert loops(turned) == {frozenset(edge_turn[e] for e in loop) for loop in loops(case)}
            step = TABLES.direction[case]
            expected = next(
                (d for d, edges in faces() if {edge_turn[e] for e in _face_edges(step)} == set(edges)), (0, 0, 0)
            )
            assert tuple(TABLES.direction[turned]) == tuple(expected)


def _face_edges(step: np.ndarray) -> list[int]:
    return next((edges for direction, edges in faces() if direction == tuple(step)), [])


def test_cells_that_join_both_cuts_have_one_ambiguous_face_and_a_separating_complement():
    assert TABLES.joined.sum() == 36
    for case in np.flatnonzero(TABLES.joined).tolist():
        ambiguous = [direction for direction, edges in faces() if is_ambiguous(case, edges)]
        assert ambiguous == [tuple(TABLES.direction[case])]
        assert not TABLES.joined[255 - case]
        assert set().union(*loops(case)) == set().union(*loops(255 - case))


def test_inside_corners_of_an_ambiguous_face_are_cut_off_one_by_one():
    opposite_on_a_face = (1 << 0) + (1 << 3)
    assert loops(opposite_on_a_face) == {frozenset({0, 3, 8}), frozenset({4, 5, 9})}
    assert len(loops(255 - opposite_on_a_face)) == 1
