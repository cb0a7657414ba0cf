"""The same networks on a GPU: reference vectors, the CPU twin, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cast3d.models import SparseTensor

from .cases import FLOAT32, HALF, compare
from .test_behaviour import DENSE_INPUTS, LENGTHS, call, dense_inputs, sparse_inputs
from .test_parity import check
from .tiny import ARGUMENTS, tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(autouse=True)
def exact_float32():
    with torch.backends.cudnn.flags(allow_tf32=False):
        yield


def inputs(name: str, lengths: tuple[int, ...]) -> Tensor | SparseTensor:
    return dense_inputs(name) if name in DENSE_INPUTS else sparse_inputs(name, lengths)


@pytest.mark.parametrize("case", [*FLOAT32, *HALF])
def test_parity(case):
    check(compare(case, device="cuda"))


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_gpu_equals_cpu(name, lengths):
    net, x = tiny(name), inputs(name, lengths)
    expected = call(net, x)
    ours = call(net.cuda(), x.to("cuda")).cpu()
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-5 * expected.abs().max().item())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_half_precision(name, dtype):
    net, x = tiny(name).cuda(), inputs(name, (70, 25)).to("cuda")
    full = call(net, x)
    scale = 0.01 if dtype == torch.float16 else 0.06
    half = call(net.convert_to(dtype), x)
    torch.testing.assert_close(half, full, rtol=0, atol=scale * full.abs().max().item())


@pytest.mark.parametrize("name", ["SparseStructureFlowModel", "SLatFlowModel", "SLatMeshDecoder"])
def test_gradients_equal_those_on_the_cpu(name):
    grads = {}
    for device in ("cpu", "cuda"):
        net, x = tiny(name).to(device), inputs(name, (40, 20)).to(device)
        call(net, x).square().mean().backward()
        grads[device] = {key: p.grad.cpu() for key, p in net.named_parameters()}
    # A bias before a norm that takes it away again has no gradient: both devices find rounding errors only.
    largest = max(g.abs().max().item() for g in grads["cpu"].values())
    for key, expected in grads["cpu"].items():
        scale = max(expected.abs().max().item(), 1e-3 * largest)
        torch.testing.assert_close(grads["cuda"][key], expected, rtol=0, atol=1e-4 * scale, msg=f"{key}: {{}}".format)


@pytest.mark.parametrize("name", ["SparseStructureFlowModel", "SLatFlowModel"])
def test_autocast_training_step(name):
    net, x = tiny(name).cuda(), inputs(name, (40, 20)).to("cuda")
    with torch.autocast("cuda", torch.bfloat16):
        loss = call(net, x).square().mean()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())
