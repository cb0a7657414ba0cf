"""What every command that makes something shares: the work with its progress, and the summary at the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .output import messages, print_json, show, summary

if TYPE_CHECKING:
    from ..composer import Composer
    from ..result.result import Result
    from ..run.folder import RunFolder
    from ..scene.edits import EditScene


def require_same(run: RunFolder, task: str, prompt: str) -> None:
    """A folder goes on with what it was begun with: raises InputError for another command or another prompt."""
    info = run.info
    if "prompt" in info and (info.get("task"), info["prompt"]) != (task, prompt):
        began = f"cast3d {info.get('task', '...')} {shlex.quote(info['prompt'])}"
        raise InputError(f"{run.path} holds the results of another prompt ({began}); choose another folder")


def show_regions(
    scene: EditScene,
    run: RunFolder,
    backbone: str,
    device: str,
    loading: Mapping[str, Any],
    as_json: bool,
    language_key: str | None = None,
) -> None:
    """Finds the parts of an edit, and says where it shows them."""
    from .. import composer
    from .progress import StageBars, labels_of

    loaded = composer.load(backbone, device, **loading)
    with StageBars(messages(), labels_of(scene)) as bars:
        regions = loaded.locate(scene, language_key=language_key, out=run, progress=bars)
    if as_json:
        facts = [
            {"part": part, "found": how, "voxels": int(grid.sum())}
            for part, how, grid in zip(regions.parts, regions.found, regions.grids)
        ]
        print_json({"out": str(run.path), "regions": facts})
        return
    for line in regions.report:
        messages().print(f"  {line}", markup=False, highlight=False)
    messages().print(f"open {run.path / 'regions.png'}; the voxels are in {run.path / 'regions'}", markup=False)


def make(
    work: Callable[[Composer, Any], Result],
    run: RunFolder,
    labels: Mapping[str, str],
    backbone: str,
    device: str,
    loading: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Loads the networks, does `work(composer, progress)` and prints what came out."""
    from .. import composer
    from .progress import StageBars

    start = time.monotonic()
    loaded = composer.load(backbone, device, **loading)
    with StageBars(messages(), labels) as bars:
        result = work(loaded, bars)
    show(summary(result, run, time.monotonic() - start), as_json)
