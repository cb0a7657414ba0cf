"""Moving space into channels and back."""

from __future__ import annotations

from torch import Tensor


def patchify(
    x: Tensor,  # [B, C, X, Y, Z]
    patch: int,
) -> Tensor:
    """[B, C * patch^3, X/patch, Y/patch, Z/patch]; channel ((c * p + i) * p + j) * p + k holds sub-cell (i, j, k)."""
    b, c, *size = x.shape
    x = x.reshape(b, c, *(n for s in size for n in (s // patch, patch)))
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * patch**3, *(s // patch for s in size))


def unpatchify(
    x: Tensor,  # [B, C * patch^3, X, Y, Z]
    patch: int,
) -> Tensor:
    """[B, C, X * patch, Y * patch, Z * patch]: inverse of `patchify`, also known as the 3D pixel shuffle."""
    b, c, *size = x.shape
    x = x.reshape(b, c // patch**3, patch, patch, patch, *size)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // patch**3, *(s * patch for s in size))
