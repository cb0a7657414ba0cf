"""What goes wrong, in words that a user can act on: errors, findings of the doctor, how optional things are installed.

Light to import: the doctor must run where nothing else does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

# How the extras of `pyproject.toml` are installed.
INSTALL_TRELLIS, INSTALL_MATTING, INSTALL_CUDA, INSTALL_APP, INSTALL_RAY = (
    f'python3 -m pip install -e ".[{extra}]"' for extra in ("trellis", "matting", "cuda", "app", "ray")
)


class Cast3dError(Exception):
    """Base of every error that cast3d raises on purpose; the command line prints it without a traceback."""


class InputError(Cast3dError, ValueError):
    """Something the user gave (text, picture, file, setting) cannot be used."""


class CheckpointError(Cast3dError, ValueError):
    """A model folder, config or weight file is missing, damaged or does not match its network."""


class TermNotFound(Cast3dError):
    """The layout contains no voxels for a named term, on every rung of the retry ladder."""


class Stopped(Exception):
    """Work that ended before its end because somebody wanted so; what is finished is kept."""


class Cancelled(Stopped):
    """Raised by whoever hears of the progress: the work ends within one sampling step."""


class Paused(Stopped):
    """The work waits at `point` for a person's word; it goes on when it is asked for without that point."""

    def __init__(self, point: str):
        self.point = point
        super().__init__(f"the run waits at {point!r}")


@dataclass(frozen=True)
class Finding:
    """What `cast3d doctor` says of one thing. `ok` None is for information only."""

    name: str
    text: str
    ok: bool | None = None
    fix: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def nearest(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'cap'?"` for the known word closest to `word`, or an empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""
