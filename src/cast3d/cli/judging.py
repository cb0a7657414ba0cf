"""What `cast3d evaluate` does with `--judge`, `--study` and `--ratings`: opinions on results that are there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError
from .output import messages

if TYPE_CHECKING:
    from ..evaluation.endpoints import Endpoint
    from ..evaluation.judges import Estimate
    from ..evaluation.questions import Question


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    judge: str | None = None  # PROVIDER:MODEL
    url: str | None = None
    key: str | None = None  # the environment variable that holds it
    extra: str = ""  # JSON to add to every request
    price: str | None = None  # "IN,OUT" per million tokens
    samples: int = 1
    dry_run: bool = False
    study: bool = False
    ratings: tuple[Path, ...] = ()
    workers: int = 1

    @property
    def any(self) -> bool:
        return bool(self.judge or self.study or self.ratings or self.dry_run)


def opinions(wish: Wish, suite: Path | None, out: Path | None, as_json: bool) -> None:
    """Asks the judge, writes the study's page or counts its answers. Nothing is composed and no network is loaded."""
    from ..evaluation import results
    from ..evaluation import study as studies
    from ..evaluation.opinions import PEOPLE, keep
    from ..evaluation.suite import load_suite

    if out is None:
        raise InputError("the folder of the results is missing: -o FOLDER")
    if wish.dry_run and not wish.judge:
        raise InputError("--dry-run goes with --judge")
    content = results.read(out)
    if wish.ratings:
        rows = studies.read_ratings(out, wish.ratings, lambda text: typer.echo(f"warning: {text}", err=True))
        _show(keep(out, PEOPLE, rows), PEOPLE, f"People ({len(wish.ratings)} answers)", as_json)
    if not (wish.judge or wish.study):
        return
    if suite is None:
        raise InputError("the suite of the results is missing: cast3d evaluate SUITE -o FOLDER ...")
    cases = load_suite(suite, [case["id"] for case in content["cases"]])
    if wish.study:
        page = studies.write_study(out, content, cases)
        typer.echo(f"hand out {page}; keep {out / studies.KEY} to yourself", err=as_json)
    if wish.judge:
        _judge(wish, out, content, cases, as_json)


def _judge(wish: Wish, out: Path, content: Mapping[str, Any], cases: Sequence[Any], as_json: bool) -> None:
    from ..evaluation.endpoints import address, endpoint
    from ..evaluation.judges import estimate, questions
    from ..evaluation.questions import SYSTEM

    prices, at = _prices(wish.price), address(wish.judge, wish.url, wish.extra)
    asked = questions(out, content, cases, wish.samples)
    found = estimate(out, at, asked)
    typer.echo(_cost(found, prices), err=True)
    if wish.dry_run:
        if asked:
            told = [one if isinstance(one, str) else f"[picture, {len(one)} bytes]" for one in asked[0].contents]
            typer.echo("\n".join(["\nthe first request:", SYSTEM, "", *told]), err=True)
        return
    # Only now: a dry run needs no key.
    rows = _asked(endpoint(wish.judge, wish.url, wish.key, wish.extra), out, content, asked, wish.workers)
    _show(rows, wish.judge, f"{wish.judge} (1 to 10)", as_json)


def _asked(
    at: Endpoint, out: Path, content: Mapping[str, Any], asked: Sequence[Question], workers: int
) -> dict[str, Any]:
    from rich.progress import Progress

    from ..evaluation.judges import judge
    from ..evaluation.results import read

    console = messages()
    with Progress(console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("judging", total=len(asked))
        _, unread = judge(out, content, asked, at, workers, lambda _: bars.advance(bar))
    for text in unread:
        typer.echo(f"warning: left out: {text}", err=True)
    return read(out)


def _prices(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        price_in, price_out = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--price takes two numbers, per million tokens in and out, not {text!r}") from None
    return price_in, price_out


def _cost(found: Estimate, prices: tuple[float, float] | None) -> str:
    line = f"{found.asked} questions, {found.known} more are answered already"
    line += f"; roughly {found.tokens_in:,} tokens in and {found.tokens_out:,} out"
    return line + (f", {found.cost(*prices):.2f} in the currency of --price" if prices else "")


def _show(content: Mapping[str, Any], judge: str, title: str, as_json: bool) -> None:
    from ..evaluation.opinions import table

    if as_json:
        typer.echo(json.dumps({"judge": judge, "rows": content["judges"][judge]}, ensure_ascii=False))
        return
    from rich.console import Console

    Console(highlight=False, width=120).print(table(content, judge, title))
    typer.echo("mean ± half of the 95% interval over cases and raters; * told apart from the first method at 95%")
