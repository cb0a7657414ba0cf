"""What is compared: a picture of a thing, and the thing as points that can be drawn quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..pictures.crops import crop_square
from ..splats import Gaussians
from ..voxels import to_coords, to_world

SOLID = 0.3  # opacity from which a Gaussian counts as surface


@dataclass(frozen=True)
class Shown:
    """A cut-out picture, cropped to the square about its object. Row 0 is the top; side 1 in picture units."""

    rgb: NDArray[np.float32]  # [S, S, 3] sRGB in [0, 1]; meaningless where alpha is 0
    alpha: NDArray[np.float32]  # [S, S] in [0, 1]

    @staticmethod
    def of(rgba: Image.Image, size: int) -> Shown:
        """The square of `crop_square` at `size` pixels a side."""
        square = crop_square(rgba).convert("RGBa")  # premultiplied, so that hidden colours do not bleed in
        # Boxes, not Lanczos: a mask that rings would count as one that is seen through.
        pixels = np.asarray(square.resize((size, size), Image.Resampling.BOX)).astype(np.float32) / np.float32(255)
        alpha = pixels[..., 3]
        return Shown(np.clip(pixels[..., :3] / np.maximum(alpha, 1e-3)[..., None], 0, 1), alpha)

    @property
    def size(self) -> int:
        return len(self.alpha)


@dataclass(frozen=True)
class Points:
    """A thing as squares that face the camera; world units."""

    positions: NDArray[np.float32]  # [N, 3]
    half: float  # half a square's side
    colors: NDArray[np.float32] | None = None  # [N, 3] sRGB in [0, 1], unlit

    def __len__(self) -> int:
        return len(self.positions)

    @staticmethod
    def of_grid(grid: Tensor, colors: Tensor | None = None) -> Points:
        """The voxels of a bool grid [R, R, R]; `colors` [R, R, R, 3] in [0, 1] are optional.

        Raises InputError for an empty grid.
        """
        coords = to_coords(grid)
        if not len(coords):
            raise InputError("an empty grid is seen from nowhere; give the thing voxels first")
        own = None if colors is None else _array(colors[grid])
        return Points(_array(to_world(coords.double(), len(grid))), 0.5 / len(grid), own)

    @staticmethod
    def of_gaussians(gaussians: Gaussians, resolution: int = 64) -> Points:
        """The solid ones, with their colours; `resolution` is that of the voxels they were decoded from."""
        solid = gaussians.opacities > SOLID
        if not solid.any():
            raise InputError("no Gaussian is solid, so the thing is seen from nowhere")
        mine = gaussians[solid]
        every = Points(_array(mine.positions), 0.5 / resolution, _array(mine.colors.clamp(0, 1)))
        return every.thinned(1 / resolution)

    def thinned(self, cell: float) -> Points:
        """One point for each cube of side `cell` that holds any, with the mean colour."""
        cells = np.floor(self.positions / cell).astype(np.int64)
        _, row, count = np.unique(cells @ (1, 1 << 20, 1 << 40), return_inverse=True, return_counts=True)

        def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.stack([np.bincount(row, column) / count for column in values.T], 1).astype(np.float32)

        colors = None if self.colors is None else mean(self.colors)
        return Points(mean(self.positions), max(self.half, 0.5 * cell), colors)

    def plain(self) -> Points:
        """Without colours."""
        return replace(self, colors=None)


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().cpu().to(torch.float32).numpy())
