"""Plain data (text, numbers, lists, mappings) as JSON: one text for equal content, hashes of it, merging."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..errors import InputError


def canonical(content: Any) -> str:
    """One text for equal data, whatever the order of its keys; raises InputError for what JSON cannot hold."""
    try:
        return json.dumps(
            _mappings(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"only plain data can be kept (text, finite numbers, lists, mappings): {error}") from error


def pretty(content: Mapping[str, Any]) -> str:
    """The same for people to read."""
    return json.dumps(json.loads(canonical(content)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def digest(content: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content.encode("utf-8") if isinstance(content, str) else content).hexdigest()


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`new` laid over `old`; mappings are merged, other values replaced."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(old.get(key), Mapping)
        merged[key] = merge(old[key], value) if both else value
    return merged


def _mappings(content: Any) -> Any:
    """json.dumps knows dict but no other Mapping."""
    if isinstance(content, Mapping):
        return {key: _mappings(value) for key, value in content.items()}
    return [_mappings(value) for value in content] if isinstance(content, list | tuple) else content
