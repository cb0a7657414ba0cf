"""Leaves out of a glTF what nothing shows any more. What stays keeps its order and bytes; only its number changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .container import Document

# With these, every reference to a row is where the loops below look for it.
PLAIN = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_mesh_quantization", "KHR_lights_punctual", "KHR_xmp")
Renumber = Callable[[str, int], int]


def compacted(document: Document, gone: set[int], original: Document) -> Document:
    """Without the nodes in `gone`, and without meshes and data that only they had.

    What nothing showed in the `original` either stays. A file with extensions that may refer
    to rows in ways that are not known stays whole.
    """
    tables = document.tables
    if not _known(tables):
        return document
    kept = {table: set(range(len(rows))) for table, rows in tables.items() if isinstance(rows, list)}
    kept["nodes"] = kept.get("nodes", set()) - gone
    for table in ("meshes", "skins", "materials", "textures", "images", "accessors", "bufferViews"):
        if table in kept:
            before = _unused(original, table, None)
            kept[table] -= _unused(document, table, kept) - before
    return _renumbered(document, kept)


def needless(tables: dict[str, Any], bare: set[int], held: set[int]) -> set[int]:
    """Of the `bare` nodes those without children, camera or extension that are no joint and are not animated.

    Nodes above them that are left without children go, too, where they draw nothing and were there for them alone.
    Those in `held` stay, and so does every node of a file that `compacted` leaves whole.
    """
    if not _known(tables):
        return set()
    nodes = tables.get("nodes", [])
    joints = {joint for skin in tables.get("skins", []) for joint in [*skin.get("joints", []), skin.get("skeleton")]}
    needed = held | joints
    for animation in tables.get("animations", []):
        needed |= {channel.get("target", {}).get("node") for channel in animation.get("channels", [])}
    parents = {child: index for index, node in enumerate(nodes) for child in node.get("children", [])}
    gone: set[int] = set()
    todo = sorted(bare)
    while todo:
        index = todo.pop()
        node = nodes[index]
        empty = all(child in gone for child in node.get("children", []))
        if index in needed or not empty or any(key in node for key in ("mesh", "camera", "extensions", "extras")):
            continue
        gone.add(index)
        if index in parents:
            todo.append(parents[index])
    return gone


def _known(tables: dict[str, Any]) -> bool:
    """Whether every reference to a row is where it is looked for."""
    return all(name.startswith(PLAIN) for name in tables.get("extensionsUsed", []))


def _references(document: Document, kept: dict[str, set[int]] | None) -> Iterator[tuple[str, int]]:
    """(table, row) that the rows kept refer to."""

    def rows(table: str) -> Iterator[dict[str, Any]]:
        for index, row in enumerate(document.rows(table)):
            if kept is None or index in kept[table]:
                yield row

    for table in ("nodes", "meshes", "skins", "animations", "materials", "textures", "images", "accessors"):
        for row in rows(table):
            yield from ((name, value) for name, _, value in _links(table, row))


def _links(table: str, row: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, Any], int]]:
    """(table, (holder, key), row number) of every reference in a row."""

    def one(name: str, holder: dict[str, Any], key: str) -> Iterator[tuple[str, tuple[Any, Any], int]]:
        if isinstance(holder, dict) and isinstance(holder.get(key), int):
            yield name, (holder, key), holder[key]

    match table:
        case "scenes":
            yield from (("nodes", (row["nodes"], i), value) for i, value in enumerate(row.get("nodes", [])))
        case "nodes":
            yield from (("nodes", (row["children"], i), value) for i, value in enumerate(row.get("children", [])))
            yield from one("meshes", row, "mesh")
            yield from one("skins", row, "skin")
        case "skins":
            yield from (("nodes", (row["joints"], i), value) for i, value in enumerate(row.get("joints", [])))
            yield from one("nodes", row, "skeleton")
            yield from one("accessors", row, "inverseBindMatrices")
        case "animations":
            for sampler in row.get("samplers", []):
                yield from one("accessors", sampler, "input")
                yield from one("accessors", sampler, "output")
            for channel in row.get("channels", []):
                yield from one("nodes", channel.get("target", {}), "node")
        case "meshes":
            for primitive in row.get("primitives", []):
                for holder in (primitive.get("attributes", {}), *primitive.get("targets", [])):
                    for key in holder:
                        yield from one("accessors", holder, key)
                yield from one("accessors", primitive, "indices")
                yield from one("materials", primitive, "material")
                for mapping in _variants(primitive):
                    yield from one("materials", mapping, "material")
        case "materials":
            yield from _texture_links(row)
        case "textures":
            yield from one("images", row, "source")
            for extension in row.get("extensions", {}).values():
                yield from one("images", extension, "source")
        case "images":
            yield from one("bufferViews", row, "bufferView")
        case "accessors":
            yield from one("bufferViews", row, "bufferView")
            for part in ("indices", "values"):
                yield from one("bufferViews", row.get("sparse", {}).get(part, {}), "bufferView")


def _variants(primitive: dict[str, Any]) -> list[dict[str, Any]]:
    return primitive.get("extensions", {}).get("KHR_materials_variants", {}).get("mappings", [])


def _texture_links(value: Any) -> Iterator[tuple[str, tuple[Any, Any], int]]:
    """Every `...Texture: {index}` of a material and its extensions."""
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key.endswith("Texture") and isinstance(inner, dict) and isinstance(inner.get("index"), int):
            yield "textures", (inner, "index"), inner["index"]
        yield from _texture_links(inner)


def _unused(document: Document, table: str, kept: dict[str, set[int]] | None) -> set[int]:
    used = {index for name, index in _references(document, kept) if name == table}
    return set(range(len(document.rows(table)))) - used


def _renumbered(document: Document, kept: dict[str, set[int]]) -> Document:
    tables = document.tables
    numbers = {table: {old: new for new, old in enumerate(sorted(rows))} for table, rows in kept.items()}
    for scene in tables.get("scenes", []):
        scene["nodes"] = [index for index in scene.get("nodes", []) if index in kept["nodes"]]
    for node in tables.get("nodes", []):
        if "children" in node:
            node["children"] = [index for index in node["children"] if index in kept["nodes"]]
            if not node["children"]:
                del node["children"]
    binary = bytearray()
    for table, rows in list(tables.items()):
        if not isinstance(rows, list) or table not in numbers:
            continue
        tables[table] = [row for index, row in enumerate(rows) if index in kept[table]]
        for row in tables[table]:
            if isinstance(row, dict):
                for name, (holder, key), value in list(_links(table, row)):
                    holder[key] = numbers[name][value]
        if not tables[table] and table not in ("scenes", "nodes"):
            del tables[table]
    for view in tables.get("bufferViews", []):
        data = document.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        binary += bytes(-len(binary) % 4)
        view["byteOffset"] = len(binary)
        binary += data
    if "buffers" in tables:
        tables["buffers"] = [{"byteLength": len(binary)}]
    return Document(tables, bytes(binary))
