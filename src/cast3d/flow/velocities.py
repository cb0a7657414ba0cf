"""Velocity functions, the joint between this package and the networks, and the precision they are used in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError

Velocity = Callable[[Tensor, float], Tensor]  # v(x, t), t a Python float in [0, 1]; the result has the shape of x
Pair = Callable[
    [Tensor, Tensor, float], tuple[Tensor, Tensor]
]  # (x_src, x_tgt, t) -> (v_src, v_tgt), e.g. in one batch


def working(x: Tensor) -> Tensor:
    """`x` in the precision of the arithmetic: its own dtype, but at least float32."""
    if not x.is_floating_point():
        raise InputError(f"a flow state must be a floating-point tensor, got {x.dtype}; convert it with .float()")
    return x.to(torch.promote_types(x.dtype, torch.float32))


def evaluate(velocity: Velocity, x: Tensor, t: float) -> Tensor:
    """v(x, t) in working precision."""
    return _checked(velocity(x, t), x)


def paired(source: Velocity | None, target: Velocity | None, pair: Pair | None) -> Pair:
    """`pair`, or its plain twin that evaluates the source, then the target."""
    if pair is not None:

        def together(x_src: Tensor, x_tgt: Tensor, t: float) -> tuple[Tensor, Tensor]:
            v_src, v_tgt = pair(x_src, x_tgt, t)
            return _checked(v_src, x_src), _checked(v_tgt, x_tgt)

        return together
    if source is None or target is None:
        raise InputError("give both the source and the target velocity, or a `pair` that evaluates them together")
    return lambda x_src, x_tgt, t: (evaluate(source, x_src, t), evaluate(target, x_tgt, t))


def pair_of(both: Velocity) -> Pair:
    """A pair from one velocity that takes source states and, after them along the first axis, target states."""

    def pair(x_src: Tensor, x_tgt: Tensor, t: float) -> tuple[Tensor, Tensor]:
        v_src, v_tgt = both(torch.cat([x_src, x_tgt]), t).chunk(2)
        return v_src, v_tgt

    return pair


def _checked(v: Tensor, x: Tensor) -> Tensor:
    # A wrong shape would broadcast without a word and give a plausible, wrong result.
    if v.shape != x.shape:
        raise InputError(f"the velocity has shape {list(v.shape)}, but its state has {list(x.shape)}; they must agree")
    return v.to(torch.promote_types(x.dtype, torch.float32))
