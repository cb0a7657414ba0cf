"""Where the nodes of a glTF stand: their matrices, and skins at rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .accessors import numbers
from .checks import WIDTHS
from .container import Document
from .limits import whole

Matrix = NDArray[np.float64]  # [4, 4], acts on columns


def local_matrix(node: dict[str, Any]) -> Matrix:
    """Of a node in its parent: its `matrix`, else translation x rotation x scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)
    norm = max(float(np.sqrt(x * x + y * y + z * z + w * w)), 1e-30)
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def parents_of(document: Document) -> list[int]:
    """The parent of every node, -1 for roots."""
    parents = [-1] * len(document.rows("nodes"))
    for index, node in enumerate(document.rows("nodes")):
        for child in node.get("children", []):
            parents[child] = index
    return parents


def global_matrices(document: Document) -> list[Matrix]:
    """Of every node in the scene."""
    nodes, parents = document.rows("nodes"), parents_of(document)
    found: list[Matrix | None] = [None] * len(nodes)
    for start in range(len(nodes)):
        chain, at = [], start
        while at != -1 and found[at] is None:
            chain.append(at)
            at = parents[at]
        for index in reversed(chain):
            above = found[parents[index]] if parents[index] != -1 else None
            own = local_matrix(nodes[index])
            found[index] = own if above is None else above @ own
    return [matrix for matrix in found if matrix is not None]


def shown_nodes(document: Document) -> list[int]:
    """The nodes that the scene shows, from its roots down; all roots where the file names no scene."""
    scenes, parents = document.rows("scenes"), parents_of(document)
    if scenes:
        roots = list(scenes[document.tables.get("scene", 0)].get("nodes", []))
    else:
        roots = [index for index, parent in enumerate(parents) if parent == -1]
    found, todo = [], list(reversed(dict.fromkeys(roots)))
    while todo:
        found.append(at := todo.pop())
        todo += reversed(document.rows("nodes")[at].get("children", []))
    return found


def at_rest(
    document: Document, node: dict[str, Any], attributes: dict[str, int], points: Matrix, matrices: list[Matrix]
) -> Matrix:
    """[V, 3] in the scene of a skinned node's points: bent by the joints as they stand in the file, not animated."""
    skin = document.rows("skins")[node["skin"]]
    joints = skin.get("joints")
    if not isinstance(joints, list) or not joints:
        raise InputError("a skin of the glTF has no joints; the file is damaged")
    places = [matrices[whole(joint, "a joint of a skin", len(matrices))] for joint in joints]
    if "inverseBindMatrices" in skin:
        row = whole(skin["inverseBindMatrices"], "inverseBindMatrices of a skin", len(document.rows("accessors")))
        inverse = numbers(document, row)
        if inverse.shape[1] != WIDTHS["MAT4"] or len(inverse) < len(joints):
            raise InputError("a skin of the glTF has too few matrices; the file is damaged")
        places = [place @ one.reshape(4, 4).T for place, one in zip(places, inverse)]
    bones = np.stack(places)
    total, weights = np.zeros((len(points), 3)), np.zeros(len(points))
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    for number in range(8):
        names = f"JOINTS_{number}", f"WEIGHTS_{number}"
        if not all(name in attributes for name in names):
            break
        index = numbers(document, attributes[names[0]]).astype(np.int64)
        share = numbers(document, attributes[names[1]])
        if index.max(initial=0) >= len(bones):
            raise InputError("a mesh of the glTF follows joints that its skin does not have; the file is damaged")
        for column in range(index.shape[1]):
            moved = np.einsum("vij,vj->vi", bones[index[:, column]][:, :3], homogeneous)
            total += share[:, column, None] * moved
            weights += share[:, column]
    bare = weights <= 1e-6
    total[~bare] /= weights[~bare, None]
    total[bare] = points[bare]
    return total
