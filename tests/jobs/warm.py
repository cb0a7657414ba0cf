"""Workers that start at once: forks of a process that has loaded all that the tiny backbone needs.

Workers of users are started from nothing, which takes seconds (`test_crew` has those, and one job of `test_queue`).
Nothing else differs: a worker is a process of its own, which can be killed, cancelled, and left by its parent.
"""

from __future__ import annotations

import multiprocessing

from cast3d.jobs.slots import ProcessSlot

PRELOADED = ["tests.jobs.warmth"]


class WarmSlot(ProcessSlot):
    """A slot whose workers are forks of that process."""

    method = "forkserver"

    def _require_worker(self) -> None:
        multiprocessing.set_forkserver_preload(PRELOADED)
        super()._require_worker()
