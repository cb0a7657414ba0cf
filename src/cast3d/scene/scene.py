"""What the user asks for: a prompt, the terms in it, and one or more pictures per term."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from ..errors import InputError, nearest
from ..files import local_path
from .grammar import carrier, confusable, unpictured
from .sentence import Sentence
from .terms import JOINERS, Span, find_terms, match_key

MAX_ASSETS = 8
MAX_PROMPT = 1000  # characters; text encoders see about 300
MAX_TERM = 80
MAX_SLUG = 40  # characters

Picture = str | Path | bytes | Image.Image | Any  # Any: an array of numpy
Pictures = Picture | Sequence[Picture]


@dataclass(frozen=True)
class Asset:
    """One named thing (o_i) and its picture (I_i); several pictures are several views of the same thing."""

    term: str
    images: tuple[Path | bytes | Image.Image, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "term", plain_text(self.term, "a term", MAX_TERM))
        if {"/", "\\"} & set(self.term):
            raise InputError(
                f"the term {self.term!r} holds a slash; terms are words of the prompt, such as 'baseball cap'"
            )
        if not match_key(self.term):
            raise InputError(
                f"the term {self.term!r} names nothing; terms are words of the prompt, such as 'baseball cap'"
            )
        images = self.images if isinstance(self.images, list | tuple) else (self.images,)
        if not images:
            raise InputError(f"the term {self.term!r} has no picture; give at least one")
        object.__setattr__(self, "images", tuple(_image(image, self.term) for image in images))


@dataclass(frozen=True)
class Scene:
    """A prompt (c), its assets, and the term of the main asset, which the others are placed on.

    Every term stands in the prompt as whole words, each on words of its own; `spans` says where.
    Upper and lower case, articles and, where there is one candidate only, a final "s" make no difference.
    """

    prompt: str
    assets: tuple[Asset, ...]
    main: str = ""  # default: the thing that carries the others as the sentence says, else the first asset's
    seed: int = 0
    backbone: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    # How the main thing was chosen, None where it was given. Every scene has its own; a ClassVar only to be no field.
    _chosen: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("prompt", plain_text(self.prompt, "the prompt", MAX_PROMPT))
        put("assets", tuple(self.assets))
        if not 1 <= len(self.assets) <= MAX_ASSETS:
            raise InputError(f"a scene has 1 to {MAX_ASSETS} assets, this one has {len(self.assets)}")
        spans = self.spans  # raises where a term does not stand in the prompt
        put("_chosen", None if self.main else (carrier(self.prompt, spans) or ""))
        put("main", self._find(self.main) if self.main else self._chosen or self.terms[0])
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InputError(f"the seed is a whole number from 0 to 2^63 - 1, not {self.seed!r}")
        if self.backbone is not None and not (isinstance(self.backbone, str) and self.backbone):
            raise InputError(f"the backbone is a name or a folder, not {self.backbone!r}")
        if not isinstance(self.settings, Mapping) or not all(isinstance(key, str) for key in self.settings):
            raise InputError(
                f"settings are a mapping from names to values, not {self.settings!r}{_comma(self.settings)}"
            )
        put("settings", dict(self.settings))

    @classmethod
    def make(cls, prompt: str, assets: Mapping[str, Pictures], main: str | None = None, **rest: Any) -> Scene:
        """A scene from `{term: picture or pictures}`; `rest` is `seed`, `backbone` and `settings`."""
        if not isinstance(assets, Mapping):
            raise InputError(f"assets are a mapping from terms to pictures, not {type(assets).__name__}")
        return cls(prompt, tuple(Asset(term, images) for term, images in assets.items()), main=main or "", **rest)

    def with_seed(self, seed: int) -> Scene:
        """The same with another seed; a main thing that was chosen stays a chosen one, for the notes."""
        changed = replace(self, seed=seed)
        object.__setattr__(changed, "_chosen", self._chosen)
        return changed

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(asset.term for asset in self.assets)

    @property
    def images(self) -> tuple[Path | bytes | Image.Image, ...]:
        """Every picture of every asset."""
        return tuple(image for asset in self.assets for image in asset.images)

    @property
    def spans(self) -> dict[str, Span]:
        """Where each term stands: `prompt[start:end]`."""
        return find_terms(self.prompt, self.terms)

    @property
    def sentence(self) -> Sentence:
        """What is asked for in words."""
        return Sentence(self.prompt, self.terms, self.main)

    @property
    def notes(self) -> list[str]:
        """What was read from the sentence: which thing carries the others, and things that have no picture."""
        found = []
        if self._chosen is not None and len(self.terms) > 1:
            why = "as the sentence says" if self._chosen else "as the first that was given"
            found.append(f"{self.main!r} carries the other things, {why}; main names another")
        return found + [
            f"the sentence names {thing!r}, for which there is no picture: it becomes no part"
            for thing in unpictured(self.prompt, self.spans)
        ]

    @property
    def warnings(self) -> list[str]:
        """What the layout may not tell apart."""
        return confusable(self.prompt, self.spans)

    @property
    def slugs(self) -> dict[str, str]:
        """A name for stages per term: ASCII, unique in this scene."""
        return slugs_of(self.terms)

    def __getitem__(self, term: str) -> Asset:
        """The asset of a term, written in any way that the prompt search would accept."""
        return self.assets[self.terms.index(self._find(term))]

    def _find(self, term: str) -> str:
        for known in self.terms:
            if match_key(known) == match_key(term):
                return known
        raise InputError(
            f"{term!r} is not a term of this scene{nearest(term, self.terms)}; its terms are {list(self.terms)}"
        )


def slugs_of(terms: Iterable[str]) -> dict[str, str]:
    """A name for stages per term: ASCII, each once."""
    return _unique({term: _plain_slug(term) for term in terms})


def unique_slugs(terms: Iterable[str]) -> dict[str, str]:
    """A file name per term: its slug, numbered where an earlier term has the same."""
    return _unique({term: slug(term) for term in terms})


def _unique(names: Mapping[str, str]) -> dict[str, str]:
    unique: dict[str, str] = {}
    for term, base in names.items():
        name, number = base, 2
        while name in unique.values():
            name, number = f"{base}-{number}", number + 1
        unique[term] = name
    return unique


def imagined(text: str) -> str:
    """What `imagine` is asked for, with the bounds of a term: it becomes the name of the object."""
    return Asset(plain_text(text, "the text", MAX_TERM), (Path(),)).term  # a picture that nobody reads


def slug(term: str) -> str:
    """A file name for a term: lower-case letters and digits of any script, pictograms, hyphens; at most 80 bytes.

    Never empty, never a device name; letters keep their combining marks.
    """
    lower = unicodedata.normalize("NFC", term).lower()
    return _safe("".join(character if _in_names(character) else "-" for character in lower if character not in JOINERS))


def _plain_slug(term: str) -> str:
    """The same in ASCII: accents go, other letters are spelled by their Unicode names (кепка: ka-ie-pe-ka)."""
    return _safe("".join(map(_spelled, term.casefold())))


def _safe(text: str) -> str:
    whole = re.sub("-+", "-", text).strip("-")
    fits = (
        end
        for end in range(min(len(whole), MAX_SLUG), 0, -1)
        if len(whole[:end].encode()) <= 2 * MAX_SLUG and unicodedata.category((whole + "-")[end])[0] != "M"
    )
    name = whole[: next(fits, 0)].strip("-")
    reserved = re.fullmatch(r"con|prn|aux|nul|(com|lpt)[\d\u00b9\u00b2\u00b3]", name)  # Windows opens devices so
    return f"part-{name}" if reserved else name or "part"


def _in_names(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category == "So" or (category == "Sk" and character > "\uffff")


def _spelled(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode().lower()
    if plain or not _in_names(character):
        return re.sub("[^a-z0-9]+", "-", plain) or "-"
    name = unicodedata.name(character, "").lower()
    if "combining" in name or not name:
        return ""
    return f"-{re.sub('[^a-z0-9]+', '-', re.split(' (?:with|and) ', name)[0].split()[-1].split('-')[-1])}-"


def plain_text(value: Any, what: str, longest: int) -> str:
    """One line of printable text, spaces collapsed; `what` is its name in errors."""
    if not isinstance(value, str):
        raise InputError(f"{what} is text, not {value!r}; in YAML put it in quotes")
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text:
        raise InputError(f"{what} is empty")
    if len(text) > longest:
        raise InputError(f"{what} has {len(text)} characters; at most {longest} are read")
    # Category C: control and invisible formatting characters, lone surrogates, unassigned code points. Joiners belong
    # to words of many scripts, and to pictograms.
    invisible = (
        c for before, c in zip(" " + text, text) if unicodedata.category(c)[0] == "C" and not _joins(before, c)
    )
    if bad := next(invisible, None):
        raise InputError(
            f"{what} holds the invisible or control character U+{ord(bad):04X}; type it again as plain text"
        )
    return text


def _joins(before: str, character: str) -> bool:
    return character in JOINERS and unicodedata.category(before)[0] in "LMNS"


def _image(image: Any, term: str) -> Path | bytes | Image.Image:
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, bytes | bytearray | memoryview) and len(image):
        return bytes(image)
    if hasattr(image, "__array_interface__"):
        return _from_array(image, term)
    if isinstance(image, str | os.PathLike) and str(image).strip() and "\0" not in str(image):
        return local_path(os.fspath(image), f"the picture of {term!r}")
    shown = repr(image) if len(repr(image)) < 100 else type(image).__name__
    raise InputError(f"the picture of {term!r} is a path, a PIL image, an array or the bytes of a file, not {shown}")


def _from_array(array: Any, term: str) -> Image.Image:
    """Of numpy or what looks like it: bytes [H, W], [H, W, 3] or [H, W, 4]."""
    shape, kind = tuple(array.shape), str(array.dtype)
    if kind != "uint8" or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))) or 0 in shape:
        raise InputError(
            f"the picture of {term!r} is an array {list(shape)} of {kind}; give uint8 of [height, width, 3 or 4]"
        )
    return Image.fromarray(array)


def _comma(settings: Any) -> str:
    """What is wrong with {free_fraction: 0,2}, in which a comma begins another entry."""
    if not isinstance(settings, Mapping) or not any(isinstance(k, int) and v is None for k, v in settings.items()):
        return ""
    return "; inside {…} a comma ends a value: write numbers with a point, as 0.2"
