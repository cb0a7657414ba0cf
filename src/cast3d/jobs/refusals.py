"""Why a request to a workspace is refused, apart from what is wrong with its fields."""

from __future__ import annotations

from ..errors import Cast3dError


class NotFound(Cast3dError):
    """There is no such job, upload or file."""


class Conflict(Cast3dError):
    """The job is in a state in which this cannot be done."""


class LimitReached(Cast3dError):
    """The queue, the workspace or the disk is full."""
