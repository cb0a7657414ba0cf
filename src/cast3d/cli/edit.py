"""`cast3d edit`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import inputs
from .options import Backbone, Device, Json, Out, Paper, Seed, Set, With
from .output import plain_errors
from .running import make, require_same, show_regions


# The words of `scene.change`, said again: help comes without what that imports (tests/cli/test_cli.py compares them).
class Keep(StrEnum):
    """How the rest of the model is kept: see Composer.edit."""

    exact = "exact"
    recompose = "recompose"


class Find(StrEnum):
    """How parts of the model are looked for: see Composer.edit."""

    auto = "auto"
    name = "name"  # type: ignore[assignment]  # hides Enum.name, which nobody asks a Find for
    text = "text"
    field = "field"


class Up(StrEnum):
    """The axis of the file that points up."""

    y = "y"
    z = "z"


def edit(
    model: Annotated[
        str, typer.Argument(metavar="MODEL|SCENE.yaml", help="A run folder, mesh, splat or picture; or a scene file.")
    ],
    out: Out,
    prompt: Annotated[str, typer.Argument(metavar="[PROMPT]", help="What the whole will be.")] = "",
    replace: Annotated[
        list[str] | None,
        typer.Option("--replace", metavar="PART[=TERM]=PICTURE", help="A part, and the picture of what replaces it."),
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="TERM=PICTURE", help="A new thing in the prompt; repeatable.")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="PART", help="A part that goes.")] = None,
    main: Annotated[
        str | None, typer.Option("--main", metavar="TERM", help="What the rest is; default as the prompt begins.")
    ] = None,
    keep: Annotated[
        Keep | None, typer.Option("--keep", help="exact: the rest stays as it is; recompose: all is made anew.")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="PART=FILE|BOX", help="Where a part is: an npz, or x,y,z,x,y,z in its units."),
    ] = None,
    find: Annotated[
        Find | None,
        typer.Option(
            "--find",
            help="How parts are found: by node name, by text in views, in a feature field; auto: see docs/editing.md.",
            show_default="auto",
        ),
    ] = None,
    language_model: Annotated[
        str | None,
        typer.Option(
            "--language-model",
            metavar="URL[#MODEL]",
            help="Names the field's clusters: any OpenAI-compatible address, or openai:MODEL, gemini:MODEL.",
        ),
    ] = None,
    language_key: Annotated[
        str | None, typer.Option("--language-key", metavar="VARIABLE", help="The environment variable with its key.")
    ] = None,
    only_region: Annotated[bool, typer.Option("--only-region", help="Find and show the parts, then stop.")] = False,
    up: Annotated[Up | None, typer.Option("--up", help="The axis that points up.", show_default="by the file")] = None,
    front: Annotated[
        float | None, typer.Option("--front", metavar="DEGREES", help="How far the model is turned from the front.")
    ] = None,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    loading: With = None,
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """Replace, add or remove parts of a model that exists; the rest stays as it is.

    A part goes by the name of its node in the model, else by what the segmenter sees in views of the model, or by what
    a language model says of numbered regions (--language-model; pictures of the model go to that address).
    FOLDER/regions.png shows what was found before anything is made; --only-region stops there.
    """
    from .progress import labels_of

    with plain_errors(out, as_json=as_json):
        changes = inputs.read_settings(settings or ())
        asked = dict(
            replace=replace or (), add=add or (), remove=remove or (), main=main, region=region or (),
            keep=keep and keep.value, up=up and up.value, front=front, seed=seed, find=find and find.value,
            language_model=language_model,
        )  # fmt: skip
        scene = inputs.read_edit(model, prompt, asked, backbone, changes, paper)
        name = scene.backbone or "bricks"
        loaded_with = inputs.check(name, scene.settings, device, loading, scene.images)
        inputs.check_model(scene)
        with inputs.run_folder(Path(out)) as run:
            require_same(run, "edit", scene.prompt)
            if only_region:
                show_regions(scene, run, name, device, loaded_with, as_json, language_key)
                return
            make(
                lambda loaded, bars: loaded.edit(scene, language_key=language_key, out=run, progress=bars),
                run, labels_of(scene), name, device, loaded_with, as_json,
            )  # fmt: skip
