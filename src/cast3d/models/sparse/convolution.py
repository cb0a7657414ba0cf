"""Submanifold 3^3 convolution: a dense cross-correlation sampled at the active voxels; missing neighbours are zero.

Two routes compute the same sums. `convolve_pairs` multiplies only the pairs of voxels that exist, offset by offset:
on a surface a voxel has about 12 of 27 neighbours, and on a CPU this is twice as fast. `convolve_gathered` makes one
large matrix product of all 27 neighbours: few kernels, which a GPU prefers, and half-precision sums stay in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .neighbours import neighbour_table
from .tensor import SparseTensor

OFFSETS = 27
CENTRE = 13
GATHER_LIMIT = 1 << 27  # elements gathered at a time

Pairs = list[tuple[int, Tensor, Tensor]]  # (offset, rows written, rows read), the centre left out


class ConvolutionWeights(nn.Module):
    """Weight [out, k, k, k, in] and bias [out] as the released files store them (`*.conv.weight`)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, kernel, kernel, kernel, in_channels))
        self.bias = nn.Parameter(torch.empty(out_channels))
        bound = (in_channels * kernel**3) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)


class SubmanifoldConvolution(nn.Module):
    """3^3 convolution that keeps the set of voxels."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = ConvolutionWeights(in_channels, out_channels, 3)

    def forward(self, x: SparseTensor) -> SparseTensor:
        feats, weight, bias = autocast(x.feats, self.conv.weight.flatten(1, 3), self.conv.bias)
        if feats.is_cuda:
            return x.replace(GatheredConvolution.apply(feats, weight, neighbour_table(x)) + bias)
        return x.replace(
            convolve_pairs(feats, weight, x.cached("pairs", lambda: find_pairs(neighbour_table(x)))) + bias
        )


class PointConvolution(nn.Module):
    """1^3 convolution as the released weights were trained: the stored [out, in] memory is read as [in, out].

    This is a bug of the sparse convolution library behind the released models (spconv issue 450). Transposing the
    weight, as its shape suggests, gives wrong meshes.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = ConvolutionWeights(in_channels, out_channels, 1)

    def forward(self, x: SparseTensor) -> SparseTensor:
        feats, weight, bias = autocast(x.feats, self.conv.weight, self.conv.bias)
        return x.replace(torch.addmm(bias, feats, weight.reshape(feats.shape[1], -1)))


def autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in the dtype of an active autocast region, so that backward sees the same dtypes as forward."""
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return tensors
    return tuple(x.to(torch.get_autocast_dtype(kind)) for x in tensors)


def find_pairs(
    table: Tensor,  # [N, 27]
) -> Pairs:
    """The neighbours that exist, by offset."""
    pairs = []
    for offset in range(OFFSETS):
        if offset != CENTRE:
            written = (table[:, offset] < len(table)).nonzero()[:, 0]
            pairs.append((offset, written, table[written, offset].long()))
    return pairs


def convolve_pairs(
    feats: Tensor,  # [N, Cin]
    weight: Tensor,  # [Cout, 27, Cin]
    pairs: Pairs,
) -> Tensor:
    """[N, Cout], one matrix product per offset over the pairs of voxels that exist; sums in float32."""
    out = (feats @ weight[:, CENTRE].T).float()
    for offset, written, read in pairs:
        out = out.index_add(0, written, (feats.index_select(0, read) @ weight[:, offset].T).float())
    return out.to(feats.dtype)


def gathered_chunks(feats: Tensor, table: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """(rows, [rows, 27 * C] features of their neighbours), few enough rows at a time to bound the memory."""
    padded = torch.cat([feats, feats.new_zeros(1, feats.shape[1])])
    step = max(1, GATHER_LIMIT // (OFFSETS * feats.shape[1]))
    spans = (slice(start, start + step) for start in range(0, len(table), step))
    return ((span, padded.index_select(0, table[span].flatten()).view(-1, OFFSETS * feats.shape[1])) for span in spans)


def convolve_gathered(
    feats: Tensor,  # [N, Cin]
    weight: Tensor,  # [Cout, 27, Cin]
    table: Tensor,  # [N, 27] rows of neighbours, N = none
) -> Tensor:
    """[N, Cout], one matrix product over all 27 neighbours."""
    out = feats.new_empty(len(feats), len(weight))
    for span, gathered in gathered_chunks(feats, table):
        torch.mm(gathered, weight.flatten(1).T, out=out[span])
    return out


class GatheredConvolution(torch.autograd.Function):
    """`convolve_gathered` whose backward gathers again: no scatter, no atomics, nothing 27 times the input is kept."""

    @staticmethod
    def forward(ctx, feats: Tensor, weight: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(feats, weight, table)
        return convolve_gathered(feats, weight, table)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        feats, weight, table = ctx.saved_tensors
        grad = grad.contiguous()
        grad_feats = grad_weight = None
        if ctx.needs_input_grad[0]:
            # p reads q at offset o exactly if q reads p at -o: the gradient is a convolution with the mirrored kernel.
            grad_feats = convolve_gathered(grad, weight.flip(1).transpose(0, 2).contiguous(), table)
        if ctx.needs_input_grad[1]:
            parts = [grad[span].T @ gathered for span, gathered in gathered_chunks(feats, table)]
            grad_weight = torch.stack(parts).sum(0).view_as(weight)
        return grad_feats, grad_weight, None
