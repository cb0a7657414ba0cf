"""What every network promises: batches equal their items, half precision stays close, training starts well."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cast3d.errors import InputError
from cast3d.models import CLASSES, SparseTensor

from .tiny import ARGUMENTS, tiny
from .voxels import random_sparse

LENGTHS = [(60, 60), (70, 25)]  # equal items take the batched route, unequal ones the bucketed
DENSE_INPUTS = {"SparseStructureEncoder": (1, 8), "SparseStructureDecoder": (4, 4), "SparseStructureFlowModel": (4, 4)}


def sparse_inputs(name: str, lengths: tuple[int, ...]) -> SparseTensor:
    return random_sparse(*lengths, channels=6 if name == "SLatEncoder" else 4, size=16)


def dense_inputs(name: str) -> Tensor:
    channels, size = DENSE_INPUTS[name]
    return torch.randn(2, channels, size, size, size, generator=torch.Generator().manual_seed(5))


def conditions() -> tuple[Tensor, Tensor]:
    """(t [2], cond [2, 5, 10])"""
    return torch.tensor([300.0, 900.0]), torch.randn(2, 5, 10, generator=torch.Generator().manual_seed(6))


def call(net, x: Tensor | SparseTensor, items: slice = slice(None)) -> Tensor:
    """The network's numbers as one tensor of rows; flows get the conditions of `items`."""
    name = type(net).__name__
    if name.endswith("FlowModel"):
        out = net(x, *(condition[items].to(net.device) for condition in conditions()))
    else:
        out = net.features(x) if hasattr(net, "features") else net(x)
    if isinstance(out, tuple):
        out = torch.cat(out, dim=1)
    return out.feats if isinstance(out, SparseTensor) else out


@pytest.mark.parametrize("name", DENSE_INPUTS)
def test_dense_batches_equal_their_items(name):
    net, x = tiny(name), dense_inputs(name)
    singles = torch.cat([call(net, x[b : b + 1], slice(b, b + 1)) for b in range(2)])
    torch.testing.assert_close(call(net, x), singles, rtol=0, atol=1e-5)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name", [n for n in ARGUMENTS if n.startswith("SLat")])
def test_sparse_batches_equal_their_items(name, lengths):
    net, x = tiny(name), sparse_inputs(name, lengths)
    singles = torch.cat([call(net, x[b], slice(b, b + 1)) for b in range(2)])
    whole = call(net, x)
    torch.testing.assert_close(whole, singles, rtol=0, atol=2e-5 * whole.abs().max().item())


@pytest.mark.parametrize("name", [n for n in ARGUMENTS if n.startswith("SLat")])
def test_items_may_be_empty(name):
    net, x = tiny(name), sparse_inputs(name, (30,))
    padded = SparseTensor(x.feats, x.coords + torch.tensor([1, 0, 0, 0], dtype=torch.int32), 2)
    expected = call(net, x, slice(1, 2))
    torch.testing.assert_close(call(net, padded), expected, rtol=0, atol=2e-5 * expected.abs().max().item())
    nothing = SparseTensor(x.feats[:0], x.coords[:0], 2)
    assert call(net, nothing).shape == (0, expected.shape[1])


@pytest.mark.parametrize("name", ["SparseStructureFlowModel", "SLatFlowModel"])
def test_one_time_and_one_condition_serve_the_whole_batch(name):
    net = tiny(name)
    x = dense_inputs(name) if name in DENSE_INPUTS else sparse_inputs(name, (40, 20))
    t, cond = (condition[:1] for condition in conditions())
    once, repeated = net(x, t, cond), net(x, t.repeat(2), cond.repeat(2, 1, 1))
    if isinstance(x, SparseTensor):
        once, repeated = once.feats, repeated.feats
    assert torch.equal(once, repeated)


def test_a_structure_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"\['B', 4, 4, 4, 4\], got \[2, 4, 6, 6, 6\]"):
        tiny("SparseStructureFlowModel")(torch.zeros(2, 4, 6, 6, 6), *conditions())


@pytest.mark.parametrize("name", ["SLatFlowModel", "SLatEncoder", "SLatGaussianDecoder"])
def test_the_order_of_voxels_does_not_matter(name):
    net, x = tiny(name), sparse_inputs(name, (80,))
    order = torch.randperm(80, generator=torch.Generator().manual_seed(7))
    shuffled = SparseTensor(x.feats[order], x.coords[order])
    expected = call(net, x, slice(1))[order]
    torch.testing.assert_close(call(net, shuffled, slice(1)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_half_precision_torsos(name, dtype):
    net = tiny(name)
    x = dense_inputs(name) if name in DENSE_INPUTS else sparse_inputs(name, (70, 25))
    full = call(net, x)
    half = call(net.convert_to(dtype), x)
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    scale = 0.01 if dtype == torch.float16 else 0.06
    torch.testing.assert_close(half, full, rtol=0, atol=scale * full.abs().max().item())


@pytest.mark.parametrize("name", ["SparseStructureFlowModel", "SLatFlowModel"])
def test_a_new_flow_starts_at_zero_and_learns_everywhere(name):
    torch.manual_seed(0)
    net = CLASSES[name](**ARGUMENTS[name])
    x = dense_inputs(name) if name in DENSE_INPUTS else sparse_inputs(name, (60, 40))
    assert not call(net, x).any()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):  # gates and zero layers open one after the other
        optimiser.zero_grad()
        (call(net, x) - 1).square().mean().backward()
        optimiser.step()
    still = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@pytest.mark.parametrize("name", ["SparseStructureFlowModel", "SLatFlowModel", "SLatMeshDecoder"])
def test_autocast_training_step(name):
    net = tiny(name)
    x = dense_inputs(name) if name in DENSE_INPUTS else sparse_inputs(name, (40, 20))
    with torch.autocast("cpu", torch.bfloat16):
        loss = call(net, x).square().mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_gradient_reaches_the_structured_latents():
    net, x = tiny("SLatGaussianDecoder"), sparse_inputs("SLatGaussianDecoder", (30,))
    x.feats.requires_grad_()
    net(x)[0].positions.sum().backward()
    assert x.feats.grad.any(dim=1).all()


def test_dense_blocks_compile_without_graph_breaks():
    net = tiny("SparseStructureFlowModel")
    x = dense_inputs("SparseStructureFlowModel")
    plain = call(net, x)
    for block in net.blocks:
        block.compile(backend="eager", fullgraph=True)
    torch.testing.assert_close(call(net, x), plain)
    assert not any("_orig_mod" in key for key in net.state_dict())


def test_gaussians_know_their_voxel():
    net, x = tiny("SLatGaussianDecoder"), sparse_inputs("SLatGaussianDecoder", (30, 12))
    for b, gaussians in enumerate(net(x)):
        centres = (x[b].coords[:, 1:].float() + 0.5) / 16 - 0.5
        distance = (gaussians.positions - centres[gaussians.voxel]).abs().amax()
        assert len(gaussians) == 2 * len(x[b])
        assert distance <= 0.75 / 16 + 1e-6  # half of voxel_size 1.5
