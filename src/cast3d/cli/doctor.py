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
    """Say what is installed, which device and backbone there are, what would run, and the fix for what would not.

    Of TRELLIS models every file, key, shape, precision and constant is compared with what this version expects, and
    every network is run once. Exit code 1 where the backbone would not run.
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
    """All findings as they are made. What was asked for is checked after the first: to look at it takes torch."""
    from .findings import basics, findings

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
