"""Niantic's SPZ: about a sixth of the PLY's size, for viewers on the web (an MIT-licensed format).

Version 2 is written: the readers that we know take it, while some refuse version 3, and most version 4. Both 2 and 3
are read. They differ in the rotation only, where 3 is more exact.

One gzip stream: a header of 16 bytes, then each property of all Gaussians in turn, little endian:

    magic "NGSP" | version uint32 | count uint32 | SH degree, fractional bits, flags (1 = antialiased), 0: uint8 each
    position 3 x int24 fixed point | alpha uint8 | colour 3 x uint8 | log scale 3 x uint8 | rotation 3 x uint8 or uint32

Axes are RUB (x right, y up, z back): the world turns like a GLB and opposite to the PLY, (x, y, z) -> (x, z, -y), and
the front is +z. Part labels have no place in it. Steps: 1.5e-5 in position, 1/16 in log scale, 0.026 in `features_dc`,
0.008 in x, y and z of a rotation (version 3: 0.0014 in the three smaller components).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..files import atomic_write
from .gaussians import Gaussians
from .rotations import matrix_to_quaternion, quaternion_to_matrix

TURN = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))  # acts on column vectors
MAGIC, VERSION, ANTIALIASED = b"NGSP", 2, 1
HEADER = struct.Struct("<4sIIBBBB")
BYTES = {2: (9, 1, 3, 3, 3), 3: (9, 1, 3, 3, 4)}  # by version, per Gaussian: position, alpha, colour, scale, rotation
FRACTION = 16  # bits behind the point: +-128 world units
COLOR_SCALE = 0.15
MAX_SIZE = 1 << 30  # of a file's content


def write_spz(path: str | Path, gaussians: Gaussians, version: int = VERSION) -> None:
    """Writes the Gaussians with degree-0 colour; equal input gives equal bytes."""
    if version not in BYTES:
        raise InputError(f"SPZ is written in version 2 or 3, not {version}")
    turned = _turn(gaussians.to("cpu"))
    fixed = (turned.positions.double() * 2**FRACTION).round()
    if not fixed.abs().lt(1 << 23).all():  # not a number included
        raise InputError(f"SPZ holds positions within {2 ** (23 - FRACTION)} world units; these lie farther out")
    columns = [
        _to_int24(fixed.numpy().astype("<i4")),
        _to_byte(turned.opacities * 255),
        _to_byte(turned.features_dc * COLOR_SCALE * 255 + 127.5),
        _to_byte((turned.scales.log() + 10) * 16),
        _to_xyz(turned.rotations) if version == 2 else _to_smallest_three(turned.rotations),
    ]
    head = HEADER.pack(MAGIC, version, len(gaussians), 0, FRACTION, ANTIALIASED, 0)
    atomic_write(path, gzip.compress(head + b"".join(column.tobytes() for column in columns), mtime=0))


def read_spz(path: str | Path) -> Gaussians:
    """Reads a file of version 2 or 3 back into the world frame; higher SH degrees than 0 are left out."""
    data = _unzipped(Path(path))
    if len(data) < HEADER.size or data[:4] != MAGIC:
        raise InputError(f"{path} is not an SPZ file")
    _, version, count, _, fraction, _, _ = HEADER.unpack_from(data)
    if version not in BYTES:
        raise InputError(f"{path} is SPZ of version {version}; versions 2 and 3 are read")
    if len(data) < HEADER.size + count * sum(BYTES[version]):
        raise InputError(f"{path} is cut short: {count} Gaussians need {count * sum(BYTES[version])} bytes")
    columns, start = [], HEADER.size
    for width in BYTES[version]:
        columns.append(np.frombuffer(data, np.uint8, count * width, start).reshape(count, width))
        start += count * width
    position, alpha, color, scale, rotation = columns
    turned = Gaussians(
        positions=torch.from_numpy(_from_int24(position) / 2.0**fraction).float(),
        features_dc=torch.from_numpy((color / 255.0 - 0.5) / COLOR_SCALE).float(),
        scales=torch.from_numpy(np.exp(scale / 16.0 - 10)).float(),
        rotations=_from_xyz(rotation) if version == 2 else _from_smallest_three(rotation),
        opacities=torch.from_numpy(alpha[:, 0] / 255.0).float(),
    )
    return _turn(turned, back=True)


def _turn(gaussians: Gaussians, back: bool = False) -> Gaussians:
    """World frame -> file frame, or `back`."""
    matrix = torch.tensor(TURN).to(gaussians.positions)
    matrix = matrix.T if back else matrix
    rotations = matrix_to_quaternion(matrix @ quaternion_to_matrix(gaussians.rotations))
    return replace(gaussians, positions=gaussians.positions @ matrix.T, rotations=rotations)


def _to_byte(values: Tensor) -> np.ndarray:
    return values.double().round().clamp(0, 255).numpy().astype(np.uint8)


def _to_int24(
    values: np.ndarray,  # [J, 3] int32
) -> np.ndarray:  # [J, 9] uint8, the three lower bytes of each
    return np.ascontiguousarray(values.view(np.uint8).reshape(-1, 3, 4)[:, :, :3])


def _from_int24(
    data: np.ndarray,  # [J, 9] uint8
) -> np.ndarray:  # [J, 3] int32
    low, middle, high = (data.reshape(-1, 3, 3)[:, :, i].astype(np.int32) for i in range(3))
    return low | middle << 8 | (high ^ 0x80) - 0x80 << 16


def _to_xyz(
    rotations: Tensor,  # [J, 4] wxyz unit
) -> np.ndarray:  # [J, 3] uint8, of the quaternion whose w is not negative
    sign = torch.where(rotations[:, :1] < 0, -1.0, 1.0)
    return _to_byte((rotations * sign)[:, 1:] * 127.5 + 127.5)


def _from_xyz(
    data: np.ndarray,  # [J, 3] uint8
) -> Tensor:  # [J, 4] wxyz unit
    xyz = torch.from_numpy(data / 127.5 - 1)
    w = (1 - (xyz * xyz).sum(dim=1, keepdim=True)).clamp_min(0).sqrt()
    return torch.nn.functional.normalize(torch.cat([w, xyz], dim=1), dim=1).float()


def _to_smallest_three(
    rotations: Tensor,  # [J, 4] wxyz unit
) -> np.ndarray:  # [J] uint32
    """Bits 30-31: which of x, y, z, w is the largest; then the others in that order, a sign and 9 bits each."""
    xyzw = rotations.double()[:, [1, 2, 3, 0]].numpy()
    largest = np.abs(xyzw).argmax(axis=1)
    xyzw = xyzw * np.where(np.take_along_axis(xyzw, largest[:, None], axis=1) < 0, -1, 1)  # the largest is positive
    packed = largest.astype(np.uint32)
    others = np.array([[i for i in range(4) if i != left_out] for left_out in range(4)])[largest]  # [J, 3]
    for values in np.take_along_axis(xyzw, others, axis=1).T:
        size = np.minimum(np.abs(values) * np.sqrt(2) * 511 + 0.5, 511).astype(np.uint32)
        packed = packed << 10 | (values < 0).astype(np.uint32) << 9 | size
    return packed.astype("<u4")


def _from_smallest_three(
    data: np.ndarray,  # [J, 4] uint8
) -> Tensor:  # [J, 4] wxyz unit
    packed = np.ascontiguousarray(data).view("<u4")[:, 0]
    largest = packed >> 30
    others = np.array([[i for i in range(4) if i != left_out] for left_out in range(4)])[largest]
    fields = np.stack([packed >> shift & 0x3FF for shift in (20, 10, 0)], axis=1)
    values = (fields & 0x1FF) / (511 * np.sqrt(2)) * np.where(fields & 0x200, -1, 1)
    xyzw = np.zeros((len(packed), 4))
    np.put_along_axis(xyzw, others, values, axis=1)
    rest = np.sqrt(np.maximum(0, 1 - (values * values).sum(axis=1)))
    np.put_along_axis(xyzw, largest[:, None].astype(np.int64), rest[:, None], axis=1)
    return torch.from_numpy(xyzw[:, [3, 0, 1, 2]]).float()


def _unzipped(path: Path) -> bytes:
    """The content of a gzip file, which may not grow without bound."""
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not an SPZ file, or cut short: {error}") from error
    if len(data) > MAX_SIZE:
        raise InputError(f"{path} holds more than {MAX_SIZE >> 30} GiB")
    return data
