"""`cast3d compose` and `cast3d resume`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from . import inputs
from .options import Backbone, Device, Json, Out, Paper, Seed, Set
from .output import messages, plain_errors, show, summary

if TYPE_CHECKING:
    from ..runs import RunFolder
    from ..scene import Scene


def compose(
    given: Annotated[str, typer.Argument(metavar="PROMPT|SCENE.yaml", help="A sentence, or a scene file.")],
    out: Out,
    main: Annotated[
        str | None,
        typer.Option("--main", metavar="TERM[=PICTURE]", help="The thing that carries the others; default the first."),
    ] = None,
    assets: Annotated[
        list[str] | None,
        typer.Option("--asset", metavar="TERM=PICTURE", help="A thing in the prompt and its picture; repeatable."),
    ] = None,
    seed: Seed = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    settings: Set = None,
    paper: Paper = False,
    as_json: Json = False,
) -> None:
    """Compose one object with named parts from a sentence and a picture per named thing.

    A term given several pictures is seen from several sides.
    Stages that FOLDER holds already are kept if nothing they depend on changed.
    """
    with plain_errors(out):
        changes = inputs.read_settings(settings or (), paper)
        scene = inputs.read_scene(given, main, assets or (), seed, backbone, changes)
        _check(scene, scene.settings, device)
        with inputs.run_folder(out) as run:
            if (before := run.info.get("prompt", scene.prompt)) != scene.prompt:
                raise InputError(f"{out} holds the results of another prompt ({before!r}); choose another folder")
            _run(scene, run, device, as_json)


def resume(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a run.")],
    stage: Annotated[
        str | None, typer.Option("--from", metavar="STAGE", help="Compute this stage and all after it anew.")
    ] = None,
    reseed: Annotated[
        list[str] | None,
        typer.Option(
            "--reseed", metavar="TERM[=SEED]", help="Another seed for one part; default the next one; repeatable."
        ),
    ] = None,
    backbone: Backbone = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Go on with a run that was interrupted, or do parts of it again.

    A re-seeded part leaves the main geometry, the layout, the hints and every other part as they are.
    """
    with plain_errors(out), inputs.run_folder(out, must_exist=True) as run:
        if not (out / "inputs" / "scene.yaml").is_file():
            raise InputError(f"{out} holds no composition to go on with; start one with cast3d compose")
        scene = run.scene()
        settings = run.info.get("settings", scene.settings)
        seeds = read_reseeds(scene, run.info.get("seeds", {}).get("terms", {}), reseed or ())
        if backbone:
            scene = replace(scene, backbone=inputs.backbone_path(backbone, Path()))
        _check(scene, settings, device)
        if stage:
            run.stages.drop_from(stage)
        _run(scene, run, device, as_json, settings, seeds)


def read_reseeds(scene: Scene, recorded: Mapping[str, int], texts: list[str] | tuple[str, ...]) -> dict[str, int]:
    """Seeds of single terms: those of the run so far, and `TERM[=SEED]`, by default the one after the term's last."""
    seeds = {term: seed for term, seed in recorded.items() if seed != scene.seed}
    for text in texts:
        name, equals, number = text.partition("=")
        term = scene[name.strip()].term
        if equals and not number.strip().isdecimal():
            raise InputError(f"--reseed takes TERM or TERM=SEED with a whole number, not {text!r}")
        seeds[term] = int(number) if equals else seeds.get(term, scene.seed) + 1
    return seeds


def _check(scene: Scene, settings: Mapping[str, Any], device: str) -> None:
    inputs.check_pictures(image for asset in scene.assets for image in asset.images)
    inputs.check_settings(scene.backbone or "bricks", settings)
    inputs.check_device(device)


def _run(
    scene: Scene,
    run: RunFolder,
    device: str,
    as_json: bool,
    settings: Mapping[str, Any] | None = None,
    reseed: Mapping[str, int] | None = None,
) -> None:
    """Loads the networks, composes and prints what came out."""
    from .. import composer
    from .progress import StageBars, labels_of

    start = time.monotonic()
    loaded = composer.load(scene.backbone or "bricks", device)
    with StageBars(messages(), labels_of(scene)) as bars:
        result = loaded.compose(scene, settings=settings, out=run, reseed=reseed, progress=bars)
    show(summary(result, run, time.monotonic() - start), as_json)
