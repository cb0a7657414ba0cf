"""What a result was made of: enough to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..backbones import Backbone
from ..existing.seen import Existing
from ..pictures.opening import Picture
from ..run.folder import RunFolder
from ..scene import Scene
from ..scene.edits import EditScene
from ..settings import Settings

COMPOSE, LIFT, IMAGINE, EDIT = "compose", "lift", "imagine", "edit"
NOT_FOUND = "not-found.png"  # what a composition leaves that did not find a term


@dataclass(frozen=True)
class Recipe:
    """A run folder keeps it as `inputs/` and as entries of `run.json`."""

    task: str  # COMPOSE, LIFT, IMAGINE or EDIT
    prompt: str
    settings: Settings
    backbone: Backbone
    seeds: Mapping[str, Any]  # "scene", and for compositions "terms"
    source: str | None = None  # what the backbone was loaded from
    loading: Mapping[str, Any] = field(default_factory=dict)  # and how, as far as it was asked for
    scene: Scene | EditScene | None = None  # None where there are no pictures
    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)  # as opened, by term
    more: Mapping[str, Any] = field(default_factory=dict)  # further entries
    existing: Existing | None = None  # the model that is edited
    regions: Mapping[str, Tensor] = field(default_factory=dict)  # of its parts, as given

    @property
    def notes(self) -> list[str]:
        """What was done with what was given, as always."""
        notes = list(self.scene.notes) if self.scene and self.task == COMPOSE else []
        notes += likened(self.backbone, self.prompt) if self.task == IMAGINE else []
        return notes + [
            f"{term}: {one}" for term, views in self.pictures.items() for view in views for one in view.notes
        ]

    @property
    def warnings(self) -> list[str]:
        """What may be wrong with what was given; a composition adds which of its words the backbone does not know."""
        found = [f"{term}: {one}" for term, views in self.pictures.items() for view in views for one in view.warnings]
        found += self.scene.warnings if self.scene and self.task == COMPOSE else []
        return found + (unread(self.backbone, self.prompt) if self.task == IMAGINE else [])

    def keep(self, run: RunFolder) -> None:
        """Writes it, in place of that of an earlier run in the folder, its notes, warnings and failure."""
        run.require_space(self.backbone.space)
        run.drop(NOT_FOUND)
        entries = dict(
            task=self.task,
            settings=self.settings.plain(),
            backbone=self.backbone.name,
            source=self.source,
            device=str(self.backbone.device),
            loading=self.loading,
            models=self.backbone.hashes,
            seeds=self.seeds,
            notes=[],
            warnings=[],
            **self.more,
        )
        if self.existing and isinstance(self.scene, EditScene):
            run.keep_edit(self.scene, self.pictures, self.existing.model, self.regions, **entries)
        elif isinstance(self.scene, Scene):
            run.keep_inputs(self.scene, self.pictures, **entries)
        else:
            run.replace(prompt=self.prompt, **entries)


def likened(backbone: Backbone, text: str) -> list[str]:
    """A note per noun that the backbone does not know and reads as another."""
    return [
        f"the backbone {backbone.name} does not know the word {word!r} and reads {form!r} in its place"
        for word, form in backbone.describer.likened(text).items()
    ]


def unread(backbone: Backbone, text: str) -> list[str]:
    """A note per word that the backbone does not know, and one where the text is longer than it reads."""
    notes = [
        f"the backbone {backbone.name} does not know the word {word!r} and ignores it"
        + (f"; the nearest known word is {near!r}" if near else "")
        for word, near in backbone.describer.unknown_words(text).items()
    ]
    if length := backbone.describer.longest(text):
        notes.append(f"the backbone {backbone.name} reads the first {length} words or pieces of words of the text only")
    return notes
