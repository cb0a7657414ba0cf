"""What tests of whole runs do without: the length and size of turntables. `tests/result` looks at whole ones."""

from __future__ import annotations

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
