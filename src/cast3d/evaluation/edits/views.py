"""Pictures of the whole before and after an edit, for methods that are steered by pictures of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ...existing.seen import Existing
from ...existing.views import meshes_of
from ...meshes.mesh import Mesh
from ...meshes.raster import shoot
from ...pictures.crops import object_box
from ...result.kept import cuts_of, kept_gaussians
from ...splats import Camera, orbit, render
from ...stages.regions import Regions
from ...voxels import to_coords, to_world
from ..cells import shaded
from .suite import EditCase

SIDE = 256  # pixels
YAWS, PITCH, WIDTH = (30.0, -30.0, 0.0), 15.0, 1.25  # of the cameras that may be chosen; world units across a picture
Mask = NDArray[np.bool_]


def cameras() -> list[Camera]:
    """Those among which one is chosen; the small backbone was trained on pictures within 60 degrees of the front."""
    return [orbit(yaw, PITCH, fov=None, width=WIDTH) for yaw in YAWS]


def clearest(rest: Sequence[Mesh], place: Tensor) -> Camera:
    """The camera that sees the most of a place [64, 64, 64] bool beside the rest; the first where it is empty."""
    if not place.any():
        return cameras()[0]
    cubes = cubes_of(place)
    return max(cameras(), key=lambda camera: int((shoot([*rest, cubes], camera, SIDE).part == len(rest)).sum()))


def of_model(existing: Existing, camera: Camera, regions: Regions | None = None) -> Image.Image:
    """The model, cut out, or what is left of it without `regions`."""
    if existing.model.gaussians is not None:
        gaussians = existing.in_cube
        drawn = render(gaussians if regions is None else gaussians[kept_gaussians(existing, regions)], camera, SIDE)
        return _image(drawn.color.clamp(0, 1).numpy() / drawn.alpha.clamp_min(1e-3)[..., None].numpy(), drawn.alpha)
    return of_meshes(list(meshes_of(existing, cuts_of(existing, regions) if regions else None).values()), camera)


def of_meshes(meshes: Sequence[Mesh], camera: Camera) -> Image.Image:
    """Meshes in the light of the suites' pictures, cut out."""
    shot = shoot([shaded(mesh, camera) for mesh in meshes], camera, 2 * SIDE)
    mask = shot.mask.reshape(SIDE, 2, SIDE, 2).mean((1, 3))
    color = shot.color.reshape(SIDE, 2, SIDE, 2, 3).sum((1, 3)) / np.maximum(4 * mask, 1)[..., None]
    return _image(color, mask)


def _image(color: NDArray, alpha: NDArray | Tensor) -> Image.Image:
    rgba = np.concatenate([np.asarray(color), np.asarray(alpha)[..., None]], axis=2)
    return Image.fromarray((rgba.clip(0, 1) * 255).round().astype(np.uint8))


def pasted(view: Image.Image, rest: Sequence[Mesh], thing: Image.Image, place: Tensor, camera: Camera) -> Image.Image:
    """A `view` of the rest with a thing's picture pasted where the place [64, 64, 64] bool is seen.

    The picture keeps its proportions; its longest side is that of the place. Where the rest hides the place, it hides
    the picture.
    """
    alone, shown = _seen(rest, place, camera)
    if not alone.any():
        return view
    top, bottom, left, right = _box(alone)
    cut = thing.crop(_corners(thing))
    scale = max(bottom - top, right - left) / max(cut.size)
    cut = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.LANCZOS)
    at = round((left + right - cut.width) / 2), round((top + bottom - cut.height) / 2)
    layer = Image.new("RGBA", view.size)
    layer.paste(cut, at)
    rows, columns = distance_transform_edt(~alone, return_distances=False, return_indices=True)
    return _over(view, layer, shown[rows, columns])


def painted(case: EditCase) -> tuple[Image.Image, Camera]:
    """A true view after the edit, for oracles, and its camera.

    The rest is the model's own; the new part has its true outline in its true place, hidden where it is truly hidden.
    Suites hold no triangles of new parts, so its colours are those of its picture, stretched to that outline.
    """
    rest = [mesh for term, mesh in case.meshes.items() if term != case.part]
    if not case.term or case.image is None:
        camera = clearest(list(case.meshes.values()), case.truth["before"][case.part].visible)
        return of_meshes(rest, camera), camera
    place = case.truth["after"][case.term].voxels
    camera = clearest(rest, case.truth["after"][case.term].visible)
    alone, shown = _seen(rest, place, camera)
    top, bottom, left, right = _box(alone)
    thing = Image.open(case.image).convert("RGBA")
    stretched = thing.crop(_corners(thing)).resize((right - left, bottom - top), Image.Resampling.LANCZOS)
    pixels = np.asarray(stretched)
    rows, columns = distance_transform_edt(pixels[..., 3] < 128, return_distances=False, return_indices=True)
    filled = np.zeros((SIDE, SIDE, 4), np.uint8)
    filled[top:bottom, left:right, :3] = pixels[rows, columns, :3]
    filled[..., 3] = 255 * alone
    return _over(of_meshes(rest, camera), Image.fromarray(filled), shown), camera


def _seen(rest: Sequence[Mesh], place: Tensor, camera: Camera) -> tuple[Mask, Mask]:
    """Pixels of the place by itself, and those of them that the rest does not hide; [S, S]."""
    cubes = cubes_of(place)
    alone = shoot([cubes], camera, SIDE).mask
    return alone, alone & (shoot([*rest, cubes], camera, SIDE).part == len(rest))


def _box(mask: Mask) -> tuple[int, int, int, int]:
    """(top, bottom, left, right), the ends exclusive."""
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _corners(thing: Image.Image) -> tuple[int, int, int, int]:
    left, top, right, bottom = object_box(thing)
    return left, top, right + 1, bottom + 1


def _over(view: Image.Image, layer: Image.Image, shown: Mask) -> Image.Image:
    """The layer in front of the view where it is shown, behind it elsewhere."""
    alpha = np.asarray(layer.getchannel("A"))
    front, behind = layer.copy(), layer.copy()
    front.putalpha(Image.fromarray(np.where(shown, alpha, 0).astype(np.uint8)))
    behind.putalpha(Image.fromarray(np.where(shown, 0, alpha).astype(np.uint8)))
    whole = Image.new("RGBA", view.size)
    for one in (behind, view, front):
        whole.alpha_composite(one)
    return whole


def cubes_of(grid: Tensor) -> Mesh:
    """The voxels of a grid as cubes, for outlines."""
    middles = to_world(to_coords(grid)).float()
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]) / (2 * len(grid))
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = torch.tensor([triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))])
    vertices = (middles[:, None] + corners).reshape(-1, 3)
    return Mesh(vertices, (8 * torch.arange(len(middles))[:, None, None] + faces).reshape(-1, 3))


def meshes_without(existing: Existing, source: Tensor, regions: Regions) -> list[Mesh]:
    """What is left of the model, as meshes that hide what is behind them; of a splat its voxels [64, 64, 64]."""
    if existing.model.gaussians is not None:
        return [cubes_of(source & ~regions.union.cpu())]
    return [replace(mesh, colors=None) for mesh in meshes_of(existing, cuts_of(existing, regions)).values()]
