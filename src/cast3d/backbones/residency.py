"""Where networks are while they wait: on the device, or in host memory until they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from warnings import warn

import torch
from torch import Tensor, nn

MODES = ("auto", "resident", "offload")
WORKING = 5 << 30  # bytes beside the weights: 4.1 GiB were taken for 30,000 voxels (docs/performance.md)


class Residency(Protocol):
    """`with residency(net): ...` has the networks on the device inside the block."""

    def __call__(self, *networks: nn.Module) -> AbstractContextManager[None]: ...


class Resident:
    """All networks stay on their device."""

    @contextmanager
    def __call__(self, *networks: nn.Module) -> Iterator[None]:
        yield


class Offloaded:
    """Networks wait in host memory; those in use, and the last ones used, are on the device.

    Weights never change, so leaving the device is only forgetting the copy there. Blocks may be nested.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.locks = device.type == "cuda"  # a card reads page-locked memory faster
        self.homes: dict[nn.Module, list[Tensor]] = {}  # tensors in host memory, known from the first use
        self.inside: list[nn.Module] = []  # on the device
        self.held: list[nn.Module] = []  # by blocks that are open

    @contextmanager
    def __call__(self, *networks: nn.Module) -> Iterator[None]:
        self.held.extend(networks)
        try:
            self._make_room()
            for net in networks:
                if net not in self.homes:
                    self.send_home(net)
                if net not in self.inside:
                    self._place(net, away=False)
                    self.inside.append(net)
            yield
        finally:
            for net in networks:
                self.held.remove(net)

    def send_home(self, net: nn.Module) -> None:
        """Moves a network to host memory, wherever it is. It happens by itself at a network's first use."""
        self.homes[net] = [self._home(tensor) for _, _, tensor in _slots(net)]
        self._place(net, away=True)

    def _make_room(self) -> None:
        leaving = [net for net in self.inside if net not in self.held]
        for net in leaving:
            self._place(net, away=True)
            self.inside.remove(net)
        if leaving and self.device.type == "cuda":
            torch.cuda.empty_cache()  # or the room would stay cut into pieces of the size of these weights

    def _place(self, net: nn.Module, away: bool) -> None:
        for (table, name, tensor), home in zip(_slots(net), self.homes[net]):
            moved = home if away else self._there(home)
            if isinstance(tensor, nn.Parameter):
                tensor.data = moved
            else:
                table[name] = moved

    def _home(self, tensor: Tensor) -> Tensor:
        """The tensor in host memory, page-locked where that is faster and the system has enough of it."""
        host = tensor.detach().cpu()
        if self.locks:
            try:
                return host.pin_memory()
            except RuntimeError as error:  # WSL2 and small hosts lock little memory or none
                self.locks = False
                warn(
                    f"the system locks no more memory ({str(error).strip().splitlines()[0]}): networks wait in plain "
                    "memory instead of page-locked memory, from which they reach the card more slowly",
                    stacklevel=3,
                )
        return host

    def _there(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def _slots(net: nn.Module) -> list[tuple[dict[str, Any], str, Tensor]]:
    """Every place of a parameter or buffer, in a fixed order."""
    tables = [table for module in net.modules() for table in (module._parameters, module._buffers)]
    return [(table, name, tensor) for table in tables for name, tensor in table.items() if tensor is not None]


def weight_bytes(networks: list[nn.Module]) -> int:
    """Bytes of all parameters and buffers."""
    tensors = {id(t): t for net in networks for t in (*net.parameters(), *net.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def fits(size: int, device: torch.device) -> bool:
    """Whether `size` bytes of weights leave the device enough room to work in."""
    return device.type != "cuda" or torch.cuda.mem_get_info(device)[0] >= size + WORKING
