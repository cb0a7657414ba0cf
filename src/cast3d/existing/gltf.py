"""A checked glTF as pieces: triangles where nodes draw them, and what colours them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from .accessors import numbers, raw
from .checks import check
from .container import Document
from .limits import LARGEST, MAX_ALL_TEXELS, MAX_TEXELS, require_size, whole
from .model import Floats, Integers, Paint, Piece
from .placed import at_rest, global_matrices, parents_of, shown_nodes

TRIANGLES, STRIP, FAN = 4, 5, 6
OPAQUE, MASK = "OPAQUE", "MASK"


@dataclass
class Reading:
    """What is told of a file besides its pieces."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    texels: int = 0
    paints: dict[int, tuple[Paint, dict[str, Any]]] = field(default_factory=dict)  # by material

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def pieces_of(document: Document) -> tuple[list[Piece], Reading]:
    """All triangles of the scene. Raises InputError for damaged tables, points that are no numbers, no triangles."""
    check(document)
    nodes, matrices, parents = document.rows("nodes"), global_matrices(document), parents_of(document)
    told, pieces = Reading(), []
    shown = shown_nodes(document)
    _require_size(document, [nodes[index] for index in shown])
    if any("EXT_mesh_gpu_instancing" in nodes[index].get("extensions", {}) for index in shown):
        told.warn("some nodes are drawn many times over (EXT_mesh_gpu_instancing); only one of each is seen here")
    for index in shown:
        node = nodes[index]
        if "mesh" not in node:
            continue
        mesh = document.rows("meshes")[node["mesh"]]
        above = _names_above(nodes, parents, index)
        for number, primitive in enumerate(mesh["primitives"]):
            piece = _piece(document, node, primitive, matrices, index, told)
            if piece is None:
                continue
            material = document.rows("materials")[primitive["material"]] if "material" in primitive else {}
            names = (_text(node.get("name")), *above, _text(mesh.get("name")), _text(material.get("name")))
            points, faces, paint, uv, colors, places = piece
            pieces.append(Piece(names, points, faces, paint, uv, colors, index, number, places))
    if document.rows("animations"):
        told.note("the model is animated: it is seen at rest, and its animations stay as they are")
    if not pieces:
        raise InputError("the model has no triangles; points and lines alone cannot be edited")
    return pieces, told


def _names_above(nodes: list[dict[str, Any]], parents: list[int], index: int) -> list[str]:
    names = []
    while (index := parents[index]) != -1:
        names.append(_text(nodes[index].get("name")))
    return names


def _text(name: Any) -> str:
    return name if isinstance(name, str) else ""


def _require_size(document: Document, nodes: list[dict[str, Any]]) -> None:
    vertices = faces = 0
    accessors = document.rows("accessors")
    for node in nodes:
        for primitive in document.rows("meshes")[node["mesh"]]["primitives"] if "mesh" in node else ():
            count = (
                accessors[primitive["attributes"]["POSITION"]]["count"] if "POSITION" in primitive["attributes"] else 0
            )
            vertices += count
            corners = accessors[primitive["indices"]]["count"] if "indices" in primitive else count
            faces += corners // 3 if primitive.get("mode", TRIANGLES) == TRIANGLES else corners
            require_size(vertices, faces)


def _piece(
    document: Document,
    node: dict[str, Any],
    primitive: dict[str, Any],
    matrices: list[Floats],
    index: int,
    told: Reading,
) -> tuple[Any, ...] | None:
    """vertices, faces, paint, uv, colours, places in the primitive; None for what draws no triangles."""
    attributes = primitive["attributes"]
    if primitive.get("mode", TRIANGLES) not in (TRIANGLES, STRIP, FAN) or "POSITION" not in attributes:
        told.note("points and lines of the model are not looked at, and stay as they are")
        return None
    points = numbers(document, attributes["POSITION"])
    if "targets" in primitive:
        told.note("the model has shape keys (morph targets): it is seen without them, and they stay as they are")
    if "skin" in node:
        told.note("the model has a skeleton: it is seen in its rest pose, and the skeleton stays as it is")
        points = at_rest(document, node, attributes, points, matrices)
    else:
        matrix = matrices[index]
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
    faces, places = _triangles(document, primitive, len(points))
    used = np.zeros(len(points), bool)
    used[faces] = True
    if not np.isfinite(points[used]).all() or np.abs(points[used]).max(initial=0) > LARGEST:
        raise InputError("the model has points that are no finite numbers; repair it first, in Blender or MeshLab")
    if not len(faces):
        return None
    if "skin" not in node and np.linalg.det(matrices[index][:3, :3]) < 0:
        faces = faces[:, ::-1].copy()  # a mirror turns the triangles over
    paint, texture = _paint(document, primitive.get("material"), told)
    uv = None
    name = f"TEXCOORD_{texture.get('texCoord', 0)}"
    if paint.picture is not None and name in attributes:
        uv = _transformed(numbers(document, attributes[name])[:, :2], texture)
    colors = None
    if "COLOR_0" in attributes:
        colors = numbers(document, attributes["COLOR_0"])
        if document.rows("accessors")[attributes["COLOR_0"]]["componentType"] in (5121, 5123):
            colors = _normalised(document, attributes["COLOR_0"], colors)
        if colors.shape[1] == 3:
            colors = np.concatenate([colors, np.ones((len(colors), 1))], axis=1)
        colors = np.nan_to_num(colors[:, :4]).clip(0, 1)
    return points, faces, paint, uv, colors, places


