"""Which results of an evaluation are meant, for the commands that ask for opinions on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError, nearest
from ..files import expanded

Results = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FOLDER",
        help="The folder that cast3d evaluate wrote.",
        callback=lambda path: expanded(path),
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(
        "--method", "-m", metavar="A,B,...", help="Others are compared with the first.", show_default="all there"
    ),
]
Cases = Annotated[str | None, typer.Option("--cases", metavar="A,B,...", help="Cases by id.", show_default="all there")]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="0,1,2", help="Results of these seeds.", show_default="all there")
]


@dataclass(frozen=True)
class Choice:
    """Which results are meant; None for all."""

    methods: tuple[str, ...] | None = None
    cases: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None

    @classmethod
    def read(cls, methods: str | None, cases: str | None, seeds: str | None) -> Choice:
        """The choice as the options -m, --cases and --seeds give it."""
        return cls(
            None if methods is None else names(methods, "--method"),
            None if cases is None else names(cases, "--cases"),
            None if seeds is None else numbers(seeds),
        )

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


def names(text: str, option: str) -> tuple[str, ...]:
    """Names with commas between them, each once."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise InputError(f"{option} takes names, separated by commas")
    return found


def numbers(text: str) -> tuple[int, ...]:
    """Seeds with commas between them, each once."""
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise InputError(f"--seeds takes whole numbers, such as 0,1,2, not {text!r}")
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


def print_table(content: Mapping[str, Any], judge: str, title: str) -> None:
    """What a judge said, as a table for people."""
    from rich.console import Console

    from ..evaluation.opinions import table

    Console(highlight=False, width=120).print(table(content, judge, title))
    typer.echo("mean ± half of the 95% interval over cases and raters; * told apart from the first method at 95%")


def _among(there: Collection[Any], wanted: Collection[Any] | None, what: str) -> list[Any]:
    """What is wanted, all of which is there, or all that is there."""
    for one in wanted or ():
        if one not in there:
            near = nearest(str(one), map(str, there))
            raise InputError(f"the results have no {what} {one!r}{near}; they have {', '.join(map(str, there))}")
    return list(there if wanted is None else wanted)
