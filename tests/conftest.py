"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.quick import small_pictures, unsynced


@pytest.fixture(scope="module", autouse=True)
def drawn() -> Iterator[None]:
    """Whole runs draw small pictures; `tests/result` has a fixture of this name that leaves them as they are."""
    with pytest.MonkeyPatch.context() as patch:
        small_pictures(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def written() -> Iterator[None]:
    """Nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        unsynced(patch)
        yield
