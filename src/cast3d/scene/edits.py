"""What is asked for of a model that exists: the file, the sentence, the parts, and a picture per new part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, nearest
from ..existing.opening import file_of
from ..files import local_path
from ..language.endpoints import LanguageModel
from .change import AUTO, EXACT, FIELD, FINDS, KEEPS, Change
from .grammar import confusable
from .scene import MAX_ASSETS, MAX_PROMPT, MAX_TERM, Asset, plain_text, slugs_of
from .sentence import Sentence
from .terms import RELATIONS, find_terms, match_key

if TYPE_CHECKING:
    from ..existing.seen import Existing

_BEFORE_PARTS = re.compile(r"\b(?:" + "|".join((*RELATIONS, "and", "without", "in", "has", "having")) + r")\b|,")
_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class EditScene:
    """A model, a prompt for the whole as it will be, and which parts go and come.

    Every new term and the main term stand in the prompt. Parts of the model (the keys of `replaced`, and `removed`) are
    names under which they are looked for; they need not stand there.
    """

    model: Path
    prompt: str
    assets: tuple[Asset, ...]  # of the new terms
    main: str
    replaced: Mapping[str, str] = field(default_factory=dict)  # part of the model -> new term
    removed: tuple[str, ...] = ()
    seed: int = 0
    keep: str = EXACT
    regions: Mapping[str, Any] = field(default_factory=dict)  # part -> file, bool [64, 64, 64], or box of 6 numbers
    find: str = AUTO  # how parts without a region are looked for
    language_model: str = ""  # that names clusters, see `language.endpoints.LanguageModel`
    up: str = ""
    front: float = 0.0
    backbone: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = [*self.replaced, *self.removed]
        if not self.assets and not self.removed:
            raise InputError("an edit replaces, adds or removes something; name at least one part")
        if len(self.assets) + 1 > MAX_ASSETS or len(parts) > MAX_ASSETS:
            raise InputError(f"an edit has at most {MAX_ASSETS - 1} new parts and names at most {MAX_ASSETS} old ones")
        keys = [match_key(part) for part in parts]
        if twin := next((part for part, key in zip(parts, keys) if keys.count(key) > 1), None):
            raise InputError(f"the part {twin!r} is named twice")
        if self.keep not in KEEPS:
            raise InputError(f"keep is {' or '.join(KEEPS)}, not {self.keep!r}{nearest(str(self.keep), KEEPS)}")
        if self.find not in FINDS:
            raise InputError(f"find is {', '.join(FINDS)}, not {self.find!r}{nearest(str(self.find), FINDS)}")
        if self.language_model:
            LanguageModel(self.language_model)  # raises for what is no address
        elif self.find == FIELD:
            raise InputError("a feature field takes a language model that names its clusters: http://HOST/v1#MODEL")
        for part in self.regions:
            if part not in parts:
                raise InputError(f"a region is given for {part!r}, which no edit names{nearest(part, parts)}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InputError(f"the seed is a whole number from 0 to 2^63 - 1, not {self.seed!r}")
        find_terms(self.prompt, self.terms)  # raises where a term does not stand in the prompt

    @classmethod
    def make(
        cls,
        model: str | Path,
        prompt: str = "",
        replace: Mapping[str, Any] | None = None,
        add: Mapping[str, Any] | None = None,
        remove: str | Sequence[str] = (),
        main: str | None = None,
        seed: int | None = None,
        keep: str | None = None,
        regions: Mapping[str, Any] | None = None,
        up: str | None = None,
        front: float | None = None,
        find: str | None = None,
        language_model: str | None = None,
        backbone: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> EditScene:
        """From what a person writes; see `Composer.edit`."""
        replaced, assets = _replacements(replace or {})
        assets += [Asset(term, pictures) for term, pictures in _mapping(add or {}, "add").items()]
        removed = tuple(_part(part) for part in ([remove] if isinstance(remove, str) else remove or ()))
        terms = [asset.term for asset in assets]
        main = plain_text(main, "main", MAX_TERM) if main else _main_of(prompt, terms)
        prompt = plain_text(prompt, "the prompt", MAX_PROMPT) if prompt else _prompt_of(main, terms)
        return cls(
            file_of(model), prompt, tuple(assets), main, replaced, removed, seed or 0, keep or EXACT, regions or {},
            find or AUTO, language_model or "", up or "", float(front or 0), backbone, settings or {},
        )  # fmt: skip

    def changed(self, seed: int | None = None, keep: str | None = None) -> EditScene:
        """A copy with another seed, or another way to keep the rest."""
        return replace(self, seed=self.seed if seed is None else seed, keep=keep or self.keep)

    @property
    def terms(self) -> tuple[str, ...]:
        """The rest of the model, then the new parts."""
        return (self.main, *(asset.term for asset in self.assets))

    @property
    def sentence(self) -> Sentence:
        return Sentence(self.prompt, self.terms, self.main)

    @property
    def change(self) -> Change:
        """The edit in words."""
        new = set(self.replaced.values())
        added = tuple(asset.term for asset in self.assets if asset.term not in new)
        return Change(self.sentence, dict(self.replaced), added, self.removed)

    @property
    def images(self) -> tuple[Any, ...]:
        """Every picture of every new part."""
        return tuple(image for asset in self.assets for image in asset.images)

    @property
    def slugs(self) -> dict[str, str]:
        return slugs_of(self.terms)

    @property
    def notes(self) -> list[str]:
        return []

    @property
    def warnings(self) -> list[str]:
        """What the layout may not tell apart."""
        return confusable(self.prompt, find_terms(self.prompt, self.terms)) if self.change.added else []

    def __getitem__(self, term: str) -> Asset:
        for asset in self.assets:
            if match_key(asset.term) == match_key(term):
                return asset
        known = self.terms[1:]
        raise InputError(f"{term!r} is no new part of this edit{nearest(term, known)}; they are {list(known)}")

    def read_regions(self, existing: Existing) -> dict[str, Tensor]:
        """The regions that are given, as bool [64, 64, 64] in the cube."""
        return {part: region_of(given, part, existing) for part, given in self.regions.items()}


def region_of(given: Any, part: str, existing: Existing) -> Tensor:
    """A region from an npz or npy file of bool [64, 64, 64], such a grid, or a box in the model's units."""
    what = f"the region of {part!r}"
    if isinstance(given, str | Path):
        given = _loaded(local_path(given, what), what)
    array = np.asarray(given.cpu() if isinstance(given, Tensor) else given)
    if array.shape == (6,):
        if not np.isfinite(array.astype(np.float64)).all():
            raise InputError(f"{what} is a box with corners that are no numbers")
        corners = np.array(np.meshgrid(*array.reshape(2, 3).T.astype(np.float64), indexing="ij")).reshape(3, -1).T
        cube = existing.frame.to_cube(corners)
        return _box(cube.min(0), cube.max(0))
    if array.shape != (64, 64, 64):
        raise InputError(f"{what} is a grid of 64 x 64 x 64, or a box of six numbers, not {list(array.shape)}")
    grid = torch.from_numpy(np.ascontiguousarray(array != 0))
    if not grid.any():
        raise InputError(f"{what} is empty")
    return grid


