"""What a stage costs: seconds and peak memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Usage:
    """Filled in when the block that `measured` watches ends."""

    seconds: float = 0.0
    peak_bytes: int | None = None  # resident memory of this process; None where the system does not tell
    peak_cuda_bytes: int | None = None  # memory of tensors on the CUDA device that held most; None without one


@contextmanager
def measured() -> Iterator[Usage]:
    """Times the block and takes its peak memory, also when it fails."""
    usage = Usage()
    own_peak = _reset_peak()
    cuda = _cuda()
    cards = range(cuda.device_count()) if cuda else ()
    for card in cards:
        cuda.reset_peak_memory_stats(card)
    start = time.perf_counter()
    try:
        yield usage
    finally:
        usage.seconds = time.perf_counter() - start
        usage.peak_bytes = _peak(own_peak)
        usage.peak_cuda_bytes = max((cuda.max_memory_allocated(card) for card in cards), default=None)


def _reset_peak() -> bool:
    """Starts the peak anew (Linux); elsewhere the peak of the whole process so far is what can be had."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return True
    except OSError:
        return False


def _peak(own: bool) -> int | None:
    if own:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cuda():
    """`torch.cuda` where it is in use already; asking must not load torch or start CUDA."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
