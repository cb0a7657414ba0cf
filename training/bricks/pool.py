"""A stream of sampled objects: worker processes sample placements and captions while the device trains."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from .bank import Bank
from .catalog import Catalog
from .objects import Objects, sample
from .prepare import further_recipes, load_catalog

_source: tuple[Bank, Catalog, Callable | None] | None = None  # of a worker process


def _read(data: Path) -> tuple[Bank, Catalog, Callable | None]:
    bank, catalog = Bank.load(data / "bank.npz", index_only=True), load_catalog(data)
    return bank, catalog, further_recipes(data, bank, catalog)


def _start(data: Path) -> None:
    global _source
    _source = _read(data)


def _work(count: int, seed: int, split: str, mix: Mapping[str, float] | None) -> Objects:
    bank, catalog, further = _source
    return sample(bank, catalog, count, seed, split, mix, further)


class Stream:
    """Endless batches of `count` objects, the same for the same seed whatever the number of workers.

    Two batches per worker are always in the making; with `workers` 0 each is sampled here when it is asked for.
    """

    def __init__(
        self,
        data: Path,
        count: int,
        seed: int,
        workers: int,
        split: str = "train",
        mix: Mapping[str, float] | None = None,
    ):
        self.count, self.seed, self.split, self.mix = count, seed, split, mix
        self.executor = None
        if workers:
            self.executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (data,))
        else:
            self.source = _read(data)
        self.pending = deque(self._ordered() for _ in range(2 * workers))

    def _ordered(self) -> Callable[[], Objects]:
        """The next batch, as a function that waits for it."""
        order = (self.count, self.seed, self.split, self.mix)
        self.seed += 1
        if self.executor:
            return self.executor.submit(_work, *order).result
        bank, catalog, further = self.source
        return partial(sample, bank, catalog, *order, further)

    def next(self) -> Objects:
        """The next batch."""
        self.pending.append(self._ordered())
        return self.pending.popleft()()

    def close(self) -> None:
        """Drops what is in the making."""
        if self.executor:
            self.executor.shutdown(wait=False, cancel_futures=True)
