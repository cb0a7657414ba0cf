"""Stages of a run on stderr: bars with elapsed and remaining time on a terminal, a line per stage elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..jobs.narrator import AFTERWARDS
from ..scene import Scene
from ..scene.edits import EditScene


def labels_of(scene: Scene | EditScene | None, imagined: bool = False) -> dict[str, str]:
    """The stages in words: of a composition, of an edit or, without parts, of `lift` and `imagine`."""
    from ..stages.table import stages_of

    if scene is None:
        table = stages_of("imagine" if imagined else "lift")
    elif isinstance(scene, EditScene):
        table = stages_of("edit", new=bool(scene.change.added or scene.change.replaced))
    else:
        table = stages_of("compose")
    edit = isinstance(scene, EditScene)
    labels: dict[str, str] = {}
    for stage in table:
        if not stage.per_term:
            labels[stage.name] = stage.title
        elif scene is not None:
            for term in scene.terms if stage.name == "slat" and not edit else scene.sentence.accessories:
                labels[f"{stage.name}-{scene.slugs[term]}"] = f"{stage.title}: {term}"
    return labels | AFTERWARDS


class StageBars:
    """The callback `progress(stage, done, total)`, used in `with`."""

    def __init__(self, console: Console, labels: Mapping[str, str]):
        self.console, self.labels = console, labels
        self.seen: list[str] = []
        self.started: dict[str, float] = {}  # stages under way
        self.rows: dict[str, TaskID] = {}
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,  # finished stages stay as lines
        )

    def __enter__(self) -> StageBars:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == "retry":
            if not done:
                self._print(f"not every term was found in {total} layouts; other names are tried for what is missing")
            elif done < total:
                self._print(f"not every term was found; layout {done + 1} of {total} is tried")
        elif done == 0 and stage not in self.started:
            self._begin(stage)
        elif stage in self.started:
            self.bars.update(self.rows[stage], completed=done, total=total, note=f"{done}/{total}" if total > 1 else "")
            if done == total == 1:
                self._end(stage)
        elif stage not in self.seen:
            self._print(f"{self._name(stage)}: kept from before")

    def _begin(self, stage: str) -> None:
        self.started[stage] = time.monotonic()
        self.rows[stage] = self.bars.add_task(self._name(stage), total=None, note="")

    def _end(self, stage: str) -> None:
        seconds = time.monotonic() - self.started.pop(stage)
        self.bars.remove_task(self.rows.pop(stage))
        self.bars.refresh()
        self._print(f"{self._name(stage)}: {seconds:.1f} s")

    def _name(self, stage: str) -> str:
        if stage not in self.seen:
            self.seen.append(stage)
        number = self.seen.index(stage) + 1
        label = self.labels.get(stage) or _title(stage)
        told = f"{label} ({stage})" if label else stage  # the name that --from takes
        expected = len({*self.labels, *self.seen})  # a stage of a rule is seen only where it is needed
        return f"[{number:2}/{expected}] {told}"

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)


def _title(name: str) -> str:
    """Of a stage that runs only where it is needed; "" for what is none."""
    from ..stages.table import stage_of

    if (found := stage_of(name)) is None:
        return ""
    stage, slug = found
    return f"{stage.title}: {slug}" if slug else stage.title
