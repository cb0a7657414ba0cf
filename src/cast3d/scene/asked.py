"""What a person asks of a composer beside or in place of a scene: its pieces, and changes for single terms, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..language.endpoints import LanguageModel
from .edits import EditScene
from .scene import Pictures, Scene


def scene_of(prompt: str | Scene, assets: Mapping[str, Pictures] | None, main: str | None, seed: int | None) -> Scene:
    """A scene as it is given, or from its pieces."""
    if not isinstance(prompt, Scene):
        return Scene.make(prompt, assets or {}, main=main, seed=seed or 0)
    if assets is not None or main is not None:
        raise InputError("a Scene has its assets and its main term; give them in it, not beside it")
    return prompt if seed is None else prompt.with_seed(seed)


def edit_of(model: str | Path | EditScene, prompt: str, *given: Any) -> EditScene:
    """An edit as it is given, or from its pieces."""
    if not isinstance(model, EditScene):
        return EditScene.make(model, prompt, *given)
    replace, add, remove, main, seed, keep, regions, up, front, find, language_model = given
    if prompt or any((replace, add, remove, main, regions, up, front, find, language_model)):
        raise InputError("an EditScene has its prompt, parts and pictures; give them in it, not beside it")
    return model.changed(seed=seed, keep=keep)


def language_of(scene: EditScene, key: str | None) -> LanguageModel | None:
    """Who names the clusters of the model; its key is in the environment variable `key`."""
    return LanguageModel(scene.language_model, key) if scene.language_model else None


def require_terms(scene: Scene | EditScene, reseed: Mapping[str, int]) -> None:
    """Re-seeded terms must be terms of the scene, their seeds seeds."""
    for term, seed in reseed.items():
        if term not in scene.terms:
            raise InputError(f"cannot re-seed {term!r}: the terms are {', '.join(map(repr, scene.terms))}")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise InputError(f"the seed of {term!r} is a whole number from 0 to 2^63 - 1, not {seed!r}")


def require_hints(scene: Scene, hints: Mapping[str, Tensor]) -> None:
    """Painted hints are of terms of the scene, and occupancies; all but the main thing's hold something."""
    for term, grid in hints.items():
        if term not in scene.terms:
            raise InputError(f"a hint for {term!r}: the terms are {', '.join(map(repr, scene.terms))}")
        if grid.dtype != torch.bool or grid.shape != (64, 64, 64):
            raise InputError(f"the hint of {term!r} is a bool tensor [64, 64, 64], not {grid.dtype} {list(grid.shape)}")
        if term != scene.main and not grid.any():
            raise InputError(f"the hint of {term!r} is empty; paint where it is to be")


def require_choices(scene: Scene | EditScene, choices: Mapping[str, int]) -> None:
    """Candidates are chosen for accessories, by a number from 0; whether there are so many is known later."""
    own = [term for term in scene.terms if term != scene.main]
    for term, number in choices.items():
        if term not in own:
            raise InputError(f"no candidate is chosen for {term!r}: it can be for {', '.join(map(repr, own))}")
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise InputError(f"the candidate of {term!r} is a whole number from 0, not {number!r}")
