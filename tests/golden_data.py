"""Finds reference vectors: the shared folder beside the checkout first, then the few kept in this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def golden(name: str) -> Path:
    """The folder or file `name` (e.g. "trellis/ss_dec", "editors/editors_guided_d6.json"); skips the test if absent."""
    roots = [os.environ.get("CAST3D_GOLDEN"), HERE.parent.parent / "shared" / "golden", HERE / "golden"]
    for root in roots:
        if root and (path := Path(root) / name).exists():
            return path
    pytest.skip(f"reference vectors {name!r} are neither in shared/golden beside the checkout nor in tests/golden")
