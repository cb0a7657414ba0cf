"""What tests of whole runs do without: large pictures, which `tests/result` looks at, and power cuts."""

from __future__ import annotations

import os
from functools import partial

import pytest

SIZE, FRAMES = 64, 3
SKY = 4  # directions from which light falls


def small_pictures(patch: pytest.MonkeyPatch | None = None) -> None:
    """Runs and edits of this process draw as always, but small: turntables of few frames, and previews of stages.

    Reports are packed in less time. Without `patch` that stays so: for processes that only tests start.
    """
    from cast3d.result import edited, export, pictures, previews
    from cast3d.result.report import page

    patch = patch or pytest.MonkeyPatch()
    sheet = previews._sheet
    patch.setattr(export, "turntable", partial(pictures.turntable, size=SIZE, frames=FRAMES))
    patch.setattr(edited, "around", partial(pictures.around, FRAMES))
    patch.setattr(pictures, "SKY", SKY)
    patch.setattr(page, "PACKING", 1)
    patch.setattr(previews, "_sheet", lambda gaussians, size: sheet(gaussians, min(size, SIZE)))


def unsynced(patch: pytest.MonkeyPatch | None = None) -> None:
    """Files are not forced to the disk: of what this process has written, another one sees all, killed or not."""
    (patch or pytest.MonkeyPatch()).setattr(os, "fsync", lambda handle: None)
