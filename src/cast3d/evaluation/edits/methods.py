"""The methods of editing by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...composer import Composer
from ...errors import InputError, nearest
from ...result.edited import EditedResult
from .measure import Seen
from .suite import EditCase

Run = Callable[[Composer, EditCase, Path, int, Path], tuple[Path, Seen | None]]


@dataclass(frozen=True)
class EditMethod:
    """`run(composer, case, folder of sources, seed, out)` returns the result's file and where it saw the old part."""

    name: str
    run: Run
    about: str


def sources(case: EditCase, folder: Path) -> dict[str, Path]:
    """The case's model as files, written once: "named", "unnamed" and "splat"."""
    written = {
        "named": (folder / f"{case.id}-named.glb", case.write_named),
        "unnamed": (folder / f"{case.id}-unnamed.glb", case.write_unnamed),
        "splat": (folder / f"{case.id}-splat.ply", case.write_splat),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, write in written.values():
        if not path.exists():
            write(path)
    return {name: path for name, (path, _) in written.items()}


def ours(
    composer: Composer,
    case: EditCase,
    folder: Path,
    seed: int,
    out: Path,
    source: str,
    keep: str,
    oracle: bool = False,
    **settings: Any,
) -> tuple[Path, Seen | None]:
    """`Composer.edit`; `oracle` gives it the true region."""
    given = {case.part: case.truth["before"][case.part].visible} if oracle and case.part else None
    model = sources(case, folder)[source]
    result = composer.edit(model, seed=seed, keep=keep, regions=given, settings=settings, out=out, **case.arguments())
    return out / "scene.glb", _seen(result)


def _seen(result: EditedResult) -> Seen | None:
    regions, existing = result.regions, result.existing
    if regions is None or existing is None or not regions.parts:
        return None
    return Seen.of(regions.union, existing)


def _ours(name: str, about: str, **bound) -> EditMethod:
    return EditMethod(name, partial(ours, **bound), about)


METHODS = {
    method.name: method
    for method in (
        _ours("cast3d", "parts by the names of nodes, the rest as it is", source="named", keep="exact"),
        _ours("cast3d-text", "one mesh without names: parts by text", source="unnamed", keep="exact"),
        _ours("cast3d-splat", "a splat: parts by text", source="splat", keep="exact"),
        _ours("cast3d-recompose", "the paper's way: all from latents", source="named", keep="recompose"),
        _ours("cast3d-oracle-region", "one mesh, the true region", source="unnamed", keep="exact", oracle=True),
    )
}


def methods_named(names: Sequence[str]) -> list[EditMethod]:
    """The methods by name."""
    for name in names:
        if name not in METHODS:
            raise InputError(f"no method of editing {name!r}{nearest(name, METHODS)}; known: {', '.join(METHODS)}")
    return [METHODS[name] for name in names]
