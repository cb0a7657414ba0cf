"""scene.yaml: a scene as a file.

    prompt: a figure wearing a baseball cap and a backpack
    main: figure                      # default: what carries the others in the sentence
    assets:                           # or a list of {term: ..., image: ...}
      figure: figure.png
      baseball cap: [cap-front.png, cap-side.png]     # several views
      backpack: backpack.png
    seed: 0                           # seed, backbone and settings may be left out
    backbone: bricks
    settings: {}

Paths are relative to the file's folder; a leading `~` is the home folder. The file is text in UTF-8 or UTF-16.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError, nearest
from ..files import local_path, printable
from .scene import Asset, Scene

_KEYS = ("prompt", "main", "assets", "seed", "backbone", "settings")
_MAX_BYTES = 1 << 20


def read_scene(path: str | Path) -> Scene:
    """The scene of a YAML file; every complaint names the file."""
    try:
        path = local_path(path, "the scene file")
        return _scene(_load(path), path.parent)
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from error


def scene_text(scene: Scene, images: Mapping[str, list[str]]) -> str:
    """A scene as such a file, its pictures at `images[term]`, relative to the file's folder."""
    content = {
        "prompt": scene.prompt,
        "main": scene.main,
        "assets": {term: images[term] for term in scene.terms},
        "seed": scene.seed,
        "backbone": scene.backbone,
        "settings": dict(scene.settings),
    }
    try:
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    except yaml.YAMLError as error:
        raise InputError(f"settings hold a value that is not plain data: {error}") from error


class _Loader(yaml.SafeLoader):
    """The safe loader, which would let the last of two equal keys win, made to refuse them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((name for index, name in enumerate(names) if name in names[:index]), None):
            raise InputError(f"the key {twice!r} stands there twice (line {node.start_mark.line + 1} and after)")
        return super().construct_mapping(node, deep)


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("a scene file of more than 1 MB is not read")
        content = yaml.load(_text(path.read_bytes()), Loader=_Loader)
    except FileNotFoundError:
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        hint = nearest(path.name, [entry.name for entry in siblings])
        raise InputError(f"there is no such scene file{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text: {error}; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError("a scene file holds the keys 'prompt' and 'assets'")
    return content


def _text(data: bytes) -> str:
    """UTF-8, or UTF-16 as editors and shells on Windows write it, with a byte order mark or without."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    if data[:64].count(0) >= 4:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le")
    return data.decode("utf-8-sig")


def _scene(content: dict[str, Any], folder: Path) -> Scene:
    _check_keys(content, _KEYS, "a scene")
    for key in ("prompt", "assets"):
        if content.get(key) in (None, "", [], {}):
            raise InputError(f"the key {key!r} is missing or empty")
    rest = {key: content[key] for key in ("seed", "backbone", "settings") if content.get(key) is not None}
    main = content.get("main")
    if main is not None and not isinstance(main, str):
        raise InputError(
            f"'main' is one of the terms, not {main!r}; in YAML put words such as yes, no and on in quotes"
        )
    return Scene(content["prompt"], _assets(content["assets"], folder), main=main or "", **rest)


def _assets(given: Any, folder: Path) -> tuple[Asset, ...]:
    if isinstance(given, dict):
        pairs = list(given.items())
    elif isinstance(given, list):
        pairs = [_pair(entry) for entry in given]
    else:
        raise InputError("'assets' is a mapping {term: picture} or a list of {term, image}")
    return tuple(Asset(term, _images(term, pictures, folder)) for term, pictures in pairs)


def _pair(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, dict):
        raise InputError(f"each entry of the list 'assets' is a mapping {{term, image}}, not {entry!r}")
    _check_keys(entry, ("term", "image"), "an asset")
    return entry.get("term", ""), entry.get("image")


def _images(term: Any, pictures: Any, folder: Path) -> tuple[Path, ...]:
    listed = pictures if isinstance(pictures, list) else [pictures]
    for picture in listed:
        if not isinstance(picture, str) or not picture.strip():
            raise InputError(f"the picture of {term!r} is a path or a list of paths, not {picture!r}")
    return tuple(folder / local_path(picture, f"the picture of {term!r}") for picture in listed)


def _check_keys(content: dict[Any, Any], known: tuple[str, ...], what: str) -> None:
    for key in content:
        if key not in known:
            raise InputError(f"unknown key {key!r}{nearest(str(key), known)}; {what} has {', '.join(known)}")
