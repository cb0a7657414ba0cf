"""The 3DGS PLY file: binary little endian float32, as released by TRELLIS, plus a `part` per Gaussian.

`part` holds whole numbers (-1: none). It is a float, as all properties are, and the last one: some readers (Unity's
importers, SPZ converters) take every property for a float, and read wrong positions or nothing if one is an integer.
Older files of cast3d, with an integer, are read too.

Viewers of such files show y downwards, so the world is turned on the way out: (x, y, z) -> (x, -z, y). GLB files turn
the opposite way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..files import atomic_write
from .gaussians import Gaussians
from .rotations import matrix_to_quaternion, quaternion_to_matrix

TURN = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))  # acts on column vectors

_POSITION, _NORMAL, _COLOR = ["x", "y", "z"], ["nx", "ny", "nz"], ["f_dc_0", "f_dc_1", "f_dc_2"]
_OPACITY, _SCALE, _ROTATION = ["opacity"], ["scale_0", "scale_1", "scale_2"], ["rot_0", "rot_1", "rot_2", "rot_3"]
_RELEASED = [*_POSITION, *_NORMAL, *_COLOR, *_OPACITY, *_SCALE, *_ROTATION]
_TYPES = {
    "char": "i1", "uchar": "u1", "short": "<i2", "ushort": "<u2", "int": "<i4", "uint": "<u4", "float": "<f4",
    "double": "<f8", "int8": "i1", "uint8": "u1", "int16": "<i2", "uint16": "<u2", "int32": "<i4", "uint32": "<u4",
    "float32": "<f4", "float64": "<f8",
}  # fmt: skip
_HEADER_LIMIT = 1 << 16


def write_ply(path: str | Path, gaussians: Gaussians, part: Tensor | None = None) -> None:
    """Writes the Gaussians in the turned frame; `part` [J] (default `gaussians.part`) is left out where unknown.

    Opacity is stored as its logit and scales as logarithms; colours are the raw `features_dc`.
    """
    part = gaussians.part if part is None else part
    if part is not None and len(part) != len(gaussians):
        raise InputError(f"`part` has {len(part)} entries for {len(gaussians)} Gaussians; it needs one each")
    turned = turn(gaussians.to("cpu"))
    columns = [
        turned.positions,
        torch.zeros_like(turned.positions),
        turned.features_dc,
        turned.opacities.logit(eps=1e-6)[:, None],  # finite at 0 and 1, which viewers need
        turned.scales.log(),
        turned.rotations,
    ]
    names = [*_RELEASED, *([] if part is None else ["part"])]
    table = np.empty(len(gaussians), dtype=[(name, "<f4") for name in names])
    for name, column in zip(_RELEASED, torch.cat(columns, dim=1).unbind(1)):
        table[name] = column.numpy()
    if part is not None:
        table["part"] = part.cpu().numpy()
    properties = [f"property float {name}" for name in names]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(gaussians)}", *properties, "end_header"]
    atomic_write(path, "\n".join([*lines, ""]).encode("ascii") + table.tobytes())


def write_changed(path: str | Path, source: str | Path, keep: Tensor, new: Gaussians) -> None:
    """The file `source` with some Gaussians [J] bool kept, all their properties as they were, and new ones after them.

    New ones have no view-dependent colour (`f_rest` is 0), and as `part` the largest there was plus one.
    """
    table = _read_vertices(Path(source))
    names = table.dtype.names or ()
    turned = turn(new.to("cpu"))
    columns = [turned.positions, turned.features_dc, turned.opacities.logit(eps=1e-6)[:, None], turned.scales.log()]
    rows = np.zeros(len(new), table.dtype)
    known = [*_POSITION, *_COLOR, *_OPACITY, *_SCALE, *_ROTATION]
    for name, column in zip(known, torch.cat([*columns, turned.rotations], dim=1).unbind(1)):
        rows[name] = column.numpy()
    if "part" in names:
        rows["part"] = table["part"].max(initial=-1) + 1
    together = np.concatenate([table[keep.cpu().numpy()], rows])
    kinds = {np.dtype(kind): name for name, kind in reversed(_TYPES.items())}
    properties = [f"property {kinds[table.dtype[name]]} {name}" for name in names]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(together)}", *properties, "end_header"]
    atomic_write(path, "\n".join([*lines, ""]).encode("ascii") + together.tobytes())


def read_ply(path: str | Path) -> Gaussians:
    """Reads a 3DGS PLY file, ours or another's (degree-0 colour only), back into the world frame."""
    table = _read_vertices(Path(path))
    missing = [name for name in _RELEASED if name not in (table.dtype.names or ()) and name not in _NORMAL]
    if missing:
        raise InputError(f"{path} is no 3D Gaussian file: its vertices lack {', '.join(missing)}")

    def columns(names: list[str]) -> Tensor:
        return torch.from_numpy(np.stack([table[name] for name in names], axis=-1).astype(np.float32))

    part = torch.from_numpy(table["part"].astype(np.int64)) if "part" in (table.dtype.names or ()) else None
    turned = Gaussians(
        positions=columns(_POSITION),
        features_dc=columns(_COLOR),
        scales=columns(_SCALE).exp(),
        rotations=columns(_ROTATION),
        opacities=columns(_OPACITY).squeeze(1).sigmoid(),
        part=part,
    )
    return turn(turned, back=True)


def turn(gaussians: Gaussians, back: bool = False) -> Gaussians:
    """World frame -> file frame, or `back`: positions T v, rotations T R."""
    matrix = torch.tensor(TURN).to(gaussians.positions)
    matrix = matrix.T if back else matrix
    return replace(
        gaussians,
        positions=gaussians.positions @ matrix.T,
        rotations=matrix_to_quaternion(matrix @ quaternion_to_matrix(gaussians.rotations)),
    )


def _read_vertices(path: Path) -> np.ndarray:
    """The structured array of the `vertex` element, which has to come first."""
    data = path.read_bytes()
    head, mark, _ = data[:_HEADER_LIMIT].partition(b"end_header\n")
    lines = head.decode("ascii", errors="replace").splitlines()
    if not mark or lines[:1] != ["ply"]:
        raise InputError(f"{path} is not a PLY file")
    words = [line.split() for line in lines[1:] if line.split() and line.split()[0] not in ("comment", "obj_info")]
    if words[:1] != [["format", "binary_little_endian", "1.0"]]:
        given = " ".join(words[0]) if words else "nothing"
        raise InputError(f"{path} says {given!r}; only 'format binary_little_endian 1.0' is read")
    count, types = _vertex_layout(words[1:], path)
    start = len(head) + len(mark)
    if count * types.itemsize > len(data) - start:
        raise InputError(f"{path} is cut short: {count} vertices need {count * types.itemsize} bytes")
    return np.frombuffer(data, dtype=types, count=count, offset=start)


def _vertex_layout(words: list[list[str]], path: Path) -> tuple[int, np.dtype]:
    """The header's lines after `format` -> number of vertices and their record type."""
    match words[:1]:
        case [["element", "vertex", number]] if number.isdecimal():
            count = int(number)
        case _:
            raise InputError(f"{path} does not start with a `vertex` element")
    properties = []
    for line in words[1:]:
        match line:
            case ["property", kind, name] if kind in _TYPES:
                properties.append((name, _TYPES[kind]))
            case ["element", *_]:
                break
            case _:
                raise InputError(f"{path} has a vertex property that cannot be read: {' '.join(line)!r}")
    try:
        return count, np.dtype(properties)
    except ValueError as error:
        raise InputError(f"{path} names a vertex property twice: {error}") from error
