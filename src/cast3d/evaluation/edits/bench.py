"""What a method of editing is given: a case, the model as a file in one form, a seed, and stages that it may share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...backbones import Backbone
from ...composer import in_cube
from ...existing.opening import open_model
from ...existing.seen import Existing
from ...following.registering import Placement, placed
from ...pictures.cutout import open_cut_out
from ...pictures.opening import Picture
from ...run.staging import Staging
from ...scene.edits import EditScene
from ...settings import Settings
from ...stages.kit import Kit, Seeds
from ...stages.standing import stood
from ..cache import StageCache
from .measure import SAME, SAME_SPLAT
from .suite import EditCase

FORMS = {"named": "a GLB with a node per part", "unnamed": "a GLB of one mesh without names", "splat": "a splat"}


@dataclass(frozen=True)
class EditBench:
    """Methods read the model, the words and the picture; the case's truth is for measuring and for the oracles."""

    backbone: Backbone
    case: EditCase
    seed: int
    cache: StageCache
    sources: Path  # where the models' files lie
    form: str = "named"  # one of `FORMS`
    changes: Mapping[str, Any] = field(default_factory=dict)  # settings of every method of this evaluation

    def settings(self, **changes: Any) -> Settings:
        return self.backbone.defaults.changed({**self.changes, **changes})

    @property
    def model(self) -> Path:
        """The model's file, written once."""
        return source(self.case, self.sources, self.form)

    @cached_property
    def scene(self) -> EditScene:
        """What is asked."""
        return EditScene.make(self.model, seed=self.seed, **self.case.arguments())

    @cached_property
    def existing(self) -> Existing:
        """The model in the cube."""
        kit = Kit(self.backbone, self.settings(), existing=in_cube(self.scene, open_model(self.model), self.backbone))
        return stood(self.staging(kit), self.scene)

    def kit(self, settings: Mapping[str, Any] | None = None, oracle: bool = False) -> Kit:
        """What stages may touch; an `oracle` is told the true region of the part that goes."""
        chosen = self.settings(**(settings or {}))
        case, terms = self.case, self.scene.terms
        given = {case.part: self._told(case.truth["before"][case.part].visible)} if oracle and case.part else {}
        regions = replace(self.scene, regions=given).read_regions(self.existing)
        seeds = Seeds(self.seed, dict.fromkeys(terms, self.seed))
        return Kit(self.backbone, chosen, self._pictures(chosen.background), seeds, self.existing, regions)

    def _told(self, true: Tensor) -> Tensor:
        """Voxels of the truth's cube [64, 64, 64], at the same place of the model in the cube of the methods."""
        own, frame = SAME_SPLAT if self.form == "splat" else SAME, self.existing.frame
        turn = np.array(frame.turn) @ np.array(own.turn).T
        shift = frame.to_cube(own.to_file(np.zeros(3)))
        return placed(true, Placement(turn, frame.scale / own.scale, shift))

    def _pictures(self, background: str) -> dict[str, tuple[Picture, ...]]:
        if self.case.image is None:
            return {}
        name = f"the picture of {self.case.term!r}"
        return {self.case.term: (open_cut_out(self.case.image, background, name),)}

    def staging(self, kit: Kit, swapped: Mapping[str, Callable[..., Any]] | None = None) -> Staging[Kit]:
        """The stages of an edit with a kit."""
        return Staging(kit, self.cache, slugs=self.scene.slugs, swapped=swapped or {})


@dataclass(frozen=True)
class Made:
    """What came of an edit."""

    file: Path  # .glb in the frame of the model's file
    region: Tensor | None = None  # [64, 64, 64] bool of the method's cube: where it saw the part that goes
    labelled: bool = True  # False: one object without parts, to which measuring lends the true part's surroundings
    splat: Path | None = None  # of a splat the .ply
    notes: tuple[str, ...] = ()


def source(case: EditCase, folder: Path, form: str) -> Path:
    """The case's model as a file of one form. It appears whole, for several processes may write it."""
    path = folder / f"{case.id}-{form}{'.ply' if form == 'splat' else '.glb'}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write = {"named": case.write_named, "unnamed": case.write_unnamed, "splat": case.write_splat}[form]
        write(path)
    return path
