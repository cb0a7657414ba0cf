"""What a stage may touch, and nothing else: the backbone, settings, pictures, words and keyed noise.

Stages ask their kit for all that they do not get as an argument, and the kit tells what it was asked for: that is how a
run knows what each result depends on (see `run.staging`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor

from .. import flow
from ..backbones import Backbone, Condition
from ..existing.seen import Existing
from ..language.endpoints import LanguageModel
from ..pictures.opening import Picture, pixels_hash
from ..run.plain_data import digest
from ..run.staging import Note
from ..scene.change import AUTO
from ..settings import Settings


def _silent(done: int, total: int) -> None:
    """Nobody wants to know."""


def _unnoted(key: str, value: Any) -> None:
    """Nobody records."""


@dataclass(frozen=True)
class Seeds:
    """The seed of the scene, and those of the terms in the second stage."""

    scene: int = 0
    terms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kit:
    """Handed to every stage. `pictures` are those of each term, cut out; `existing` is the model that is edited."""

    backbone: Backbone
    settings: Settings
    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)
    seeds: Seeds = field(default_factory=Seeds)
    existing: Existing | None = None
    regions: Mapping[str, Tensor] = field(default_factory=dict)  # [64, 64, 64] bool, of parts of the model, as given
    find: str = AUTO  # how parts of the model are looked for, see `scene.change`
    language: LanguageModel | None = None  # that names clusters of the model
    on_step: flow.OnStep = _silent
    retry: flow.OnStep = _silent  # of the search for a layout that shows every term
    hints: Mapping[str, Tensor] = field(default_factory=dict)  # painted by a person, by term: [64, 64, 64] bool
    choices: Mapping[str, int] = field(default_factory=dict)  # which candidate a person chose, by term
    saw: Callable[[Tensor], None] | None = None  # hears of structures while they are sampled, see `stages.glimpses`
    _note: Note = _unnoted
    _hashes: dict[str, list[str]] = field(default_factory=dict)  # of cut-out pictures, by term

    # --- what stages ask for ------------------------------------------------------------------------------------------

    def shown(self, term: str) -> list[Image.Image]:
        """A term's pictures I_i, cut out (RGBA); none of what a model that exists holds."""
        self._note(f"picture:{term}", self.now(f"picture:{term}"))
        return [picture.rgba for picture in self.pictures.get(term, ())]

    def picture(self, term: str, frame: str = "in_place") -> Condition:
        """I_i as a condition; `frame` tells whether the thing fills the cube ("filled") or keeps its place."""
        return self.backbone.of_pictures(self.shown(term), frame)

    def model(self) -> Existing:
        """The model that is edited."""
        assert self.existing is not None  # stages of an edit alone ask
        self._note("existing:", self.now("existing:"))
        return self.existing

    def given_regions(self, parts: Sequence[str]) -> dict[str, Tensor]:
        """The regions of those of the parts that a person gave."""
        for part in parts:
            self._note(f"region:{part}", self.now(f"region:{part}"))
        return {part: self.regions[part] for part in parts if part in self.regions}

    def how_to_find(self) -> tuple[str, LanguageModel | None]:
        """How parts of the model are looked for, and who names its clusters."""
        self._note("find:", self.now("find:"))
        return self.find, self.language

    def text(self, words: str) -> Condition:
        """A sentence or a few words as a condition."""
        return self.backbone.of_text(words)

    def structure_noise(self, stage: str, term: str = "", own: bool = False) -> Callable[[int], Tensor]:
        """Noise of one structure latent [1, C, r, r, r] by level; `own` draws it from the term's own seed."""
        return flow.noise((1, *self.backbone.structure_shape), self._seed(term if own else ""), (stage, term))

    def slat_noise(self, coords: Tensor, stage: str, term: str = "", own: bool = False) -> Callable[[int], Tensor]:
        """Noise of latents [N, C] on the voxels `coords` [N, 3] by level."""
        shape = (len(coords), self.backbone.slat_channels)
        return flow.noise(shape, self._seed(term if own else ""), (stage, term))

    def _seed(self, term: str) -> int:
        key = f"seed:{term}"
        self._note(key, value := self.now(key))
        return value

    def painted(self, term: str) -> Tensor | None:
        """h_i as a person painted it, [64, 64, 64] bool; None where nobody did."""
        self._note(f"hint:{term}", self.now(f"hint:{term}"))
        return self.hints.get(term)

    def choice(self, term: str) -> int | None:
        """Which candidate for a part a person chose, from 0; None where nobody did."""
        self._note(f"choice:{term}", self.now(f"choice:{term}"))
        return self.choices.get(term)

    def quiet(self) -> Kit:
        """The same without telling its steps: for what is sampled besides."""
        return replace(self, on_step=_silent)

    # --- what `run.staging` asks for ----------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    @property
    def at_once(self) -> bool:
        return self.backbone.at_once

    def recording(self, own: Note, shared: Note, on_step: flow.OnStep, retry: flow.OnStep) -> Kit:
        """A copy that tells what is read from it, pictures and seeds to `own`, the rest to `shared`."""

        def used(network: str) -> None:
            shared(f"model:{network}", self.now(f"model:{network}"))

        settings = cast(Settings, RecordedSettings(self.settings, shared))
        return replace(
            self, backbone=self.backbone.watched(used), settings=settings, on_step=on_step, retry=retry, _note=own
        )

    def now(self, key: str) -> Any:
        """What is there under setting:NAME, picture:TERM, seed:TERM (seed: is the scene's), hint:TERM, choice:TERM,
        existing: (the model that is edited), region:PART, find: or model:NAME (a network of the backbone)."""
        kind, _, name = key.partition(":")
        match kind:
            case "setting":
                return getattr(self.settings, name)
            case "picture":
                if name not in self._hashes:
                    self._hashes[name] = [pixels_hash(picture.rgba) for picture in self.pictures.get(name, ())]
                return self._hashes[name]
            case "seed":
                return self.seeds.terms[name] if name else self.seeds.scene
            case "hint":
                return voxels_hash(self.hints[name]) if name in self.hints else None
            case "choice":
                return self.choices.get(name)
            case "existing":
                return self.existing.identity if self.existing else None
            case "region":
                return digest(self.regions[name].cpu().numpy().tobytes()) if name in self.regions else None
            case "find":
                return {"how": self.find, "language": self.language.identity if self.language else None}
            case "model":
                return self.backbone.identity(name)
        raise KeyError(key)


def voxels_hash(grid: Tensor) -> str:
    """What an occupancy is: SHA-256 in hex of its size and its voxels."""
    return digest(f"{list(grid.shape)} ".encode() + grid.cpu().contiguous().numpy().tobytes())


class RecordedSettings:
    """Settings that tell which of them are read."""

    def __init__(self, settings: Settings, note: Note):
        self._settings, self._note = settings, note
        self._names = {f.name for f in fields(Settings)}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(f"stages read single settings; there is no setting {name!r}")
        value = getattr(self._settings, name)
        self._note(f"setting:{name}", value)
        return value
