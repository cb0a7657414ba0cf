"""Compiled loops, kept between processes where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

_uncached: list[str] = []  # names of functions


def compiled(**options: Any) -> Callable[[T], T]:
    """`numba.njit` with a cache; without one if neither the package's folder nor the user's cache can be written.

    Without a cache every process compiles again, which takes some seconds. NUMBA_CACHE_DIR names another folder. Do not
    name one that everybody can write to, such as /tmp: cached code is executed.

    Raises TypeError for a function within another one that calls a compiled one beside it: what it closes over is part
    of the cache's key and differs between processes, so each would compile it again and keep one more copy.
    """
    import numba
    from numba.core.dispatcher import Dispatcher

    def decorate(function: T) -> T:
        if any(isinstance(cell.cell_contents, Dispatcher) for cell in function.__closure__ or ()):
            raise TypeError(f"{function.__qualname__} calls compiled functions: move it and them to a module's top")
        try:
            return numba.njit(cache=True, **options)(function)
        except (RuntimeError, OSError):  # "no locator available"
            _uncached.append(function.__name__)
            return numba.njit(**options)(function)

    return decorate


def kept() -> bool:
    """Whether the next process finds all that this one compiled."""
    return not _uncached
