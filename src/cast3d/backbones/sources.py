"""Where a released repository is: a folder, or a hub id at a revision; and the files that its pipeline names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import CheckpointError
from .hub import IMAGE, TEXT, download, split_revision

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")
ALIASES = {"trellis": (IMAGE, TEXT)}
KINDS = {"image_cond_model": "image", "text_cond_model": "text"}
SAMPLERS = ("sparse_structure_sampler", "slat_sampler")


@dataclass(frozen=True)
class Source:
    """One repository in the released layout."""

    place: str  # a folder, or "owner/name[@revision]"

    @property
    def folder(self) -> Path | None:
        """The folder; None for a repository on the hub."""
        path = Path(self.place)
        return None if not path.exists() and HUB_ID.fullmatch(self.place) else path

    @property
    def title(self) -> str:
        """The last part of the name, such as "TRELLIS-image-large"."""
        return (self.folder.resolve().name if self.folder else split_revision(self.place)[0]).rpartition("/")[2]

    def file(self, name: str) -> Path | None:
        """A file of the repository by its path in it, fetched if need be; None where a folder lacks it."""
        if self.folder is None:
            return download(*split_revision(self.place), name)
        path = self.folder / name
        return path if path.is_file() else None

    @cached_property
    def pipeline(self) -> dict[str, Any]:
        """The content of `pipeline.json`."""
        path = self.file("pipeline.json")
        if path is None:
            raise CheckpointError(f"{self.place} holds no pipeline.json; a backbone folder has one beside ckpts/")
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} is not readable JSON: {error}") from error
        args = config.get("args") if isinstance(config, dict) else None
        if not isinstance(args, dict) or not isinstance(args.get("models"), dict):
            raise CheckpointError(f'{path} has no "args": {{"models": ...}}')
        check_arguments(path, args)
        return config

    @property
    def args(self) -> dict[str, Any]:
        return self.pipeline["args"]

    @property
    def kind(self) -> str:
        """ "image" or "text": which conditions its flows take."""
        kinds = [kind for key, kind in KINDS.items() if key in self.args]
        if len(kinds) != 1:
            found = "both image_cond_model and" if kinds else "neither image_cond_model nor"
            raise CheckpointError(f"{self.place}/pipeline.json names {found} text_cond_model; a TRELLIS model has one")
        return kinds[0]

    def stem(self, key: str, others: Sequence[Source] = ()) -> Path:
        """The network that the pipeline calls `key`, as a path without suffix.

        A value is a path in this repository, or "owner/name/path" in another one: one of `others`, a folder beside
        this one, or on the hub, in this order.
        """
        value = self.args["models"].get(key)
        if not isinstance(value, str):
            raise CheckpointError(f"{self.place}/pipeline.json names no {key}")
        return self.locate(value, key, others)

    def locate(self, value: str, key: str, others: Sequence[Source] = ()) -> Path:
        """The files STEM.json and STEM.safetensors of `value`, see `stem`; returns STEM."""
        tried = []
        for source, name in self._readings(value, others):
            config, weights = source.file(f"{name}.json"), source.file(f"{name}.safetensors")
            if config and weights:
                return weights.with_suffix("")
            tried.append(f"{source.place}/{name}.{'safetensors' if config else 'json'}")
        raise CheckpointError(
            f"{self.place}/pipeline.json names {value!r} as {key}, but there is no {' and no '.join(tried)}"
        )

    def _readings(self, value: str, others: Sequence[Source]) -> list[tuple[Source, str]]:
        """Repositories that may hold `value`, each with the path in it."""
        path = PurePosixPath(value)
        if self.folder is None and path.parts[0] == "ckpts":
            return [(self, value)]
        readings = [(self, value)] if self.folder else []
        if "ckpts" not in path.parts or path.parts[0] == "ckpts":
            return readings
        at = path.parts.index("ckpts")
        owner, inside = path.parts[:at], str(PurePosixPath(*path.parts[at:]))
        readings += [(other, inside) for other in others if other.title == owner[-1]]
        if self.folder and (sibling := self.folder.resolve().parent / owner[-1]).is_dir():
            readings.append((Source(str(sibling)), inside))
        if self.folder is None:
            readings.append((Source("/".join(owner)), inside))
        return readings


def check_arguments(path: Path, args: dict[str, Any]) -> None:
    """Raises if an entry of pipeline.json is of the wrong kind; what it leaves out is reported where it is used."""
    for key, value in args["models"].items():
        if not isinstance(value, str) or not value:
            raise CheckpointError(f"{path}: models.{key} is a path such as 'ckpts/NAME', not {shown(value)}")
    for key in KINDS:
        if key in args and (not isinstance(args[key], str) or not args[key]):
            raise CheckpointError(
                f"{path}: {key} is a text, the name of an encoder such as 'dinov2_vitl14_reg' or "
                f"'openai/clip-vit-large-patch14', not {shown(args[key])}"
            )
    for key in SAMPLERS:
        sampler = args.get(key, {})
        if not isinstance(sampler, dict) or not isinstance(sampler.get("params", {}), dict):
            raise CheckpointError(
                f'{path}: {key} is an object with params, such as {{"params": {{"steps": 25}}}}, not {shown(sampler)}'
            )


def shown(value: Any) -> str:
    """A value as it stands in a file, shortened."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def shipped() -> Path:
    """The folder of the weights inside the package."""
    return Path(str(resources.files("cast3d") / "weights" / "bricks"))


def sources_of(name: str) -> tuple[Source, ...]:
    """The repositories of a backbone name: "bricks", "trellis", PLACE or PLACE+PLACE, each a folder or a hub id."""
    if name == "bricks":
        return (Source(str(shipped())),)
    if name in ALIASES:
        return tuple(Source(place) for place in ALIASES[name])
    places = [name] if Path(name).exists() else name.split("+")
    if len(places) > 2 or not all(places):
        raise CheckpointError(f"a backbone is one folder or hub id, or two as IMAGE+TEXT, not {name!r}")
    return tuple(Source(place) for place in places)
