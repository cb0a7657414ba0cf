"""Compiled loops, kept between processes where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

_uncached: list[str] = []  # names of functions


def compiled(**options: Any) -> Callable[[T], T]:
    """`numba.njit` with a cache; without one where neither the package nor a cache of the user's can be written.

    A container that runs as nobody in particular compiles anew in every process, some seconds; NUMBA_CACHE_DIR names a
    folder that may be written. A folder that everybody writes, such as /tmp, is no place: cached code is run.
    """
    import numba

    def decorate(function: T) -> T:
        try:
            return numba.njit(cache=True, **options)(function)
        except (RuntimeError, OSError):  # "no locator available"
            _uncached.append(function.__name__)
            return numba.njit(**options)(function)

    return decorate


def kept() -> bool:
    """Whether all that was compiled in this process will be found by the next."""
    return not _uncached
