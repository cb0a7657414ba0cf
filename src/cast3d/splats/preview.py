"""Pictures of Gaussians for people: turntables and contact sheets."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..files import atomic_write
from .gaussians import Gaussians
from .rasterize import render
from .views import rings

SIZE = 256  # pixels a side of turntables


def turntable(
    gaussians: Gaussians,
    size: int = 256,
    frames: int = 24,
    *,
    pitch: float = 15.0,
    background: float = 1.0,
    **camera,
) -> list[np.ndarray]:
    """One turn as uint8 pictures [size, size, 3], the front first; `camera` goes to `orbit`."""
    cameras = rings(frames, [pitch], **camera)
    return [to_uint8(render(gaussians, view, size, background).color) for view in cameras]


def turned_together(
    splats: Sequence[Gaussians], size: int = SIZE, frames: int = 24, pitch: float = 15.0
) -> list[list[np.ndarray]]:
    """One turn of each by the same cameras, orthographic, whose pictures hold all of them."""
    points = torch.cat([one.positions for one in splats])
    middle = (points.amin(0) + points.amax(0)) / 2
    width = 2.2 * float((points - middle).norm(dim=1).max())
    moved = [replace(one, positions=one.positions - middle) for one in splats]
    return [turntable(one, size, frames, pitch=pitch, fov=None, width=width) for one in moved]


def to_uint8(color: Tensor) -> np.ndarray:
    """[H, W, 3] in [0, 1] (what is brighter is clipped) -> uint8."""
    return (color.detach().clamp(0, 1) * 255 + 0.5).byte().cpu().numpy()


def contact_sheet(images: Sequence[np.ndarray], columns: int, background: int = 255) -> np.ndarray:
    """Pictures of one size [H, W, 3] -> one picture, row by row; empty places at the end are filled."""
    height, width, channels = images[0].shape
    rows = -(-len(images) // columns)
    sheet = np.full((rows * height, columns * width, channels), background, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + height, left : left + width] = image
    return sheet


def save_png(path: str | Path, image: np.ndarray) -> None:
    """Writes one uint8 picture."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", optimize=True)
    atomic_write(path, buffer.getvalue())


def save_webp(path: str | Path, images: Sequence[np.ndarray], fps: float = 12, quality: int = 80) -> None:
    """Writes uint8 pictures as an endless animation."""
    first, *rest = [Image.fromarray(image) for image in images]
    buffer = io.BytesIO()
    first.save(
        buffer, "WEBP", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0, quality=quality, method=4
    )
    atomic_write(path, buffer.getvalue())
