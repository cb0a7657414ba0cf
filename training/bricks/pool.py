"""A stream of sampled objects: worker processes sample placements and captions while the device trains."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .bank import Bank
from .objects import Objects, sample
from .prepare import load_catalog

_SOURCE: tuple | None = None


def _start(data: Path) -> None:
    global _SOURCE
    _SOURCE = Bank.load(data / "bank.npz"), load_catalog(data)


def _work(count: int, seed: int, split: str, mix: Mapping[str, float] | None) -> Objects:
    return sample(*_SOURCE, count, seed=seed, split=split, mix=mix)


class Stream:
    """Endless batches of `count` objects, always some in the making; deterministic by seed."""

    def __init__(
        self,
        data: Path,
        count: int,
        seed: int,
        workers: int,
        split: str = "train",
        mix: Mapping[str, float] | None = None,
    ):
        self.args = (count, split, mix)
        self.seed = seed
        self.executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (data,))
        self.pending: deque = deque()
        for _ in range(2 * workers):
            self._submit()

    def _submit(self) -> None:
        count, split, mix = self.args
        self.pending.append(self.executor.submit(_work, count, self.seed, split, mix))
        self.seed += 1

    def next(self) -> Objects:
        objects = self.pending.popleft().result()
        self._submit()
        return objects

    def close(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)
