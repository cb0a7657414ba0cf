"""`cast3d export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..files import expanded, printable
from .options import Json
from .output import plain_errors, print_json

if TYPE_CHECKING:
    from ..existing.parts import Parts
    from ..result.formats import Written


class Origin(StrEnum):
    """Where the files' origin lies, see `result.formats.placement`."""

    center = "center"  # type: ignore[assignment]  # hides str.center, which nobody asks an Origin for
    corner = "corner"
    scene = "scene"


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="The folder of a finished run, or a GLB.",
            callback=lambda path: expanded(path),
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="FORMATS", help="stl, 3mf, obj, glb; several with commas.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Where the files go.",
            show_default="export/ in the run's folder",
            callback=lambda path: path and expanded(path),
        ),
    ] = None,
    faces: Annotated[
        int | None, typer.Option("--faces", min=4, help="About how many triangles the whole has.", show_default="all")
    ] = None,
    height: Annotated[str, typer.Option("--height", metavar="LENGTH", help="In mm, cm, m or in, such as 80mm.")] = (
        "100mm"
    ),
    parts: Annotated[bool, typer.Option("--parts", help="A file per part, each in its place.")] = False,
    ground: Annotated[bool, typer.Option("--ground/--no-ground", help="Whether the lowest point is at 0.")] = True,
    origin: Annotated[
        Origin,
        typer.Option(
            help="center: the middle seen from above; corner: nothing is negative; scene: the middle of the run's cube."
        ),
    ] = Origin.center,
    as_json: Json = False,
) -> None:
    """Files for printers and modellers from a finished run.

    STL (one solid) and 3MF (named parts with colours) are in millimetres with z up; OBJ (millimetres) and GLB (metres)
    have y up.
    """
    with plain_errors(as_json=as_json):
        from ..result import formats

        kinds, tall = formats.read_formats(to), formats.length(height)
        file = run if run.suffix.lower() == ".glb" else run / "scene.glb"
        made = _read(file)
        written = formats.export(
            made.parts,
            out or file.parent / "export",
            kinds,
            "scene" if file.name == "scene.glb" else file.stem,
            tall,
            ground,
            origin.value,
            faces,
            parts,
            made.prompt,
            made.foreign,
        )
        _show(written, as_json)


def _read(file: Path) -> Parts:
    from ..existing.parts import read_parts

    if not file.is_file():
        if (file.parent / "run.json").is_file():
            raise InputError(f"{file.parent} has no scene.glb yet; finish it with: cast3d resume {file.parent}")
        raise InputError(f"{file} is not there; give the folder of a finished run")
    made = read_parts(file)
    for one in made.told:
        typer.echo(f"note: {printable(one)}", err=True)
    return made


def _show(written: list[Written], as_json: bool) -> None:
    if as_json:
        files = [
            {
                "file": str(one.path),
                "format": one.format,
                "parts": list(one.parts),
                "triangles": one.triangles,
                "size_mm": [round(side, 3) for side in one.size],
                "volume_mm3": None if one.volume is None else round(one.volume, 1),
                "watertight": one.closed,
            }
            for one in written
        ]
        print_json({"files": files})
        return
    for one in written:
        width, depth, height = one.size
        solid = "open: not every printer takes it" if one.volume is None else f"closed, {one.volume / 1000:.1f} cm³"
        size = f"{width:.1f} x {depth:.1f} x {height:.1f} mm"
        typer.echo(f"  {printable(one.path)}: {size}, {one.triangles:,} triangles, {solid}")
