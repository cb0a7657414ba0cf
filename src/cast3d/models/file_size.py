"""The size that a network's file has, without writing it."""

from __future__ import annotations

import json

import torch
from torch import nn

ORDER = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}  # wider types first, as they are written


def file_bytes(net: nn.Module) -> int:
    """Bytes of the safetensors file that `save` writes; the network may be on the meta device."""
    rank = list(ORDER)
    header, offset = {}, 0
    for key, tensor in sorted(net.state_dict().items(), key=lambda item: (rank.index(item[1].dtype), item[0])):
        stop = offset + tensor.numel() * tensor.element_size()
        header[key] = {"dtype": ORDER[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, stop]}
        offset = stop
    length = len(json.dumps(header, separators=(",", ":")))
    return 8 + -(-length // 8) * 8 + offset
