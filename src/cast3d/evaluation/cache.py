"""Stages shared by methods: every version of a stage is kept, so that what two methods have in common is made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files import atomic_write
from ..run.cost import measured
from ..run.plain_data import canonical, digest
from ..run.store import Fits, Keeper, StageData, StageStore
from ..stages.search import DRAWN, READING

COST = "seconds.txt"
SEARCHES = (DRAWN.name, READING.name)  # a method searches by itself, on stages that may be there already


class StageCache(Keeper):
    """Stages of one case and seed: found by what they were made of, older ones stay.

    `seconds` adds up what the stages took that were asked for since `restart`, whether they were made now or before:
    the time that a method takes on its own. `made` is the share that was made now.
    """

    def __init__(self, path: Path):
        self.path = path
        self.seconds = self.made = 0.0
        self._last: float = 0.0
        self._counted: set[str] = set()

    def restart(self) -> None:
        """Another method begins."""
        self.seconds, self.made, self._counted = 0.0, 0.0, set()

    def load_stage(self, name: str, fits: Fits) -> StageData | None:
        if name in SEARCHES:
            return None
        for folder in sorted(self.path.glob(f"{name[:40]}-*")):
            if (found := StageStore(folder).load(name, fits)) is not None:
                self._count(folder)
                return found
        return None

    def save_stage(self, name, index, tensors, meta, made_of, previews) -> StageData:
        folder = self.path / f"{name[:40]}-{digest(canonical(made_of))[:16]}"
        saved = StageStore(folder).save(name, index, tensors, meta, made_of, previews)
        if name not in SEARCHES:  # which cost what the stages in them do
            atomic_write(folder / COST, f"{self._last:.3f}")
        self._count(folder)
        return saved

    def _count(self, folder: Path) -> None:
        """Adds a stage's time, once per method."""
        if folder.name not in self._counted:
            self._counted.add(folder.name)
            cost = folder / COST
            self.seconds += float(cost.read_text()) if cost.is_file() else 0.0

    @contextmanager
    def timed(self, *names: str) -> Iterator[None]:
        with measured() as usage:
            yield
        self._last = usage.seconds / max(len(names), 1)
        self.made += usage.seconds
