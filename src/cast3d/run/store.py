"""Stages of a run on the disk: `<nn>-<name>/` with tensors.safetensors, stage.json and previews/*.png.

Equal stages are equal bytes: keys are sorted and nothing in these folders knows the time, the machine or the folder.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from ..errors import InputError, nearest
from ..files import atomic_folder
from .plain_data import canonical, digest, pretty

if TYPE_CHECKING:
    from torch import Tensor

TENSORS, HEAD, PREVIEWS = "tensors.safetensors", "stage.json", "previews"
_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_FOLDER = re.compile(r"(\d\d)-(.+)")

Fits = Callable[[Mapping[str, Any]], bool]  # whether a result that was made of this is the one that is wanted


@dataclass(frozen=True)
class StageData:
    """A saved stage. `content` is the hash of its tensors and plain data, which later stages note."""

    name: str
    tensors: dict[str, Tensor]
    meta: dict[str, Any]
    made_of: dict[str, Any]
    content: str


class Keeper(Protocol):
    """Whatever keeps stages: the folder of a run, or the cache of an evaluation."""

    def load_stage(self, name: str, fits: Fits) -> StageData | None:
        """The kept stage that `fits`, None where there is none."""
        ...

    def save_stage(
        self,
        name: str,
        index: int,
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, Any],
        made_of: Mapping[str, Any],
        previews: Mapping[str, Image.Image],
    ) -> StageData:
        """Keeps a stage whole or not at all; returns it as `load_stage` will."""
        ...

    def timed(self, *stages: str) -> AbstractContextManager[None]:
        """Notes what the stages cost when the block ends well."""
        ...


@dataclass(frozen=True)
class StageStore:
    """The folder of stages; it need not exist."""

    path: Path

    def save(
        self,
        name: str,
        index: int,
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, Any],
        made_of: Mapping[str, Any],
        previews: Mapping[str, Image.Image],
    ) -> StageData:
        """Writes a stage whole or not at all, in place of any older one of its name."""
        from safetensors.torch import save

        for label in (name, *previews):
            if not _NAME.fullmatch(label):
                raise InputError(f"stages and previews have names of a-z, 0-9, - and _, not {label!r}")
        if not 0 <= index <= 99:
            raise InputError(f"the index of a stage is 0 to 99, not {index}")
        plain = {key: _plain(tensors[key]) for key in sorted(tensors)}
        data = save(plain)  # without metadata, which safetensors writes in an order that varies
        head = json.loads(canonical({"name": name, "made_of": made_of, "meta": meta}))
        older = self._folders(name)
        folder = self.path / f"{index:02d}-{name}"
        with atomic_folder(folder) as temporary:
            (temporary / TENSORS).write_bytes(data)
            (temporary / HEAD).write_text(pretty(head), encoding="utf-8")
            for label, picture in previews.items():
                (temporary / PREVIEWS).mkdir(exist_ok=True)
                picture.save(temporary / PREVIEWS / f"{label}.png")
        for other in older:
            if other != folder:
                shutil.rmtree(other)
        return StageData(name, plain, head["meta"], head["made_of"], _content(data, head["meta"]))

    def load(self, name: str, fits: Fits | None = None) -> StageData | None:
        """The saved stage, or None where there is none, it is damaged, or it was made of something else.

        Tensors that someone edited are taken as they are: their new `content` makes the later stages run again.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        for folder in self._folders(name):
            try:
                head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
                if fits is None or fits(head["made_of"]):
                    data = (folder / TENSORS).read_bytes()
                    tensors = dict(sorted(load(data).items()))
                    return StageData(name, tensors, head["meta"], head["made_of"], _content(data, head["meta"]))
            except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
                continue
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The saved stages in order."""
        return tuple(match[2] for folder in self._folders() if (match := _FOLDER.fullmatch(folder.name)))

    def previews(self, name: str) -> dict[str, Path]:
        """The preview pictures of a stage by label."""
        return {file.stem: file for folder in self._folders(name) for file in sorted((folder / PREVIEWS).glob("*.png"))}

    def require(self, name: str) -> None:
        """Raises InputError where there is no such stage."""
        if name not in self.names:
            known = ", ".join(self.names) or "none"
            raise InputError(
                f"{self.path.parent} has no stage {name!r}{nearest(name, self.names)}; its stages: {known}"
            )

    def drop(self, name: str) -> None:
        """Deletes a stage, if it is there."""
        for folder in self._folders(name):
            shutil.rmtree(folder)

    def drop_from(self, name: str) -> None:
        """Deletes a stage and all after it, the last one first."""
        self.require(name)
        for folder in reversed(self._folders()[self.names.index(name) :]):
            shutil.rmtree(folder)

    def _folders(self, name: str | None = None) -> list[Path]:
        entries = sorted(self.path.iterdir()) if self.path.is_dir() else []
        matches = [(entry, _FOLDER.fullmatch(entry.name)) for entry in entries]
        return [entry for entry, match in matches if match and entry.is_dir() and name in (None, match[2])]


def _content(data: bytes, meta: Mapping[str, Any]) -> str:
    return digest(digest(data) + canonical(meta))


def _plain(tensor: Tensor) -> Tensor:
    """A contiguous copy on the CPU that shares storage with no other."""
    import torch

    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
