"""Sparse operations: against reference vectors, dense twins and their own invariants."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from cast3d.errors import InputError
from cast3d.models import SparseTensor
from cast3d.models.attention import SelfAttention, attend, attend_across, attend_by_products, attend_within
from cast3d.models.mesh_decoder import SparseGroupNorm
from cast3d.models.sparse.convolution import (
    GatheredConvolution,
    PointConvolution,
    SubmanifoldConvolution,
    convolve_gathered,
    convolve_pairs,
    find_pairs,
)
from cast3d.models.sparse.grid_codes import ravel, unravel
from cast3d.models.sparse.neighbours import neighbour_table
from cast3d.models.sparse.resampling import coarsening, downsample, subdivide, upsample
from cast3d.models.sparse.sequences import bucket_bounds, group_rows
from cast3d.models.sparse.windows import windows
from tests.golden_data import golden

from .voxels import random_coords, random_sparse


@pytest.fixture(scope="module")
def io():
    return load_file(golden("trellis/sparse_ops") / "io.safetensors")


@pytest.fixture
def x(io):
    return SparseTensor(io["in.feats"], io["in.coords"])


def starts_and_stops(x: SparseTensor) -> list[list[int]]:
    return [[rows.start, rows.stop] for rows in x.layout]


def test_layout_and_items(io, x):
    assert starts_and_stops(x) == io["layout"].tolist()
    assert torch.equal(x[1].feats, io["getitem1.feats"])
    assert torch.equal(x[1].coords, io["getitem1.coords"])


def test_downsample_counts_one_more_than_the_children(io, x):
    coarse = downsample(x)
    assert torch.equal(coarse.coords, io["down.coords"])
    assert starts_and_stops(coarse) == io["down.layout"].tolist()
    torch.testing.assert_close(coarse.feats, io["down.feats"], rtol=0, atol=1e-6)


def test_upsample_restores_voxels_and_order(io, x):
    fine = upsample(downsample(x).replace(io["up_input.feats"]), x)
    assert torch.equal(fine.coords, io["up.coords"])
    assert torch.equal(fine.feats, io["up.feats"])


def test_subdivide(io, x):
    finer = subdivide(x)
    assert torch.equal(finer.coords, io["subdivide.coords"])
    assert torch.equal(finer.feats, io["subdivide.feats"])
    assert starts_and_stops(finer) == io["subdivide.layout"].tolist()


@pytest.mark.parametrize("shift", [0, 4])
def test_windows(io, x, shift):
    sequences = windows(x, 8, shift)
    assert torch.equal(sequences.index, io[f"window_8_{shift}.window_id"])
    assert torch.bincount(sequences.index).tolist() == io[f"window_8_{shift}.seq_lens"].tolist()


def test_spread_over_batch_items(io, x):
    m = x.spread(io["broadcast.in"])
    torch.testing.assert_close(x.feats * (1 + m) + m, io["broadcast.out"], rtol=0, atol=1e-6)


def test_group_norm(io, x):
    norm = SparseGroupNorm(2, 6)
    norm.load_state_dict({"weight": io["groupnorm.weight"], "bias": io["groupnorm.bias"]})
    torch.testing.assert_close(norm(x.replace(io["groupnorm.in"])).feats, io["groupnorm.out"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("layer, name", [(SubmanifoldConvolution(6, 4), "conv3"), (PointConvolution(6, 4), "conv1")])
def test_convolutions(io, x, layer, name):
    layer.load_state_dict({"conv.weight": io[f"{name}.weight"], "conv.bias": io[f"{name}.bias"]})
    expected = io[f"{name}.out"]
    limit = 2e-5 * expected.abs().max().item()  # sums of products: processors differ by a few steps of float32
    torch.testing.assert_close(layer(x.replace(io["groupnorm.in"])).feats, expected, rtol=0, atol=limit)


def test_convolution_is_a_sampled_dense_one():
    x = random_sparse(150, 60, channels=5, size=8)
    layer = SubmanifoldConvolution(5, 7)
    dense = torch.zeros(2, 5, 8, 8, 8)
    b, i, j, k = x.coords.long().unbind(1)
    dense[b, :, i, j, k] = x.feats
    weight = layer.conv.weight.permute(0, 4, 1, 2, 3)
    expected = F.conv3d(dense, weight, layer.conv.bias, padding=1)[b, :, i, j, k]
    torch.testing.assert_close(layer(x).feats, expected, rtol=0, atol=1e-5)


def test_both_routes_of_the_convolution_agree(monkeypatch):
    x = random_sparse(90, 30, channels=5, size=7)
    weight = torch.randn(6, 27, 5)
    table = neighbour_table(x)
    whole = convolve_gathered(x.feats, weight, table)
    torch.testing.assert_close(convolve_pairs(x.feats, weight, find_pairs(table)), whole, rtol=0, atol=1e-5)
    monkeypatch.setattr("cast3d.models.sparse.convolution.GATHER_LIMIT", 27 * 5 * 16)  # 16 rows at a time
    torch.testing.assert_close(convolve_gathered(x.feats, weight, table), whole, rtol=0, atol=1e-5)


def test_gradients_of_the_gathered_convolution():
    x = random_sparse(14, 9, channels=3, size=4)
    feats = x.feats.double().requires_grad_()
    weight = torch.randn(2, 27, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(GatheredConvolution.apply, (feats, weight, neighbour_table(x)))


def test_neighbours_do_not_cross_batch_items_or_wrap():
    coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 5], [0, 0, 1, 0], [1, 0, 0, 1]], dtype=torch.int32)
    table = neighbour_table(SparseTensor(torch.zeros(4, 1), coords))
    assert table.shape == (4, 27)
    found = [[n for n in row if n < 4] for row in table.tolist()]
    assert found == [[0, 2], [1], [0, 2], [3]]


@pytest.mark.parametrize("lengths", [[1], [3, 3], [700, 1, 20, 0, 17, 17, 5, 600, 300], [16, 15, 2]])
def test_bucketed_attention_equals_one_sequence_at_a_time(lengths):
    index = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    index = index[torch.randperm(len(index), generator=torch.Generator().manual_seed(0))]
    q, k, v = torch.randn(3, len(index), 2, 4, generator=torch.Generator().manual_seed(1))
    expected = torch.empty_like(q)
    for s in range(len(lengths)):
        rows = index == s
        if rows.any():
            expected[rows] = attend(q[rows][None], k[rows][None], v[rows][None])[0]
    torch.testing.assert_close(attend_within(q, k, v, group_rows(index)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("limit", [1 << 20, 400])  # one part, or 16 queries at a time
def test_attention_by_products_is_the_fused_one(limit, monkeypatch):
    monkeypatch.setattr("cast3d.models.attention.PRODUCT_LIMIT", limit)
    q, k, v = torch.randn(3, 2, 4, 50, 8, generator=torch.Generator().manual_seed(4))
    mask = torch.arange(50).lt(torch.tensor([[50], [31]]))[:, None, None]
    for m in (None, mask):
        expected = F.scaled_dot_product_attention(q, k, v, attn_mask=m)
        torch.testing.assert_close(attend_by_products(q, k, v, m), expected, rtol=0, atol=1e-5)


def test_rows_look_only_at_their_own_condition():
    x = random_sparse(5, 40, 40, channels=8)
    q = x.feats.view(-1, 2, 4)
    k, v = torch.randn(2, 3, 6, 2, 4, generator=torch.Generator().manual_seed(2))
    out = attend_across(q, k, v, x.items)
    for b, rows in enumerate(x.layout):
        torch.testing.assert_close(out[rows], attend(q[rows][None], k[b : b + 1], v[b : b + 1])[0], rtol=0, atol=1e-5)


def test_only_sparse_attention_leaves_cudnn_out(monkeypatch):
    allowed = []

    def recording(q, k, v, mask=None):
        allowed.append(torch.backends.cuda.cudnn_sdp_enabled())
        return attend(q, k, v, mask)

    monkeypatch.setattr("cast3d.models.attention.attend", recording)
    x = random_sparse(5, 40, channels=8)
    q = x.feats.view(-1, 2, 4)
    attend_within(q, q, q, x.items)
    attend_across(q, *torch.zeros(2, 2, 6, 2, 4), x.items)
    SelfAttention(8, 2)(torch.zeros(1, 3, 8))
    assert allowed == [False] * 4 + [True]  # two buckets each, then a dense batch


def test_codes_round_trip_and_keep_the_order():
    coords = random_coords(20, 20, size=9, seed=3)
    codes = ravel(coords)
    assert torch.equal(unravel(codes), coords)
    assert coords[codes.argsort()].tolist() == sorted(coords.tolist())


def test_tensors_of_the_same_voxels_share_what_was_computed():
    x = random_sparse(30)
    y = x.replace(torch.zeros(30, 2))
    assert neighbour_table(y) is neighbour_table(x)
    assert coarsening(y) is coarsening(x)
    assert neighbour_table(downsample(y)) is neighbour_table(downsample(x))


def test_malformed_tensors_are_refused():
    coords = random_coords(4, 4)
    with pytest.raises(InputError, match="ascending"):
        SparseTensor(torch.zeros(8, 1), coords.flip(0))
    with pytest.raises(InputError, match=r"coords \[N, 4\]"):
        SparseTensor(torch.zeros(7, 1), coords)
    with pytest.raises(InputError, match="batch_size is 1"):
        SparseTensor(torch.zeros(8, 1), coords, batch_size=1)


@pytest.mark.parametrize("fill, long", [(0.75, 512), (0.5, 2048)])  # as on a CPU, as on a GPU
def test_buckets_waste_little(fill, long):
    lengths = sorted([3000, 2999, 2040, 900, 899, 500, 480, 300, 200, 90, 60, 50, 16, 9, 3, 1, 1], reverse=True)
    bounds = bucket_bounds(lengths, fill, long)
    assert [i for start, stop in bounds for i in range(start, stop)] == list(range(len(lengths)))
    for start, stop in bounds:
        longest, shortest = lengths[start], lengths[stop - 1]
        assert shortest == longest or shortest >= fill * longest or longest <= 16
        assert shortest == longest or longest <= long