def _box(low: np.ndarray, high: np.ndarray) -> Tensor:
    grid = torch.zeros(64, 64, 64, dtype=torch.bool)
    first, last = np.floor((low + 0.5) * 64).clip(0, 63), np.ceil((high + 0.5) * 64).clip(1, 64)
    grid[tuple(slice(int(a), max(int(a) + 1, int(b))) for a, b in zip(first, last))] = True
    return grid


def _loaded(path: Path, what: str) -> np.ndarray:
    try:
        if path.stat().st_size > 64 << 20:
            raise InputError(f"{what}: {path} is too large for a grid of 64^3")
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.lib.npyio.NpzFile):
            names = held.files
            if len(names) != 1 and "voxels" not in names:
                raise InputError(f"{what}: {path} holds {names}; it should hold one array, or `voxels`")
            return held["voxels" if "voxels" in names else names[0]]
        return held
    except InputError:
        raise
    except Exception as error:  # readers of hostile files raise nearly every kind of error
        raise InputError(f"{what}: {path} is no npz or npy file of a grid ({type(error).__name__})") from error


def _replacements(given: Mapping[str, Any]) -> tuple[dict[str, str], list[Asset]]:
    """{part: new term} and the assets of {part: picture} or {part: {new term: picture}}."""
    replaced, assets = {}, []
    for part, what in _mapping(given, "replace").items():
        if isinstance(what, Mapping):
            if len(what) != 1:
                raise InputError(f"{part!r} is replaced by one new thing, {{term: picture}}, not by {len(what)}")
            ((term, pictures),) = what.items()
        else:
            term, pictures = part, what
        asset = Asset(term, pictures)
        assets.append(asset)
        replaced[_part(part)] = asset.term
    return replaced, assets


def _mapping(given: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError(f"`{what}` is a mapping from names to pictures, not {type(given).__name__}")
    return given


def _part(name: Any) -> str:
    return plain_text(name, "the name of a part", MAX_TERM)


def _main_of(prompt: str, terms: Iterable[str]) -> str:
    """What the prompt begins with, up to the first word that ties a part to it."""
    if not prompt:
        return "model"
    head = _ARTICLE.sub("", _BEFORE_PARTS.split(prompt, maxsplit=1)[0].strip())
    if not head or any(match_key(head) == match_key(term) for term in terms):
        raise InputError(
            f"the prompt {prompt!r} does not begin with what the rest of the model is; name it with main: main='horse'"
        )
    return plain_text(head, "the main thing", MAX_TERM)


def _prompt_of(main: str, terms: Sequence[str]) -> str:
    return f"a {main} with {' and '.join(f'a {term}' for term in terms)}" if terms else f"a {main}"
