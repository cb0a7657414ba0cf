"""Files for other programs: STL and 3MF for printers, OBJ and GLB for modellers, in real units and with closed solids.

All four are placed alike: a `Placement` scales, sets down and centres what the files hold in the end. STL and 3MF are
in millimetres with z up and the front towards -y. OBJ (millimetres) and GLB (metres) have y up and the front towards
+z. Equal input gives equal bytes, and each file appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ...errors import InputError, nearest
from ...meshes.mesh import Mesh
from ...scene import unique_slugs
from .content import Content, Written, by_place, fewer, one_solid, welded
from .glb import write_glb
from .obj import write_obj
from .placing import HEIGHT, ORIGINS, UNITS, Parts, Placement, length, placement, require_placing
from .stl import write_stl
from .threemf import write_3mf

__all__ = [
    "FORMATS", "HEIGHT", "ORIGINS", "UNITS", "Parts", "Placement", "Written", "export", "length", "placement",
    "read_formats",
]  # fmt: skip

Writer = Callable[[Path, Content, Placement], Written]
_WRITERS: dict[str, Writer] = {"stl": write_stl, "3mf": write_3mf, "obj": write_obj, "glb": write_glb}
FORMATS = tuple(_WRITERS)


def read_formats(text: str) -> list[str]:
    """ "stl,3mf" -> names of formats, each once."""
    names = list(dict.fromkeys(word.strip().lower().lstrip(".") for word in text.split(",") if word.strip()))
    for name in names:
        if name not in FORMATS:
            raise InputError(f"no format {name!r}{nearest(name, FORMATS)}; known are {', '.join(FORMATS)}")
    if not names:
        raise InputError(f"name a format: {', '.join(FORMATS)}")
    return names


def export(
    parts: Parts,
    folder: Path,
    formats: list[str],
    name: str = "scene",
    height: float = HEIGHT,
    ground: bool = True,
    origin: str = "center",
    faces: int | None = None,
    separate: bool = False,
    title: str = "",
    open_too: bool = False,
) -> list[Written]:
    """Writes the whole, or with `separate` every part by itself, in each of the formats.

    `faces` is about the number of triangles of the whole, which is `height` millimetres tall with those that are left.
    With `open_too` parts may be open, as models made by others often are: an STL then holds their triangles as they
    are, if they cannot be joined to one solid. Parts keep their places: `separate` files of a format fit together.
    """
    require_placing(height, origin)
    if faces is not None and faces < 4 * len(parts):
        raise InputError(f"{faces} triangles are too few for {len(parts)} closed parts; give {4 * len(parts)} or more")
    whole = {term: welded(part) for term, part in parts.items()}
    if faces is not None and open_too:  # what is split at edges cannot be made coarser
        whole = {term: by_place(mesh, mesh.colors) for term, mesh in whole.items()}
    share = None if faces is None else faces / sum(len(mesh.faces) for mesh in whole.values())
    slugs = unique_slugs(parts)
    groups = {slugs[term]: [term] for term in parts} if separate else {name: list(parts)}
    solids = {term: fewer(mesh, share) for term, mesh in whole.items()} if set(formats) - {"stl"} else {}
    held: dict[str, dict[str, Content]] = {kind: {} for kind in formats}
    for kind in formats:
        for file, terms in groups.items():
            if kind == "stl":
                meshes = {file: one_solid([whole[term] for term in terms], share, open_too)}
                shown: Parts = meshes
            else:
                meshes = {term: solids[term] for term in terms}
                shown = meshes if share else {term: parts[term] for term in terms}
            held[kind][file] = Content(title, tuple(terms), meshes, shown)
    places = {kind: placement(_all_meshes(files.values()), height, ground, origin) for kind, files in held.items()}
    return [
        _WRITERS[kind](folder / f"{file}.{kind}", held[kind][file], places[kind]) for file in groups for kind in formats
    ]


def _all_meshes(files: Iterable[Content]) -> dict[str, Mesh]:
    """The meshes of several files, by numbers."""
    return {str(i): mesh for i, mesh in enumerate(mesh for one in files for mesh in one.meshes.values())}
