"""`cast3d judge`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..files import expanded, printable
from .choosing import Cases, Choice, Methods, Results, Seeds, print_table
from .options import Json
from .output import messages, plain_errors, print_json

if TYPE_CHECKING:
    from ..evaluation.judges import Estimate
    from ..evaluation.questions import Question
    from ..language.endpoints import Endpoint


def judge(
    suite: Annotated[
        Path,
        typer.Argument(metavar="SUITE", help="The suite of the results.", callback=lambda path: expanded(path)),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="openai:MODEL|gemini:MODEL", help="The provider and its model.")
    ],
    out: Results,
    methods: Methods = None,
    cases: Cases = None,
    seeds: Seeds = None,
    samples: Annotated[int, typer.Option(min=1, help="How often each question is put.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Questions at a time.")] = 1,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Another address, as http://host/v1.")] = None,
    key: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The environment variable with the key of that address.")
    ] = None,
    extra: Annotated[str, typer.Option(metavar="JSON", help="Added to every request.")] = "",
    price: Annotated[str | None, typer.Option(metavar="IN,OUT", help="Per million tokens; estimates the cost.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Have a vision-language model score the results of an evaluation.

    Nothing is composed. Answers are kept in FOLDER: after a failure, give the same command again.
    """
    with plain_errors(kept="answers that came are kept; give the same command again", as_json=as_json):
        from ..evaluation import results
        from ..evaluation.judges import estimate, questions
        from ..evaluation.suite import load_suite
        from ..language.endpoints import address, endpoint

        chosen = Choice.read(methods, cases, seeds)
        meant = chosen.of(results.read(out))
        scenes = load_suite(suite, [case["id"] for case in meant["cases"]])
        prices, at = _prices(price), address(model, url, extra)
        asked = questions(out, meant, scenes, samples)
        found = estimate(out, at, asked)
        typer.echo(_cost(found, prices), err=True)
        if dry_run:
            _show_first(asked)
            told = {"judge": model, **asdict(found)} | ({"cost": found.cost(*prices)} if prices else {})
        else:  # a dry run needs no key
            shown = chosen.of(_asked(endpoint(model, url, key, extra), out, meant, asked, workers))
            told = {"judge": model, "rows": shown["judges"][model]}
            if not as_json:
                print_table(shown, model, f"{model} (1 to 10)")
        if as_json:
            print_json(told)


def _asked(
    at: Endpoint, out: Path, content: Mapping[str, Any], asked: Sequence[Question], workers: int
) -> dict[str, Any]:
    """Asks about the runs in `content`; returns all of results.json. What the judge said of other runs stays there."""
    from rich.progress import Progress

    from ..evaluation.judges import judge
    from ..evaluation.opinions import keep
    from ..evaluation.results import read

    def run_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return row["method"], row["case"], row["seed"]

    whole = read(out)
    others = {run_of(run) for run in whole["runs"]} - {run_of(run) for run in content["runs"]}
    before = [row for row in whole.get("judges", {}).get(at.name, ()) if run_of(row) in others]
    console = messages()
    with Progress(console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("judging", total=len(asked))
        rows, unread = judge(out, content, asked, at, workers, lambda _: bars.advance(bar))
    for text in unread:
        typer.echo(f"warning: left out: {printable(text)}", err=True)
    return keep(out, at.name, [*before, *rows])


def _show_first(asked: Sequence[Question]) -> None:
    from ..evaluation.questions import SYSTEM

    if asked:
        told = [one if isinstance(one, str) else f"[picture, {len(one)} bytes]" for one in asked[0].contents]
        typer.echo("\n".join(["\nthe first request:", SYSTEM, "", *told]), err=True)


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
