"""How alike two grids are."""

from __future__ import annotations

from torch import Tensor

from .grid import dilate


def iou(a: Tensor, b: Tensor) -> float:
    """Intersection over union; two empty grids are equal."""
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 1.0


def f1(a: Tensor, b: Tensor, tolerance: int = 1) -> float:
    """Harmonic mean of the fractions of `a` near `b` and of `b` near `a`: at most `tolerance` voxels off per axis."""
    count_a, count_b = a.sum().item(), b.sum().item()
    if not count_a or not count_b:
        return float(count_a == count_b)
    near_b = (a & dilate(b, tolerance)).sum().item() / count_a
    near_a = (b & dilate(a, tolerance)).sum().item() / count_b
    return 2 * near_a * near_b / (near_a + near_b) if near_a + near_b else 0.0
