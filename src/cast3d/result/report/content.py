"""What a report shows, and how to gather it from a run folder."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from ...errors import InputError
from ...pictures.opening import open_picture
from ...run.store import StageStore
from ...splats import read_ply
from .packed import packed_splats


@dataclass(frozen=True)
class InputPicture:
    """A picture that went in, and what is to be said about it."""

    term: str
    image: Image.Image
    notes: tuple[str, ...] = ()
    sha256: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageShots:
    """One stage: its preview pictures by label, its costs where known."""

    name: str
    pictures: Mapping[str, Image.Image]
    seconds: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Report:
    """All that the page holds; `glb` has one node per part."""

    prompt: str
    terms: tuple[str, ...]
    glb: bytes
    inputs: tuple[InputPicture, ...] = ()
    stages: tuple[StageShots, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)  # seed, backbone, hashes, versions
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # names beside the report, linked
    meshes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of parts: triangles, volume, watertight
    splats: bytes = b""  # by `packed_splats`; of a composition
    turned: bytes = b""  # of an edit, before and after turned together, as an animated WebP


VIEW = "view.glb"  # of an edit: all in the plain form that the page draws, whatever the model's file holds
TURNED = "before-after.webp"


class Part(NamedTuple):
    """A top node of a GLB."""

    name: str
    triangles: int


def report_of_run(folder: str | Path) -> Report:
    """Gathers a finished run: run.json, scene.glb, inputs/ and the previews in stages/."""
    folder = Path(folder)
    try:
        info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        shown = folder / VIEW if (folder / VIEW).is_file() else folder / "scene.glb"
        glb = shown.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not the folder of a finished run: {error}") from error
    facts = {key: info[key] for key in ("backbone", "seeds", "models", "versions") if key in info}
    return Report(
        prompt=info.get("prompt", ""),
        terms=tuple(info.get("terms", ())),
        glb=glb,
        inputs=tuple(_inputs(folder, info)),
        stages=tuple(_stages(folder, info.get("stages", {}))),
        settings=info.get("settings", {}),
        facts=facts,
        warnings=tuple(info.get("warnings", ())),
        notes=tuple(info.get("notes", ())),
        meshes=info.get("meshes", {}),
        splats=_splats(folder),
        turned=(folder / TURNED).read_bytes() if (folder / TURNED).is_file() else b"",
        files=tuple(
            name
            for name in ("scene.glb", "scene.ply", "scene.spz", "turntable.webp", TURNED, "regions.png", "run.json")
            if (folder / name).is_file()
        ),
    )


def _splats(folder: Path) -> bytes:
    """Those of a composition; an edit's are in the frame of its model's file, which the page does not show."""
    if (folder / VIEW).is_file() or not (folder / "scene.ply").is_file():
        return b""
    return packed_splats(read_ply(folder / "scene.ply"))


def glb_parts(glb: bytes) -> list[Part]:
    """The nodes that the viewer lists: the scene's, or the children of a lone empty root."""
    try:
        (length,) = struct.unpack_from("<I", glb, 12)
        gltf = json.loads(glb[20 : 20 + length])
        nodes = gltf["scenes"][gltf.get("scene", 0)]["nodes"]
        while len(nodes) == 1 and "mesh" not in gltf["nodes"][nodes[0]] and "children" in gltf["nodes"][nodes[0]]:
            nodes = gltf["nodes"][nodes[0]]["children"]
        return [Part(gltf["nodes"][index].get("name", ""), _triangles(gltf, index)) for index in nodes]
    except (struct.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"the model is not a GLB with a scene ({type(error).__name__}: {error})") from error


def _triangles(gltf: dict[str, Any], index: int) -> int:
    node = gltf["nodes"][index]
    primitives = gltf["meshes"][node["mesh"]]["primitives"] if "mesh" in node else []
    corners = [primitive.get("indices", primitive["attributes"]["POSITION"]) for primitive in primitives]
    own = sum(gltf["accessors"][accessor]["count"] // 3 for accessor in corners)
    return own + sum(_triangles(gltf, child) for child in node.get("children", ()))


def _inputs(folder: Path, info: Mapping[str, Any]) -> list[InputPicture]:
    found = []
    for term in info.get("terms", ()):
        for entry in info.get("images", {}).get(term, ()):
            name = Path(entry["file"]).name  # run.json is only data: nothing outside inputs/ is read
            picture = open_picture(folder / "inputs" / name)
            said = tuple(entry.get("notes", ())), entry.get("sha256", ""), tuple(entry.get("warnings", ()))
            found.append(InputPicture(term, picture.rgba, *said))
    return found


def _stages(folder: Path, costs: Mapping[str, Any]) -> list[StageShots]:
    store = StageStore(folder / "stages")
    return [
        StageShots(
            name,
            {label: open_picture(file).rgba for label, file in store.previews(name).items()},
            costs.get(name, {}).get("seconds"),
            costs.get(name, {}).get("peak_bytes"),
        )
        for name in store.names
        if name in costs or store.previews(name)  # the search for a reading has neither
    ]
