"""Small works for a server that wants no torch of its own: exports, a backbone's settings."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import Cast3dError
from .slots import Tell, Work


@dataclass(frozen=True)
class Errands:
    """Starts such a worker."""

    backbone: str = "bricks"

    def __call__(self) -> Work:
        return self.do

    def do(self, task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """{"value": …} or {"error": …}."""
        works: dict[str, Callable[..., Any]] = {"settings": self.settings, "export": export}
        try:
            return {"value": works[task["do"]](**task.get("with", {}))}
        except Cast3dError as error:
            return {"error": str(error)}

    def settings(self) -> list[dict[str, Any]]:
        """Each setting with what the backbone brings."""
        from ..backbones.folder import backbone_defaults
        from ..settings import Settings

        defaults = backbone_defaults(self.backbone)
        return [_setting(f, getattr(defaults, f.name)) for f in fields(Settings)]


GROUPS = (  # the first setting of each group, in the order of `Settings`
    ("background", "Pictures"), ("structure_steps", "Sampling"), ("layout_generator", "Layout"),
    ("view_pitches", "Hints"), ("part_start", "Parts"), ("keep_hidden", "Geometry"), ("boundary_sigma", "Appearance"),
    ("mesh_faces", "Files"),
)  # fmt: skip


def _setting(f: Any, default: Any) -> dict[str, Any]:
    from ..settings import Settings

    names = [one.name for one in fields(Settings)]
    group = [title for first, title in GROUPS if names.index(first) <= names.index(f.name)][-1]
    within = f.metadata["within"]
    return {
        "name": f.name,
        "symbol": f.metadata["symbol"],
        "title": f.name.replace("_", " ").capitalize(),
        "help": f.metadata["help"],
        "default": list(default) if isinstance(default, tuple) else default,
        "minimum": within[0] if within else None,
        "maximum": within[1] if within else None,
        "choices": list(f.metadata["choices"]),
        "group": group,
    }


def export(
    run: str, out: str, to: str, faces: int | None = None, height_mm: float | None = None, part: str | None = None
) -> str:
    """Writes one format of a finished run into the folder `out`; returns the file, a zip where there are several."""
    from ..errors import InputError
    from ..existing.parts import read_parts
    from ..result import formats
    from ..scene import unique_slugs

    if to == "spz":
        from ..splats import write_spz
        from ..splats.ply import read_ply

        write_spz(Path(out) / "scene.spz", read_ply(Path(run) / "scene.ply"))
        return str(Path(out) / "scene.spz")
    made = read_parts(Path(run) / "scene.glb")
    parts = made.parts
    if part is not None:
        if part not in parts:
            raise InputError(f"the run has no part {part!r}; its parts are {', '.join(map(repr, parts))}")
        parts = {part: parts[part]}
    name = unique_slugs(parts)[part] if part else "scene"
    kinds = formats.read_formats(to)
    height = formats.HEIGHT if height_mm is None else height_mm
    formats.export(parts, Path(out), kinds, name, height, faces=faces, title=made.prompt, open_too=made.foreign)
    files = sorted(file for file in Path(out).iterdir() if file.is_file())
    if len(files) == 1:
        return str(files[0])
    packed = Path(out) / f"{name}-{kinds[0]}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return str(packed)
