"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError, nearest
from ...run.plain_data import digest
from ..bench import Bench
from ..outcome import Outcome
from . import cast3d, customise, hinted, nano3d, qwen, truth, uplift, voxhammer
from .folder import outcome_of_folder

Check = Callable[[], None]


@dataclass(frozen=True)
class Method:
    """`run` makes an outcome; `check` raises InputError where it cannot run at all.

    A foreign method works in a frame of its own and may lack cases; `stamp` tells whether its results have changed.
    `compares` says that a case's outcome depends on the other cases of the suite too. `settings` are those it was named
    with, for checking them before any work.
    """

    name: str
    run: Callable[[Bench], Outcome]
    about: str
    check: Check = lambda: None
    foreign: bool = False
    stamp: Callable[[], str] = lambda: ""
    compares: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> dict[str, Any]:
        """What `run` is given beside the bench, as plain data."""
        return {name: _plain(value) for name, value in getattr(self.run, "keywords", {}).items()}


def _plain(value: Any) -> Any:
    """Functions and paths by their names."""
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return str(value) if isinstance(value, Path) else value


def _methods() -> list[Method]:
    ours, editor = cast3d.cast3d, cast3d.edited_layout
    without_stm = partial(cast3d.without_stm, refine=False, layout_starts=(1,))  # the refinement is STM too
    made = [
        Method("cast3d", ours, "the method with the backbone's defaults"),
        Method("cast3d-static", partial(ours, layout_generator="static"), "layout with G_stc"),
        Method("cast3d-trajectory", partial(ours, layout_generator="trajectory"), "layout with G_trj"),
        Method("no-stm", without_stm, "layout from the sentence alone, parts from their pictures alone"),
        Method("no-pruning", partial(ours, prune=False, crumbs=0.0), "nothing is pruned"),
        Method("no-refine", partial(ours, refine=False), "the coarse composition as it is"),
        Method("no-override", partial(ours, free_fraction=1.0), "appearance from the sentence alone"),
        Method("utc", uplift.utc, "Uplift-then-Compose, sharing our hints"),
        Method("utc-free", uplift.utc_free, "Uplift-then-Compose, placed by the words of the sentence"),
        Method("ctg", customise.pasted, "Customize-then-Generate, one pasted view"),
        Method("ctg-multi", customise.pasted_views, "Customize-then-Generate, three pasted views"),
        Method("ctg-oracle", customise.oracle, "Customize-then-Generate, one true view (upper bound)"),
        Method("ctg-oracle-multi", customise.oracle_views, "Customize-then-Generate, true views (upper bound)"),
        Method("ctg-qwen", qwen.composed_by_qwen, "one view by Qwen-Image-Edit", qwen.available),
        Method("ctg-qwen-multi", qwen.views_by_qwen, "three views by Qwen-Image-Edit", qwen.available),
        Method("nano3d", nano3d.nano3d, "Nano3D with the pasted view"),
        Method("nano3d-oracle", nano3d.nano3d_oracle, "Nano3D with a true view (upper bound)"),
        Method("voxhammer", voxhammer.voxhammer, "VoxHammer with the pasted view, sharing our hints"),
        Method("voxhammer-oracle", voxhammer.voxhammer_oracle, "VoxHammer with a true view (upper bound)"),
    ]
    for name in ("sdedit", "ode-inversion", "rf-inversion", "flowedit", "flowedit-own", "flowalign"):
        made.append(Method(f"layout-{name}", partial(editor, editor=name), f"layout by {name} in place of STM"))
    made.append(Method("truth", truth.truth, "the true parts, grey (a ceiling for shape and outlines, no method)"))
    for name in ("true", "shifted", "blurred", "swapped", "existing"):
        run = partial(hinted.hinted, perturb=getattr(hinted, name))
        about = f"second stage on {name} hints (a measurement, no method)"
        made.append(Method(f"hints-{name}", run, about, compares=name == "existing"))
    return made


METHODS: dict[str, Method] = {method.name: method for method in _methods()}
FOLDER = "folder:"
WITH = "+"


def find(name: str) -> Method:
    """A method by its name, `cast3d+SETTING=VALUE+...`, or `folder:PATH` for results of another system."""
    if name.startswith(FOLDER):
        path = Path(name.removeprefix(FOLDER))
        run, check = partial(outcome_of_folder, folder=path), partial(_require, path)
        return Method(name, run, f"results in {path}", check, foreign=True, stamp=partial(_stamp, path))
    plain, *changes = name.split(WITH)
    if plain not in METHODS:
        known = ", ".join((*METHODS, "cast3d+SETTING=VALUE", "folder:PATH"))
        raise InputError(f"no method {plain!r}{nearest(plain, METHODS)}; known: {known}")
    return _changed(name, METHODS[plain], changes) if changes else METHODS[plain]


def _changed(name: str, method: Method, changes: list[str]) -> Method:
    """The method under other settings, so that one evaluation compares settings case by case."""
    if method.name != "cast3d":
        raise InputError(f"{name!r}: settings can be changed for cast3d alone, not for {method.name}")
    pairs = [change.partition("=") for change in changes]
    if not all(setting and value for setting, _, value in pairs):
        raise InputError(f"{name!r}: after cast3d comes +SETTING=VALUE, as often as needed")
    settings = {setting.strip(): value.strip() for setting, _, value in pairs}
    return Method(name, partial(method.run, **settings), f"with {' and '.join(changes)}", settings=settings)


def _require(path: Path) -> None:
    if not path.is_dir():
        raise InputError(f"{path} is no folder; folder:PATH holds <case>.glb or <case>/<seed>.glb")


def _stamp(path: Path) -> str:
    """Names, sizes and times of the models."""
    files = sorted(path.rglob("*.glb"))
    return digest("\n".join(f"{f.relative_to(path)} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files))
