"""`cast3d doctor`: what is installed, what would run, and how to mend what would not."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from . import inputs
from .options import Backbone, Json
from .output import plain_errors

MARKS = {True: "ok  ", False: "FAIL", None: "-   "}


def doctor(backbone: Backbone = None, as_json: Json = False) -> None:
    """Say what is installed, which device and backbone there are, what would run, and the fix for what would not.

    Exit code 1 where the backbone would not run.
    """
    from .findings import findings

    with plain_errors():
        found = findings(inputs.backbone_path(backbone, Path()) or "bricks")
        if as_json:
            typer.echo(json.dumps([one.plain() for one in found], ensure_ascii=False))
        else:
            for one in found:
                typer.echo(
                    f"{MARKS[one.ok]} {one.name:<18} {one.text}" + (f"\n{'':24}fix: {one.fix}" if one.fix else "")
                )
        if any(one.ok is False for one in found):
            raise typer.Exit(1)
