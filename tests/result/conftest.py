"""Pictures of results as users get them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def drawn() -> None:
    """In the place of the fixture for all tests: pictures are whole here."""
