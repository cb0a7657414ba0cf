"""Runs stages: each computed once, kept in the run folder if there is one, found again by its fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from .plain_data import canonical, digest
from .runs import RunFolder, StageData, stage_fingerprint

T = TypeVar("T")
Progress = Callable[[str, int, int], None]


@dataclass
class Staging:
    """Where stage results go and what they depend on. Without a folder everything is just computed."""

    run: RunFolder | None = None
    progress: Progress | None = None
    device: torch.device | str = "cpu"  # where saved results are wanted
    contents: dict[str, str] = field(default_factory=dict)  # stage -> hash of its tensors
    reused: list[str] = field(default_factory=list)

    def stage(
        self,
        name: str,
        index: int,
        result: type[T],
        compute: Callable[[Callable[[int, int], None]], T],
        depends: Mapping[str, Any],
        after: tuple[str, ...] = (),
        previews: Callable[[T], Mapping[str, Image.Image]] = lambda _: {},
    ) -> T:
        """The result of `compute(on_step)`, or the saved one if all it depends on is unchanged.

        `depends` is plain data (settings, seeds, hashes); `after` names earlier stages whose results it used.
        """
        inputs = {earlier: self.contents[earlier] for earlier in after}
        fingerprint = stage_fingerprint(name, depends, inputs)
        if self.run and (saved := self.run.load_stage(name, fingerprint)):
            self.reused.append(name)
            self._note(name, saved)
            self.tell(name, 1, 1)
            tensors = {key: tensor.to(self.device) for key, tensor in saved.tensors.items()}
            return unpack(result, tensors, saved.meta)
        self.tell(name, 0, 1)
        with self.run.timed(name) if self.run else nullcontext(), torch.no_grad():
            value = compute(lambda done, total: self.tell(name, done, total))
        tensors, meta = pack(value)
        if self.run:
            with torch.no_grad():
                pictures = previews(value)
            self._note(name, self.run.save_stage(name, index, tensors, meta, pictures, fingerprint))
        else:
            self.contents[name] = digest(canonical({"inputs": inputs, "depends": depends}))
        self.tell(name, 1, 1)
        return value

    def _note(self, name: str, saved: StageData) -> None:
        self.contents[name] = saved.content

    def tell(self, name: str, done: int, total: int) -> None:
        """Calls back, if anyone wants to know."""
        if self.progress:
            self.progress(name, done, total)


def pack(value: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A dataclass of tensors and plain data as (tensors, rest)."""
    items = {f.name: getattr(value, f.name) for f in fields(value)}
    tensors = {name: item.detach().cpu().contiguous() for name, item in items.items() if isinstance(item, Tensor)}
    return tensors, {name: item for name, item in items.items() if name not in tensors}


def unpack(kind: type[T], tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> T:
    """Inverse of `pack`; lists come back as tuples."""
    rest = {name: tuple(item) if isinstance(item, list) else item for name, item in meta.items()}
    return kind(**tensors, **rest)
