"""What `cast3d evaluate` does with `--judge`, `--study` and `--ratings`: opinions on results that are there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError, nearest
from .output import messages

if TYPE_CHECKING:
    from ..evaluation.endpoints import Endpoint
    from ..evaluation.judges import Estimate
    from ..evaluation.questions import Question


@dataclass(frozen=True)
class Choice:
    """Which results are meant; None for all."""

    methods: tuple[str, ...] | None = None
    cases: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None

    def of(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a results.json with nothing else in it, in the order that was asked for."""
        abouts = {method["name"]: method for method in content["methods"]}
        known = {case["id"]: case for case in content["cases"]}
        methods = _among(abouts, self.methods, "method")
        cases = _among(known, self.cases, "case")
        seeds = _among(content["seeds"], self.seeds, "seed")

        def meant(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
            return [row for row in rows if row["method"] in methods and row["case"] in cases and row["seed"] in seeds]

        return {
            **content,
            "methods": [abouts[name] for name in methods],
            "cases": [known[case] for case in cases],
            "seeds": seeds,
            "runs": meant(content["runs"]),
            "judges": {judge: meant(rows) for judge, rows in content.get("judges", {}).items()},
        }


def _among(there: Collection[Any], wanted: Collection[Any] | None, what: str) -> list[Any]:
    """What is wanted, all of which is there, or all that is there."""
    for one in wanted or ():
        if one not in there:
            near = nearest(str(one), map(str, there))
            raise InputError(f"the results have no {what} {one!r}{near}; they have {', '.join(map(str, there))}")
    return list(there if wanted is None else wanted)


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
    chosen: Choice = field(default_factory=Choice)

    @property
    def vain(self) -> list[str]:
        """Options that only a judge has a use for, given without one."""
        given = {
            "--judge-url": self.url, "--judge-key": self.key, "--judge-extra": self.extra, "--price": self.price,
            "--samples": self.samples != 1, "--dry-run": self.dry_run,
        }  # fmt: skip
        return [] if self.judge else [option for option, value in given.items() if value]

    @property
    def any(self) -> bool:
        return bool(self.judge or self.study or self.ratings)


def opinions(wish: Wish, suite: Path | None, out: Path | None, as_json: bool) -> None:
    """Asks the judge, writes the study's page or counts its answers. Nothing is composed and no network is loaded."""
    from ..evaluation import results
    from ..evaluation import study as studies
    from ..evaluation.opinions import PEOPLE, keep
    from ..evaluation.suite import load_suite

    if out is None:
        raise InputError("the folder of the results is missing: -o FOLDER")
    meant = wish.chosen.of(results.read(out))
    told: dict[str, Any] = {}
    if wish.judge or wish.study:
        if suite is None:
            raise InputError("the suite of the results is missing: cast3d evaluate SUITE -o FOLDER ...")
        cases = load_suite(suite, [case["id"] for case in meant["cases"]])
    if wish.ratings:
        rows = studies.read_ratings(out, wish.ratings, lambda text: typer.echo(f"warning: {text}", err=True))
        shown = wish.chosen.of(keep(out, PEOPLE, rows))
        told["people"] = _shown(shown, PEOPLE, f"People ({len(wish.ratings)} answers)", as_json)
    if wish.study:
        page = studies.write_study(out, meant, cases)
        told |= {"study": str(page), "key": str(out / studies.KEY)}
        typer.echo(f"hand out {page}; keep {out / studies.KEY} to yourself", err=as_json)
    if wish.judge:
        told |= {"judge": wish.judge, **_judge(wish, out, meant, cases, as_json)}
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))


def _judge(wish: Wish, out: Path, content: Mapping[str, Any], cases: Sequence[Any], as_json: bool) -> dict[str, Any]:
    """What the judge says of the runs in `content`, or with --dry-run what it would take, as plain data."""
    from ..evaluation.endpoints import address, endpoint
    from ..evaluation.judges import estimate, questions
    from ..evaluation.questions import SYSTEM

    assert wish.judge is not None  # asked only where there is one
    prices, at = _prices(wish.price), address(wish.judge, wish.url, wish.extra)
    asked = questions(out, content, cases, wish.samples)
    found = estimate(out, at, asked)
    typer.echo(_cost(found, prices), err=True)
    if wish.dry_run:
        if asked:
            told = [one if isinstance(one, str) else f"[picture, {len(one)} bytes]" for one in asked[0].contents]
            typer.echo("\n".join(["\nthe first request:", SYSTEM, "", *told]), err=True)
        return asdict(found) | ({"cost": found.cost(*prices)} if prices else {})
    # Only now: a dry run needs no key.
    kept = _asked(endpoint(wish.judge, wish.url, wish.key, wish.extra), out, content, asked, wish.workers)
    return {"rows": _shown(wish.chosen.of(kept), wish.judge, f"{wish.judge} (1 to 10)", as_json)}


def _asked(
    at: Endpoint, out: Path, content: Mapping[str, Any], asked: Sequence[Question], workers: int
) -> dict[str, Any]:
    """Asks about the runs in `content`; returns all of results.json. What the judge said of other runs stays there."""
    from rich.progress import Progress

    from ..evaluation.judges import judge
    from ..evaluation.opinions import keep
    from ..evaluation.results import read

    def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return row["method"], row["case"], row["seed"]

    whole = read(out)
    others = {key(run) for run in whole["runs"]} - {key(run) for run in content["runs"]}
    before = [row for row in whole.get("judges", {}).get(at.name, ()) if key(row) in others]
    console = messages()
    with Progress(console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("judging", total=len(asked))
        rows, unread = judge(out, content, asked, at, workers, lambda _: bars.advance(bar))
    for text in unread:
        typer.echo(f"warning: left out: {text}", err=True)
    return keep(out, at.name, [*before, *rows])


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


def _shown(content: Mapping[str, Any], judge: str, title: str, as_json: bool) -> list[dict[str, Any]]:
    """The rows of a judge; as a table, too, unless they become JSON."""
    from ..evaluation.opinions import table

    if not as_json:
        from rich.console import Console

        Console(highlight=False, width=120).print(table(content, judge, title))
        typer.echo("mean ± half of the 95% interval over cases and raters; * told apart from the first method at 95%")
    return content["judges"][judge]
