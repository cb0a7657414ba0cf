"""`cast3d evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..files import expanded
from . import inputs
from .choosing import names, numbers
from .options import Device, Json, Set
from .output import messages, plain_errors, print_json

if TYPE_CHECKING:
    from ..evaluation.cells import Cell
    from ..evaluation.runner import Plan


def evaluate(
    suite: Annotated[
        Path | None,
        typer.Argument(
            metavar="SUITE",
            help="Folder with suite.json, such as suites/bricks-dev.",
            callback=lambda path: path and expanded(path),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="What is there is kept.",
            callback=lambda path: path and expanded(path),
        ),
    ] = None,
    methods: Annotated[
        str, typer.Option("--method", "-m", metavar="A,B,...", help="Others are compared with the first.")
    ] = "cast3d",
    seeds: Annotated[str, typer.Option(metavar="0,1,2", help="Each case is run with each.")] = "0",
    cases: Annotated[str, typer.Option(metavar="A,B,...", help="Cases by id.", show_default="all")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes; each takes one core and 1.5 GB.")] = 1,
    backbone: Annotated[str, typer.Option("--backbone", "-b", help="Shipped weights or a backbone folder.")] = "bricks",
    device: Device = "cpu",
    settings: Set = None,
    listing: Annotated[bool, typer.Option("--list", help="Print the methods.")] = False,
    as_json: Json = False,
) -> None:
    """Run methods over a suite whose parts are known, and measure them.

    Writes results.json and index.html. Finished runs in FOLDER are kept: after a crash, give the same command again.
    cast3d judge and cast3d study ask a model and people what they think of the results.
    """
    with plain_errors(kept="what was finished is kept; give the same command again", as_json=as_json):
        if listing:
            _list(suite, as_json)
            return
        if suite is None or out is None:
            raise InputError("evaluate takes a suite and a folder: cast3d evaluate suites/bricks-dev -o out")
        from ..evaluation.edits.suite import is_edits
        from ..evaluation.runner import Plan

        inputs.check_device(device)
        changes = inputs.read_settings(settings or ())
        inputs.check_settings(backbone, changes)
        chosen = names(cases, "--cases") if cases else ()
        plan = Plan(suite, names(methods, "--method"), out, numbers(seeds), chosen, backbone, device, changes)
        broken = (_run_edits if is_edits(suite) else _run)(plan, workers, as_json)
    if broken:
        for text in broken:
            typer.echo(text, err=True)
        typer.echo(f"error: {len(broken)} runs broke and are not in the results; the rest is kept", err=True)
        raise typer.Exit(1)


def _list(suite: Path | None, as_json: bool) -> None:
    """The methods of compositions; with a suite of edits, those of editing."""
    from ..evaluation.edits.suite import is_edits

    if suite is not None and is_edits(suite):
        from ..evaluation.edits.methods import METHODS as EDITING

        _print_methods({name: method.about for name, method in EDITING.items()}, as_json)
        return
    from ..evaluation.methods import METHODS

    _print_methods({name: method.about for name, method in METHODS.items()}, as_json)
    if as_json:
        return
    typer.echo(f"{'cast3d+SETTING=VALUE':20} the method under another setting; +SETTING=VALUE as often as needed")
    typer.echo(f"{'folder:PATH':20} results of another system: PATH/<case>.glb or PATH/<case>/<seed>.glb")


def _print_methods(abouts: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        print_json({"methods": [{"name": name, "about": about} for name, about in abouts.items()]})
        return
    width = max(20, *map(len, abouts))
    for name, about in abouts.items():
        typer.echo(f"{name:{width}} {about}")


@contextmanager
def _telling(total: int, line: Callable[[Any], str]) -> Iterator[Callable[[Any], None]]:
    """Hears of each finished run: a bar on a terminal, a line elsewhere."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("evaluating", total=total)

        def note(item: Any) -> None:
            bars.advance(bar)
            if not console.is_terminal:
                console.print(line(item), markup=False, soft_wrap=True)

        yield note


def _run(plan: Plan, workers: int, as_json: bool) -> list[str]:
    """Runs the plan, writes and prints the results; returns what broke."""
    from ..evaluation import results
    from ..evaluation.methods import find
    from ..evaluation.page import write_page
    from ..evaluation.runner import evaluate as run
    from ..evaluation.suite import load_suite
    from ..evaluation.table import TABLES, document, rich_table, rows
    from ..files import atomic_write

    with _telling(len(plan.tasks()) * len(plan.methods), _line) as note:
        cells, broken = run(plan, workers, note)
    if not cells:
        return broken
    cases = load_suite(plan.suite, plan.cases)
    facts = {"seeds": list(plan.seeds), "backbone": plan.backbone, "settings": dict(plan.settings)}
    content = results.write(plan.out, plan.suite.name, [find(name) for name in plan.methods], cases, cells, facts)
    atomic_write(plan.out / "tables.md", document(content))
    atomic_write(plan.out / "runs.csv", rows(content))
    page = write_page(plan.out, content, cases)
    if as_json:
        print_json(content)
        return broken
    from rich.console import Console

    for title, wanted in TABLES.items():
        Console(highlight=False, width=max(messages().width, 160)).print(rich_table(content, title, wanted))
    typer.echo(f"mean ± half of the 95% interval over cases; * told apart from {plan.methods[0]} at 95%; see {page}")
    return broken


def _run_edits(plan: Plan, workers: int, as_json: bool) -> list[str]:
    """The same for a suite of edits; each form of its models has tables of its own."""
    from ..evaluation.edits.__main__ import line
    from ..evaluation.edits.run import evaluate_edits, tasks, write
    from ..evaluation.edits.table import TABLES, by_form, goals, goals_markdown
    from ..evaluation.table import rich_table

    with _telling(len(tasks(plan)) * len(plan.methods), line) as note:
        cells, broken = evaluate_edits(plan, workers, note)
    if not cells:
        return broken
    content = write(plan, cells)
    if as_json:
        print_json(content)
        return broken
    from rich.console import Console

    for about, part in by_form(content):
        for title, wanted in TABLES.items():
            shown = rich_table(part, f"{title}: {about}", wanted)
            Console(highlight=False, width=max(messages().width, 160)).print(shown)
    typer.echo(goals_markdown(goals(content)))
    typer.echo(f"mean ± half of the 95% interval over cases; * told apart from the first at 95%; see {plan.out}")
    return broken


def _line(item: Cell | str) -> str:
    if isinstance(item, str):
        return item.splitlines()[0]
    score = item.object["average"]
    return f"{item.case} {item.seed} {item.method}: {item.failure or f'average {score:.2f}'}, {item.seconds:.1f} s"
