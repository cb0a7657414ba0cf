"""A model as surfaces in the file's own frame, whichever file it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..splats import Gaussians
from .container import Document

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Paint:
    """What colours a surface: the factor, times the vertices' colours, times the picture; all but that linear."""

    factor: Floats  # [4]
    picture: NDArray[np.uint8] | None = None  # [H, W, 4] sRGB
    transparent: float | None = None  # alpha below which nothing is seen; None: all is opaque

    def shows(self, alpha: Floats) -> NDArray[np.bool_]:
        """Whether anything is seen where the surface has such an alpha [P]."""
        return np.ones(len(alpha), bool) if self.transparent is None else alpha >= self.transparent


@dataclass(frozen=True)
class Piece:
    """The triangles of one primitive where one node draws it."""

    names: tuple[str, ...]  # of the node, then of the nodes above it, then of its mesh and material
    vertices: Floats  # [V, 3] in the file's frame and units
    faces: Integers  # [F, 3]
    paint: Paint
    uv: Floats | None = None  # [V, 2]
    colors: Floats | None = None  # [V, 4] linear
    node: int = -1  # in the document
    primitive: int = -1
    triangles: Integers = field(default_factory=lambda: np.zeros(0, np.int64))  # [F] their places in the primitive


@dataclass(frozen=True)
class Model:
    """Either a glTF `document` whose `pieces` are its triangles, or Gaussians.

    `kind` is the suffix of the file. `own` says that the file is of cast3d: it is in the frame of the cube already.
    """

    kind: str
    sha256: str
    pieces: tuple[Piece, ...] = ()
    document: Document | None = None
    gaussians: Gaussians | None = None  # in our axes (z up, front -y), in the file's units
    path: Path | None = None
    own: bool = False
    up: str = "y"  # the axis that points up in the file
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes that draw something, each once."""
        return list(dict.fromkeys(piece.names[0] for piece in self.pieces if piece.names[0]))

    def points(self, pieces: Sequence[int] | None = None) -> Floats:
        """[N, 3] the vertices that faces use, of some pieces or of all; of a splat its centres."""
        if self.gaussians is not None:
            return self.gaussians.positions.double().numpy()
        chosen = self.pieces if pieces is None else [self.pieces[index] for index in pieces]
        return np.concatenate([piece.vertices[np.unique(piece.faces)] for piece in chosen])
