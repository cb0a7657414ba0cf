"""The methods of editing by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from ...composition import edit
from ...errors import InputError, nearest
from ...result.edited import EditedResult
from ...result.making import edited_result
from ...scene.change import EXACT, RECOMPOSE
from . import rivals
from .bench import FORMS, EditBench, Made

WITH = "+"
SUFFIXES = {"named": "", "unnamed": "-text", "splat": "-splat"}  # of methods' names, by the form of the model


@dataclass(frozen=True)
class EditMethod:
    """`run(bench, out)` writes the result below the folder `out`; the bench has the model in the method's `form`."""

    name: str
    run: Callable[[EditBench, Path], Made]
    about: str
    form: str = "named"
    oracle: bool = False  # it sees some of the truth
    exact: bool = False  # it promises that nothing changes outside

    @property
    def own(self) -> dict[str, Any]:
        """What `run` is given beside the bench, as plain data."""
        keywords: dict[str, Any] = getattr(self.run, "keywords", {})
        return {name: value.__name__ if callable(value) else value for name, value in keywords.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """Those it was named with, for checking them before any work."""
        return dict(self.own.get("settings", {}))


def ours(bench: EditBench, out: Path, keep: str, oracle: bool = False, settings: dict[str, Any] | None = None) -> Made:
    """`Composer.edit`; an `oracle` is told the true region."""
    scene = bench.scene.changed(keep=keep)
    run = bench.staging(bench.kit(settings, oracle))
    result = edited_result(run, scene, edit(run, scene.change))
    assert isinstance(result, EditedResult)
    result.save(out, run.kit.settings.plain())
    splat = out / "scene.ply" if bench.form == "splat" else None
    region = result.regions.union.cpu() if result.regions and result.regions.parts else None
    return Made(out / "scene.glb", region, splat=splat, notes=tuple(result.warnings))


RIVALS = {
    "voxhammer": (rivals.voxhammer, "VoxHammer in the region that ours finds, with the pasted view"),
    "nano3d": (rivals.nano3d, "Nano3D with the pasted view"),
    "sdedit": (rivals.sdedit, "SDEdit in the region that ours finds, with the pasted view"),
    "flowedit": (rivals.flowedit, "FlowEdit in the region that ours finds, with the pasted view"),
    "regenerate": (rivals.regenerate, "the pasted view to 3D as a whole"),
}


def _methods() -> list[EditMethod]:
    made = []
    for form, suffix in SUFFIXES.items():
        told = f"; {FORMS[form]}"
        exact = partial(ours, keep=EXACT)
        made += [
            EditMethod(f"cast3d{suffix}", exact, f"all but the parts as it was{told}", form, exact=True),
            EditMethod(
                f"cast3d-recompose{suffix}", partial(ours, keep=RECOMPOSE), f"the paper's: all from latents{told}", form
            ),
        ]
        for name, (function, about) in RIVALS.items():
            run = partial(rivals.rival, method=function)
            made.append(EditMethod(f"{name}{suffix}", run, f"{about}{told}", form))
            told_view = f"{about.replace('the pasted view', 'a true view')} (upper bound){told}"
            if name in ("voxhammer", "nano3d", "regenerate"):
                seeing = partial(run, oracle_view=True)
                made.append(EditMethod(f"{name}-oracle-view{suffix}", seeing, told_view, form, oracle=True))
        if form != "named":  # there the names tell the region
            knowing = partial(ours, keep=EXACT, oracle=True)
            about = f"ours, told the true region of the part that goes (upper bound){told}"
            made.append(EditMethod(f"cast3d-oracle-region{suffix}", knowing, about, form, oracle=True, exact=True))
    return made


METHODS = {method.name: method for method in _methods()}


def find(name: str) -> EditMethod:
    """A method by its name, or one of ours under other settings: `cast3d-text+SETTING=VALUE+...`."""
    plain, *changes = name.split(WITH)
    if plain not in METHODS:
        raise InputError(f"no method of editing {plain!r}{nearest(plain, METHODS)}; known: {', '.join(METHODS)}")
    method = METHODS[plain]
    if not changes:
        return method
    pairs = [change.partition("=") for change in changes]
    if not plain.startswith("cast3d") or not all(setting and value for setting, _, value in pairs):
        raise InputError(f"{name!r}: after a method of ours comes +SETTING=VALUE, as often as needed; rivals take none")
    settings = {setting.strip(): value.strip() for setting, _, value in pairs}
    run = partial(cast(partial[Made], method.run), settings=settings)
    return replace(method, name=name, run=run, about=f"with {' and '.join(changes)}")
