"""A GLB of any program as named meshes with colours at their vertices: what files for printers are made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..meshes.conventions import from_gltf_axes
from ..meshes.glb import read_glb
from ..meshes.mesh import Mesh
from ..meshes.texture import Textured
from .model import Piece
from .opening import open_model
from .surface import colors_at
from .views import together


def read_parts(path: Path) -> tuple[dict[str, Mesh | Textured], dict[str, Any]]:
    """The parts by name, in world axes and the file's units, and the metadata of its scene.

    A file of cast3d keeps its textures. Of others each node with a mesh is a part, its vertices joined where they
    meet, so that a closed surface is closed; pictures become colours at vertices. Raises InputError for what is no GLB.
    """
    try:
        return read_glb(path)
    except InputError as error:
        try:
            model = open_model(path)
        except InputError:
            raise error from None
    if model.document is None:
        raise InputError(f"{path} holds no meshes")
    found: dict[str, list[Mesh]] = {}
    for piece in model.pieces:
        found.setdefault(piece.names[0] or "model", []).append(_welded(piece))
    tables = model.document.tables
    scenes = tables.get("scenes") or [{}]
    extras = scenes[tables.get("scene", 0)].get("extras")
    return {name: together(meshes) for name, meshes in found.items()}, extras if isinstance(extras, dict) else {}


def read_run(folder: Path) -> tuple[dict[str, Mesh | Textured], str]:
    """The parts of a finished run, and its prompt; the file of an edit keeps the metadata that its model had."""
    parts, metadata = read_parts(folder / "scene.glb")
    try:
        prompt = json.loads((folder / "run.json").read_text(encoding="utf-8"))["prompt"]
    except (OSError, ValueError, KeyError, TypeError):
        prompt = metadata.get("prompt", "")
    return parts, str(prompt)


def _welded(piece: Piece) -> Mesh:
    """One vertex at each place, with the mean of the colours that meet there."""
    count = len(piece.vertices)
    alone = np.zeros((count, 3))
    alone[:, 0] = 1
    colors = colors_at(piece, np.arange(count)[:, None].repeat(3, 1), alone)[:, :3]
    places, index = np.unique(piece.vertices, axis=0, return_inverse=True)
    index = index.reshape(-1)
    mixed = np.zeros((len(places), 3))
    np.add.at(mixed, index, colors)
    mixed /= np.bincount(index, minlength=len(places))[:, None]
    faces = index[piece.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    points = from_gltf_axes(torch.from_numpy(places)).float()
    return Mesh(points, torch.from_numpy(faces[whole].astype(np.int64)), torch.from_numpy(mixed).float())
