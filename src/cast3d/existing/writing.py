"""Writes a model back: what is cut away is gone, new parts are there, and all else is as it was, byte for byte."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..meshes.conventions import from_gltf_axes
from ..meshes.gltf import Document as Growing
from ..meshes.mesh import Mesh
from ..meshes.texture import Textured, reshaped
from .accessors import Appending, raw
from .compact import compacted, needless
from .container import Document, encode
from .cutting import Cut
from .gltf import triangles
from .model import Floats, Model, Piece
from .placed import global_matrices, parents_of


@dataclass(frozen=True)
class Addition:
    """A new node: `part` in the model's frame and units, hung at the node `parent` (-1: at the scene)."""

    name: str
    part: Mesh | Textured
    parent: int = -1


def edited(model: Model, cuts: Mapping[int, Cut], additions: Sequence[Addition]) -> bytes:
    """The .glb of a model without what `cuts` (by index of the piece) take away and with new nodes.

    Vertices keep their places in the buffer's accessors, so that what is left of a mesh has the very numbers that it
    had. Nodes, meshes and data that nothing shows any more are left out. A new node may have the name of one that goes.
    """
    assert model.document is not None
    grown = Appending(Document(copy.deepcopy(model.document.tables), model.document.binary))
    bare = _cut(grown, model, cuts)
    matrices = global_matrices(grown.document)
    hung = [_hung(addition, matrices) for addition in additions]
    gone = needless(grown.tables, bare, {one.parent for one in hung})
    document = _added(grown.document, hung, gone)
    return encode(*_parts(compacted(document, gone, model.document)))


def _parts(document: Document) -> tuple[dict[str, Any], bytes]:
    return document.tables, document.binary


# --- taking away ------------------------------------------------------------------------------------------------------


def _cut(grown: Appending, model: Model, cuts: Mapping[int, Cut]) -> set[int]:
    """Cuts primitives; returns the nodes that draw nothing any more."""
    assert model.document is not None
    by_node: dict[int, dict[int, tuple[Piece, Cut]]] = {}
    for index, one in cuts.items():
        piece = model.pieces[index]
        if not one.nothing:
            by_node.setdefault(piece.node, {})[piece.primitive] = piece, one
    nodes, bare = grown.tables["nodes"], set()
    for number, pieces in by_node.items():
        node = nodes[number]
        mesh = copy.deepcopy(grown.tables["meshes"][node["mesh"]])
        mesh["primitives"] = [
            primitive if found is None else _remaining(grown, model.document, primitive, *found)
            for found, primitive in ((pieces.get(i), primitive) for i, primitive in enumerate(mesh["primitives"]))
            if found is None or not found[1].everything
        ]
        if mesh["primitives"]:
            node["mesh"] = grown.append("meshes", mesh)  # other nodes may draw the same mesh
        else:
            for key in ("mesh", "skin", "weights"):
                node.pop(key, None)
            bare.add(number)
    return bare


def _remaining(
    grown: Appending, document: Document, primitive: dict[str, Any], piece: Piece, one: Cut
) -> dict[str, Any]:
    """A primitive with the triangles that stay; divided ones bring vertices of their own, behind all others."""
    faces = np.concatenate([_as_stored(document, primitive)[piece.triangles[one.keep]], _turned(piece, one, document)])
    rest = copy.deepcopy(primitive)
    if len(one.corners):
        rest["attributes"] = {
            name: _extended(grown, document, index, name, primitive["attributes"], one)
            for name, index in primitive["attributes"].items()
        }
        for target in rest.get("targets", []):
            for name, index in target.items():
                target[name] = _extended(grown, document, index, name, primitive["attributes"], one)
    rest["indices"] = grown.accessor(faces.reshape(-1, 1), {"componentType": 5125, "type": "SCALAR"}, 34963)
    rest["mode"] = 4
    return rest


def _as_stored(document: Document, primitive: dict[str, Any]) -> np.ndarray:
    """[F, 3] all triangles of a primitive, also those without a surface, turned as the file has them."""
    count = document.rows("accessors")[primitive["attributes"]["POSITION"]]["count"]
    return triangles(document, primitive, count)


