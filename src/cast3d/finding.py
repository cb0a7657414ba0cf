"""What `cast3d doctor` says of one thing. Light to import: the doctor must run where nothing else does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """`ok` None is for information only."""

    name: str
    text: str
    ok: bool | None = None
    fix: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self)
