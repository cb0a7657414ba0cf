"""`cast3d study`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..files import expanded, printable
from .choosing import Cases, Choice, Methods, Results, Seeds, print_table
from .options import Json
from .output import plain_errors, print_json


def study(
    out: Results,
    suite: Annotated[
        Path | None,
        typer.Argument(
            metavar="SUITE",
            help="The suite of the results; not needed with --ratings.",
            callback=lambda path: path and expanded(path),
        ),
    ] = None,
    ratings: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Count the answers that a person saved from the page; repeatable."),
    ] = None,
    methods: Methods = None,
    cases: Cases = None,
    seeds: Seeds = None,
    as_json: Json = False,
) -> None:
    """Write a page on which people rate the results of an evaluation, or count their answers.

    The page is FOLDER/study/study.html. FOLDER/study-key.json tells which object is whose and stays with you.
    With --ratings no page is written: the answers are kept in results.json, and a table is printed.
    """
    with plain_errors(as_json=as_json):
        chosen = Choice.read(methods, cases, seeds)
        if ratings:
            _count(out, [expanded(file) for file in ratings], chosen, as_json)
        elif suite is not None:
            _write(out, suite, chosen, as_json)
        else:
            raise InputError("the page needs the suite of the results: cast3d study SUITE -o FOLDER")


def _write(out: Path, suite: Path, chosen: Choice, as_json: bool) -> None:
    from ..evaluation import results
    from ..evaluation import study as studies
    from ..evaluation.suite import load_suite

    meant = chosen.of(results.read(out))
    page = studies.write_study(out, meant, load_suite(suite, [case["id"] for case in meant["cases"]]))
    key = out / studies.KEY
    if as_json:
        print_json({"study": str(page), "key": str(key)})
    else:
        typer.echo(f"hand out {printable(page)}; keep {printable(key)} to yourself")


def _count(out: Path, files: list[Path], chosen: Choice, as_json: bool) -> None:
    from ..evaluation import results
    from ..evaluation import study as studies
    from ..evaluation.opinions import PEOPLE, keep

    chosen.of(results.read(out))  # a wrong name is told before answers are kept
    rows = studies.read_ratings(out, files, lambda text: typer.echo(f"warning: {printable(text)}", err=True))
    shown = chosen.of(keep(out, PEOPLE, rows))
    if as_json:
        print_json({"people": shown["judges"][PEOPLE]})
    else:
        print_table(shown, PEOPLE, f"People ({len(files)} answers)")