def _turned(piece: Piece, one: Cut, document: Document) -> np.ndarray:
    """New triangles turned as the file has them: pieces of mirrored nodes are turned over when they are read."""
    if not len(one.faces) or "skin" in document.rows("nodes")[piece.node]:
        return one.faces
    mirrored = np.linalg.det(global_matrices(document)[piece.node][:3, :3]) < 0
    return one.faces[:, ::-1] if mirrored else one.faces


def _extended(
    grown: Appending, document: Document, index: int, name: str, attributes: Mapping[str, int], one: Cut
) -> int:
    """An accessor with values for the new vertices; the old ones are as they were."""
    accessor, old = document.rows("accessors")[index], raw(document, index)
    if name.startswith(("JOINTS_", "WEIGHTS_")):  # bones cannot be mixed: the nearest corner's
        fresh = old[one.corners[np.arange(len(one.corners)), one.weights.argmax(1)]]
    else:
        values = np.einsum("kc,kcd->kd", one.weights, old[one.corners].astype(np.float64))
        if name == "NORMAL" or name == "TANGENT":
            length = np.linalg.norm(values[:, :3], axis=1, keepdims=True)
            whole = np.iinfo(old.dtype).max if np.issubdtype(old.dtype, np.integer) else 1.0
            values[:, :3] *= whole / np.maximum(length, 1e-30)
        if name == "TANGENT":
            values[:, 3] = old[one.corners[:, 0], 3]
        fresh = np.round(values).astype(old.dtype) if np.issubdtype(old.dtype, np.integer) else values.astype(old.dtype)
    return grown.accessor(np.concatenate([old, fresh]), accessor, 34962)


# --- adding -----------------------------------------------------------------------------------------------------------


def _added(document: Document, additions: Sequence[Addition], gone: set[int]) -> Document:
    """With a node per addition. No name is that of another node, but for the nodes in `gone`, which go soon."""
    growing = Growing()
    growing.binary = bytearray(document.binary + bytes(-len(document.binary) % 4))
    growing.tables = document.tables
    taken = {node.get("name") for index, node in enumerate(document.rows("nodes")) if index not in gone}
    scenes = document.tables.setdefault("scenes", [])
    if not scenes:
        roots = [index for index, parent in enumerate(parents_of(document)) if parent == -1]
        scenes.append({"nodes": roots})
        document.tables["scene"] = 0
    for addition in additions:
        name = unused(addition.name, taken)
        growing.add_part(name, addition.part)
        taken.add(name)
        index = len(growing.tables["nodes"]) - 1
        if addition.parent == -1:
            scenes[document.tables.get("scene", 0)].setdefault("nodes", []).append(index)
        else:
            growing.tables["nodes"][addition.parent].setdefault("children", []).append(index)
    tables = {**growing.tables, "buffers": [{"byteLength": len(growing.binary)}]}
    return Document(tables, bytes(growing.binary))


def _hung(addition: Addition, matrices: Sequence[Floats]) -> Addition:
    """The addition in the axes of its parent, as `write_glb` has them; a parent that flattens everything holds none."""
    mesh = addition.part.mesh if isinstance(addition.part, Textured) else addition.part
    parent, points = addition.parent, mesh.vertices.double().numpy()
    if parent != -1 and abs(np.linalg.det(matrices[parent][:3, :3])) < 1e-18:
        parent = -1
    if parent != -1:
        inverse = np.linalg.inv(matrices[parent])
        points = points @ inverse[:3, :3].T + inverse[:3, 3]
    return Addition(addition.name, _with_points(addition.part, points), parent)


def _with_points(part: Mesh | Textured, points: Floats) -> Mesh | Textured:
    """The part at other points, its normals to be made of its faces."""
    vertices = from_gltf_axes(torch.from_numpy(points)).float()
    return reshaped(part, lambda mesh: replace(mesh, vertices=vertices, normals=None))


def unused(name: str, taken: set[Any]) -> str:
    """The name, numbered where a node has it."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name} {number}", number + 1
    return found
