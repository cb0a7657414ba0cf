"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..files import expanded

Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FOLDER",
        help="Run folder; one that is a run goes on.",
        callback=lambda path: expanded(path),
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Another seed, another result.", show_default="0")]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone", "-b", help="bricks, trellis, a folder or hub id, or two as IMAGE+TEXT.", show_default="bricks"
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="cpu|cuda[:N]", help="Where the networks run.")]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME=VALUE", help="How networks load: memory, batch, compiled, segmenter."),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting, see `cast3d settings`; repeatable.")
]
Paper = Annotated[bool, typer.Option("--paper", help="The paper's settings in place of the backbone's; slower.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")]
