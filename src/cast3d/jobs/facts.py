"""What is to be told of a job's run, read from its folder without torch: hints, parts, the layout's start."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..meshes.chunks import head_of
from ..result.palette import BASE, COLORS
from ..scene import unique_slugs


@dataclass(frozen=True)
class FoundHints:
    """`grids` [N, 64, 64, 64] bool, h_i of `terms`; the layout is all of them together."""

    terms: list[str]
    grids: np.ndarray
    painted: bool  # whether a person had a hand in it


def hints_of(folder: Path) -> FoundHints | None:
    """The hints that a run works with; None where it has none yet."""
    placed = ["04-placed_hints"] if _head(folder, "01-reading").get("absent") else []  # else it is of an earlier layout
    for name in ("04-painted_hints", *placed, "04-places", "04-hints"):
        stage = folder / "stages" / name
        try:
            from safetensors.numpy import load

            head = json.loads((stage / "stage.json").read_text(encoding="utf-8"))
            grids = load((stage / "tensors.safetensors").read_bytes())["grids"]
            return FoundHints(list(head["meta"]["terms"]), grids.astype(bool), name == "04-painted_hints")
        except (OSError, ValueError, KeyError):
            continue
    return None


def start_of(folder: Path) -> tuple[list[int], int | None]:
    """The start levels that a run tries, and the one that its layout has."""
    try:
        info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        start = int(_head(folder, "01-reading")["start"])
        return [int(level) for level in info["settings"]["layout_starts"]], start
    except (OSError, ValueError, KeyError, TypeError):
        return [], None


def candidates_of(folder: Path, slug: str, chosen: int | None) -> list[dict[str, Any]]:
    """What a part could be: number, how it was made, score, picture, and whether it was taken. Empty for the base."""
    name = f"05-part_candidates-{slug}"
    head = _head(folder, name)
    labels, best = head.get("labels", []), head.get("best", 0)
    taken = best if chosen is None else chosen
    return [
        {
            "index": i,
            "label": label,
            "score": head["outline"][i],
            "file": f"stages/{name}/previews/{i}-{label}{'-best' * (i == best)}.png",
            "chosen": i == taken,
        }
        for i, label in enumerate(labels)
    ]


def _head(folder: Path, stage: str) -> dict[str, Any]:
    """The plain data of a stage's result; empty where there is none."""
    try:
        meta = json.loads((folder / "stages" / stage / "stage.json").read_text(encoding="utf-8"))["meta"]
        return meta if isinstance(meta, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def colors_of(terms: list[str], main: str) -> dict[str, str]:
    """A colour per term, as in the pictures of the stages."""
    others = [term for term in terms if term != main]
    return {term: BASE if term == main else COLORS[others.index(term) % len(COLORS)] for term in terms}


def parts_of(folder: Path) -> list[dict[str, Any]]:
    """The parts of a finished run: file, triangles, size in world units (x, y, z), whether they are solid."""
    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    terms = list(info.get("terms") or info.get("meshes", {}))
    main = info.get("main") or (terms[0] if terms else "")
    colors, slugs, meshes = colors_of(terms, main), unique_slugs(terms), info.get("meshes", {})
    choices = info.get("choices", {})
    return [
        {
            "term": term,
            "slug": slugs[term],
            "base": term == main,
            "color": colors[term],
            "file": meshes[term]["file"],
            "triangles": meshes[term]["triangles"],
            "solid": bool(meshes[term]["watertight"]),
            "size": size_of_glb(folder / meshes[term]["file"]),
            "candidates": candidates_of(folder, slugs[term], choices.get(term)),
        }
        for term in terms
        if term in meshes
    ]


def size_of_glb(path: Path) -> list[float] | None:
    """Width, depth and height of a GLB of ours in world units: glTF's y is up, its z the front."""
    try:
        document = json.loads(head_of(path))
        corners = [
            document["accessors"][primitive["attributes"]["POSITION"]]
            for mesh in document["meshes"]
            for primitive in mesh["primitives"]
        ]
        low = np.min([one["min"] for one in corners], axis=0)
        high = np.max([one["max"] for one in corners], axis=0)
        x, z, y = (round(float(side), 5) for side in high - low)
        return [x, y, z]
    except (InputError, OSError, ValueError, KeyError, IndexError):
        return None
