"""What the stages made becomes a result: meshes, splats and voxels, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from ..composition import Composition, apart
from ..pictures.checks import is_thin
from ..run.staging import Staging
from ..scene import Scene
from ..scene.change import EXACT
from ..scene.edits import EditScene
from ..stages.appearance import Appearance
from ..stages.checks import what_may_be_wrong
from ..stages.kit import Kit
from ..stages.layout import Slat
from ..stages.reading import notes
from ..stages.refit import UNLIKE, Refit
from ..stages.regions import PLACE
from .edited import EditedResult
from .kept import kept_exactly
from .recipe import likened, unread
from .result import Result

NO_SIDE = "what came out looks like its picture from no side"


def composed(run: Staging[Kit], scene: Scene | EditScene, made: Composition, alike: Collection[str] = ()) -> Result:
    """Meshes, splats and voxels of a composition, and what is to be said about it.

    Terms that are `alike` are known to look like their pictures.
    """
    backbone, reading = run.kit.backbone, made.hinted.reading
    whole = torch.stack([made.parts.get(term, made.hinted.main).grid for term in scene.terms])
    result = _decoded(run, list(scene.terms), scene.sentence.base, made.appearance, whole, made.detail.colors)
    result.prompt, result.seed = scene.prompt, scene.seed
    result.facts = {"free_steps": made.appearance.free_steps, "soft_share": round(made.appearance.soft, 4)}
    result.warnings = notes(reading, backbone.describer.reads, backbone.describer.likened)
    result.notes = likened(backbone, reading.prompt)
    result.warnings += unread(backbone, reading.prompt)
    result.warnings += what_may_be_wrong(
        made.hinted.main, made.hinted.hints, made.parts, made.geometry, made.appearance, reading
    )
    if made.detail.confidence:
        result.facts["pictures"] = _seen_from(made.detail, scene.terms)
        thin = [term for term in scene.terms if any(is_thin(image) for image in run.kit.shown(term))]
        result.warnings += unlike(made.detail, scene, backbone.name, {*thin, *alike})
    return result


def unlike(detail: Refit, scene: Scene | EditScene, backbone: str, thin: Collection[str] = ()) -> list[str]:
    """A warning for each thing that looks like its picture from no side.

    Nothing is said of accessories that are `thin`: a wand looks alike from many sides, so its camera is never sure.
    """
    return [
        f"{term}: {NO_SIDE}; "
        + (
            may_not_know(backbone)
            if term == scene.main
            else f"look whether its picture is the right one, re-seed it (--reseed {term!r}), or name it otherwise"
        )
        for index, term in enumerate(scene.terms)
        if detail.unlike(index) and (term == scene.main or term not in thin)
    ]


def may_not_know(backbone: str) -> str:
    """What to do about a main thing that looks unlike its picture."""
    return f"{backbone} may not know such a thing: try a picture of something that it knows, or another backbone"


def _seen_from(detail: Refit, terms: Sequence[str]) -> dict[str, Any]:
    """Where each picture's camera stood, and how surely that is known."""
    rows = zip(terms, detail.yaw, detail.pitch, detail.confidence)
    return {
        term: [{"yaw": y, "pitch": p, "confidence": c} for y, p, c in zip(yaws, pitches, sure)]
        for term, yaws, pitches, sure in rows
    }


def alone(run: Staging[Kit], term: str, slat: Slat, detail: Refit | None = None) -> Result:
    """One object without parts; `detail` where pictures show it."""
    owner = torch.zeros(len(slat.coords), dtype=torch.long, device=slat.coords.device)
    colors = detail.colors if detail else None
    result = _decoded(run, [term], 0, Appearance(slat.coords, slat.feats, owner), colors=colors)
    result.prompt, result.seed = term, run.kit.seeds.scene
    if detail and detail.confidence:
        result.facts["pictures"] = _seen_from(detail, [term])
        if detail.unlike(0) and not any(map(is_thin, run.kit.shown(term))):
            result.warnings.append(f"{term}: {NO_SIDE}; {may_not_know(run.kit.backbone.name)}")
    return result


def _decoded(
    run: Staging[Kit],
    terms: list[str],
    base: int,
    appearance: Appearance,
    whole: Tensor | None = None,
    colors: Tensor | None = None,
) -> Result:
    run.tell("meshes", 0, 1)
    result = Result.decode(run.kit.backbone, terms, base, appearance, whole, colors, run.kit.settings.smooth)
    run.tell("meshes", 1, 1)
    return result


def edited_result(run: Staging[Kit], scene: EditScene, made: Composition) -> EditedResult:
    """The model with its new parts: what is kept as it was, or everything made anew."""
    own = apart(run, made) if scene.keep == EXACT and run.kit.settings.own_cube else {}
    whole = composed(run, scene, made, [term for term, one in own.items() if one.sure >= UNLIKE])
    existing = run.kit.model()
    fields = {name: getattr(whole, name) for name in ("parts", "gaussians", "prompt", "seed", "facts", "warnings")}
    result = EditedResult(**fields, existing=existing, change=scene.change, keep=scene.keep)
    result.regions = made.hinted.regions
    if scene.keep == EXACT:
        kept_exactly(result, made, own, run.kit.backbone, scene.change, run.kit.settings.smooth)
    told = list(zip(result.regions.report, result.regions.found)) if result.regions else []
    result.notes += [*existing.model.notes, *(line for line, way in told if way != PLACE)]
    result.warnings += [*existing.model.warnings, *(line for line, way in told if way == PLACE)]
    return result
