"""`cast3d lift` and `cast3d imagine`: one object without parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from . import inputs
from .options import Backbone, Device, Json, NewOut, Paper, Seed, Set
from .output import messages, plain_errors, show, summary

if TYPE_CHECKING:
    from ..composer import Composer
    from ..result import Result


class Frame(StrEnum):
    """How a picture fills the frame: see Composer.lift."""

    filled = "filled"
    in_place = "in_place"


def lift(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="One thing, cut out or on a plain background.")],
    out: NewOut,
    term: Annotated[str, typer.Option("--term", help="The name of the thing in the results.")] = "object",
    frame: Annotated[
        Frame, typer.Option("--frame", help="filled: a single part; in_place: a whole figure, horse or vehicle.")
    ] = Frame.filled,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """One picture to one 3D object."""
    from ..scene import Asset

    with plain_errors():
        asset = Asset(term, (picture,))
        inputs.check_pictures(asset.images)
        changes = inputs.read_settings(settings or (), paper)
        _run(
            lambda loaded, bars: loaded.lift(
                picture, asset.term, seed or 0, frame=frame.value, settings=changes, progress=bars
            ),
            out, backbone, device, changes, as_json,
        )  # fmt: skip


def imagine(
    text: Annotated[str, typer.Argument(metavar="TEXT", help='What it is, such as "a cowboy hat".')],
    out: NewOut,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """A few words to one 3D object."""
    from ..scene import Asset

    with plain_errors():
        term = Asset(text, (Path(),)).term  # the same bounds as for terms; no picture is read
        changes = inputs.read_settings(settings or (), paper)
        _run(
            lambda loaded, bars: loaded.imagine(term, seed or 0, settings=changes, progress=bars),
            out, backbone, device, changes, as_json,
        )  # fmt: skip


def _run(
    make: Callable[[Composer, Any], Result],
    out: Path,
    backbone: str | None,
    device: str,
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    """The checks that both commands make, the work, and what is printed."""
    name = inputs.backbone_path(backbone, Path()) or "bricks"
    inputs.check_settings(name, settings)
    inputs.check_device(device)
    with inputs.run_folder(out) as run:
        if (out / "inputs").exists():
            raise InputError(f"{out} holds a composition; choose an empty or a new folder")
        from .. import composer
        from .progress import SINGLE, StageBars

        start = time.monotonic()
        loaded = composer.load(name, device)
        with StageBars(messages(), SINGLE) as bars:
            result = make(loaded, bars)
            bars("export", 0, 1)
            run.record(prompt=result.prompt, terms=list(result.parts), seeds={"scene": result.seed})
            run.record(backbone=loaded.backbone.name, models=loaded.backbone.hashes)
            result.save(run)
            bars("export", 1, 1)
        show(summary(result, run, time.monotonic() - start), as_json)
