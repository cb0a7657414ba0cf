"""What a model wrote, read: JSON among other words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def objects(text: str) -> Iterator[Any]:
    """Every JSON object in a text."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            yield value
        except RecursionError:  # every further brace of it would take as long
            return
        except ValueError:
            end = start + 1
        start = text.find("{", end)
