"""`cast3d doctor`: what is installed, what would run, and how to mend what would not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from . import inputs
from .options import Backbone, Device, Json, With
from .output import plain_errors

MARKS = {True: "ok  ", False: "FAIL", None: "-   "}


def doctor(
    backbone: Backbone = None,
    device: Device = "cpu",
    loading: With = None,
    front: Annotated[
        Path | None,
        typer.Option(
            "--front", metavar="PICTURE", help="Make an object of this picture of a front, and find its front."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is installed, which device and backbone there are, what would run, and the fix for what would not.

    Of TRELLIS models every file, key, shape, precision and constant is compared with what this version expects, and
    every network is run once. Exit code 1 where the backbone would not run.
    """
    from ..conditioning.cutout import PLAIN
    from .findings import findings

    with plain_errors():
        inputs.check_device(device)
        if front:
            inputs.check_pictures([front], PLAIN)
        name = inputs.backbone_path(backbone, Path()) or "bricks"
        found = []
        for one in findings(name, device, inputs.read_loading(loading or ()), front):
            found.append(one)
            if not as_json:
                fix = f"\n{'':24}fix: {one.fix}" if one.fix else ""
                typer.echo(f"{MARKS[one.ok]} {one.name:<18} {one.text}{fix}")
        runs = all(one.ok is not False for one in found)
        if as_json:
            typer.echo(json.dumps({"runs": runs, "findings": [one.plain() for one in found]}, ensure_ascii=False))
        if not runs:
            raise typer.Exit(1)
