"""Finds reference vectors: the shared folder beside the checkout first, then the few kept in this repository."""

from __future__ import annotations

import lzma
import os
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

HERE = Path(__file__).parent


def golden(name: str) -> Path:
    """The folder or file `name` (e.g. "trellis/ss_dec", "editors/editors_guided_d6.json"); skips the test if absent."""
    for root in (os.environ.get("CAST3D_GOLDEN"), HERE.parent.parent / "shared" / "golden"):
        if root and (path := Path(root) / name).exists():
            return path
    if (path := unpacked() / name).exists():
        return path
    pytest.skip(f"reference vectors {name!r} are neither in shared/golden beside the checkout nor in tests/golden")


@cache
def unpacked() -> Path:
    """`tests/golden` with its tensors unpacked, in pytest's cache; several processes may ask at once."""
    folder = HERE.parent / ".pytest_cache" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        for path in sorted(HERE.glob("golden/**/*.*")):
            target = folder / path.relative_to(HERE / "golden")
            target = target.with_suffix("") if path.suffix == ".xz" else target
            time = path.stat().st_mtime_ns
            if target.exists() and target.stat().st_mtime_ns == time:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes())
            os.utime(target, ns=(time, time))
    return folder
