"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.quick import short_turntables


@pytest.fixture(scope="module", autouse=True)
def drawn() -> Iterator[None]:
    """Whole runs draw short turntables; `tests/result` has a fixture of this name that leaves them as they are."""
    with pytest.MonkeyPatch.context() as patch:
        short_turntables(patch)
        yield
