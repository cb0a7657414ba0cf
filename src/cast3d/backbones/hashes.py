"""SHA-256 of weight files: gigabytes are hashed once, and again only when a file changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ..errors import Cast3dError
from ..files import atomic_write


def hashes_of(paths: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of each file."""
    paths = list(paths)
    known = _remembered()
    with ThreadPoolExecutor(4) as pool:
        digests = dict(
            zip(paths, pool.map(lambda path: named_by(path) or known.get(_key(path)) or compute(path), paths))
        )
    fresh = {_key(path): digest for path, digest in digests.items() if not named_by(path)}
    if fresh.keys() - known.keys():
        with suppress(Cast3dError, OSError):  # a home that cannot be written to costs time, no more
            atomic_write(_memory(), json.dumps(known | fresh, indent=0) + "\n")
    return digests


def compute(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_by(path: Path) -> str | None:
    """The hash that a file is stored under in the cache of the Hugging Face hub."""
    name = path.resolve().name
    return name if len(name) == 64 and set(name) <= set("0123456789abcdef") else None


def _key(path: Path) -> str:
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def _memory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cast3d" / "sha256.json"


def _remembered() -> dict[str, str]:
    try:
        content = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
