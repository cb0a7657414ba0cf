"""The library's front: a composer makes whole scenes, lifts single pictures, imagines single sentences.

composer = cast3d.load("bricks")
result = composer.compose("a figure wearing a cap", {"figure": "figure.png", "cap": "cap.png"})

The method itself is in `composition`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from . import composition
from .backbones import Backbone, Loading, load_backbone
from .backbones.bricks.encoders import FRAMES
from .errors import InputError, TermNotFound, nearest
from .existing.frame import frame_of
from .existing.model import Model
from .existing.opening import is_picture, open_model
from .existing.seen import Existing
from .models.precision import in_float32
from .pictures.cutout import open_cut_out
from .pictures.opening import Picture
from .result import previews
from .result.edited import EditedResult, save_regions
from .result.making import alone, composed, edited_result
from .result.recipe import COMPOSE, EDIT, IMAGINE, LIFT, NOT_FOUND, Recipe
from .result.result import Result
from .run.folder import RunFolder
from .run.staging import Progress, Staging
from .scene import Asset, Pictures, Scene, imagined
from .scene.asked import edit_of, language_of, require_choices, require_hints, require_terms, scene_of
from .scene.edits import EditScene
from .settings import Settings
from .stages.glimpses import Glimpses, Preview
from .stages.kit import Kit, Seeds
from .stages.painted import PAINTED_HINTS
from .stages.pauses import PICTURES, require_points
from .stages.regions import Regions
from .stages.search import LayoutShowsNot
from .stages.standing import main_pieces, stood

LIFTED_FOLDER = "lifted"  # in a run folder: the model that a picture became


@in_float32
def load(backbone: str = "bricks", device: str | None = None, **loading: Any) -> Composer:
    """A composer on "bricks", "trellis", a folder or hub id, or two as IMAGE+TEXT; `device` "cpu" (default) or "cuda".

    `loading` as in `backbones.Loading`: memory="offload", batch=4, compiled=True, segmenter="sam3".
    """
    return Composer(load_backbone(backbone, device or "cpu", Loading(**loading)), backbone, loading)


class Composer:
    """Composes scenes with one backbone."""

    def __init__(self, backbone: Backbone, source: str | None = None, loading: Mapping[str, Any] | None = None):
        self.backbone = backbone
        self.source, self.loading = source, loading or {}  # from what and how it was loaded, for run folders to tell

    @in_float32
    def compose(
        self,
        prompt: str | Scene,
        assets: Mapping[str, Pictures] | None = None,
        main: str | None = None,
        seed: int | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        out: RunFolder | str | Path | None = None,
        reseed: Mapping[str, int] | None = None,
        hints: Mapping[str, Tensor] | None = None,
        choose: Mapping[str, int] | None = None,
        pause: Collection[str] = (),
        progress: Progress | None = None,
        preview: Preview | None = None,
    ) -> Result:
        """One object with named parts from a sentence and one picture (or several views) per named thing.

        `out` keeps every stage in a run folder as it finishes, and reuses those already there whose inputs are the
        same. `prompt` may be a Scene, which has its assets and its main term; a `seed` beside it goes before its own.
        `reseed` gives single terms another seed in the second stage. `hints` are a person's, bool [64, 64, 64] by term,
        in place of those that are found. `choose` takes another candidate for single parts, by its number in the stage
        `part_candidates`. `pause` names points (`stages.pauses.PAUSES`) at which Paused is raised, so that one may
        look; the same call without them goes on. `progress(stage, done, total)` hears of every step and may raise
        Cancelled; `preview(stage, step, voxels)` is shown the structure while it is sampled, every few steps.
        Raises InputError before any work for unusable input, TermNotFound when the layout shows no part for a term.
        """
        scene = scene_of(prompt, assets, main, seed)
        require_terms(scene, reseed or {})
        require_hints(scene, hints or {})
        require_choices(scene, choose or {})
        require_points(pause)
        chosen = self.backbone.defaults.changed({**scene.settings, **(settings or {})})
        pictures = {asset.term: _cut_out(asset, chosen.background) for asset in scene.assets}
        self.backbone.require_segmenter()
        seeds = Seeds(scene.seed, {term: (reseed or {}).get(term, scene.seed) for term in scene.terms})
        recipe = self._recipe(
            COMPOSE,
            scene.prompt,
            chosen,
            {"scene": seeds.scene, "terms": seeds.terms},
            scene=scene,
            pictures=pictures,
            more={"choices": dict(choose or {})},
        )

        def make(run: Staging[Kit]) -> Result:
            return composed(run, scene, composition.compose(run, scene.sentence))

        kit = Kit(self.backbone, chosen, pictures, seeds, hints=hints or {}, choices=choose or {})
        return self._made(make, recipe, kit, out, progress, scene.slugs, preview, pause)

    @in_float32
    def edit(
        self,
        model: str | Path | EditScene,
        prompt: str = "",
        *,
        replace: Mapping[str, Any] | None = None,
        add: Mapping[str, Pictures] | None = None,
        remove: Sequence[str] = (),
        main: str | None = None,
        seed: int | None = None,
        keep: str | None = None,
        regions: Mapping[str, Any] | None = None,
        up: str | None = None,
        front: float | None = None,
        find: str | None = None,
        language_model: str | None = None,
        language_key: str | None = None,
        settings: Mapping[str, Any] | None = None,
        out: RunFolder | str | Path | None = None,
        reseed: Mapping[str, int] | None = None,
        choose: Mapping[str, int] | None = None,
        progress: Progress | None = None,
        preview: Preview | None = None,
    ) -> EditedResult:
        """A model with some parts replaced, added or removed; the rest keeps its triangles, textures and names.

        `model` is a run folder, a mesh, a splat or a picture (see `existing.opening`), or an EditScene, which has all
        that follows. `prompt` says what the whole will be. `replace` is {part of the model: picture}, or {part: {new
        term: picture}} where the new thing is called otherwise; `add` is {term: picture}; `remove` names parts.
        `main` is what the rest is called, by default what the prompt begins with. `find` says how parts are looked for:
        "name" by the names of nodes, "text" by the segmenter, "field" by a `language_model` ("http://HOST/v1#MODEL",
        "openai:MODEL", "gemini:MODEL") that names clusters of the model, its key in the environment variable
        `language_key`; "auto", the default, by name, else by the language model if there is one, else by the segmenter.
        `regions` tells them: {part: npz file, bool [64, 64, 64], or a box (x, y, z, x, y, z) in the model's units}.
        `keep` "exact" leaves the rest as it is, "recompose" makes all anew as the paper does. `up` and `front` tell how
        the model stands, where its kind of file does not. Raises InputError before any work for unusable input, and
        where a part is not found.
        """
        if isinstance(out, str | Path):
            with RunFolder(out) as folder:
                return self.edit(
                    edit_of(
                        model, prompt, replace, add, remove, main, seed, keep, regions, up, front, find, language_model
                    ),
                    language_key=language_key, settings=settings, out=folder, reseed=reseed, choose=choose,
                    progress=progress, preview=preview,
                )  # fmt: skip
        scene = edit_of(model, prompt, replace, add, remove, main, seed, keep, regions, up, front, find, language_model)
        require_terms(scene, reseed or {})
        require_choices(scene, choose or {})
        chosen = self.backbone.defaults.changed({**scene.settings, **(settings or {})})
        self.backbone.require_model_encoder()
        pictures = {asset.term: _cut_out(asset, chosen.background) for asset in scene.assets}
        self.backbone.require_segmenter()
        existing = self._opened(scene, chosen, out, progress)
        given = scene.read_regions(existing)
        seeds = Seeds(scene.seed, {term: (reseed or {}).get(term, scene.seed) for term in scene.terms})
        recipe = self._recipe(
            EDIT, scene.prompt, chosen, {"scene": seeds.scene, "terms": seeds.terms},
            scene=scene, pictures=pictures, existing=existing, regions=given, more={"choices": dict(choose or {})},
        )  # fmt: skip

        def make(run: Staging[Kit]) -> Result:
            if isinstance(out, RunFolder):  # before anything costly, so that a person can stop it
                save_regions(out, *composition.locate(run, scene.change)[::2])
            return edited_result(run, scene, composition.edit(run, scene.change))

        language = language_of(scene, language_key)
        kit = Kit(
            self.backbone, chosen, pictures, seeds, existing, given, scene.find, language, choices=choose or {}
        )  # fmt: skip
        result = self._made(make, recipe, kit, out, progress, scene.slugs, preview)
        assert isinstance(result, EditedResult)
        return result

    @in_float32
    def locate(
        self,
        scene: EditScene,
        *,
        language_key: str | None = None,
        out: RunFolder | str | Path | None = None,
        progress: Progress | None = None,
    ) -> Regions:
        """Where the parts are that an edit names: its first stages alone. `out` keeps them, and shows them in files."""
        if isinstance(out, str | Path):
            with RunFolder(out) as folder:
                return self.locate(scene, language_key=language_key, out=folder, progress=progress)
        chosen = self.backbone.defaults.changed(scene.settings)
        self.backbone.require_model_encoder()
        existing = self._opened(scene, chosen, out, progress)
        given, language = scene.read_regions(existing), language_of(scene, language_key)
        kit = Kit(self.backbone, chosen, existing=existing, regions=given, find=scene.find, language=language)
        run = Staging(kit, out, progress, partial(previews.of_stage, self.backbone), scene.slugs)
        source, _, regions = composition.locate(run, scene.change)
        if out:
            save_regions(out, source, regions)
        return regions

    def _opened(
        self,
        scene: EditScene,
        settings: Settings,
        out: RunFolder | str | Path | None,
        progress: Progress | None = None,
    ) -> Existing:
        """The model that a scene names, in the cube; a picture is lifted first."""
        file = scene.model
        if is_picture(file):
            with tempfile.TemporaryDirectory() if out is None else nullcontext() as spare:
                folder = (out.path if isinstance(out, RunFolder) else Path(out or spare or "")) / LIFTED_FOLDER
                self.lift(file, scene.main, scene.seed, frame="in_place", settings=settings.plain(), out=folder)
                model = open_model(folder)
            where = f"; what it became is in {LIFTED_FOLDER}/" if out is not None else ""
            note = f"the model is a picture, {Path(file).name}: it was made a model first, as cast3d lift does{where}"
            model = replace(model, notes=(*model.notes, note))
        else:
            model = open_model(file)
        kit = Kit(self.backbone, settings, existing=in_cube(scene, model, self.backbone))
        keeper = out if isinstance(out, RunFolder) else None
        return stood(Staging(kit, keeper, progress, partial(previews.of_stage, self.backbone)), scene)

    @in_float32
    def lift(
        self,
        picture: Pictures,
        term: str = "object",
        seed: int = 0,
        *,
        frame: str = "filled",
        settings: Mapping[str, Any] | None = None,
        out: RunFolder | str | Path | None = None,
        progress: Progress | None = None,
        preview: Preview | None = None,
    ) -> Result:
        """One picture or several views -> one 3D object; `frame` "filled" for a single part, "in_place" for a base."""
        if frame not in FRAMES:
            raise InputError(f"the frame {frame!r} is not known{nearest(frame, FRAMES)}; choose {' or '.join(FRAMES)}")
        chosen = self.backbone.defaults.changed(settings or {})
        scene = Scene.make(term, {term: picture}, seed=seed)
        term = scene.main
        views = _cut_out(scene[term], chosen.background)
        seeds = Seeds(seed, {term: seed})
        recipe = self._recipe(
            LIFT, term, chosen, {"scene": seed}, scene=scene, pictures={term: views}, more={"frame": frame}
        )
        kit = Kit(self.backbone, chosen, {term: views}, seeds)

        def make(run: Staging[Kit]) -> Result:
            return alone(run, term, *composition.lift(run, term, frame))

        return self._made(make, recipe, kit, out, progress, preview=preview)

    @in_float32
    def imagine(
        self,
        text: str,
        seed: int = 0,
        *,
        settings: Mapping[str, Any] | None = None,
        out: RunFolder | str | Path | None = None,
        progress: Progress | None = None,
        preview: Preview | None = None,
    ) -> Result:
        """A sentence -> one 3D object."""
        text = imagined(text)
        chosen = self.backbone.defaults.changed(settings or {})
        recipe = self._recipe(IMAGINE, text, chosen, {"scene": seed}, more={"terms": [text]})
        kit = Kit(self.backbone, chosen, {}, Seeds(seed))

        def make(run: Staging[Kit]) -> Result:
            return alone(run, text, composition.imagine(run, text))

        return self._made(make, recipe, kit, out, progress, preview=preview)

    def _recipe(self, task: str, prompt: str, settings: Settings, seeds: Mapping[str, Any], **more: Any) -> Recipe:
        return Recipe(task, prompt, settings, self.backbone, seeds, self.source, self.loading, **more)

    def _made(
        self,
        make: Callable[[Staging[Kit]], Result],
        recipe: Recipe,
        kit: Kit,
        out: RunFolder | str | Path | None,
        progress: Progress | None,
        slugs: Mapping[str, str] | None = None,
        preview: Preview | None = None,
        pause: Collection[str] = (),
    ) -> Result:
        """The result of `make`, kept in the run folder `out` if there is one."""
        if isinstance(out, str | Path):
            with RunFolder(out) as folder:
                return self._made(make, recipe, kit, folder, progress, slugs, preview, pause)
        if preview:
            progress = glimpses = Glimpses(self.backbone, preview, progress)
            kit = replace(kit, saw=glimpses.saw)
        staging = Staging(kit, out, progress, partial(previews.of_stage, self.backbone), slugs or {}, pause=pause)
        if out:
            recipe.keep(out)
            if not kit.hints:  # those of an earlier run
                out.stages.drop(PAINTED_HINTS.name)
        staging.pass_by(PICTURES)
        try:
            result = make(staging)
        except LayoutShowsNot as error:
            raise _shown(error, recipe.scene, out) from None
        result.recipe = recipe
        result.notes = [*recipe.notes, *result.notes]
        result.warnings = [*recipe.warnings, *result.warnings]
        if out:
            staging.tell("export", 0, 1)
            result.save(out)
            staging.tell("export", 1, 1)
        return result


def _shown(error: LayoutShowsNot, scene: Scene | EditScene | None, out: RunFolder | None) -> TermNotFound:
    """The error, with the clearest view of the layout for people to look at where there is a folder for it."""
    if error.hints is None or out is None or scene is None:
        return error
    best = error.hints.best_view()
    views, masks = error.hints.views[best : best + 1], error.hints.masks[best : best + 1]
    with out.file(NOT_FOUND) as path:
        previews.of_masks(views, masks, scene.sentence.base).save(path)
    return TermNotFound(f"{error}; the clearest view of the layout is {out.path / NOT_FOUND}")


def _cut_out(asset: Asset, background: str) -> tuple[Picture, ...]:
    """The views of a thing without their backgrounds."""
    return tuple(open_cut_out(image, background, f"the picture of {asset.term!r}") for image in asset.images)


def in_cube(scene: EditScene, model: Model, backbone: Backbone) -> Existing:
    """The model of an edit as the backbone wants things to stand; its main thing says how large all is."""
    return Existing(model, frame_of(model, scene.up, scene.front, backbone.stand, main_pieces(scene, model)))
