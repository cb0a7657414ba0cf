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

An edit (`kind: edit`) has a model in place of a main picture:

    kind: edit
    model: dragon.glb                 # a run folder, mesh, splat or picture
    prompt: a dragon with butterfly wings
    replace: {wings: butterfly.png}   # or {old part: {new term: picture}}
    add: {hat: hat.png}
    remove: [saddle]
    main: dragon                      # default: what the prompt begins with
    keep: exact                       # or recompose; find, language_model, regions, up, front: see docs/editing.md

Paths are relative to the file's folder; a leading `~` is the home folder. The file is text in UTF-8 or UTF-16.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError, nearest
from ..files import local_path, printable
from .edits import EditScene
from .scene import Asset, Scene

_EDIT_REST = ("main", "seed", "keep", "find", "language_model", "up", "front", "backbone", "settings")
_EDIT_KEYS = ("kind", "model", "prompt", "replace", "add", "remove", "regions", *_EDIT_REST)
KINDS = ("compose", "edit")
_KEYS = ("kind", "prompt", "main", "assets", "seed", "backbone", "settings")
_MAX_BYTES = 1 << 20


def read_scene(path: str | Path) -> Scene:
    """The scene of a YAML file; every complaint names the file."""
    try:
        path = local_path(path, "the scene file")
        content = _load(path)
        if is_edit(content):
            raise InputError("it is an edit, not a composition; run it with cast3d edit")
        return _scene(content, path.parent)
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from error


def read_any(path: str | Path) -> Scene | EditScene:
    """The scene or the edit of a YAML file; every complaint names the file."""
    try:
        path = local_path(path, "the scene file")
        content = _load(path)
        if content.get("kind", "compose") not in KINDS:
            raise InputError(f"the kind is {' or '.join(KINDS)}, not {content['kind']!r}")
        return _edit(content, path.parent) if is_edit(content) else _scene(content, path.parent)
    except InputError as error:
        raise InputError(f"{printable(path)}: {error}") from error


def is_edit(content: Mapping[str, Any]) -> bool:
    """Whether a scene file is an edit: it says so, or has a model."""
    return content.get("kind") == "edit" or ("model" in content and "kind" not in content)


def edit_text(
    scene: EditScene, images: Mapping[str, list[str]], model: str, up: str, regions: Mapping[str, str]
) -> str:
    """An edit as such a file, with its model and regions at paths relative to the file's folder."""
    replaced = {part: {term: images[term]} for part, term in scene.replaced.items()}
    content = {
        "kind": "edit",
        "model": model,
        "prompt": scene.prompt,
        "main": scene.main,
        "replace": replaced,
        "add": {term: images[term] for term in scene.change.added},
        "remove": list(scene.removed),
        "keep": scene.keep,
        "regions": dict(regions),
        "find": scene.find,
        "language_model": scene.language_model,
        "up": scene.up or up,
        "front": scene.front,
        "seed": scene.seed,
        "backbone": scene.backbone,
        "settings": dict(scene.settings),
    }
    return _dumped(content)


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
    return _dumped(content)


def _dumped(content: Mapping[str, Any]) -> str:
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


def _edit(content: dict[str, Any], folder: Path) -> EditScene:
    _check_keys(content, _EDIT_KEYS, "an edit")
    if not isinstance(content.get("model"), str) or not content["model"].strip():
        raise InputError("the key 'model' is missing; it names the model that is edited")
    replace = {}
    for part, what in _named(content, "replace").items():
        renamed = isinstance(what, dict)
        pictures = {term: _images(term, one, folder) for term, one in what.items()} if renamed else None
        replace[part] = pictures if renamed else _images(part, what, folder)
    add = {term: _images(term, what, folder) for term, what in _named(content, "add").items()}
    remove = content.get("remove") or []
    if not isinstance(remove, str | list):
        raise InputError("'remove' is a list of names of parts")
    regions = {
        part: folder / local_path(what, f"the region of {part!r}") if isinstance(what, str) else what
        for part, what in _named(content, "regions").items()
    }
    rest = {key: content[key] for key in _EDIT_REST if content.get(key) is not None}
    return EditScene.make(
        folder / local_path(content["model"], "the model"), content.get("prompt") or "", replace, add, remove,
        regions=regions, **rest,
    )  # fmt: skip


def _named(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    given = content.get(key) or {}
    if not isinstance(given, dict):
        raise InputError(f"{key!r} is a mapping from names to files")
    return given


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
