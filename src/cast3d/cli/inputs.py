"""From what was typed to what the composer takes, with every check that can be made before the networks load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import expanded

if TYPE_CHECKING:
    from ..run.folder import RunFolder
    from ..scene import Scene
    from ..scene.edits import EditScene
    from ..settings import Settings

# Of these the paper says nothing: how pictures are read, and what is written.
UNSAID = ("background", "multi_image", "mesh_faces", "texture_size", "spz")


def pair(text: str, option: str, shape: str) -> tuple[str, str]:
    """`name=value` at the first equals sign."""
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise InputError(f"{option} takes {shape}, not {text!r}")
    return name.strip(), value.strip()


def read_scene(
    given: str,
    main: str | None,
    assets: Iterable[str],
    seed: int | None,
    backbone: str | None,
    settings: Mapping[str, Any],
    paper: bool = False,
) -> Scene:
    """The scene of a prompt or of a scene file. Options win over the file, except the `paper`'s settings."""
    from ..scene import Scene
    from ..scene import read_scene as scene_of_file
    from ..scene.terms import match_key

    file = Path(given) if given.lower().endswith((".yaml", ".yml")) else None
    base = scene_of_file(file) if file else None
    term, _, picture = (main or "").partition("=")
    typed: dict[str, list[str | Path]] = {}
    named = {match_key(asset.term): asset.term for asset in base.assets} if base else {}
    for name, path in [(term, picture)] * bool(picture) + [pair(text, "--asset", "TERM=PICTURE") for text in assets]:
        known = named.get(match_key(name), name.strip())  # "Cap" replaces the file's "cap"
        typed.setdefault(known, []).append(path.strip())
    pictures = {**({asset.term: list(asset.images) for asset in base.assets} if base else {}), **typed}
    if not pictures:
        raise InputError("there are no pictures; name one per thing: --main TERM=PICTURE --asset TERM=PICTURE ...")
    return Scene.make(
        base.prompt if base else given,
        pictures,
        main=term.strip() or (base.main if base else None),
        seed=seed if seed is not None else base.seed if base else 0,
        backbone=backbone_path(backbone, Path())
        or backbone_path(base.backbone if base else None, file and file.parent),
        settings={**(paper_settings() if paper else {}), **(base.settings if base else {}), **settings},
    )


def read_edit(
    given: str,
    prompt: str,
    asked: Mapping[str, Any],
    backbone: str | None,
    settings: Mapping[str, Any],
    paper: bool = False,
) -> EditScene:
    """The edit of a model, or of a scene file; options add to the file and go before it, but for the `paper`'s."""
    from ..scene.edits import EditScene
    from ..scene.files import read_any

    if not given.lower().endswith((".yaml", ".yml")):
        chosen = {**(paper_settings() if paper else {}), **settings}
        parts = {name: asked[name] for name in ("main", "keep", "up", "front", "seed", "find", "language_model")}
        return EditScene.make(
            given, prompt, read_replacements(asked["replace"]), _named(asked["add"], "--add", "TERM=PICTURE"),
            list(asked["remove"]), regions=read_regions(asked["region"]), backbone=backbone_path(backbone, Path()),
            settings=chosen, **parts,
        )  # fmt: skip
    if prompt or any(asked[name] for name in ("replace", "add", "remove", "main")):
        raise InputError(
            "a scene file says what is edited; of it the options change seed, keep, find, regions and settings"
        )
    scene = read_any(given)
    if not isinstance(scene, EditScene):
        raise InputError(f"{given} is a composition, not an edit; run it with cast3d compose")
    known = scene.settings
    return replace(
        scene,
        seed=scene.seed if asked["seed"] is None else asked["seed"],
        keep=asked["keep"] or scene.keep,
        up=asked["up"] or scene.up,
        front=scene.front if asked["front"] is None else asked["front"],
        find=asked["find"] or scene.find,
        language_model=asked["language_model"] or scene.language_model,
        regions={**scene.regions, **read_regions(asked["region"])},
        backbone=backbone_path(backbone, Path()) or backbone_path(scene.backbone, Path(given).parent),
        settings={**(paper_settings() if paper else {}), **known, **settings},
    )


def read_replacements(texts: Iterable[str]) -> dict[str, Any]:
    """{part: pictures} or {part: {term: pictures}} of PART=PICTURE and PART=TERM=PICTURE."""
    found: dict[str, Any] = {}
    for text in texts:
        part, rest = pair(text, "--replace", "PART=PICTURE or PART=TERM=PICTURE")
        term, equals, picture = rest.partition("=")
        if equals and not expanded(rest).exists():
            found.setdefault(part, {}).setdefault(term.strip(), []).append(picture.strip())
        else:
            found.setdefault(part, []).append(rest)
    return found


