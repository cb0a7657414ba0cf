"""Data types: torch's default, which belongs to whoever uses this library, and what a processor is fast in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def in_float32(work: Callable[P, T]) -> Callable[P, T]:
    """Runs `work` with float32 as the default of new tensors, as all code here expects; then restores the default."""

    @wraps(work)
    def careful(*args: P.args, **kwargs: P.kwargs) -> T:
        before = torch.get_default_dtype()
        if before == torch.float32:
            return work(*args, **kwargs)
        torch.set_default_dtype(torch.float32)
        try:
            return work(*args, **kwargs)
        finally:
            torch.set_default_dtype(before)

    return careful


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively; elsewhere float32 is faster and exact."""
    return torch.cpu._is_avx512_bf16_supported() if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False
