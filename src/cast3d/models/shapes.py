"""Networks as shapes alone, for whoever fills them from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWS = {nn.init.normal_, Tensor.normal_}  # in place


@contextmanager
def shapes_only() -> Iterator[None]:
    """What is built within lies on the meta device: sizes and dtypes, no values.

    Some operations have no meta kernel in C++; for them PyTorch imports its compilers, which takes seconds.
    Drawing is one: it is left out. Constants that networks compute are others: they are made with `device="cpu"`.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in DRAWS:
            return args[0] if args else named["tensor"]
        if func is torch.randn:
            return torch.empty(*args, **named)
        return func(*args, **named)
