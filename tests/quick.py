"""What tests of whole runs do without: long and large turntables, which `tests/result` looks at, and power cuts."""

from __future__ import annotations

import os
from functools import partial

import pytest

SIZE, FRAMES = 64, 3


def short_turntables(patch: pytest.MonkeyPatch | None = None) -> None:
    """Turntables of runs and edits of this process are drawn as always, but small, and few frames of them.

    Without `patch` that stays so: for processes that only tests start.
    """
    from cast3d.result import edited, export
    from cast3d.result.pictures import around, turntable

    patch = patch or pytest.MonkeyPatch()
    patch.setattr(export, "turntable", partial(turntable, size=SIZE, frames=FRAMES))
    patch.setattr(edited, "around", partial(around, FRAMES))


def unsynced(patch: pytest.MonkeyPatch | None = None) -> None:
    """Files are not forced to the disk: of what this process has written, another one sees all, killed or not."""
    (patch or pytest.MonkeyPatch()).setattr(os, "fsync", lambda handle: None)
