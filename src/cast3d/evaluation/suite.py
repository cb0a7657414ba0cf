"""Evaluation suites: objects whose parts are known. `suites/` holds two; `training.bricks.suite` renders more.

suite.json is a list of cases:

    id, prompt, main     as in a scene
    assets               [{term, image}], paths relative to the folder
    truth                {term: npz with bool [64, 64, 64] `voxels` (the part alone, outer shell, composite frame) and
                         `visible` (what of it the composite shows)}
    unseen, views        optional: terms whose part was never trained; true pictures [{image, yaw, pitch}]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, nearest
from ..run.plain_data import digest
from ..scene import Scene


@dataclass(frozen=True)
class Truth:
    """Where a part is."""

    voxels: Tensor  # [64, 64, 64] bool, outer shell of the part alone
    visible: Tensor  # [64, 64, 64] bool, what the composite shows of it


@dataclass(frozen=True)
class View:
    """A true picture of the composite; degrees, counted as `cast3d.splats.orbit` counts."""

    image: Path
    yaw: float
    pitch: float


@dataclass(frozen=True)
class Case:
    """One object to compose. Methods get `scene` and nothing else; oracles, named so, also get `views`."""

    id: str
    prompt: str
    main: str
    images: Mapping[str, Path]  # by term, in the order of the assets
    files: Mapping[str, Path]  # truth by term
    unseen: tuple[str, ...] = ()
    views: tuple[View, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        return tuple(self.images)

    @property
    def accessories(self) -> tuple[str, ...]:
        return tuple(term for term in self.terms if term != self.main)

    def scene(self, seed: int) -> Scene:
        """The input of a method."""
        return Scene.make(self.prompt, dict(self.images), main=self.main, seed=seed)

    @cached_property
    def truth(self) -> dict[str, Truth]:
        return {term: _read_truth(path) for term, path in self.files.items()}

    @cached_property
    def digest(self) -> str:
        """Hash of all that the case consists of."""
        files = [*self.images.values(), *self.files.values(), *(view.image for view in self.views)]
        told = [self.id, self.prompt, self.main, *self.terms, "unseen", *self.unseen]
        told += [f"{view.yaw} {view.pitch}" for view in self.views]
        return digest("\n".join([*told, *(digest(file.read_bytes()) for file in files)]))


def load_suite(folder: str | Path, only: Sequence[str] = ()) -> list[Case]:
    """The cases of a suite, or those named in `only`, in the suite's order."""
    folder = Path(folder)
    path = folder / "suite.json" if folder.is_dir() else folder
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        cases = [_case(row, path.parent) for row in rows]
    except FileNotFoundError as error:
        raise InputError(f"{folder} is no suite: there is no {path}; try suites/bricks-dev") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a list of cases ({type(error).__name__}: {error})") from error
    known = [case.id for case in cases]
    if len(set(known)) < len(known):
        raise InputError(f"{path} has two cases with one id; ids are unique")
    for name in only:
        if name not in known:
            raise InputError(f"no case {name!r} in {path}{nearest(name, known)}; cases: {', '.join(known)}")
    return [case for case in cases if not only or case.id in only]


def _case(row: Mapping, folder: Path) -> Case:
    images = {asset["term"]: _inside(folder, asset["image"]) for asset in row["assets"]}
    files = {term: _inside(folder, path) for term, path in row["truth"].items()}
    if row["main"] not in images or set(files) != set(images):
        raise ValueError(f"case {row['id']!r}: main and truth must name the terms of the assets, {list(images)}")
    files = {term: files[term] for term in images}  # metrics of pairs go by the order of the terms
    if not row["id"] or set(row["id"]) & set("/\\") or row["id"].startswith("."):
        raise ValueError(f"the id {row['id']!r} is not a plain name")
    views = tuple(View(_inside(folder, v["image"]), float(v["yaw"]), float(v["pitch"])) for v in row.get("views", ()))
    return Case(row["id"], row["prompt"], row["main"], images, files, tuple(row.get("unseen", ())), views)


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} lies outside {folder}")
    return path


def _read_truth(path: Path) -> Truth:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            voxels, visible = (torch.from_numpy(arrays[name].astype(bool)) for name in ("voxels", "visible"))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} holds no truth ({type(error).__name__}: {error})") from error
    if voxels.shape != (64, 64, 64) or visible.shape != voxels.shape:
        raise InputError(f"{path}: grids of {list(voxels.shape)} and {list(visible.shape)}; truth is on 64^3 voxels")
    return Truth(voxels, visible)
