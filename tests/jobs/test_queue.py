"""The queue with real workers and the tiny backbone: states, deaths, cancels, restarts, bounds."""

from __future__ import annotations

import os
import signal
import time

import pytest

from cast3d.composer import Composer
from cast3d.errors import InputError
from cast3d.jobs.job import Job, read_job
from cast3d.jobs.queue import Limits, Queue
from cast3d.jobs.refusals import Conflict, LimitReached, NotFound
from cast3d.jobs.slots import ProcessSlot
from cast3d.jobs.workspace import Workspace
from tests.jobs.tiny import Tiny, asked
from tests.jobs.warm import WarmSlot
from tests.test_composer import contents
from tests.tiny_backbone import pictures, tiny_backbone

CAP = "a figure wearing a cap"


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    out = tmp_path_factory.mktemp("straight") / "run"
    shown = {term: pictures()[term] for term in ("figure", "cap")}
    Composer(tiny_backbone()).compose(CAP, shown, main="figure", out=out)
    return out


@pytest.fixture
def opened(tmp_path):
    """Opens queues on one workspace, and closes them."""
    made = []

    def open_queue(*starts: Tiny, slot: type[ProcessSlot] = WarmSlot, **limits) -> Queue:
        workspace = Workspace(tmp_path / "workspace")
        queue = Queue(workspace, [slot(start, patience=20) for start in starts], Limits(**limits))
        made.append((queue, workspace))
        return queue

    yield open_queue
    for queue, workspace in made:
        queue.close()
        workspace.close()


def states(queue: Queue, id: str) -> list[str]:
    return [event.data["state"] for event in queue.events(id) if event.name == "state"]


def wait_for(what, seconds: float = 60.0):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def ended(queue: Queue, id: str) -> Job:
    list(queue.watch(id))
    return queue.get(id)


def test_a_job_becomes_a_finished_run(opened, tmp_path, straight):
    queue = opened(Tiny(), slot=ProcessSlot)  # from nothing, as for users
    job = queue.submit(*asked(tmp_path / "given", CAP))
    done = ended(queue, job.id)
    assert (done.state, done.error, done.fraction) == ("done", None, 1.0)
    assert states(queue, job.id) == ["queued", "running", "done"]
    folder = queue.folder(job.id)
    assert contents(folder / "stages") == contents(straight / "stages")
    assert (folder / "scene.glb").read_bytes() == (straight / "scene.glb").read_bytes()
    assert read_job(folder).state == "done"
    events = queue.events(job.id)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    told = [event.data["name"] for event in events if event.name == "stage"]
    assert told[:4] == ["main", "layout", "layout_appearance", "hints"] and told[-2:] == ["meshes", "export"]
    fractions = [event.data["fraction"] for event in events if event.name == "progress"]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    shown = [event.data["file"] for event in events if event.name == "preview"]
    assert shown and all((folder / file).is_file() for file in shown)
    parts = {stage["name"]: stage["term"] for stage in done.stages}
    assert parts["part-cap"] == "cap" and parts["slat-figure"] == "figure" and parts["main"] is None
    assert all((folder / picture).is_file() for stage in done.stages for picture in stage["pictures"])


@pytest.mark.parametrize("stage", ["main", "part-cap", "export"])
def test_a_worker_that_is_killed_is_replaced_and_the_job_goes_on(opened, tmp_path, straight, stage):
    slot = ProcessSlot if stage == "part-cap" else WarmSlot
    queue = opened(Tiny(die_at=stage, times=1, marks=str(tmp_path)), slot=slot)
    job = queue.submit(*asked(tmp_path / "given", CAP))
    assert ended(queue, job.id).state == "done"
    assert states(queue, job.id) == ["queued", "running", "queued", "running", "done"]
    warnings = [event.data["message"] for event in queue.events(job.id) if event.name == "warning"]
    assert [line for line in warnings if "SIGKILL" in line and "goes on" in line] == warnings[:1]
    assert contents(queue.folder(job.id) / "stages") == contents(straight / "stages")
    assert (queue.folder(job.id) / "scene.glb").read_bytes() == (straight / "scene.glb").read_bytes()


def test_a_job_that_kills_two_workers_fails_and_the_next_one_is_done(opened, tmp_path):
    queue = opened(Tiny(die_at="layout", times=2, marks=str(tmp_path)))
    first = queue.submit(*asked(tmp_path / "given", CAP))
    second = queue.submit(*asked(tmp_path / "given", CAP))
    failed = ended(queue, first.id)
    assert failed.state == "failed" and "SIGKILL" in failed.error and "memory" in failed.error
    assert ended(queue, second.id).state == "done"
    queue.resume(first.id)
    assert ended(queue, first.id).state == "done" and queue.get(first.id).error is None


