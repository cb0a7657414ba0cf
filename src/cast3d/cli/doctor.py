"""`cast3d doctor`: what is installed, what would run, and how to mend what would not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CheckpointError, Finding
from . import inputs
from .options import Backbone, Device, Json, With
from .output import plain_errors, print_json

MARKS = {True: "ok  ", False: "FAIL", None: "-   "}


def doctor(
    backbone: Backbone = None,
    device: Device = "cpu",
    loading: With = None,
    front: Annotated[
        Path | None,
        typer.Option(
            "--front",
            metavar="PICTURE",
            help="With TRELLIS, make an object of this picture of a front, and find its front.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check this machine: what is installed, which devices and backbone there are, what runs, and how to fix the rest.

    Of TRELLIS models it compares every file, key, shape, precision and constant with what this version expects, and
    runs every network once. The exit code is 1 if the backbone would not run.
    """
    with plain_errors(as_json=as_json):
        name = inputs.backbone_path(backbone, Path()) or "bricks"
        found = []
        for one in examined(name, device, loading or (), front):
            found.append(one)
            if not as_json:
                fix = f"\n{'':24}fix: {one.fix}" if one.fix else ""
                typer.echo(f"{MARKS[one.ok]} {one.name:<18} {one.text}{fix}")
        runs = all(one.ok is not False for one in found)
        if as_json:
            print_json({"runs": runs, "findings": [one.plain() for one in found]})
        if not runs:
            raise typer.Exit(1)


def examined(backbone: str, device: str, loading: Iterable[str], front: Path | None) -> Iterator[Finding]:
    """All findings as they are made. Options are checked after the first ones, because that needs torch."""
    from .findings import findings
    from .machine import basics

    for one in basics():
        yield one
    if not one.ok:  # torch, the last of them
        return
    from ..pictures.cutout import PLAIN

    inputs.check_device(device)
    if front:
        inputs.check_pictures([front], PLAIN)
    try:
        loaded_with = inputs.read_loading(loading, backbone)
    except CheckpointError:  # a backbone that is not there, of which its own finding tells more
        loaded_with = {}
    yield from findings(backbone, device, loaded_with, front)
