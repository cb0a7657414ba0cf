"""Unit quaternions (wxyz) and rotation matrices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """[..., 4] wxyz of any length -> [..., 3, 3]."""
    w, x, y, z = F.normalize(quaternion, dim=-1).unbind(-1)
    entries = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """[..., 3, 3] -> [..., 4] wxyz, unit; of q and -q the one whose largest component is positive, as released.

    Row k of `products` is 4 q_k (w, x, y, z); dividing by the row with the largest q_k never divides by a small number.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    products = torch.stack([
        1 + a + e + i, h - f, c - g, d - b,
        h - f, 1 + a - e - i, b + d, c + g,
        c - g, b + d, 1 - a + e - i, f + h,
        d - b, c + g, f + h, 1 - a - e + i,
    ], dim=-1).unflatten(-1, (4, 4))  # fmt: skip
    largest = products.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = products.take_along_dim(largest[..., None, None], dim=-2).squeeze(-2)
    return F.normalize(row, dim=-1)
