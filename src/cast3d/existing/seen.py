"""A model as the method takes it: in the cube, as points all over its surface, and as pictures from any side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from ..meshes.raster import on_screen, rasterise
from ..splats import Camera, Gaussians, render
from ..splats.rotations import matrix_to_quaternion, quaternion_to_matrix
from .frame import Frame
from .model import Floats, Model
from .surface import SPACING, Points, colors_at, lattice

FLAT = 0.6  # of its middle axis, up to which a Gaussian's thinnest axis says how its surface lies
NEIGHBOURS = 12  # that say it for the others
CELLS = 8  # per voxel and axis: of points in one cell, one is kept


@dataclass(frozen=True)
class Surface:
    """Points of a model in the cube; which piece each is of (for a splat: 0)."""

    position: Tensor  # [P, 3] float32, in [-0.5, 0.5]^3
    normal: Tensor  # [P, 3] float32, unit
    color: Tensor  # [P, 3] float32 sRGB
    piece: Tensor  # [P] int32

    def __getitem__(self, chosen: Tensor) -> Surface:
        """Some of the points, by a mask [P] bool."""
        return Surface(self.position[chosen], self.normal[chosen], self.color[chosen], self.piece[chosen])


@dataclass(frozen=True)
class Existing:
    """A model and where it stands in the cube."""

    model: Model
    frame: Frame

    @property
    def identity(self) -> dict[str, Any]:
        """What it is, as plain data."""
        frame = {"turn": self.frame.turn, "scale": self.frame.scale, "shift": self.frame.shift}
        return {"sha256": self.model.sha256, "frame": frame}

    @cached_property
    def cube(self) -> list[Floats]:
        """Per piece its vertices [V, 3] in the cube."""
        return [self.frame.to_cube(piece.vertices) for piece in self.model.pieces]

    def without(self, pieces: Collection[int]) -> Existing:
        """The model without some of its pieces."""
        gone = set(pieces)
        left = tuple(piece for index, piece in enumerate(self.model.pieces) if index not in gone)
        return Existing(replace(self.model, pieces=left), self.frame) if gone else self

    def surface(self, resolution: int = 64) -> Surface:
        """Points so dense that no voxel which the surface passes is missed; what lies outside the cube is left out."""
        if self.model.gaussians is not None:
            return self._of_splat()
        parts = [
            _thinned(points, index, resolution)
            for index, (piece, cube) in enumerate(zip(self.model.pieces, self.cube))
            for points in lattice(piece, cube, SPACING / resolution)
        ]
        position, normal, color, piece = (np.concatenate(columns) for columns in zip(*parts))
        return Surface(_tensor(position), _tensor(normal), _tensor(color), torch.from_numpy(piece))

    def _of_splat(self) -> Surface:
        """The centres of Gaussians that can be seen.

        The normal of a flat one is its thinnest axis, else that of the surface through its neighbours; outwards.
        """
        gaussians = self.model.gaussians
        assert gaussians is not None
        gaussians = gaussians[gaussians.opacities > 0.1]
        position = _tensor(self.frame.to_cube(gaussians.positions.double().numpy()))
        axes = quaternion_to_matrix(gaussians.rotations)
        thin = gaussians.scales.argmin(1)
        normal = axes[torch.arange(len(axes)), :, thin] @ torch.tensor(self.frame.turn, dtype=torch.float32).T
        least, middle = gaussians.scales.sort(1).values[:, :2].unbind(1)
        normal[least > FLAT * middle] = _normals(position, least > FLAT * middle)
        outwards = ((position - position.mean(0)) * normal).sum(1, keepdim=True) < 0
        normal = torch.where(outwards, -normal, normal)
        inside = (position.abs() < 0.5).all(1)
        color = gaussians.colors.clamp(0, 1)
        return Surface(
            position[inside], normal[inside], color[inside], torch.zeros(int(inside.sum()), dtype=torch.int32)
        )

    def picture(self, camera: Camera, size: int, pieces: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """Colour [S, S, 3] sRGB, unlit, on black, and alpha [S, S] of what a camera sees of it in the cube."""
        color, alpha, _ = self.view(camera, size, pieces)
        return color, alpha

    def view(self, camera: Camera, size: int, pieces: Sequence[int] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """The same and its depth [S, S], infinite where nothing is seen."""
        if self.model.gaussians is not None:
            drawn = render(self.in_cube, camera, size)
            depth = torch.where(drawn.alpha > 0.5, drawn.depth, torch.inf)
            return drawn.color.clamp(0, 1), drawn.alpha, depth
        return self._drawn(camera, size, range(len(self.cube)) if pieces is None else pieces)

    @cached_property
    def in_cube(self) -> Gaussians:
        """The Gaussians of a splat in the cube."""
        gaussians = self.model.gaussians
        assert gaussians is not None
        turn = torch.tensor(self.frame.turn, dtype=torch.float32)
        return replace(
            gaussians,
            positions=_tensor(self.frame.to_cube(gaussians.positions.double().numpy())),
            scales=gaussians.scales * self.frame.scale,
            rotations=matrix_to_quaternion(turn @ quaternion_to_matrix(gaussians.rotations)),
        )

    def _drawn(self, camera: Camera, size: int, pieces: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        color = np.zeros((size, size, 3), np.float32)
        depth = np.full((size, size), np.inf, np.float32)
        for index in pieces:
            piece = self.model.pieces[index]
            cover = rasterise(on_screen(self.cube[index].astype(np.float32), camera, size), piece.faces, size, size)
            nearer = (cover.index >= 0) & (cover.depth < depth)
            second, third = cover.weights[nearer].T.astype(np.float64)
            weights = np.stack([1 - second - third, second, third], axis=1)
            rgba = colors_at(piece, piece.faces[cover.index[nearer]], weights)
            seen = piece.paint.shows(rgba[:, 3])
            at = tuple(axis[seen] for axis in np.nonzero(nearer))
            color[at], depth[at] = rgba[seen, :3], cover.depth[nearer][seen]
        return torch.from_numpy(color), torch.from_numpy(np.isfinite(depth).astype(np.float32)), torch.from_numpy(depth)


def _normals(position: Tensor, asked: Tensor, at_once: int = 100_000) -> Tensor:
    """[A, 3] unit: the direction in which the nearest neighbours of the points that are asked for vary least."""
    if len(position) < 3 or not asked.any():
        return torch.tensor([0.0, 0.0, 1.0]).expand(int(asked.sum()), 3)
    points, wanted = position.double().numpy(), position[asked].double().numpy()
    tree, found = cKDTree(points), []
    for start in range(0, len(wanted), at_once):
        _, rows = tree.query(wanted[start : start + at_once], min(NEIGHBOURS, len(points)))
        near = torch.from_numpy(points[rows] - points[rows].mean(1, keepdims=True))
        found.append(torch.linalg.eigh(near.transpose(1, 2) @ near)[1][:, :, 0].float())
    return torch.cat(found)


def _thinned(points: Points, index: int, resolution: int) -> tuple[Floats, Floats, Floats, NDArray[np.int32]]:
    """The points in the cube, of those in one fine cell one: small triangles by the million take no more than large."""
    inside = (np.abs(points.position) < 0.5).all(1)
    position, normal, color = points.position[inside], points.normal[inside], points.color[inside]
    cell = np.floor((position + 0.5) * resolution * CELLS).astype(np.int64)
    side = resolution * CELLS
    first = np.sort(np.unique((cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2], return_index=True)[1])
    return position[first], normal[first], color[first], np.full(len(first), index, np.int32)


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
