"""Results of any other system, from a folder: PATH/<case>.glb, PATH/<case>/<seed>.glb or PATH/<case>/scene.glb.

Nodes that are named as terms are parts; a model in which no term but perhaps the main one is found counts as one object
without parts. Axes as in glTF (y up, front +z); place and scale are free, measuring aligns them.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch

from ...errors import InputError
from ...meshes.conventions import from_gltf_axes, to_srgb
from ...meshes.mesh import Mesh
from ...scene.terms import match_key
from ..bench import Bench
from ..outcome import Outcome, voxelise

EXTENT = 0.9  # of the cube, for the longest side of what does not fit it


def outcome_of_folder(bench: Bench, folder: Path) -> Outcome:
    """The model of this case and seed."""
    case = bench.case
    names = (f"{case.id}/{bench.seed}.glb", f"{case.id}/scene.glb", f"{case.id}.glb")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder} holds no {' and no '.join(names)}")
    meshes = fitted(read(path))
    terms = {match_key(term): term for term in case.terms}
    parts = {terms[match_key(name)]: mesh for name, mesh in meshes.items() if match_key(name) in terms}
    labelled = any(term in parts for term in case.accessories)
    if not labelled:
        parts = {case.main: together(list(meshes.values()))}
    nothing = torch.zeros(64, 64, 64, dtype=torch.bool)
    grids = {term: voxelise(parts[term]) if term in parts else nothing for term in case.terms}
    return Outcome(grids, parts, case.main, labelled)


def read(path: Path) -> dict[str, Mesh]:
    """Meshes by node name, in our axes, with vertex colours; textures are sampled at the vertices."""
    import trimesh

    try:
        scene = trimesh.load_scene(path)
        found: dict[str, list[Mesh]] = {}
        for node in scene.graph.nodes_geometry:
            transform, geometry = scene.graph[node]
            mesh = scene.geometry[geometry]
            if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
                found.setdefault(_named(scene, node), []).append(_mesh(mesh, transform))
    except Exception as error:  # readers of foreign files raise nearly every kind of error
        raise InputError(f"{path} is not a GLB that can be read ({type(error).__name__}: {error})") from error
    if not found:
        raise InputError(f"{path} holds no triangles")
    return {name: together(meshes) for name, meshes in found.items()}


def _named(scene, node: str) -> str:
    """The node below the root that this one belongs to: its name is the part's."""
    parents = scene.graph.transforms.parents
    while (parent := parents.get(node)) not in (None, scene.graph.base_frame):
        node = parent
    return node


def _mesh(mesh, transform: np.ndarray) -> Mesh:
    vertices = torch.from_numpy(np.asarray(mesh.vertices @ transform[:3, :3].T + transform[:3, 3])).float()
    return Mesh(from_gltf_axes(vertices), torch.from_numpy(np.array(mesh.faces)).long(), _colors(mesh))


def _colors(mesh) -> torch.Tensor:
    """[V, 3] sRGB. COLOR_0 is linear by the standard; materials and textures are sRGB already; else grey."""
    stored = mesh.visual.vertex_attributes.get("color") if hasattr(mesh.visual, "vertex_attributes") else None
    if stored is not None and len(stored) == len(mesh.vertices):
        scale = np.iinfo(stored.dtype).max if np.issubdtype(stored.dtype, np.integer) else 1
        return to_srgb(torch.from_numpy(np.asarray(stored)[:, :3] / scale).float())
    if mesh.visual.kind == "vertex":
        return to_srgb(torch.from_numpy(np.asarray(mesh.visual.vertex_colors)[:, :3] / 255).float())
    if mesh.visual.kind == "texture":
        return torch.from_numpy(np.asarray(mesh.visual.to_color().vertex_colors)[:, :3] / 255).float()
    return torch.full((len(mesh.vertices), 3), 0.6)


def together(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = torch.cat([mesh.faces + int(offset) for mesh, offset in zip(meshes, offsets)])
    colors = [mesh.colors for mesh in meshes]  # `_mesh` gives all of them some
    return Mesh(torch.cat([m.vertices for m in meshes]), faces, torch.cat(cast(list[torch.Tensor], colors)))


def fitted(meshes: dict[str, Mesh]) -> dict[str, Mesh]:
    """Moved and scaled together into the unit cube, where they do not fit it or fill less than half of it."""
    corners = torch.cat([mesh.vertices for mesh in meshes.values()])
    low, high = corners.amin(0), corners.amax(0)
    longest = float((high - low).max())
    if low.min() >= -0.5 and high.max() <= 0.5 and longest >= 0.5:
        return meshes
    scale, center = EXTENT / max(longest, 1e-9), (low + high) / 2
    return {name: Mesh((m.vertices - center) * scale, m.faces, m.colors) for name, m in meshes.items()}