def test_cancelled_within_a_step(opened, tmp_path):
    queue = opened(Tiny(slow=0.1, slow_tasks=1))
    job = queue.submit(*asked(tmp_path / "given", CAP))
    wait_for(lambda: queue.get(job.id).stage)
    pid = queue.slots[0].pid
    queue.cancel(job.id)
    after = len(queue.events(job.id))
    assert ended(queue, job.id).state == "cancelled"
    later = [event for event in queue.events(job.id, after) if event.name in ("progress", "stage")]
    assert len(later) <= 3 and queue.slots[0].pid == pid  # the worker lives
    assert not (queue.folder(job.id) / "scene.glb").exists()
    with pytest.raises(Conflict, match="ended already: cancelled"):
        queue.cancel(job.id)
    queue.resume(job.id)
    assert ended(queue, job.id).state == "done"


def test_a_queued_job_is_cancelled_at_once_and_never_started(opened, tmp_path):
    queue = opened(Tiny(slow=0.02, slow_tasks=1))
    jobs = [queue.submit(*asked(tmp_path / "given", CAP)) for _ in range(3)]
    wait_for(lambda: queue.get(jobs[0].id).state == "running")
    assert queue.positions() == {jobs[1].id: 1, jobs[2].id: 2}
    assert queue.cancel(jobs[1].id).state == "cancelled"
    assert queue.positions() == {jobs[2].id: 1}
    assert ended(queue, jobs[2].id).state == "done" and states(queue, jobs[1].id) == ["queued", "cancelled"]


def test_what_hangs_is_killed_once_it_is_cancelled(opened, tmp_path):
    queue = opened(Tiny(slow=1000))
    queue.slots[0].patience = 0.2
    job = queue.submit(*asked(tmp_path / "given", CAP))
    wait_for(lambda: queue.get(job.id).stage)
    queue.cancel(job.id)
    assert ended(queue, job.id).state == "cancelled"


def test_it_waits_where_it_is_asked_to(opened, tmp_path, straight):
    queue = opened(Tiny())
    job = queue.submit(*asked(tmp_path / "given", CAP, pause=["pictures", "hints"]))
    waits = ended(queue, job.id)
    assert (waits.state, waits.waits_at) == ("waiting", "pictures")
    queue.resume(job.id)
    waits = ended(queue, job.id)
    assert (waits.state, waits.waits_at) == ("waiting", "hints") and waits.stages[-1]["name"] == "hints"
    queue.resume(job.id)
    assert ended(queue, job.id).state == "done"
    assert contents(queue.folder(job.id) / "stages") == contents(straight / "stages")


def test_another_seed_for_one_part_redoes_that_part(opened, tmp_path):
    queue = opened(Tiny())
    job = queue.submit(*asked(tmp_path / "given", CAP))
    ended(queue, job.id)
    queue.change(job.id, lambda job: setattr(job, "reseed", {"cap": 7}))
    done = ended(queue, job.id)
    computed = [stage["name"] for stage in done.stages if not stage["reused"]]
    assert computed == ["part-cap", "geometry", "slat-cap", "appearance", "refit", "meshes", "export"]


def test_a_job_that_cannot_be_fails_with_its_reason(opened, tmp_path):
    queue = opened(Tiny())
    job, files = asked(tmp_path / "given", CAP, settings={"part_start": 99})
    assert ended(queue, queue.submit(job, files).id).state == "failed"
    assert "levels are 1 to 5" in queue.get(job.id).error


# --- servers that end -------------------------------------------------------------------------------------------------


def test_a_restarted_server_goes_on_with_its_queue(opened, tmp_path):
    queue = opened(Tiny(slow=0.02))
    jobs = [queue.submit(*asked(tmp_path / "given", CAP)) for _ in range(3)]
    queue.cancel(jobs[1].id)
    wait_for(lambda: queue.get(jobs[0].id).stage == "layout")
    queue.close()
    queue.workspace.close()
    assert [read_job(queue.workspace.folder(job.id)).state for job in jobs] == ["running", "cancelled", "queued"]
    again = opened(Tiny())
    assert again.get(jobs[0].id).state in ("queued", "running") and again.get(jobs[1].id).state == "cancelled"
    assert [ended(again, job.id).state for job in jobs] == ["done", "cancelled", "done"]
    assert next(stage for stage in again.get(jobs[0].id).stages if stage["name"] == "main")["reused"]
    numbers = [event.id for event in again.events(jobs[0].id)]
    assert numbers == list(range(1, len(numbers) + 1))  # one count over both servers


def test_two_servers_on_one_workspace(opened):
    opened()
    with pytest.raises(InputError, match="in use by another"):
        opened()


