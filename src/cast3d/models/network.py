"""What every network here has: its arguments as `config`, and a torso that may run in half precision."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self

import torch
from torch import nn

from .sparse.convolution import ConvolutionWeights

CAST_TYPES = (nn.Linear, nn.Conv3d, ConvolutionWeights)


class Network(nn.Module):
    """A network of the released family.

    Only linear and convolution weights of the torso change precision; norms, embeddings and the first and last layers
    stay float32, as in the released files.
    """

    torso: ClassVar[tuple[str, ...]] = ()  # names of the children that run in `dtype`

    def __init__(self, arguments: dict[str, Any]):
        """`arguments` are the constructor's locals(): kept as `config`, written to STEM.json by `save`."""
        super().__init__()
        self.config = {name: arguments[name] for name in inspect.signature(type(self)).parameters}
        self.dtype = torch.float32

    def convert_to(self, dtype: torch.dtype) -> Self:
        """Casts the torso's linear and convolution weights to `dtype` (float32, float16 or bfloat16), in place."""
        for name in self.torso:
            for module in getattr(self, name).modules():
                if isinstance(module, CAST_TYPES):
                    module.to(dtype)
        self.dtype = dtype
        self.config["use_fp16"] = dtype == torch.float16
        return self

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device