def _normalised(document: Document, index: int, values: Floats) -> Floats:
    """Colours that are whole numbers are shares of the largest one, whether or not the file says so."""
    accessor = document.rows("accessors")[index]
    return values if accessor.get("normalized") else values / (255 if accessor["componentType"] == 5121 else 65535)


def _triangles(document: Document, primitive: dict[str, Any], count: int) -> tuple[Integers, Integers]:
    """Triangles with three different corners [F, 3], and their places in the primitive."""
    faces = triangles(document, primitive, count)
    sound = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return faces[sound], np.flatnonzero(sound)


def triangles(document: Document, primitive: dict[str, Any], count: int) -> Integers:
    """[F, 3] all triangles of a primitive with `count` points, whichever way they are listed."""
    if "indices" in primitive:
        corners = raw(document, primitive["indices"])[:, 0].astype(np.int64)
        if corners.max(initial=0) >= count:
            raise InputError("a mesh of the model has triangles with points that it does not have; the file is damaged")
    else:
        corners = np.arange(count)
    if len(corners) < 3:
        return _NONE
    match primitive.get("mode", TRIANGLES):
        case 4:
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        case 5:
            strip = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
            return np.where((np.arange(len(strip)) % 2 == 1)[:, None], strip[:, [1, 0, 2]], strip)
        case _:
            return np.stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]], axis=1)


_NONE = np.zeros((0, 3), np.int64)


def _paint(document: Document, index: int | None, told: Reading) -> tuple[Paint, dict[str, Any]]:
    """What a material colours with, and which coordinates of the surface its picture takes."""
    if index is None:
        return Paint(np.ones(4)), {}
    if index not in told.paints:
        told.paints[index] = _read_paint(document, document.rows("materials")[index], told)
    return told.paints[index]


def _read_paint(document: Document, material: dict[str, Any], told: Reading) -> tuple[Paint, dict[str, Any]]:
    extensions = _object(material.get("extensions"))
    older = _object(extensions.get("KHR_materials_pbrSpecularGlossiness"))
    surface = older or _object(material.get("pbrMetallicRoughness"))
    factor = surface.get("diffuseFactor" if older else "baseColorFactor", [1.0, 1.0, 1.0, 1.0])
    if not isinstance(factor, list) or len(factor) != 4 or not all(isinstance(x, int | float) for x in factor):
        factor = [1.0, 1.0, 1.0, 1.0]
    texture = _object(surface.get("diffuseTexture" if older else "baseColorTexture"))
    picture = _picture(document, texture, told) if texture else None
    mode = material.get("alphaMode", OPAQUE)
    cutoff = material.get("alphaCutoff", 0.5) if mode == MASK else 0.1
    transparent = None if mode == OPAQUE or not isinstance(cutoff, int | float) else float(cutoff)
    return Paint(np.array(factor, np.float64).clip(0, 1), picture, transparent), texture


def _object(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _picture(document: Document, texture: dict[str, Any], told: Reading) -> NDArray[np.uint8] | None:
    """[H, W, 4]; None, with a warning, where it is of a kind that is not read."""
    textures, images = document.rows("textures"), document.rows("images")
    row = textures[whole(texture.get("index"), "a texture", len(textures))]
    source = row.get("source")
    for extension in _object(row.get("extensions")).values():
        source = _object(extension).get("source", source)
    if source is None:
        return None
    view = images[whole(source, "the picture of a texture", len(images))].get("bufferView")
    if view is None:
        return None
    held = document.rows("bufferViews")[whole(view, "a picture", len(document.rows("bufferViews")))]
    data = document.binary[held["byteOffset"] : held["byteOffset"] + held["byteLength"]]
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as image:
            size = image.width * image.height
            told.texels += size
            if size > MAX_TEXELS or told.texels > MAX_ALL_TEXELS:
                raise InputError(
                    f"the pictures of the model are too large ({image.width} x {image.height}); at most "
                    f"{MAX_TEXELS:,} texels each are read: shrink them first"
                )
            return np.asarray(image.convert("RGBA"))
    except InputError:
        raise
    except Exception:  # readers of hostile pictures raise nearly every kind of error
        told.warn("a picture of the model cannot be read (PNG, JPEG and WebP are): its surface is taken for grey here")
        return np.full((1, 1, 4), 160, np.uint8)


def _transformed(uv: Floats, texture: dict[str, Any]) -> Floats:
    """KHR_texture_transform: scaled, turned, moved."""
    extension = _object(_object(texture.get("extensions")).get("KHR_texture_transform"))
    if not extension:
        return uv
    try:
        scale, offset = (
            np.array(extension.get(k, d), np.float64).reshape(2) for k, d in (("scale", (1, 1)), ("offset", (0, 0)))
        )
        turn = float(extension.get("rotation", 0))
    except (TypeError, ValueError):
        return uv
    cos, sin = np.cos(turn), np.sin(turn)
    u, v = (uv * scale).T
    return np.stack([cos * u + sin * v, -sin * u + cos * v], axis=1) + offset
