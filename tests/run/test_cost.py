"""What a stage costs, also on a card that is not the first."""

from __future__ import annotations

import time

import pytest
import torch

from cast3d.run.cost import measured


def test_seconds_and_memory_are_told_also_after_a_failure():
    usages = []
    with pytest.raises(ZeroDivisionError), measured() as usage:
        usages.append(usage)
        time.sleep(0.01)
        raise ZeroDivisionError
    assert usages[0].seconds >= 0.01 and usages[0].peak_bytes > 1 << 20 and usages[0].peak_cuda_bytes is None


def test_the_memory_of_every_card_is_looked_at(monkeypatch):
    peaks = {0: 1000, 1: 0}
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device=0: peaks.update({device: 10}))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device=0: peaks[device])
    with measured() as usage:
        peaks[1] = 7 << 30  # the work is on cuda:1, while the current device is the first
    assert usage.peak_cuda_bytes == 7 << 30
