"""A model as meshes by node, as exports take them: a picture stays a picture where one is enough for a node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError
from ..meshes.conventions import from_gltf_axes
from ..meshes.glb import read_glb
from ..meshes.mesh import Mesh
from ..meshes.texture import Textured
from .frame import Frame, frame_of
from .model import Floats, Integers, Model, Piece
from .opening import made_here, open_model
from .seen import Existing
from .surface import decoded, encoded
from .views import meshes_of, together

UNNAMED = "model"


@dataclass(frozen=True)
class Parts:
    """What an export is made from."""

    parts: dict[str, Mesh | Textured]  # by name, in world axes and the file's units
    prompt: str
    foreign: bool = False  # the file is, in all or in part, not made by cast3d: its parts may be open
    told: list[str] = field(default_factory=list)


def read_parts(file: Path) -> Parts:
    """The parts of a GLB of any program, such as the scene of a run. Raises InputError for what is no GLB."""
    model = open_model(file)
    if made_here(model):
        with suppress(InputError):  # of an edit, whose nodes may be more than cast3d writes itself
            parts, metadata = read_glb(file)
            return Parts(parts, _prompt(file, str(metadata.get("prompt", ""))))
    found, told = parts_of(model)
    return Parts(dict(found), _prompt(file), True, [*model.warnings, *told])


def _prompt(file: Path, otherwise: str = "") -> str:
    """That of the run, where the file is one's scene: an edit keeps the metadata that its model had."""
    if file.name == "scene.glb":
        with suppress(OSError, ValueError, AttributeError):
            return str(json.loads((file.parent / "run.json").read_text(encoding="utf-8")).get("prompt", otherwise))
    return otherwise


def parts_of(model: Model) -> tuple[dict[str, Mesh | Textured], list[str]]:
    """Each node that draws something, in the file's units and in world axes, and what is to be told about them.

    Nodes of one name are one part. Colours are those of materials and vertices, at vertices; a node whose triangles
    show one and the same picture, and nothing else, keeps it. Pictures that are mixed with more become colours at
    vertices, for which triangles are divided; what a picture cuts out (leaves) is cut out.
    """
    groups: dict[str, list[int]] = {}
    for index, piece in enumerate(model.pieces):
        groups.setdefault((piece.names[0] or UNNAMED).strip() or UNNAMED, []).append(index)
    parts: dict[str, Mesh | Textured] = {}
    baked: list[str] = []
    for name, rows in groups.items():
        pieces = [model.pieces[row] for row in rows]
        if all(piece.paint.picture is None and piece.paint.transparent is None for piece in pieces):
            parts[name] = together([_plain(piece) for piece in pieces])
        elif _one_picture(pieces):
            parts[name] = _textured(pieces)
        else:
            parts[name] = _baked(model, rows)
            baked.append(name)
    told = [f"{', '.join(map(repr, baked))}: pictures became colours at vertices"] if baked else []
    return {name: part for name, part in parts.items() if len(_mesh(part).faces)}, told


def _mesh(part: Mesh | Textured) -> Mesh:
    return part.mesh if isinstance(part, Textured) else part


def _used(piece: Piece) -> tuple[Integers, torch.Tensor]:
    """The piece's vertices that its faces use, as rows, and its faces of them."""
    used, faces = np.unique(piece.faces, return_inverse=True)
    return used, torch.from_numpy(faces.reshape(-1, 3).astype(np.int64))


def _world(points: Floats) -> torch.Tensor:
    return from_gltf_axes(torch.from_numpy(points.astype(np.float32)))


def _plain(piece: Piece) -> Mesh:
    used, faces = _used(piece)
    linear = np.broadcast_to(piece.paint.factor[:3], (len(used), 3))
    if piece.colors is not None:
        linear = linear * piece.colors[used, :3]
    return Mesh(_world(piece.vertices[used]), faces, torch.from_numpy(encoded(linear).astype(np.float32)))


def _one_picture(pieces: Sequence[Piece]) -> bool:
    paint = pieces[0].paint
    return paint.picture is not None and all(
        piece.paint.picture is paint.picture
        and piece.paint.transparent is None
        and piece.uv is not None
        and piece.colors is None
        and np.array_equal(piece.paint.factor[:3], paint.factor[:3])
        for piece in pieces
    )


def _textured(pieces: Sequence[Piece]) -> Textured:
    paint = pieces[0].paint
    assert paint.picture is not None  # asked for before
    image = paint.picture[..., :3]
    if not np.allclose(paint.factor[:3], 1):
        table = np.round(255 * encoded(decoded(np.arange(256)[:, None] / 255.0) * paint.factor[:3])).astype(np.uint8)
        image = np.stack([table[image[..., channel], channel] for channel in range(3)], axis=-1)
    meshes, uvs = [], []
    for piece in pieces:
        used, faces = _used(piece)
        assert piece.uv is not None  # likewise
        meshes.append(Mesh(_world(piece.vertices[used]), faces, torch.zeros(len(used), 3)))
        uvs.append(torch.from_numpy(piece.uv[used].astype(np.float32)))
    whole = together(meshes)
    return Textured(Mesh(whole.vertices, whole.faces), torch.cat(uvs), torch.from_numpy(image.copy()))


def _baked(model: Model, rows: Sequence[int]) -> Mesh:
    """Colours at the vertices of a fine mesh, made in the cube and moved back."""
    alone = Model(model.kind, model.sha256, tuple(model.pieces[row] for row in rows))
    frame: Frame = frame_of(alone, "y")
    mesh = together(list(meshes_of(Existing(alone, frame)).values()))
    return Mesh(_world(frame.to_file(mesh.vertices.double().numpy())), mesh.faces, mesh.colors)
