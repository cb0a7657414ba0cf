"""Gaussians in the short form that report.html carries: 18 bytes each, enough to look at, a quarter of a PLY file.

Positions are within 1/131070 of the box's side, scales within 1/40 of their logarithm, directions within 1/250. Read by
`web/src/viewer/packed.ts`.
"""

from __future__ import annotations

import struct

import numpy as np
import torch

from ...splats import Gaussians
from ...splats.ply import turn

STEPS, LOWEST = 20, -12.0  # of a logarithm of scale


def packed_splats(gaussians: Gaussians) -> bytes:
    """A head and columns: places uint16 [3, J], scales uint8 [3, J], turns int8 [4, J], RGB and opacity uint8 [4, J],
    part uint8 [J]; in the frame of PLY files, y down."""
    turned = turn(gaussians.to("cpu"))
    places = turned.positions.double().numpy()
    count = len(places)
    low = places.min(0) if count else np.zeros(3)
    side = float((places.max(0) - low).max()) if count else 0.0
    low, side = low.astype("<f4").astype(np.float64), max(float(np.float32(side)), 1e-9)
    quaternions = torch.nn.functional.normalize(turned.rotations, dim=1).numpy()
    logs = (turned.scales.clamp_min(1e-30).log().numpy() - LOWEST) * STEPS
    colors = np.concatenate([turned.colors.numpy(), turned.opacities.numpy()[:, None]], axis=1)
    parts = np.zeros(count) if turned.part is None else turned.part.numpy()
    columns = [
        ((places - low) / side * 65535).round().clip(0, 65535).astype("<u2"),
        logs.round().clip(0, 255).astype(np.uint8),
        (quaternions * 127).round().astype(np.int8),
        (colors * 255).round().clip(0, 255).astype(np.uint8),
        parts.clip(0, 255).astype(np.uint8)[:, None],
    ]
    head = struct.pack("<I4f", count, *low, side)
    return head + b"".join(np.ascontiguousarray(column.T).tobytes() for column in columns)
