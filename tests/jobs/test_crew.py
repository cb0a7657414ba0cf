"""Slots and the crew with processes that need no networks."""

from __future__ import annotations

import threading
import time

import pytest

from cast3d.errors import Cancelled, InputError
from cast3d.jobs.crew import work_off
from cast3d.jobs.slots import ProcessSlot, WorkBroke, WorkerDied
from tests.jobs.sums import Adding, Telling


@pytest.fixture
def slots():
    made = [ProcessSlot(Adding()) for _ in range(2)]
    yield made
    for slot in made:
        slot.close()


def all_of(tasks, slots):
    results, told = {}, []
    work_off(tasks, slots, results.__setitem__, lambda place, event: told.append((place, event)))
    return [results[place] for place in range(len(tasks))], told


def test_every_task_is_done_once(slots):
    tasks = [{"numbers": list(range(i))} for i in range(12)]
    results, told = all_of(tasks, slots)
    assert results == [sum(range(i)) for i in range(12)]
    assert [event for place, event in told if place == 3] == [0, 1, 3]


def test_what_breaks_or_dies_is_told_and_the_rest_is_done(slots, tmp_path):
    tasks = [
        {"numbers": [1]},
        {"numbers": [2], "break": True},
        {"numbers": [3], "die": str(tmp_path / "mark")},
        {"numbers": [4], "always": True},
        {"numbers": [5]},
    ]
    (one, broke, again, died, five), _ = all_of(tasks, slots)
    assert (one, again, five) == (1, 3, 5)
    assert isinstance(broke, WorkBroke) and "ZeroDivisionError: no" in str(broke) and "add" in broke.trace
    assert isinstance(died, WorkerDied) and "SIGKILL" in str(died)


def test_a_worker_that_cannot_start_says_why():
    slot = ProcessSlot(Adding(unable="no such backbone"))
    results, _ = all_of([{"numbers": [1]}, {"numbers": [2]}], [slot])
    assert all(isinstance(one, InputError) and str(one) == "no such backbone" for one in results)


def test_what_a_callback_raises_ends_all(slots):
    def ended(place, result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_off([{"numbers": [1]}] * 50, slots, ended)
    assert all(slot.pid is None for slot in slots)


def test_a_cancel_reaches_the_task_and_no_other(slots):
    slot = slots[0]
    assert slot.run({"numbers": [1]}, lambda _: None) == 1
    slot.cancel()  # nothing is under way
    assert slot.run({"numbers": [2]}, lambda _: None) == 2
    pid = slot.pid
    threading.Timer(0.2, slot.cancel).start()
    with pytest.raises(Cancelled):
        slot.run({"numbers": [1] * 1000, "slow": 0.02}, lambda _: None)
    assert slot.run({"numbers": [3]}, lambda _: None) == 3 and slot.pid == pid


def test_a_closed_slot_ends_what_it_does(slots):
    slot = slots[0]
    threading.Timer(0.3, slot.close).start()
    began = time.monotonic()
    with pytest.raises(WorkerDied):
        slot.run({"numbers": [1] * 1000, "slow": 0.05}, lambda _: None)
    assert time.monotonic() - began < 30
    with pytest.raises(WorkerDied, match="were ended"):
        slot.run({"numbers": [1]}, lambda _: None)


def test_a_task_that_nobody_hears_any_more_leaves_nothing_for_the_next(slots):
    slot = slots[0]

    def full(event):
        raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="the disk is full"):
        slot.run({"numbers": [1] * 50, "slow": 0.01}, full)
    told = []
    assert slot.run({"numbers": [2, 3]}, told.append) == 5 and told == [2, 5]


def test_threads_of_workers_sleep_while_they_wait_unless_told_otherwise(monkeypatch):
    """Threads that spin starve each other on a busy machine: a batch from Python then takes many times as long."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    slot = ProcessSlot(Telling(), {"OMP_NUM_THREADS": "1"})
    asked = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS"]
    assert slot.run(asked, lambda event: None) == dict(zip(asked, ("PASSIVE", "7", "1")))
    slot.close()
