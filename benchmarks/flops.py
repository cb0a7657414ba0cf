"""Multiplications and additions in one forward pass of a flow, counted from its arguments (2 per weight and row)."""

from __future__ import annotations

from typing import Any

from torch import nn

from cast3d.models import SparseStructureFlowModel, SparseTensor
from cast3d.models.sparse.resampling import coarsening


def block_flops(config: dict[str, Any], tokens: int, context: int) -> int:
    """One transformer block on one sequence of `tokens` that attends to `context` condition tokens."""
    c, width = config["model_channels"], int(config["model_channels"] * config["mlp_ratio"])
    linear = tokens * c * (3 * c + c + 2 * c + 2 * width)  # qkv, out, cross q and out, mlp
    linear += context * config["cond_channels"] * 2 * c
    linear += 6 * c * c  # modulation, once per item
    attention = 2 * tokens * c * (tokens + context)  # scores and sums
    return 2 * (linear + attention)


def structure_flops(config: dict[str, Any], context: int) -> int:
    """One latent grid."""
    tokens = (config["resolution"] // config["patch_size"]) ** 3
    patch = config["patch_size"] ** 3
    ends = 2 * tokens * config["model_channels"] * patch * (config["in_channels"] + config["out_channels"])
    return config["num_blocks"] * block_flops(config, tokens, context) + ends + time_flops(config)


def slat_flops(config: dict[str, Any], fine: int, coarse: int, context: int) -> int:
    """One object of `fine` voxels in `coarse` cells; convolutions count all 27 neighbours, as they are multiplied."""
    c = config["model_channels"]
    blocks = config["num_blocks"] * block_flops(config, coarse if config["io_block_channels"] else fine, context)
    width = (config["io_block_channels"] or [c])[0]
    ends = 2 * fine * width * (config["in_channels"] + config["out_channels"])
    if not config["io_block_channels"]:
        return blocks + ends + time_flops(config)
    inner, twice = config["num_io_res_blocks"] - 1, 2 if config["use_skip_connection"] else 1
    convolutions = inner * res_block_flops(width, width, c, fine) + res_block_flops(width, c, c, coarse)
    convolutions += res_block_flops(twice * c, width, c, fine) + inner * res_block_flops(twice * width, width, c, fine)
    return blocks + ends + convolutions + time_flops(config)


def res_block_flops(channels: int, out_channels: int, time_channels: int, voxels: int) -> int:
    """Two 3^3 convolutions, the skip connection where widths differ, and the modulation."""
    skip = channels * out_channels if channels != out_channels else 0
    return 2 * voxels * (27 * out_channels * (channels + out_channels) + skip) + 4 * time_channels * out_channels


def time_flops(config: dict[str, Any]) -> int:
    return 2 * config["model_channels"] * (256 + config["model_channels"])


def forward_flops(net: nn.Module, inputs: tuple[Any, ...]) -> int:
    """Of a call net(x, t, cond) that has been made."""
    x, _, cond = inputs
    if isinstance(net, SparseStructureFlowModel):
        return len(x) * structure_flops(net.config, cond.shape[1])
    assert isinstance(x, SparseTensor)
    coarse = coarsening(x).coarse.lengths if net.config["io_block_channels"] else x.lengths
    return sum(slat_flops(net.config, n, m, cond.shape[1]) for n, m in zip(x.lengths, coarse))
