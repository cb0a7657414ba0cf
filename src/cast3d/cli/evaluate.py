"""`cast3d evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..files import expanded
from . import inputs
from .choosing import Choice, names, numbers
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
            _list(as_json)
            return
        if suite is None or out is None:
            raise InputError("evaluate takes a suite and a folder: cast3d evaluate suites/bricks-dev -o out")
        from ..evaluation.edits.suite import is_edits
        from ..evaluation.runner import Plan

        inputs.check_device(device)
        changes = inputs.read_settings(settings or ())
        inputs.check_settings(backbone, changes)
        chosen = names(cases, "--cases") if cases else ()
        if is_edits(suite):
            _run_edits(suite, out, Choice.read(methods, cases or None, seeds), backbone, device, changes, as_json)
            return
        plan = Plan(suite, names(methods, "--method"), out, numbers(seeds), chosen, backbone, device, changes)
        broken = _run(plan, workers, as_json)
    if broken:
        for text in broken:
            typer.echo(text, err=True)
        typer.echo(f"error: {len(broken)} runs broke and are not in the results; the rest is kept", err=True)
        raise typer.Exit(1)


def _list(as_json: bool) -> None:
    from ..evaluation.methods import METHODS

    if as_json:
        listed = [{"name": method.name, "about": method.about} for method in METHODS.values()]
        print_json({"methods": listed})
        return
    for method in METHODS.values():
        typer.echo(f"{method.name:20} {method.about}")
    typer.echo(f"{'cast3d+SETTING=VALUE':20} the method under another setting; +SETTING=VALUE as often as needed")
    typer.echo(f"{'folder:PATH':20} results of another system: PATH/<case>.glb or PATH/<case>/<seed>.glb")


def _run(plan: Plan, workers: int, as_json: bool) -> list[str]:
    """Runs the plan, writes and prints the results; returns what broke."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from ..evaluation import results
    from ..evaluation.methods import find
    from ..evaluation.page import write_page
    from ..evaluation.runner import evaluate as run
    from ..evaluation.suite import load_suite
    from ..evaluation.table import TABLES, document, rich_table, rows
    from ..files import atomic_write

    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("evaluating", total=len(plan.tasks()) * len(plan.methods))

        def note(item: Cell | str) -> None:
            bars.advance(bar)
            if not console.is_terminal:
                console.print(_line(item), markup=False, soft_wrap=True)

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
        Console(highlight=False, width=max(console.width, 160)).print(rich_table(content, title, wanted))
    typer.echo(f"mean ± half of the 95% interval over cases; * told apart from {plan.methods[0]} at 95%; see {page}")
    return broken


def _run_edits(
    suite: Path, out: Path, chosen: Choice, backbone: str, device: str, settings: Mapping[str, Any], as_json: bool
) -> None:
    """A suite of edits, one after another."""
    from .. import composer
    from ..evaluation.edits.methods import methods_named
    from ..evaluation.edits.run import evaluate_edits, table
    from ..files import atomic_write

    if settings:
        raise InputError("--set is not for suites of edits; their methods have settings of their own")
    methods, console = methods_named(chosen.methods or ("cast3d",)), messages()
    rows = evaluate_edits(
        suite, methods, out, composer.load(backbone, device), chosen.seeds or (0,), chosen.cases or (),
        lambda text: console.print(text, markup=False, soft_wrap=True),
    )  # fmt: skip
    atomic_write(out / "table.txt", table(rows))
    if as_json:
        print_json({"edits": rows})
        return
    typer.echo(table(rows), nl=False)


def _line(item: Cell | str) -> str:
    if isinstance(item, str):
        return item.splitlines()[0]
    score = item.object["average"]
    return f"{item.case} {item.seed} {item.method}: {item.failure or f'average {score:.2f}'}, {item.seconds:.1f} s"
