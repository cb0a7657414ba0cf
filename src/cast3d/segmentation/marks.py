"""A model's pictures with numbered clusters, as a language model or a person is shown them (set-of-mark prompting)."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from torch import Tensor

from ..existing.seen import Existing
from ..splats import Camera, orbit
from ..voxels import cells_of

SIDES = ((20.0, 15.0), (110.0, 15.0), (200.0, 15.0), (290.0, 15.0), (20.0, 75.0), (20.0, -45.0))  # yaw, pitch
SIZE = 512
LEAST = 0.0006  # share of a picture that a cluster shows before its number stands there
TINT = 0.72  # of a cluster's colour over the model's own
GROUND = (214, 224, 236)
WIDTH = 1.25  # world units across an orthographic view: the cube seen from a corner
LIGHT = (-0.4, -0.55, 0.73)  # of the camera: left, above, towards it


def sides(orthographic: bool) -> list[Camera]:
    """Six views from around, above and below."""
    if orthographic:
        return [orbit(yaw, pitch, fov=None, width=WIDTH) for yaw, pitch in SIDES]
    return [orbit(yaw, pitch) for yaw, pitch in SIDES]


def marked(model: Existing, labels: Tensor, cameras: Sequence[Camera], size: int = SIZE) -> list[Image.Image]:
    """Per view the model as it is and, right of it, with its clusters coloured and numbered.

    `labels` [64, 64, 64] int: 0 where nothing is, else the cluster's number from 1.
    """
    colors = np.round(255 * palette(int(labels.max()))).astype(np.uint8)
    nearest = _Nearest(labels)
    pictures = []
    for camera in cameras:
        color, alpha, depth = model.view(camera, size)
        lit = color.numpy() * _shade(camera, depth)[..., None]
        alone = lit * 255 + np.array(GROUND) * (1 - alpha.numpy()[..., None])
        number = _numbers(camera, depth, nearest)
        shown = number > 0
        tinted = alone.copy()
        tinted[shown] = TINT * colors[number[shown] - 1] + (1 - TINT) * alone[shown]
        edge = shown & ((ndimage.maximum_filter(number, 3) != number) | (ndimage.minimum_filter(number, 3) != number))
        tinted[edge] *= 0.35
        right = _written(Image.fromarray(tinted.clip(0, 255).astype(np.uint8)), number)
        both = Image.new("RGB", (2 * size, size))
        both.paste(Image.fromarray(alone.clip(0, 255).astype(np.uint8)), (0, 0))
        both.paste(right, (size, 0))
        pictures.append(both)
    return pictures


class _Nearest:
    """The number of the labelled voxel nearest to a point, at most two voxels away."""

    def __init__(self, labels: Tensor):
        grown = labels.cpu().numpy().astype(np.int64)
        away, index = ndimage.distance_transform_edt(grown == 0, return_indices=True)
        self.grown = np.where(away <= 2, grown[tuple(index)], 0)

    def __call__(self, points: Tensor) -> NDArray[np.int64]:
        return self.grown[tuple(cells_of(points).unbind(-1))]


def _numbers(camera: Camera, depth: Tensor, nearest: _Nearest) -> NDArray[np.int64]:
    """[S, S] the number seen at each pixel, 0 where nothing is."""
    size = len(depth)
    rows, columns = torch.isfinite(depth).nonzero(as_tuple=True)
    at = (torch.stack([columns, rows], dim=-1) + 0.5) / size
    number = np.zeros(depth.shape, np.int64)
    number[rows.numpy(), columns.numpy()] = nearest(camera.to_world(at, depth[rows, columns]))
    return number


def _shade(camera: Camera, depth: Tensor) -> NDArray[np.float64]:
    """[S, S] how bright a surface is by its slope, so that parts of one colour can be told apart."""
    size = len(depth)
    focal = float(camera.intrinsics[0, 0]) * size
    seen = torch.isfinite(depth)
    if not seen.any():
        return np.ones(depth.shape)
    flat = torch.where(seen, depth, depth[seen].max()).double()
    step = 1 / focal if camera.orthographic else float(flat.mean()) / focal
    down, right = torch.gradient(flat)
    normal = torch.stack([right, down, torch.full_like(flat, -step)], dim=-1)
    normal = normal / normal.norm(dim=-1, keepdim=True)
    return 0.62 + 0.38 * (normal @ torch.tensor([LIGHT[0], LIGHT[1], -LIGHT[2]]).double()).clamp_min(0).numpy()


def _written(image: Image.Image, number: NDArray[np.int64]) -> Image.Image:
    """Each number once per picture, where its cluster is widest."""
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(10, len(number) // 26))
    for one, box in enumerate(ndimage.find_objects(number), start=1):
        if box is None or (number[box] == one).sum() < LEAST * number.size:
            continue
        mask = np.pad(number[box] == one, 1)
        row, column = np.unravel_index(int(ndimage.distance_transform_edt(mask).argmax()), mask.shape)
        at = (int(column) - 1 + box[1].start, int(row) - 1 + box[0].start)
        draw.text(at, str(one), fill="white", font=font, anchor="mm", stroke_width=2, stroke_fill="black")
    return image


def palette(count: int) -> NDArray[np.float64]:
    """[count, 3] colours that neighbours in number do not share: hues a golden angle apart, in three strengths."""
    rows = [
        colorsys.hsv_to_rgb((0.61803398875 * i) % 1, (0.85, 0.55, 0.95)[i % 3], (0.95, 0.85, 0.65)[i // 3 % 3])
        for i in range(count)
    ]
    return np.array(rows).reshape(-1, 3)
