"""GLB: a node per part, in metres, y up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...meshes.glb import write_glb as write_nodes
from ...meshes.texture import Textured
from ...version import __version__
from .content import Content, Written, told
from .placing import Placement


def write_glb(path: Path, content: Content, place: Placement) -> Written:
    """A node per part, in metres as glTF demands."""
    x, y, z = (value / 1000 for value in place.shift)
    metres = Placement(place.scale / 1000, (x, y, z))
    moved = {
        term: replace(part, mesh=metres(part.mesh)) if isinstance(part, Textured) else metres(part)
        for term, part in content.shown.items()
    }
    write_nodes(path, moved, {"prompt": content.title, "version": __version__})
    return told(path, "glb", content.terms, [place(mesh) for mesh in content.meshes.values()])
