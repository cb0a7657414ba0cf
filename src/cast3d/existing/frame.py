"""From a model's own frame to the cube that the backbones work in, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .model import Floats, Model

EXTENT = 54 / 64  # of the cube that the model's longest side takes: parts that are added need room
# Rows of turns that make z point up and the front look to -y.
UPS = {
    "y": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
    "z": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


@dataclass(frozen=True)
class Frame:
    """cube = scale * turn @ file + shift; `turn` is a rotation, so that the way back is exact up to rounding."""

    turn: tuple[tuple[float, float, float], ...]
    scale: float
    shift: tuple[float, float, float]

    def to_cube(self, points: Floats) -> Floats:
        """[..., 3] of the file -> the cube [-0.5, 0.5]^3."""
        return self.scale * points @ np.array(self.turn).T + np.array(self.shift)

    def to_file(self, points: Floats) -> Floats:
        """The inverse."""
        return (points - np.array(self.shift)) / self.scale @ np.array(self.turn)


def frame_of(model: Model, up: str = "", front: float = 0.0) -> Frame:
    """The frame in which a model stands upright, looks to the front and fits into the cube with room around it.

    `up` is the axis of the file that points up ("y" or "z"; "" as its kind of file has it), `front` how many degrees
    the model's front is turned from it, counter-clockwise seen from above. Files of cast3d keep their place.
    """
    up = up or model.up
    if up not in UPS:
        raise InputError(f"the axis that points up is y or z, not {up!r}")
    angle = np.radians(-front)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]) @ np.array(UPS[up])
    rows = tuple((float(a), float(b), float(c)) for a, b, c in turn)
    if model.own and not front:
        return Frame(rows, 1.0, (0.0, 0.0, 0.0))
    turned = model.points() @ turn.T
    low, high = turned.min(0), turned.max(0)
    longest = float((high - low).max())
    if not longest > 0:
        raise InputError("the model has no size: all its points are one")
    scale = EXTENT / longest
    x, y, z = (-scale * (low + high) / 2).tolist()
    return Frame(rows, scale, (x, y, z))
