"""The clock of the benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch


def milliseconds(call: Callable[[], Any], repeats: int, device: torch.device | str) -> list[float]:
    """Of each of `repeats` calls, the device's work included. The first ones also compile, plan and fill caches."""
    device = torch.device(device)

    def synchronize() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    times = []
    for _ in range(repeats):
        synchronize()
        start = time.perf_counter()
        call()
        synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return times
