"""Networks moving in and out; the device here is the CPU, copies show the moves."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from cast3d.backbones.residency import Offloaded, Resident, weight_bytes
from tests.tiny_backbone import pictures, tiny_backbone

BACKBONE = tiny_backbone()


class Copying(Offloaded):
    """Moves that can be seen on a machine without a second device: tensors in use are copies."""

    def __init__(self, nets: tuple[nn.Module, ...] | list[nn.Module] = ()):
        super().__init__(torch.device("cpu"))
        self.moves: list[tuple[str, nn.Module]] = []
        for net in nets:
            self.send_home(net)
        self.moves.clear()

    def _place(self, net: nn.Module, away: bool) -> None:
        self.moves.append(("out" if away else "in", net))
        super()._place(net, away)

    def _there(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.clone()


@pytest.fixture
def nets():
    return [nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval().requires_grad_(False) for _ in range(3)]


def kinds(residency: Copying, nets: list[nn.Module]) -> list[tuple[str, int]]:
    return [(move, nets.index(net)) for move, net in residency.moves]


def test_one_network_at_a_time(nets):
    residency = Copying(nets)
    for net in (nets[0], nets[0], nets[1], nets[0]):
        with residency(net):
            net(torch.ones(2, 3))
    assert kinds(residency, nets) == [("in", 0), ("out", 0), ("in", 1), ("out", 1), ("in", 0)]


def test_nested_blocks_keep_what_they_hold(nets):
    residency = Copying(nets)
    with residency(nets[0]):
        with residency(nets[1]):
            pass
        with residency(nets[2]):
            assert residency.inside == [nets[0], nets[2]]
    assert kinds(residency, nets) == [("in", 0), ("in", 1), ("out", 1), ("in", 2)]


def test_weights_and_buffers_survive(nets):
    nets[0][1].running_mean += 2
    before = deepcopy(nets[0].state_dict())
    residency = Copying()
    for net in nets * 2:
        with residency(net):
            pass
    assert all(torch.equal(value, before[key]) for key, value in nets[0].state_dict().items())
    with residency(nets[0]):
        inside = [tensor.data_ptr() for tensor in nets[0].state_dict().values()]
    with residency(nets[1]):
        assert not {tensor.data_ptr() for tensor in nets[0].state_dict().values()} & set(inside)


def test_an_error_inside_lets_go(nets):
    residency = Copying()
    with pytest.raises(ZeroDivisionError), residency(nets[0]):
        1 / 0  # noqa: B018
    assert residency.held == []


def test_an_offloaded_backbone_computes_the_same():
    residency = Copying()
    moving = replace(BACKBONE, residency=residency)
    cap = BACKBONE.of_pictures([pictures()["cap"]])
    x = torch.randn(1, *BACKBONE.structure_shape, generator=torch.Generator().manual_seed(0))
    coords = torch.cartesian_prod(*[torch.arange(20, 24)] * 3)
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(1))
    owner = torch.zeros(len(coords), dtype=torch.long)
    for call in (
        lambda b: b.structure_velocity(cap, 2.0)(x, 0.5),
        lambda b: b.decode_structure(x),
        lambda b: b.encode_structure(b.decode_structure(x)),
        lambda b: b.slat_velocity(cap, coords, 2.0)(feats, 0.5),
        lambda b: b.gaussians(coords, feats).positions,
        lambda b: b.meshes(coords, feats, owner, 1)[0].vertices,
    ):
        assert torch.equal(call(moving), call(BACKBONE))
        assert len(residency.inside) == 1
    assert set(residency.inside) == {BACKBONE.mesh_decoder}


def test_bytes_are_counted_once():
    shared = nn.Linear(10, 10)
    assert weight_bytes([shared, nn.Sequential(shared)]) == 440
    with Resident()(shared):
        assert shared.weight.device.type == "cpu"


def test_without_page_locked_memory_networks_wait_in_plain_memory(nets, monkeypatch):
    """As under WSL2 and on small hosts, which lock little memory or none."""
    asked = []

    def refused(tensor: torch.Tensor) -> torch.Tensor:
        asked.append(tensor.shape)
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch.Tensor, "pin_memory", refused)
    residency = Offloaded(torch.device("cuda"))
    with pytest.warns(UserWarning, match="page-locked") as told:
        for net in nets:
            residency.send_home(net)
    assert len(told) == 1 and len(asked) == 1  # one refusal is enough
    assert all(torch.equal(*pair) for net in nets for pair in zip(residency.homes[net], net.state_dict().values()))
