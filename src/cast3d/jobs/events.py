"""What happens to a job, in order and for good: `events.jsonl` in its folder, a line per event, numbered from 1."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "events.jsonl"
MOST = 50_000  # lines; what tells progress is left out of longer files


@dataclass(frozen=True)
class Event:
    """`name` as in server-sent events: state, progress, stage, preview, warning, error."""

    id: int
    name: str
    data: dict[str, Any]


class EventLog:
    """Appends to the file; readers see whole lines only, also after a kill in the middle of one."""

    def __init__(self, folder: Path):
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._last = self._mend()

    @property
    def last(self) -> int:
        """Number of the last event, 0 where there is none."""
        return self._last

    def append(self, name: str, data: dict[str, Any]) -> Event | None:
        """The new event; None where the file is full and the event tells progress only."""
        with self._lock:
            if self._last >= MOST and name in ("progress", "preview"):
                return None
            event = Event(self._last + 1, name, data)
            with self.path.open("ab") as file:
                file.write(json.dumps([name, data], ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            self._last = event.id
            return event

    def since(self, last: int = 0) -> Iterator[Event]:
        """The events after number `last`."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if number > last and line.endswith(b"\n"):
                    name, data = json.loads(line)
                    yield Event(number, name, data)

    def _mend(self) -> int:
        """Cuts off the line that a killed process left unfinished; returns how many there are."""
        if not self.path.is_file():
            return 0
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        return whole.count(b"\n")


class Recent:
    """The last events of all jobs, for whoever watches the whole list; they are gone when the process ends."""

    def __init__(self, most: int = 1000):
        self._events: deque[Event] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._last = 0

    def append(self, name: str, data: dict[str, Any]) -> Event:
        with self._lock:
            self._last += 1
            event = Event(self._last, name, data)
            self._events.append(event)
            return event

    @property
    def last(self) -> int:
        return self._last

    def since(self, last: int) -> list[Event]:
        """The events after number `last`, as far as they are still known."""
        with self._lock:
            return [event for event in self._events if event.id > last]
