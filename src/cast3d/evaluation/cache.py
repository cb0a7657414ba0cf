"""Stages shared by methods: every version of a stage is kept, so that what two methods have in common is made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..files import atomic_file, atomic_write
from ..run.cost import measured
from ..run.folder import StageData
from ..run.plain_data import digest, merge
from ..run.store import StageStore

COST = "seconds.txt"


class StageCache:
    """What `Staging` needs of a run folder, for one case and seed: stages are found by fingerprint, older ones stay.

    `seconds` adds up what the stages took that were asked for since `restart`, whether they were made now or before:
    the time that a method takes on its own. `made` is the share that was made now.
    """

    def __init__(self, path: Path):
        self.path = path
        self.info: dict[str, Any] = {}
        self.seconds = self.made = 0.0
        self._last: float = 0.0
        self._counted: set[str] = set()

    def restart(self) -> None:
        """Another method begins; it climbs its own ladder, on stages that may be there already."""
        self.info, self.seconds, self.made, self._counted = {}, 0.0, 0.0, set()

    def load_stage(self, name: str, fingerprint: str) -> StageData | None:
        folder = self._folder(name, fingerprint)
        found = StageStore(folder).load(name, fingerprint)
        if found is not None:
            self._count(folder)
        return found

    def save_stage(self, name, index, tensors, meta, previews, fingerprint) -> StageData:
        folder = self._folder(name, fingerprint)
        saved = StageStore(folder).save(name, index, tensors, meta, previews, fingerprint)
        atomic_write(folder / COST, f"{self._last:.3f}")
        self._count(folder)
        return saved

    def _folder(self, name: str, fingerprint: str) -> Path:
        return self.path / f"{name[:40]}-{digest(fingerprint)[:16]}"

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

    def record(self, **entries: Mapping[str, Any]) -> None:
        """Remembers which rung of the ladder held, for this method: going up again costs next to nothing."""
        self.info = merge(self.info, entries)

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A picture for people, which a message names; the last method that wrote it wins."""
        with atomic_file(self.path / name) as temporary:
            yield temporary
