"""`cast3d batch`: many scenes, on the cores or cards of this machine or of a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..files import expanded, printable
from . import inputs
from .options import Backbone, Json, Paper, Set, With
from .output import messages, plain_errors, print_json

if TYPE_CHECKING:
    from ..jobs.batch import Outcome
    from ..jobs.job import Job
    from ..jobs.slots import Slot


def batch(
    scenes: Annotated[
        str,
        typer.Argument(
            metavar="SCENES", help="A folder of scene files, a list (.txt), JSON lines (.jsonl) or a table (.csv)."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="A run folder per scene; finished scenes are skipped.",
            callback=lambda path: expanded(path),
        ),
    ],
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes here, or the most on Ray.", show_default="1")
    ] = None,
    slice_: Annotated[
        str | None, typer.Option("--slice", metavar="I/N", help="The I-th of N shares, for arrays of Slurm jobs.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="[ADDRESS]", help="On Ray: auto, host:port, ray://host:port, local (default)."),
    ] = None,
    cores: Annotated[
        int | None, typer.Option("--cores", min=1, help="Of each worker on a CPU.", show_default="shared out; Ray: 1")
    ] = None,
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--device", metavar="cpu|cuda[:N]", help="Shared out among workers; repeatable.", show_default="cpu"
        ),
    ] = None,
    backbone: Backbone = None,
    loading: With = None,
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """Compose many scenes; afterwards FOLDER has a table (summary.csv, summary.json) and a gallery (index.html).

    What was interrupted goes on: give the same command again. Exit code 1: some scenes failed, the rest is done.
    In Slurm: --array=1-8, and --slice $SLURM_ARRAY_TASK_ID/8.
    """
    with plain_errors(kept="what was finished is kept; give the same command again", as_json=as_json):
        from ..jobs.batch import Batch
        from ..jobs.scenes import read_scenes, sliced

        entries = read_scenes(scenes)
        if slice_:
            entries = sliced(entries, slice_)
        name = inputs.backbone_path(backbone, Path()) or "bricks"
        chosen = inputs.read_settings(settings or (), paper)
        for entry in entries:
            inputs.check_settings(name, {**chosen, **entry.scene.settings})
        loaded_with = inputs.read_loading(loading or (), name)
        work = Batch(entries, out, chosen, name)
        places = devices or ["cpu"]
        if work.jobs:
            slots, end = workers_of(ray, name, places, workers, cores, loaded_with, out, len(work.jobs))
        else:
            slots, end = [], lambda: None
        began = time.monotonic()
        with _Told(len(work.jobs), len(work.skipped)) as told:
            try:
                outcome = work.run(slots, told)
            finally:
                end()
        _show(outcome, out, len(slots), time.monotonic() - began, as_json)
    if outcome.failed:
        raise typer.Exit(1)


def workers_of(
    ray: str | None, backbone: str, devices: list[str], workers: int | None, cores: int | None,
    loading: Mapping[str, Any], out: Path, tasks: int,
) -> tuple[Sequence[Slot], Callable[[], None]]:  # fmt: skip
    """The workers, no more than there is to do, and what is to be done at the end."""
    from ..jobs import work

    if ray is not None:
        from ..jobs import rays

        each = cores or 1
        gpu = devices[0].startswith("cuda")
        start = work.Composing(backbone, "cuda" if gpu else "cpu", loading, 0 if gpu else each)
        rays.connect(ray, work.cores())
        return rays.slots(start, out.absolute(), gpu, each, min(tasks, workers or tasks))
    for device in devices:
        inputs.check_device(device)
    count = min(workers or len(devices), tasks)
    threads = cores or max(1, work.cores() // count)
    places = (devices[place % len(devices)] for place in range(count))
    return [work.process_slot(backbone, device, loading, threads) for device in places], lambda: None


class _Told:
    """The progress of all: bars on a terminal, a line per finished scene elsewhere."""

    def __init__(self, count: int, skipped: int):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Remaining

        self.console, self.count, self.skipped, self.ended = messages(), count, skipped, 0
        self.rows: dict[str, Any] = {}
        self.bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            Remaining(), console=self.console, disable=not self.console.is_terminal, transient=True,
        )  # fmt: skip

    def __enter__(self) -> _Told:
        self.bars.start()
        self.all = self.bars.add_task("scenes", total=self.count)
        if self.skipped:
            self._print(f"{self.skipped} scenes are finished already")
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def __call__(self, job: Job, what: str, facts: Mapping[str, Any]) -> None:
        if what == "begun" and job.id not in self.rows:
            self.rows[job.id] = self.bars.add_task(job.id, total=100)
        elif what == "event" and facts["name"] == "progress" and job.id in self.rows:
            title = facts["title"] + (f" ({facts['term']})" if facts["term"] else "")
            self.bars.update(
                self.rows[job.id], completed=int(100 * facts["fraction"]), description=f"{job.id}: {title}"
            )
        elif what == "ended":
            self.ended += 1
            self.bars.update(self.all, completed=self.ended)
            if job.id in self.rows:
                self.bars.remove_task(self.rows.pop(job.id))
            spent = (job.finished or 0) - (job.started or 0)
            why = f": {job.error}" if job.error else ""
            self._print(f"[{self.ended}/{self.count}] {job.id}: {job.state}, {spent:.0f} s{why}")

    def _print(self, line: str) -> None:
        self.console.print(printable(line), markup=False, soft_wrap=True)


def _show(outcome: Outcome, out: Path, workers: int, seconds: float, as_json: bool) -> None:
    rate = 3600 * outcome.done / seconds if outcome.done else 0.0
    if as_json:
        print_json(
            {
                "out": str(out), "done": outcome.done, "skipped": outcome.skipped, "failed": outcome.failed,
                "workers": workers, "seconds": round(seconds, 1), "scenes_per_hour": round(rate, 1),
            }
        )  # fmt: skip
        return
    told = f"{outcome.done} done, {outcome.skipped} were there already, {outcome.failed} failed"
    typer.echo(f"{told}; {seconds:.0f} s, {rate:.0f} scenes an hour with {workers} workers")
    typer.echo(f"open {printable(out / 'index.html')} in a browser; the table is summary.csv")


def with_address(arguments: list[str]) -> list[str]:
    """`--ray` alone as `--ray=local`: options whose value may be left out are not known to the parser."""
    made = list(arguments)
    for place, word in enumerate(made):
        if word == "--ray":
            after = made[place + 1] if place + 1 < len(made) else ""
            if not (after in ("auto", "local") or (":" in after and "/" not in after) or after.startswith("ray://")):
                made[place] = "--ray=local"
    return made
