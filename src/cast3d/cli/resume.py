"""`cast3d resume`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..files import expanded
from . import inputs
from .options import Backbone, Json, Set, With
from .output import plain_errors
from .running import make

if TYPE_CHECKING:
    from ..composer import Composer
    from ..result.result import Result
    from ..run.folder import RunFolder
    from ..scene import Scene
    from ..scene.edits import EditScene

KINDS_NEEDED = {
    "compose": {"image", "text"},
    "edit": {"image", "text"},
    "lift": {"image"},
    "imagine": {"text"},
}  # kinds of models by task


def resume(
    out: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of a run.", callback=lambda path: expanded(path))
    ],
    stage: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Compute this stage and all after it anew: main, layout, layout_appearance, hints, part-TERM, "
            "part_candidates-TERM, part_choice-TERM, geometry, slat-TERM, appearance, refit (as in FOLDER/stages; of "
            "lift main, appearance, refit; of imagine main, appearance).",
        ),
    ] = None,
    reseed: Annotated[
        list[str] | None,
        typer.Option(
            "--reseed", metavar="TERM[=SEED]", help="Another seed for one part; default the next one; repeatable."
        ),
    ] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(
            "--choose",
            metavar="TERM=N",
            help="Take candidate N for a part, as FOLDER/report.html numbers them; repeatable.",
        ),
    ] = None,
    backbone: Backbone = None,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="cpu|cuda[:N]", help="Where the networks run.", show_default="the run's"),
    ] = None,
    loading: With = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Go on with a run that was interrupted, or do parts of it again.

    Backbone, device, settings and --with stay as they were in the run, unless they are given here.

    A re-seeded part leaves the main geometry, the layout, the hints and every other part's geometry and latents as they
    are; the exported meshes of other parts can change by a few triangles where they meet it. A changed setting redoes
    the stages that read it; a setting of the export (smooth, texture_size, mesh_faces, spz) redoes none.
    """
    from .progress import labels_of

    with plain_errors(out, as_json=as_json), inputs.run_folder(out, must_exist=True) as run:
        info = run.info
        if "task" not in info:
            raise InputError(f"{out} holds nothing to go on with; start with cast3d compose, edit, lift or imagine")
        scene = None if info["task"] == "imagine" else run.scene()
        composition = scene if info["task"] in ("compose", "edit") else None
        if reseed and not composition:
            raise InputError(f"--reseed is for parts of a composition; run cast3d {info['task']} with another --seed")
        seeds = read_reseeds(composition, info["seeds"]["terms"], reseed or ()) if composition else {}
        if choose and not composition:
            raise InputError("--choose is for parts of a composition")
        choices = read_choices(composition, info.get("choices", {}), choose or ()) if composition else {}
        name = inputs.backbone_path(backbone, Path()) or info.get("source") or "bricks"
        chosen = {**info["settings"], **inputs.read_settings(settings or ())}
        device = device or info.get("device") or "cpu"  # runs of earlier versions tell neither device nor loading
        typed = inputs.check(name, chosen, device, loading, scene.images if scene else ())
        loaded_with = {**info.get("loading", {}), **typed}
        if stage:
            run.stages.require(stage)

        def work(loaded: Composer, bars: Any) -> Result:
            if stage:  # now that the networks are there: a backbone that cannot do the work costs no stage
                require_ready(loaded, info["task"])
                run.stages.drop_from(stage)
            return again(loaded, run, scene, seeds, choices, chosen, bars)

        make(
            work,
            run, labels_of(composition, info["task"] == "imagine"), name, device, loaded_with, as_json,
        )  # fmt: skip


def require_ready(loaded: Composer, task: str) -> None:
    """Raises InputError unless the networks for a task are there. Its inputs were checked before they loaded."""
    backbone = loaded.backbone
    if lacking := KINDS_NEEDED[task] - backbone.structure_flows.keys():
        kind = "picture" if "image" in lacking else "text"
        raise InputError(
            f"the backbone {backbone.name} has no {kind} model, which {task} needs; give another --backbone"
        )
    if task in ("compose", "edit"):
        backbone.require_segmenter()


def again(
    loaded: Composer,
    run: RunFolder,
    scene: Scene | EditScene | None,
    seeds: Mapping[str, int],
    choices: Mapping[str, int],
    settings: Mapping[str, Any],
    progress: Any,
) -> Result:
    """What the run was begun for, from what it kept."""
    from ..scene.edits import EditScene

    info = run.info
    rest = {"settings": settings, "out": run, "progress": progress}
    if scene is None:
        return loaded.imagine(info["prompt"], info["seeds"]["scene"], **rest)
    if isinstance(scene, EditScene):
        return loaded.edit(scene, reseed=seeds, choose=choices, **rest)
    if info["task"] == "lift":
        return loaded.lift(scene.assets[0].images, scene.main, scene.seed, frame=info["frame"], **rest)
    return loaded.compose(scene, reseed=seeds, choose=choices, **rest)


def read_reseeds(
    scene: Scene | EditScene, recorded: Mapping[str, int], texts: list[str] | tuple[str, ...]
) -> dict[str, int]:
    """Seeds of single terms: those of the run so far, and `TERM[=SEED]`, by default the one after the term's last."""
    from ..scene.asked import require_terms

    seeds = {term: seed for term, seed in recorded.items() if seed != scene.seed}
    for text in texts:
        name, equals, number = text.partition("=")
        term = scene[name.strip()].term
        if equals and not number.strip().isdecimal():
            raise InputError(f"--reseed takes TERM or TERM=SEED with a whole number, not {text!r}")
        seeds[term] = int(number) if equals else seeds.get(term, scene.seed) + 1
    require_terms(scene, seeds)
    return seeds


def read_choices(
    scene: Scene | EditScene, recorded: Mapping[str, int], texts: list[str] | tuple[str, ...]
) -> dict[str, int]:
    """Candidates that a person chose: those of the run so far, and `TERM=N`."""
    from ..scene.asked import require_choices

    choices = dict(recorded)
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals or not number.strip().isdecimal():
            raise InputError(f"--choose takes TERM=N with a whole number from 0, not {text!r}")
        choices[scene[name.strip()].term] = int(number)
    require_choices(scene, choices)
    return choices