def read_regions(texts: Iterable[str]) -> dict[str, Any]:
    """{part: path or box} of PART=FILE and PART=x,y,z,x,y,z."""
    found: dict[str, Any] = {}
    for text in texts:
        part, what = pair(text, "--region", "PART=FILE or PART=x,y,z,x,y,z")
        numbers = what.split(",")
        try:
            found[part] = [float(one) for one in numbers] if len(numbers) == 6 else what
        except ValueError:
            found[part] = what
    return found


def _named(texts: Iterable[str], option: str, shape: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        name, path = pair(text, option, shape)
        found.setdefault(name, []).append(path)
    return found


def check_model(scene: EditScene) -> None:
    """The model and the regions can be read; a picture can, too."""
    from ..existing.frame import frame_of
    from ..existing.opening import is_picture, open_model
    from ..existing.seen import Existing
    from ..pictures.cutout import open_cut_out

    if is_picture(scene.model):
        open_cut_out(scene.model, "auto")
        return
    model = open_model(scene.model)
    scene.read_regions(Existing(model, frame_of(model, scene.up, scene.front)))


def backbone_path(name: str | None, folder: Path | None) -> str | None:
    """A backbone's name as it is, paths of backbone folders (two are joined by "+") made absolute."""
    if name is None or folder is None:
        return name
    places = [name] if (folder / name).exists() else name.split("+")
    absolute = (str((folder / expanded(place)).resolve()) for place in places)
    return "+".join(path if Path(path, "pipeline.json").is_file() else place for path, place in zip(absolute, places))


def read_settings(texts: Iterable[str], paper: bool = False) -> dict[str, Any]:
    """Settings from `--set` on top of, if wanted, the paper's."""
    typed = dict(pair(text, "--set", "NAME=VALUE") for text in texts)
    return {**(paper_settings() if paper else {}), **typed}


def paper_settings() -> dict[str, Any]:
    """What `--paper` sets: it goes before what a backbone brings, and behind a scene file and `--set`."""
    from ..settings import Settings

    return {name: value for name, value in Settings.paper().plain().items() if name not in UNSAID}


def read_loading(texts: Iterable[str], backbone: str) -> dict[str, Any]:
    """How networks are loaded, from `--with`: what was typed, and that this backbone can be loaded so."""
    from ..backbones import Loading

    typed = dict(pair(text, "--with", "NAME=VALUE") for text in texts)
    loading = Loading.read(typed)
    if is_small(backbone):
        loading.require_small(backbone, typed)
    return {name: getattr(loading, name) for name in typed}


def is_small(backbone: str) -> bool:
    """Whether it is bricks or another backbone of its kind, and no TRELLIS model; raises where it is not there."""
    from ..backbones.sources import sources_of

    return "cast3d" in sources_of(backbone)[0].pipeline


def check(
    backbone: str, settings: Mapping[str, Any], device: str, loading: Iterable[str] | None, pictures: Iterable[Any] = ()
) -> dict[str, Any]:
    """Checks all that can be wrong with a run before its networks load; returns how to load them (`read_loading`)."""
    background = check_settings(backbone, settings).background
    check_pictures(pictures, background)
    check_device(device)
    return read_loading(loading or (), backbone)


def check_pictures(pictures: Iterable[Any], background: str) -> None:
    """Raises InputError unless every picture can be read and its object can be told from the background."""
    from ..pictures.cutout import open_cut_out

    for source in pictures:
        open_cut_out(source, background)


def check_settings(backbone: str, settings: Mapping[str, Any]) -> Settings:
    """The settings as they would be used; raises where the backbone is not there or they do not fit it."""
    from ..backbones.folder import backbone_defaults

    return backbone_defaults(backbone).changed(settings)


def check_device(device: str) -> None:
    """Raises InputError unless the device exists on this machine."""
    import torch

    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise InputError(f"the device is cpu, cuda or cuda:N, not {device!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"no CUDA device can be used here, but {device!r} was given; give --device cpu (see `cast3d doctor`)"
        )
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise InputError(f"there is no device {device!r}; CUDA devices here: {count}, give --device cuda:0 or so")


@contextmanager
def run_folder(path: Path, must_exist: bool = False) -> Iterator[RunFolder]:
    """The run folder, locked. A new one is removed again if nothing was made in it."""
    from ..run.folder import RunFolder, by_system

    new = not (path / "run.json").exists()
    try:
        with RunFolder(path, must_exist) as run:
            yield run
    except BaseException:
        if (
            new
            and path.is_dir()
            and [entry.name for entry in path.iterdir() if not by_system(entry.name)] == ["run.json"]
        ):
            with suppress(OSError):
                (path / "run.json").unlink()
                path.rmdir()  # which fails, and may, where a file manager left something
        raise
