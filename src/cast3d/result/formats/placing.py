"""Where an exported object stands and how tall it is: millimetres, and lengths as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from ...errors import InputError, nearest
from ...meshes.mesh import Mesh
from ...meshes.texture import Textured

Parts = Mapping[str, Mesh | Textured]

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}  # millimetres
ORIGINS = ("center", "corner", "scene")
HEIGHT = 100.0  # millimetres, unless another height is asked for
SMALLEST, LARGEST = 0.1, 100_000.0  # millimetres of height


@dataclass(frozen=True)
class Placement:
    """World units to millimetres: scale first, then shift; z stays up."""

    scale: float
    shift: tuple[float, float, float]

    def __call__(self, mesh: Mesh) -> Mesh:
        shift = torch.tensor(self.shift, dtype=torch.float64)
        return replace(mesh, vertices=(mesh.vertices.double() * self.scale + shift).float())


def placement(parts: Parts, height: float = HEIGHT, ground: bool = True, origin: str = "center") -> Placement:
    """Makes the whole `height` millimetres tall.

    With `ground` its lowest point is at 0. `origin` "center" puts the middle of its outline, seen from above, at 0;
    "corner" makes all coordinates positive, as printers count; "scene" keeps the middle of the cube that the object was
    made in at 0, so that files of several runs fit together if their heights are told alike.
    """
    require_placing(height, origin)
    points = torch.cat([mesh_of(part).vertices for part in parts.values()]).double()
    low, high = points.amin(0), points.amax(0)
    scale = height / max(float(high[2] - low[2]), 1e-9)
    shift = torch.zeros(3, dtype=torch.float64)
    if origin != "scene":
        shift[:2] = -scale * ((low + high) / 2 if origin == "center" else low)[:2]
    if ground or origin == "corner":
        shift[2] = -scale * low[2]
    return Placement(scale, tuple(shift.tolist()))


def require_placing(height: float, origin: str) -> None:
    if origin not in ORIGINS:
        raise InputError(f"the origin is {', '.join(ORIGINS[:-1])} or {ORIGINS[-1]}, not {origin!r}")
    if not SMALLEST <= height <= LARGEST:
        raise InputError(f"the height is {height:g} mm; it must lie between {SMALLEST:g} mm and {LARGEST / 1000:g} m")


def length(text: str) -> float:
    """ "80mm", "8 cm", "0.08m", "3in" or a bare number of millimetres -> millimetres."""
    found = re.fullmatch(r"\s*([0-9]*[.,]?[0-9]+)\s*([a-zA-Z]*)\s*", text)
    unit = (found[2] or "mm").lower() if found else ""
    if not found or unit not in UNITS:
        known = ", ".join(UNITS)
        raise InputError(f"{text!r} is no length; give a number and one of {known}, such as 80mm{nearest(unit, UNITS)}")
    return float(found[1].replace(",", ".")) * UNITS[unit]


def mesh_of(part: Mesh | Textured) -> Mesh:
    return part.mesh if isinstance(part, Textured) else part
