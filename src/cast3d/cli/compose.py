"""`cast3d compose`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import inputs
from .options import Backbone, Device, Json, Out, Paper, Seed, Set, With
from .output import plain_errors
from .running import make, require_same


def compose(
    given: Annotated[str, typer.Argument(metavar="PROMPT|SCENE.yaml", help="A sentence, or a scene file.")],
    out: Out,
    main: Annotated[
        str | None,
        typer.Option(
            "--main", metavar="TERM[=PICTURE]", help="The thing that carries the others; default as the prompt says."
        ),
    ] = None,
    assets: Annotated[
        list[str] | None,
        typer.Option("--asset", metavar="TERM=PICTURE", help="A thing in the prompt and its picture; repeatable."),
    ] = None,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    loading: With = None,
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """Compose one object with named parts from a sentence and a picture per named thing.

    Several pictures of one term show it from several sides.
    Stages that are in FOLDER already are kept, if nothing that they depend on has changed.
    """
    from .progress import labels_of

    with plain_errors(out, as_json=as_json):
        changes = inputs.read_settings(settings or ())
        scene = inputs.read_scene(given, main, assets or (), seed, backbone, changes, paper)
        name = scene.backbone or "bricks"
        loaded_with = inputs.check(name, scene.settings, device, loading, scene.images)
        with inputs.run_folder(out) as run:
            require_same(run, "compose", scene.prompt)
            make(
                lambda loaded, bars: loaded.compose(scene, out=run, progress=bars),
                run, labels_of(scene), name, device, loaded_with, as_json,
            )  # fmt: skip
