"""The points at which a run may stop, so that a person can look and change something."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import InputError, nearest

# After the pictures are cut out, after the hints are found. A stage goes by its name.
PICTURES, HINTS = PAUSES = ("pictures", "hints")


def require_points(pause: Collection[str]) -> None:
    """Points of the method at which a run can pause."""
    for point in pause:
        if point not in PAUSES:
            raise InputError(
                f"a run does not pause at {point!r}{nearest(point, PAUSES)}; it can at {', '.join(PAUSES)}"
            )