def test_a_damaged_job_is_passed_over(opened, tmp_path):
    queue = opened()
    job = queue.submit(*asked(tmp_path / "given", CAP))
    queue.close()
    queue.workspace.close()
    broken = tmp_path / "workspace" / "jobs" / "broken"
    broken.mkdir()
    (broken / "job.json").write_text("{")
    again = opened()
    assert [one.id for one in again.newest()] == [job.id]


def test_a_cut_line_of_events_is_mended(opened, tmp_path):
    queue = opened()
    job = queue.submit(*asked(tmp_path / "given", CAP))
    queue.close()
    queue.workspace.close()
    with (tmp_path / "workspace" / "jobs" / job.id / "events.jsonl").open("ab") as file:
        file.write(b'["state",{"sta')
    again = opened()
    again.cancel(job.id)
    assert states(again, job.id) == ["queued", "cancelled"]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_queue_is_bounded(opened, tmp_path):
    queue = opened(queued=2)
    jobs = [queue.submit(*asked(tmp_path / "given", CAP)) for _ in range(2)]
    with pytest.raises(LimitReached, match="2 jobs wait already"):
        queue.submit(*asked(tmp_path / "given", CAP))
    queue.cancel(jobs[0].id)
    queue.submit(*asked(tmp_path / "given", CAP))
    with pytest.raises(LimitReached):
        queue.resume(jobs[0].id)


def test_kept_jobs_are_bounded_and_dropped_only_when_asked(opened, tmp_path):
    queue = opened(jobs=2)
    jobs = [queue.submit(*asked(tmp_path / "given", CAP)) for _ in range(2)]
    queue.cancel(jobs[0].id)
    with pytest.raises(LimitReached, match="2 jobs are kept already"):
        queue.submit(*asked(tmp_path / "given", CAP))
    queue.limits = Limits(jobs=2, drop_oldest=True)
    third = queue.submit(*asked(tmp_path / "given", CAP))
    assert {job.id for job in queue.newest()} == {jobs[1].id, third.id}
    assert not queue.workspace.folder(jobs[0].id).exists()


def test_the_disk_is_bounded(opened, tmp_path):
    queue = opened(disk=1)
    queue.submit(*asked(tmp_path / "given", CAP))
    queue._sizes["x"] = 2
    with pytest.raises(LimitReached, match="delete some jobs"):
        queue.submit(*asked(tmp_path / "given", CAP))


def test_deleting(opened, tmp_path):
    queue = opened(Tiny(slow=0.1))
    job = queue.submit(*asked(tmp_path / "given", CAP))
    wait_for(lambda: queue.get(job.id).stage)
    with pytest.raises(Conflict, match="running"):
        queue.delete(job.id)
    queue.cancel(job.id)
    ended(queue, job.id)
    folder = queue.folder(job.id)
    queue.delete(job.id)
    assert not folder.exists()
    with pytest.raises(NotFound):
        queue.get(job.id)


def test_listing_goes_page_by_page(opened, tmp_path):
    queue = opened()
    jobs = [queue.submit(*asked(tmp_path / "given", CAP)) for _ in range(5)]
    newest = [job.id for job in reversed(jobs)]
    first = queue.newest(2)
    assert [job.id for job in first] == newest[:2]
    assert [job.id for job in queue.newest(10, before=first[-1].id)] == newest[2:]
    queue.cancel(jobs[0].id)
    assert [job.id for job in queue.newest(state="cancelled")] == [jobs[0].id]


def test_workers_leave_with_the_server(opened, tmp_path):
    """As after kill -9 of the server: see also the test of the command."""
    queue = opened(Tiny(slow=0.02))
    job = queue.submit(*asked(tmp_path / "given", CAP))
    wait_for(lambda: queue.get(job.id).stage)
    pid = queue.slots[0].pid
    queue.close()
    with pytest.raises(ProcessLookupError):
        wait_for(lambda: os.kill(pid, signal.SIGCONT))


def test_a_state_that_cannot_be_kept_costs_one_job_and_no_slot(opened, tmp_path, monkeypatch):
    from cast3d.jobs import queue as module

    write = module.write_job

    def full(folder, job):
        if job.title == "unlucky" and job.state == "running":
            raise InputError("no space left")
        write(folder, job)

    monkeypatch.setattr(module, "write_job", full)
    queue = opened(Tiny())
    job, files = asked(tmp_path / "given", CAP)
    job.title = "unlucky"
    unlucky = queue.submit(job, files)
    lucky = queue.submit(*asked(tmp_path / "given", CAP))
    assert ended(queue, lucky.id).state == "done"
    assert queue.get(unlucky.id).state == "failed" and "no space left" in queue.get(unlucky.id).error
