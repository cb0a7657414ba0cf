"""The API's description (OpenAPI 3.1), from the table of routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..version import __version__


def document(routes: Iterable[Any]) -> dict[str, Any]:
    """One entry per route and method."""
    return {"openapi": "3.1.0", "info": {"title": "cast3d", "version": __version__}, "paths": {}}
