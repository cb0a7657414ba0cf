"""Checks of the tables of a glTF, made before anything in them is followed."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from .container import Document
from .limits import MAX_DEPTH, MAX_ELEMENTS, MAX_ROWS, whole

SIZES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}  # bytes of a component
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
TABLES = (
    "accessors", "animations", "bufferViews", "buffers", "cameras", "images", "materials", "meshes", "nodes",
    "samplers", "scenes", "skins", "textures",
)  # fmt: skip

# Extensions that a file may demand: they change how a surface looks, or how numbers are stored, in ways that are read
# here or that leave the surface where it is.
KNOWN = (
    "KHR_materials_",
    "KHR_texture_",
    "EXT_texture_",
    "KHR_mesh_quantization",
    "KHR_lights",
    "KHR_xmp",
    "KHR_animation",
)
COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}


def check(document: Document) -> None:
    """Raises InputError for tables that cannot be followed safely, and for compression that is not read."""
    tables = document.tables
    for name in TABLES:
        rows = tables.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"`{name}` of the glTF is no list of objects; the file is damaged")
        if len(rows) > MAX_ROWS:
            raise InputError(f"the glTF has {len(rows):,} {name}; up to {MAX_ROWS:,} are read")
    _extensions(tables)
    for index, accessor in enumerate(document.rows("accessors")):
        _accessor(document, accessor, f"accessor {index}")
    for index, mesh in enumerate(document.rows("meshes")):
        _mesh(document, mesh, f"mesh {index}")
    _nodes(document)


def _extensions(tables: dict[str, Any]) -> None:
    used = {*_texts(tables.get("extensionsUsed", [])), *_texts(tables.get("extensionsRequired", []))}
    for name, what in COMPRESSED.items():
        if name in used:
            raise InputError(
                f"the model is compressed by {what} ({name}), which is not read; save it without compression: open it "
                "in Blender and export it as glTF with Compression off"
            )
    for name in _texts(tables.get("extensionsRequired", [])):
        if not name.startswith(KNOWN):
            raise InputError(
                f"the model demands the glTF extension {name[:60]}, which is not read; open it in Blender and export "
                "it as glTF again"
            )


def _texts(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise InputError("the glTF's list of extensions is damaged")
    return given


def _accessor(document: Document, accessor: dict[str, Any], what: str) -> None:
    component, kind = accessor.get("componentType"), accessor.get("type")
    if component not in SIZES or kind not in WIDTHS:
        raise InputError(f"{what} is of a kind that glTF does not have ({component!r}, {str(kind)[:20]!r})")
    count = whole(accessor.get("count"), f"count of {what}", least=1)
    if count * WIDTHS[kind] > MAX_ELEMENTS:
        raise InputError(f"{what} announces {count:,} elements, more than is read; the file is damaged or too large")
    element = SIZES[component] * WIDTHS[kind]
    if "bufferView" in accessor:
        _fits(document, accessor, element, count, what)
    if "sparse" in accessor:
        sparse = _object(accessor["sparse"], f"sparse of {what}")
        number = whole(sparse.get("count"), f"sparse count of {what}", count + 1, 1)
        indices, values = (_object(sparse.get(name), f"sparse {name} of {what}") for name in ("indices", "values"))
        if indices.get("componentType") not in (5121, 5123, 5125):
            raise InputError(f"{what} has sparse indices of a kind that glTF does not have")
        _fits(document, indices, SIZES[indices["componentType"]], number, f"sparse indices of {what}")
        _fits(document, values, element, number, f"sparse values of {what}")


def _fits(document: Document, holder: dict[str, Any], element: int, count: int, what: str) -> None:
    """The elements lie inside their bufferView, which lies inside its buffer."""
    views = document.rows("bufferViews")
    view = views[whole(holder.get("bufferView"), f"bufferView of {what}", len(views))]
    offset = whole(holder.get("byteOffset", 0), f"byteOffset of {what}")
    stride = (
        whole(view.get("byteStride", element), f"byteStride of {what}", 253, element)
        if "byteStride" in view
        else element
    )
    if offset + stride * (count - 1) + element > view["byteLength"]:
        raise InputError(f"{what} points outside its bufferView; the file is damaged")


def _mesh(document: Document, mesh: dict[str, Any], what: str) -> None:
    primitives = mesh.get("primitives")
    if not isinstance(primitives, list) or not primitives:
        raise InputError(f"{what} has no primitives; the file is damaged")
    for primitive in primitives:
        _object(primitive, f"a primitive of {what}")
        attributes = _object(primitive.get("attributes"), f"attributes of {what}")
        accessors = document.rows("accessors")
        for name, index in attributes.items():
            whole(index, f"{name[:20]} of {what}", len(accessors))
        counts = {accessors[index]["count"] for index in attributes.values()}
        if len(counts) > 1:
            raise InputError(f"{what} has attributes of different lengths; the file is damaged")
        if "POSITION" in attributes and accessors[attributes["POSITION"]]["type"] != "VEC3":
            raise InputError(f"{what} has positions that are no points; the file is damaged")
        if "indices" in primitive:
            row = accessors[whole(primitive["indices"], f"indices of {what}", len(accessors))]
            if row["type"] != "SCALAR" or row["componentType"] not in (5121, 5123, 5125):
                raise InputError(f"{what} has indices that are no whole numbers; the file is damaged")
        if "material" in primitive:
            whole(primitive["material"], f"material of {what}", len(document.rows("materials")))
        whole(primitive.get("mode", 4), f"mode of {what}", 7)


def _nodes(document: Document) -> None:
    """Every node has one parent at most, and nodes lie in each other without a circle."""
    nodes = document.rows("nodes")
    parents = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        what = f"node {index}"
        for key, table in (("mesh", "meshes"), ("skin", "skins"), ("camera", "cameras")):
            if key in node:
                whole(node[key], f"{key} of {what}", len(document.rows(table)))
        children = node.get("children", [])
        if not isinstance(children, list):
            raise InputError(f"the children of {what} are no list; the file is damaged")
        for child in children:
            whole(child, f"a child of {what}", len(nodes))
            if parents[child] != -1:
                raise InputError(f"node {child} hangs at two nodes, which glTF forbids; the file is damaged")
            parents[child] = index
        for key, length in (("matrix", 16), ("translation", 3), ("rotation", 4), ("scale", 3)):
            if key in node and not _numbers(node[key], length):
                raise InputError(f"the {key} of {what} is not {length} finite numbers; the file is damaged")
    for start in range(len(nodes)):
        at, depth = start, 0
        while (at := parents[at]) != -1:
            depth += 1
            if at == start or depth > MAX_DEPTH:
                raise InputError(
                    "the nodes of the glTF lie in each other in a circle, or too deep; the file is damaged"
                )
    scenes = document.rows("scenes")
    if "scene" in document.tables:
        whole(document.tables["scene"], "the scene", len(scenes))
    for scene in scenes:
        roots = scene.get("nodes", [])
        if not isinstance(roots, list):
            raise InputError("a scene's nodes are no list; the file is damaged")
        for root in roots:
            whole(root, "a node of a scene", len(nodes))


def _numbers(values: Any, length: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == length
        and all(
            isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30 for value in values
        )
    )


def _object(given: Any, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InputError(f"{what} is no object; the file is damaged")
    return given
