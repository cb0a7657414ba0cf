"""Scenes of a batch: a folder of scene files, a list of them, JSON lines, or a table of prompts and pictures.

    folder/        every *.yaml in it, and every */scene.yaml
    scenes.txt     a scene file per line
    scenes.jsonl   {"id"?, "prompt", "assets": {term: picture or pictures}, "main"?, "seed"?, "settings"?} per line
    scenes.csv     columns prompt, assets ("cap=cap.png; horse=horse.png|side.png"), and id, main, seed if wanted

Paths are relative to the file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..files import local_path, printable
from ..scene import Scene, read_scene, slug

KEYS = ("id", "prompt", "assets", "main", "seed", "settings")
COLUMNS = ("id", "prompt", "assets", "main", "seed")
MOST = 1_000_000


@dataclass(frozen=True)
class Entry:
    """One scene of a batch; `id` is the name of its folder in the output."""

    id: str
    scene: Scene


def read_scenes(path: str | Path) -> list[Entry]:
    """Raises InputError, naming the file and the line, for a scene that cannot be read: before anything runs."""
    path = local_path(path, "the scenes")
    if path.is_dir():
        found = _folder(path)
    elif path.suffix.lower() in (".yaml", ".yml"):
        found = [(path.parent.name if path.stem == "scene" else path.stem, read_scene(path))]
    elif path.suffix.lower() in _READERS:
        try:
            found = list(_READERS[path.suffix.lower()](path))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(
                f"{printable(path)} cannot be read: {getattr(error, 'strerror', None) or error}"
            ) from error
    else:
        raise InputError(f"{printable(path)} is no folder and none of {', '.join(_READERS)}; see cast3d batch --help")
    if not found:
        raise InputError(f"{printable(path)} holds no scenes")
    return _named(found)


def _named(found: list[tuple[str, Scene]]) -> list[Entry]:
    """Ids that are file names, each once."""
    entries: list[Entry] = []
    used: set[str] = set()
    for name, scene in found:
        base = slug(name)
        id, number = base, 2
        while id in used:
            id, number = f"{base}-{number}", number + 1
        used.add(id)
        entries.append(Entry(id, scene))
    return entries


def sliced(entries: list[Entry], text: str) -> list[Entry]:
    """Slice "i/n", i from 1 to n: every n-th scene from the i-th on, so that each slice has its share of all kinds."""
    number, slash, count = text.partition("/")
    if not (slash and number.strip().isdecimal() and count.strip().isdecimal()):
        raise InputError(f"a slice is i/n, such as 1/8, not {text!r}")
    first, step = int(number), int(count)
    if not 1 <= first <= step:
        raise InputError(f"slices of {step} are 1/{step} to {step}/{step}; in Slurm: --array=1-{step}")
    return entries[first - 1 :: step]


def _folder(path: Path) -> list[tuple[str, Scene]]:
    files = [*path.glob("*.yaml"), *path.glob("*.yml"), *path.glob("*/scene.yaml")]
    return [(one.parent.name if one.name == "scene.yaml" and one.parent != path else one.stem, read_scene(one))
            for one in sorted(files)]  # fmt: skip


def _list(path: Path) -> Iterator[tuple[str, Scene]]:
    for number, line in _lines(path):
        file = path.parent / local_path(line, f"{path.name}, line {number}")
        yield (file.parent.name if file.name == "scene.yaml" else file.stem), read_scene(file)


def _json_lines(path: Path) -> Iterator[tuple[str, Scene]]:
    for number, line in _lines(path):
        where = f"{printable(path)}, line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: no JSON: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{where}: a scene is an object with prompt and assets")
        yield _scene(content, KEYS, path.parent, where)


def _table(path: Path) -> Iterator[tuple[str, Scene]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            where = f"{printable(path)}, line {rows.line_num}"
            content: dict[str, Any] = {key.strip().lower(): value for key, value in row.items() if key and value}
            if None in row:
                raise InputError(f"{where}: it has more cells than the head; put texts with commas in quotes")
            content["assets"] = _assets(content.get("assets", ""), where)
            if "seed" in content:
                if not content["seed"].strip().isdecimal():
                    raise InputError(f"{where}: the seed is a whole number, not {content['seed']!r}")
                content["seed"] = int(content["seed"])
            yield _scene(content, COLUMNS, path.parent, where)


def _assets(text: str, where: str) -> dict[str, list[str]]:
    """ "cap=cap.png; horse=front.png|side.png"."""
    assets: dict[str, list[str]] = {}
    for pair in filter(None, map(str.strip, text.split(";"))):
        term, equals, pictures = pair.partition("=")
        if not (equals and term.strip() and pictures.strip()):
            raise InputError(f"{where}: assets are term=picture; term=picture, not {pair!r}")
        assets[term.strip()] = [one.strip() for one in pictures.split("|")]
    return assets


def _scene(content: Mapping[str, Any], known: tuple[str, ...], folder: Path, where: str) -> tuple[str, Scene]:
    for key in content:
        if key not in known:
            raise InputError(f"{where}: unknown {key!r}{nearest(str(key), known)}; known are {', '.join(known)}")
    assets = content.get("assets")
    if not isinstance(assets, dict) or not assets:
        raise InputError(f"{where}: it names no pictures")
    try:
        pictures = {
            term: [folder / local_path(one, f"the picture of {term!r}") for one in _strings(term, given)]
            for term, given in assets.items()
        }
        rest = {key: content[key] for key in ("seed", "settings") if content.get(key) is not None}
        scene = Scene.make(content.get("prompt", ""), pictures, main=content.get("main"), **rest)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return str(content.get("id") or scene.prompt), scene


def _strings(term: str, given: Any) -> list[str]:
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(isinstance(one, str) and one.strip() for one in listed):
        raise InputError(f"the picture of {term!r} is a path or a list of paths, not {given!r}")
    return listed


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if number > MOST:
                raise InputError(f"{printable(path)} has more than {MOST:,} lines")
            if line.strip() and not line.startswith("#"):
                yield number, line.strip()


_READERS = {".txt": _list, ".jsonl": _json_lines, ".csv": _table}
