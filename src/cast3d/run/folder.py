"""The run folder: what went in, stages saved as they finish and found again by their fingerprint, results, run.json.

    out/
      inputs/               the pictures as they were read, and scene.yaml
      stages/<nn>-<name>/   see `cast3d.run.store`
      run.json              settings, seeds, hashes, versions, seconds, memory: all that differs between equal runs

A process that is killed leaves whole stages, and unfinished files that the next one to open the folder removes.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..errors import InputError, nearest
from ..existing.keeping import as_file, packed
from ..existing.model import Model
from ..files import atomic_file, atomic_folder, atomic_write, printable, remove_temporaries, write_error
from ..pictures.opening import Picture
from ..scene import Scene, unique_slugs
from ..scene.edits import EditScene
from ..scene.files import edit_text, read_any, scene_text
from ..version import __version__
from .cost import measured
from .locks import FolderLock
from .plain_data import canonical, merge, pretty
from .store import Fits, Keeper, StageData, StageStore

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RunFolder", "StageData"]

FORMAT = 2
JOB = "job.json"  # of a job, which may be there before its run
SPACE = 64 << 20  # bytes that must be free before a run starts


class RunFolder(Keeper):
    """An output folder, created or opened, locked against other processes until closed (use it in `with`).

    Opening raises InputError, and changes nothing, where the folder is in use, not writable, short of space, or holds
    something else than a run.
    """

    def __init__(self, path: str | Path, must_exist: bool = False):
        self.path = Path(path)
        existed = _is_run(self.path, must_exist)
        created = _make_folders(self.path)
        try:
            _check_space(self.path, SPACE)
            self._lock = FolderLock(self.path)
            try:
                remove_temporaries(self.path)
                self._record: dict[str, Any] = _read_record(self.path) if existed else {"format": FORMAT}
                self.record(versions=_versions())
            except BaseException:
                self._lock.release()
                raise
        except BaseException:
            _remove_empty(created)
            raise
        self.stages = StageStore(self.path / "stages")

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._lock.release()

    def require_space(self, size: int) -> None:
        """Raises InputError unless `size` bytes are free."""
        _check_space(self.path, size)

    def keep_inputs(self, scene: Scene, pictures: Mapping[str, tuple[Picture, ...]], **entries: Any) -> None:
        """Copies scene and pictures (per term, as opened) to `inputs/`, so that a resumed run needs no other files.

        `entries` go to `run.json` in the same write, and like what is told of the scene replace those of earlier runs.
        """
        self._keep(scene, pictures, {}, scene_text, entries)

    def keep_edit(
        self,
        scene: EditScene,
        pictures: Mapping[str, tuple[Picture, ...]],
        model: Model,
        regions: Mapping[str, Tensor],
        **entries: Any,
    ) -> None:
        """The same of an edit: its model and the regions that were given are copied, too."""
        name, content = as_file(model)
        slugs = unique_slugs(regions)
        files = {name: content} | {f"{slugs[part]}.region.npz": packed(grid) for part, grid in regions.items()}
        held = {part: f"{slugs[part]}.region.npz" for part in regions}
        self._keep(scene, pictures, files, partial(edit_text, model=name, up=model.up, regions=held), entries)

    def _keep(
        self,
        scene: Any,
        pictures: Mapping[str, tuple[Picture, ...]],
        files: Mapping[str, bytes],
        text: Callable[[Any, Mapping[str, list[str]]], str],
        entries: Mapping[str, Any],
    ) -> None:
        slugs = unique_slugs(scene.terms)
        names = {
            term: [f"{slugs[term]}{f'_{view}' if view else ''}{one.suffix}" for view, one in enumerate(views)]
            for term, views in pictures.items()
        }
        images: dict[str, list[dict[str, Any]]] = {term: [] for term in scene.terms}
        with atomic_folder(self.path / "inputs") as folder:
            for term, views in pictures.items():
                for name, one in zip(names[term], views):
                    (folder / name).write_bytes(one.data)
                    said = {"notes": list(one.notes), "warnings": list(one.warnings)}
                    images[term].append({"file": f"inputs/{name}", "sha256": one.sha256, **said})
            for name, content in files.items():
                (folder / name).write_bytes(content)
            (folder / "scene.yaml").write_text(text(scene, names), encoding="utf-8")
        told = dict(prompt=scene.prompt, main=scene.main, terms=list(scene.terms), images=images)
        self.replace(**told, **entries)

    def scene(self) -> Scene | EditScene:
        """The scene or edit that was kept; its pictures, and its model, are those in `inputs/`."""
        return read_any(self.path / "inputs" / "scene.yaml")

    def save_stage(
        self,
        name: str,
        index: int,
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, Any] | None = None,
        made_of: Mapping[str, Any] | None = None,
        previews: Mapping[str, Image.Image] | None = None,
    ) -> StageData:
        """Writes `stages/<nn>-<name>/` whole or not at all; returns the stage as `load_stage` will."""
        return self.stages.save(name, index, tensors, meta or {}, made_of or {}, previews or {})

    def load_stage(self, name: str, fits: Fits | None = None) -> StageData | None:
        """The saved stage if it is whole and, where that is asked, was made of what `fits`."""
        return self.stages.load(name, fits)

    def has_stage(self, name: str) -> bool:
        return self.load_stage(name) is not None

    @property
    def info(self) -> dict[str, Any]:
        """A copy of what `run.json` holds."""
        return json.loads(canonical(self._record))

    def record(self, **entries: Any) -> None:
        """Sets entries of `run.json`; mappings are merged into what is there, other values replace it."""
        self._write(merge(self._record, json.loads(canonical(entries))))

    def replace(self, **entries: Any) -> None:
        """Sets entries of `run.json` whole: nothing is left of what mappings held before."""
        self._write({**self._record, **json.loads(canonical(entries))})

    def _write(self, record: dict[str, Any]) -> None:
        atomic_write(self.path / "run.json", pretty(record))
        self._record = record

    def warn(self, text: str) -> None:
        """Adds a warning to `run.json`, once: something that may be wrong with the result."""
        self._add("warnings", text)

    def note(self, text: str) -> None:
        """Adds a note to `run.json`, once: something that was done as always."""
        self._add("notes", text)

    def _add(self, entry: str, text: str) -> None:
        known = self._record.get(entry, [])
        if text not in known:
            self.record(**{entry: [*known, text]})

    @contextmanager
    def timed(self, *stages: str) -> Iterator[None]:
        """Records seconds and peak memory of a stage when the block ends well; several stages share the seconds."""
        with measured() as usage:
            yield
        costs = {
            "seconds": round(usage.seconds / len(stages), 3),
            "peak_bytes": usage.peak_bytes,
            "peak_cuda_bytes": usage.peak_cuda_bytes,
        }
        known = {key: value for key, value in costs.items() if value is not None}
        self.record(stages={stage: known for stage in stages})

    def drop(self, name: str) -> None:
        """Deletes a result, if it is there."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise write_error(error, self.path / name) from error

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """For a result such as `scene.glb` or `parts/cap.glb`: yields a temporary path that becomes it."""
        with atomic_file(self.path / name) as temporary:
            yield temporary


