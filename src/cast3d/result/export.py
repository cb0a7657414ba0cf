"""The files that a result becomes: GLB, PLY, SPZ and a turntable, each whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..meshes.facts import facts
from ..meshes.glb import write_glb
from ..meshes.mesh import Mesh
from ..meshes.surface import color_field, simplify
from ..meshes.texture import Textured, bake
from ..run.folder import RunFolder
from ..scene import unique_slugs
from ..settings import Settings
from ..splats import Gaussians, preview, views, write_ply, write_spz
from ..splats.seen import seen_colors
from ..version import __version__
from .part import Part
from .pictures import turntable

NEIGHBOURS = 4  # Gaussians that colour a point
BAKING_VIEWS = 60


def write_files(
    parts: Mapping[str, Part],
    gaussians: Gaussians,
    asked: Mapping[str, Any],  # prompt and seed
    run: RunFolder,
    settings: Settings,
) -> None:
    """scene.glb, parts/*.glb, scene.ply, scene.spz if wanted, turntable.webp; those of an earlier result go."""
    surfaces = {term: surface(part, settings) for term, part in parts.items() if part.mesh is not None}
    images = run.info.get("images", {})
    hashes = {term: [image["sha256"] for image in images.get(term, [])] for term in parts}
    extras = {**asked, "images": hashes, "version": __version__}
    write_glb(run.path / "scene.glb", surfaces, extras)
    slugs = unique_slugs(parts)
    files = part_files(run, {term: f"{slugs[term]}.glb" for term in surfaces})
    for term, one in surfaces.items():
        write_glb(files[term], {term: one}, extras)
    write_ply(run.path / "scene.ply", gaussians, gaussians.part)
    if settings.spz:
        write_spz(run.path / "scene.spz", gaussians)
    else:
        run.drop("scene.spz")
    shown = [part.mesh for part in parts.values() if part.mesh is not None]
    preview.save_webp(run.path / "turntable.webp", turntable(shown))
    run.replace(meshes={term: told(one, f"parts/{files[term].name}") for term, one in surfaces.items()})


def told(one: Mesh | Textured, file: str) -> dict[str, Any]:
    """What `run.json` and the report say of a part's mesh; the volume is in cubes of the scene."""
    triangles, volume, watertight = facts(one.mesh if isinstance(one, Textured) else one)
    return {"file": file, "triangles": triangles, "volume": round(volume, 6), "watertight": watertight}


def surface(part: Part, settings: Settings) -> Mesh | Textured:
    """A part's mesh as the settings want it: all its triangles or fewer, colours at vertices or in a picture."""
    assert part.mesh is not None  # asked of parts with a mesh only
    mesh = simplify(part.mesh, settings.mesh_faces)
    if not settings.texture_size or not len(part.gaussians):
        return mesh
    return baked(part, mesh, settings.texture_size)


def baked(part: Part, mesh: Mesh, size: int) -> Textured:
    """Colours as the part's own Gaussians show them in views of the part alone; unseen points take the nearest ones'.

    TRELLIS fits a texture to such views by gradient descent; here each texel takes its mean over them. The views are
    filled by the part, however small it is.
    """
    gaussians = part.gaussians
    nearest = color_field(gaussians.positions, gaussians.colors.clamp(0, 1), NEIGHBOURS, gaussians.opacities)
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    middle = (low + high) / 2
    centered = replace(gaussians, positions=gaussians.positions - middle)
    cameras = views.all_around(BAKING_VIEWS, width=1.05 * float((high - low).norm()))

    def color(points: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
        colors, seen = seen_colors(centered, points - middle, normals, cameras, size)
        colors[~seen] = nearest(points[~seen])
        return colors

    return bake(mesh, color, size)


def part_files(run: RunFolder, names: Mapping[str, str]) -> dict[str, Path]:
    """The paths of files in `parts/`; those that an earlier result wrote and this one does not are deleted."""
    folder = run.path / "parts"
    earlier = run.info.get("part_files", {})
    gone = set(earlier.values()) - set(names.values())
    for file in folder.glob("*.glb"):
        if file.name in gone:
            run.drop(f"parts/{file.name}")
    run.replace(part_files=dict(names))
    return {term: folder / name for term, name in names.items()}
