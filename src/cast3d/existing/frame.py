"""From a model's own frame to the cube that the backbones work in, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import InputError
from ..splats import Gaussians
from ..splats.rotations import matrix_to_quaternion, quaternion_to_matrix
from .model import Floats, Model

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

    def moved(self, scale: float, shift: Sequence[float]) -> Frame:
        """The frame in which what stands at x in this one's cube stands at scale x + shift."""
        x, y, z = (scale * np.array(self.shift) + np.array(shift)).tolist()
        return Frame(self.turn, scale * self.scale, (x, y, z))


def splat_in_file(gaussians: Gaussians, frame: Frame) -> Gaussians:
    """Gaussians of the cube in the file's own frame and units; those of a splat's file are told in our axes."""
    turn = torch.tensor(frame.turn, dtype=torch.float32).T
    return replace(
        gaussians,
        positions=torch.from_numpy(frame.to_file(gaussians.positions.double().cpu().numpy())).float(),
        scales=gaussians.scales.cpu() / frame.scale,
        rotations=matrix_to_quaternion(turn @ quaternion_to_matrix(gaussians.rotations.cpu())),
    )


@dataclass(frozen=True)
class Stand:
    """How a backbone wants things to stand in its cube."""

    extent: float = 0.95  # share of the cube's side that the longest side of the main thing takes
    floor: float | None = None  # height of its lowest point above the cube's floor; None: the middle is in the middle
    margin: float = 0.5 / 64  # that everything keeps from the cube's sides
    lifted: bool = False  # the structure flow knows better where things of a kind stand, see `stages.standing`


CENTRED = Stand()


def frame_of(
    model: Model, up: str = "", front: float = 0.0, stand: Stand = CENTRED, main: Sequence[int] | None = None
) -> Frame:
    """The frame in which a model stands upright, looks to the front, and fits into the cube.

    `up` is the axis of the file that points up ("y" or "z"; "" as its kind of file has it), `front` how many degrees
    the model's front is turned from it, counter-clockwise seen from above. `main` are the pieces of the main
    thing: they say how large all is and where it stands, all others have to fit beside them. Files of cast3d keep their
    place.
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
    whole = model.points() @ turn.T
    own = model.points(main) @ turn.T if main and model.pieces else whole
    (low, high), (lowest, highest) = ((points.min(0), points.max(0)) for points in (own, whole))
    longest = float((high - low).max())
    if not longest > 0:
        raise InputError("the model has no size: all its points are one")
    middle = (low + high) / 2
    if stand.floor is not None:
        # What hangs far below (a pot under a plant) stands on the floor itself: it would make everything tiny there.
        hangs = stand.extent / longest * (low[2] - lowest[2]) > stand.floor - stand.margin
        middle[2] = lowest[2] if hangs else low[2]
    place = np.zeros(3) if stand.floor is None else np.array([0.0, 0.0, stand.floor - 0.5])
    # What sticks out on any side makes everything smaller.
    room = 0.5 - stand.margin + np.concatenate([place, -place])
    reach = np.concatenate([middle - lowest, highest - middle])
    scale = min(stand.extent / longest, *(room[reach > 0] / reach[reach > 0]).tolist())
    x, y, z = (place - scale * middle).tolist()
    return Frame(rows, scale, (x, y, z))
