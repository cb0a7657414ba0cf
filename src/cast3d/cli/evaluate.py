"""`cast3d evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from . import inputs
from .judging import Choice, Wish, opinions
from .options import Json, Set
from .output import messages, plain_errors, print_json

if TYPE_CHECKING:
    from ..evaluation.cells import Cell
    from ..evaluation.runner import Plan


def evaluate(
    suite: Annotated[Path | None, typer.Argument(help="Folder with suite.json, such as suites/bricks-dev.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="What is there is kept.")] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            "--method", "-m", metavar="A,B,...", help="Others are compared with the first.", show_default="cast3d"
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="0,1,2", help="Each case is run with each.", show_default="0")
    ] = None,
    cases: Annotated[str, typer.Option(metavar="A,B,...", help="Cases by id.", show_default="all")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes; each takes one core and 1.5 GB.")] = 1,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", "-b", help="Shipped weights or a backbone folder.", show_default="bricks"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="cpu|cuda[:N]", help="Where the networks run.", show_default="cpu"),
    ] = None,
    settings: Set = None,
    listing: Annotated[bool, typer.Option("--list", help="Print the methods.")] = False,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="openai:MODEL|gemini:MODEL", help="Have a model score the results in FOLDER; runs nothing."
        ),
    ] = None,
    judge_url: Annotated[str | None, typer.Option(metavar="URL", help="Another address, as http://host/v1.")] = None,
    judge_key: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The environment variable with the key of that address.")
    ] = None,
    judge_extra: Annotated[str, typer.Option(metavar="JSON", help="Added to every request.")] = "",
    samples: Annotated[int, typer.Option(min=1, help="How often each question is put to the judge.")] = 1,
    price: Annotated[str | None, typer.Option(metavar="IN,OUT", help="Per million tokens; estimates the cost.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --judge: say what it would take, send nothing.")
    ] = False,
    study: Annotated[bool, typer.Option("--study", help="Write a page on which people rate the results.")] = False,
    ratings: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Answers saved from that page; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run methods over a suite whose parts are known, and measure them.

    Writes results.json and index.html. Finished runs in FOLDER are kept: after a crash, give the same command again.
    With --judge, --study or --ratings, -m, --seeds and --cases choose among the results in FOLDER; the default is all.
    """
    with plain_errors(kept="what was finished is kept; give the same command again", as_json=as_json):
        if listing:
            _list(as_json)
            return
        chosen = Choice(
            _names(methods, "--method") if methods is not None else None,
            _names(cases, "--cases") if cases else None,
            _seeds(seeds) if seeds is not None else None,
        )
        wish = Wish(
            judge, judge_url, judge_key, judge_extra, price, samples, dry_run, study, tuple(ratings or ()), workers,
            chosen,
        )  # fmt: skip
        if wish.vain:
            raise InputError(f"{' and '.join(wish.vain)} only with --judge PROVIDER:MODEL")
        if wish.any:
            _refuse({"--set": settings, "--backbone": backbone, "--device": device})
            opinions(wish, suite, out, as_json)
            return
        if suite is None or out is None:
            raise InputError("evaluate takes a suite and a folder: cast3d evaluate suites/bricks-dev -o out")
        from ..evaluation.edits.suite import is_edits
        from ..evaluation.runner import Plan

        backbone, device = backbone or "bricks", device or "cpu"
        inputs.check_device(device)
        changes = inputs.read_settings(settings or ())
        inputs.check_settings(backbone, changes)
        if is_edits(suite):
            _run_edits(suite, out, chosen, backbone, device, changes, as_json)
            return
        plan = Plan(
            suite, chosen.methods or ("cast3d",), out, chosen.seeds or (0,), chosen.cases or (),
            backbone, device, changes,
        )  # fmt: skip
        broken = _run(plan, workers, as_json)
    if broken:
        for text in broken:
            typer.echo(text, err=True)
        typer.echo(f"error: {len(broken)} runs broke and are not in the results; the rest is kept", err=True)
        raise typer.Exit(1)


def _refuse(given: Mapping[str, Any]) -> None:
    """Options for runs have no meaning where opinions are asked for."""
    if vain := [option for option, value in given.items() if value]:
        raise InputError(
            f"{' and '.join(vain)} cannot go with --judge, --study or --ratings, which run nothing: they take the "
            "results in the folder as they are; what can be chosen among them is -m, --cases and --seeds"
        )


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


def _names(text: str, option: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError(f"{option} takes names, separated by commas")
    return names


def _seeds(text: str) -> tuple[int, ...]:
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise InputError(f"--seeds takes whole numbers, such as 0,1,2, not {text!r}")
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


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
