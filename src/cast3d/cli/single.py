"""`cast3d lift` and `cast3d imagine`: one object without parts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import inputs
from .options import Backbone, Device, Json, Out, Paper, Seed, Set, With
from .output import plain_errors
from .running import make, require_same


class Frame(StrEnum):
    """How a picture fills the frame: see Composer.lift."""

    filled = "filled"
    in_place = "in_place"


def lift(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="One thing, cut out or on a plain background.")],
    out: Out,
    term: Annotated[str, typer.Option("--term", help="The name of the thing in the results.")] = "object",
    frame: Annotated[
        Frame, typer.Option("--frame", help="filled: a single part; in_place: a whole figure, horse or vehicle.")
    ] = Frame.filled,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    loading: With = None,
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """One picture to one 3D object."""
    from ..scene import Asset
    from .progress import labels_of

    with plain_errors(out, as_json=as_json):
        asset = Asset(term, (picture,))
        changes = inputs.read_settings(settings or (), paper)
        name = inputs.backbone_path(backbone, Path()) or "bricks"
        loaded_with = inputs.check(name, changes, device, loading, asset.images)
        with inputs.run_folder(out) as run:
            require_same(run, "lift", asset.term)
            make(
                lambda loaded, bars: loaded.lift(
                    picture, asset.term, seed or 0, frame=frame.value, settings=changes, out=run, progress=bars
                ),
                run, labels_of(None), name, device, loaded_with, as_json,
            )  # fmt: skip


def imagine(
    text: Annotated[str, typer.Argument(metavar="TEXT", help='What it is, such as "a cowboy hat".')],
    out: Out,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    loading: With = None,
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """A few words to one 3D object."""
    from ..scene import imagined
    from .progress import labels_of

    with plain_errors(out, as_json=as_json):
        prompt = imagined(text)
        changes = inputs.read_settings(settings or (), paper)
        name = inputs.backbone_path(backbone, Path()) or "bricks"
        loaded_with = inputs.check(name, changes, device, loading)
        with inputs.run_folder(out) as run:
            require_same(run, "imagine", prompt)
            make(
                lambda loaded, bars: loaded.imagine(prompt, seed or 0, settings=changes, out=run, progress=bars),
                run, labels_of(None, imagined=True), name, device, loaded_with, as_json,
            )  # fmt: skip
