"""Composes one scene in a chain of processes, each killed at the next moment; prints what every one left behind.

    python -m tests.killing OUT

The processes are forks of this one, which has composed the scene in `OUT/straight` and so has everything warm. A
moment is the beginning of a stage (all before it is in place), or the end of writing a file or folder, before it gets
its name.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from cast3d import files
from cast3d.composer import Composer
from tests.quick import small_pictures, unsynced
from tests.tiny_backbone import PROMPT, pictures, tiny_backbone

STAGES = (
    "01-main", "02-layout", "03-layout_appearance", "04-hints", "05-part-cap", "05-part-backpack", "06-geometry",
    "07-slat-figure", "07-slat-cap", "07-slat-backpack", "08-appearance", "09-refit",
)  # fmt: skip
RESULTS = ("scene.glb", "cap.glb", "scene.ply", "turntable.webp", "report.html")
MOMENTS = [
    ("written", "inputs"),
    *((when, name) for name in STAGES for when in ("begun", "written")),
    *(("written", name) for name in RESULTS),
]


def main() -> None:
    out = Path(sys.argv[1])
    small_pictures()
    unsynced()
    composer = Composer(tiny_backbone())
    compose(composer, out / "straight")
    log = []
    for when, name in MOMENTS:
        code = in_fork(lambda when=when, name=name: compose(composer, out / "killed", when, name))
        log.append({"when": when, "name": name, "code": code, "there": there(out / "killed")})
    log.append({"code": in_fork(lambda: compose(composer, out / "killed"))})
    print(json.dumps(log))


def in_fork(work: Callable[[], None]) -> int:
    """The exit code of a fork that does `work`, negative for a signal as in `subprocess`."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def compose(composer: Composer, out: Path, when: str = "", name: str = "") -> None:
    """Composes in `out` until the moment comes."""
    flush = files._flush

    def watched(path: Path) -> None:
        if when == "written" and path.name.startswith(files.TEMPORARY) and path.name.endswith(f"-{name}"):
            os.kill(os.getpid(), signal.SIGKILL)
        flush(path)

    def progress(stage: str, done: int, total: int) -> None:
        if when == "begun" and stage == name[3:] and (done, total) == (0, 1):
            os.kill(os.getpid(), signal.SIGKILL)

    files._flush = watched
    composer.compose(PROMPT, pictures(), out=out, progress=progress)


def there(out: Path) -> list[str]:
    """Stages and results under their final names."""
    found = [*(out / "stages").glob("[0-9]*"), *out.glob("*.*"), *(out / "parts").glob("[a-z]*")]
    return sorted(path.name for path in found if not path.name.startswith("."))


if __name__ == "__main__":
    main()
