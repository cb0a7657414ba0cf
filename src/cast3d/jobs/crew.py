"""Works a list of tasks off with several workers; a task whose worker died goes on once with another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..errors import Cast3dError
from .job import ATTEMPTS
from .slots import Slot, WorkBroke, WorkerDied

Hear = Callable[[int, Any], None]  # of the place of a task in the list, and an event
Ended = Callable[[int, Any], None]  # of the place of a task, and its result or the error that it ended with


def work_off(
    tasks: Sequence[Any],
    slots: Sequence[Slot],
    ended: Ended,
    hear: Hear = lambda place, event: None,
    begun: Callable[[int], Any] = lambda place: None,
) -> None:
    """Gives the tasks out in their order, and returns once all have ended.

    The callbacks are called one at a time, from any thread; what they raise ends everything, as Ctrl-C does. An error
    that a task ends with (WorkerDied twice, WorkBroke, InputError of a worker that cannot start) is its result.
    """
    crew = _Crew(tasks, ended, hear, begun)
    threads = [threading.Thread(target=crew.serve, args=(slot,), daemon=True) for slot in slots]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():  # a bare join would not hear Ctrl-C on every system
                thread.join(0.2)
    finally:
        crew.over = True
        for slot in slots:
            slot.close()
    if crew.failure is not None:
        raise crew.failure


class _Crew:
    def __init__(self, tasks: Sequence[Any], ended: Ended, hear: Hear, begun: Callable[[int], Any]):
        self.tasks, self.ended, self.hear, self.begun = tasks, ended, hear, begun
        self.waiting = deque(range(len(tasks)))
        self.deaths = [0] * len(tasks)
        self.at_work = 0
        self.over = False
        self.failure: BaseException | None = None
        self.lock = threading.Condition()

    def serve(self, slot: Slot) -> None:
        try:
            while (place := self._next()) is not None:
                self._end(place, self._result(slot, place))
        except BaseException as error:
            self._fail(error)

    def _result(self, slot: Slot, place: int) -> Any:
        """What a task ended with, the error that was planned for included."""
        try:
            return slot.run(self.tasks[place], partial(self._call, self.hear, place))
        except (WorkerDied, WorkBroke, Cast3dError) as error:
            return error

    def _next(self) -> int | None:
        """The next task; None once there is none, and none can come back."""
        with self.lock:
            while not self.waiting and self.at_work and not self.over:
                self.lock.wait(0.5)
            if self.over or not self.waiting:
                return None
            self.at_work += 1
            place = self.waiting.popleft()
        self._call(self.begun, place)
        return place

    def _end(self, place: int, result: Any) -> None:
        with self.lock:
            self.at_work -= 1
            self.lock.notify_all()
            if self.over:
                return
            if isinstance(result, WorkerDied):
                self.deaths[place] += 1
                if self.deaths[place] < ATTEMPTS:
                    self.waiting.appendleft(place)
                    return
        self._call(self.ended, place, result)

    def _call(self, what: Callable[..., Any], *args: Any) -> None:
        with self.lock:
            if not self.over:
                what(*args)

    def _fail(self, error: BaseException) -> None:
        with self.lock:
            self.over, self.failure = True, self.failure or error
            self.lock.notify_all()