def _is_run(path: Path, must_exist: bool) -> bool:
    """Whether the folder is a run already; raises where it can become none."""
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{printable(path)} is a file; the output is a folder")
        if (path / "run.json").is_file():
            return True
        if (path / JOB).is_file() and not must_exist:
            return False
        if must_exist:
            siblings = path.parent.iterdir() if path.parent.is_dir() else ()
            runs = [entry.name for entry in siblings if (entry / "run.json").is_file()]
            raise InputError(f"{printable(path)} is not the folder of a run{nearest(path.name, runs)}")
        entries = [entry.name for entry in path.iterdir() if not by_system(entry.name)] if path.is_dir() else []
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be read: {error.strerror}") from error
    if entries:
        raise InputError(f"{printable(path)} holds other files ({min(entries)}, ...); choose an empty or a new folder")
    return False


def by_system(name: str) -> bool:
    """Whether file managers leave such a file in any folder that they show; hidden ones count too."""
    return name.startswith(".") or name.lower() in {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}


def _make_folders(path: Path) -> list[Path]:
    """Creates a folder and its parents; returns those that were missing, outermost first."""
    created: list[Path] = []
    try:
        for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
            folder.mkdir()
            created.append(folder)
    except OSError as error:
        _remove_empty(created)
        raise write_error(error, path) from error
    return created


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def _check_space(path: Path, size: int) -> None:
    if shutil.disk_usage(path).free < size:
        raise InputError(f"less than {size >> 20} MB are free for {path}; free some space or choose another folder")


def _read_record(path: Path) -> dict[str, Any]:
    file = path / "run.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] == FORMAT:
            return content
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged; choose another folder") from error
    raise InputError(
        f"{file} is of format {content['format']}, this version reads {FORMAT}: another version of cast3d "
        "made it; choose a new folder and compose again"
    )


def _versions() -> dict[str, str]:
    found = {"cast3d": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in ("torch", "numpy", "pillow", "safetensors"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
